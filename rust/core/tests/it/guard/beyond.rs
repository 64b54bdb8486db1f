//! What happens beyond a limit, after a denial, and at a first payment, over the life of requests.

use holdfast_core::guard::Guard;
use serde_json::json;

use crate::support::orders::code;
use crate::support::{self, id_of, World, TERMS};

const ETH: u128 = 1_000_000_000_000_000_000;
const MINUTE: u64 = 60_000;

/// The policy of these tests with more tables.
fn with(tables: &str) -> World {
    let mut world = World::without_policy();
    let source = support::policy(TERMS);
    world.load_source(&format!("{source}\n{tables}")).unwrap();
    world
}

fn limit(on_exceed: &str) -> World {
    with(&format!(
        "[[limit]]\nid = \"watched\"\nper = \"agent\"\neffects = [\"transfer\"]\nmeasure = \"amount\"\n\
         assets = [\"eth\"]\nmax = \"0.5\"\nwindow = \"1h\"\non_exceed = \"{on_exceed}\"\n"
    ))
}

#[test]
fn an_agent_that_goes_over_a_limit_that_freezes_is_frozen_until_an_operator_thaws_it() {
    let mut world = limit("freeze");
    let waits = id_of(&world.pay("shopper", ETH / 4));
    let over = world.pay("shopper", ETH / 2);
    assert_eq!(over.status, "denied");
    assert_eq!(support::kinds(&over), ["request.decided", "freeze.set"]);
    // What was not signed yet has ended, and nothing new begins.
    assert_eq!(world.state(&waits), "frozen");
    assert_eq!(world.pay("shopper", 1).status, "denied");
    assert_eq!(world.pay("trader", ETH / 4).status, "go");
    let status: serde_json::Value = serde_json::from_slice(&world.guard.status(world.now)).unwrap();
    let freezes = status["freezes"].as_array().unwrap();
    assert_eq!(freezes.len(), 1, "{status}");
    assert_eq!(
        freezes[0]["scope"],
        json!({"kind": "agent", "id": "shopper"})
    );
    assert_eq!(freezes[0]["actor"], "policy");
    let why = freezes[0]["reason"].as_str().unwrap();
    assert!(
        why.contains("limit `watched` would reach 0.75 eth of 0.5 eth"),
        "{why}"
    );
    // Frozen already: another one over the limit adds no freeze.
    world.now += 5000;
    assert_eq!(
        support::kinds(&world.pay("shopper", ETH)),
        ["request.decided"]
    );
    let records: Vec<&[u8]> = world.records.iter().map(Vec::as_slice).collect();
    let again = Guard::replay(&records).unwrap();
    assert_eq!(again.state_digest(), world.guard.state_digest());
    let freeze = freezes[0]["freeze"].as_u64().unwrap();
    world.thaw(freeze).unwrap();
    assert_eq!(world.pay("shopper", ETH / 4).status, "go");
}

#[test]
fn over_a_limit_that_notifies_it_goes_on() {
    let mut world = limit("notify");
    let over = world.pay("shopper", ETH);
    assert_eq!(over.status, "go");
    let view = world.view(&id_of(&over));
    assert_eq!(view["verdict"], json!({"tier": "notify"}));
    assert_eq!(view["reasons"][0]["code"], "limit_notice");
    let id = id_of(&over);
    world.authorise(&id, Some(0)).unwrap();
    assert_eq!(world.sign(&id).unwrap().status, "signed");
}

#[test]
fn over_a_limit_that_delays_it_goes_on_when_the_time_has_come() {
    let mut world = limit("delay\"\ndelay = \"10m");
    let over = world.pay("shopper", ETH);
    assert_eq!(over.status, "waiting");
    let id = id_of(&over);
    world.now += 10 * MINUTE - 1;
    world.tick();
    assert_eq!(world.state(&id), "waiting-delay");
    world.now += 1;
    world.tick();
    assert_eq!(world.state(&id), "authorising");
    world.authorise(&id, Some(0)).unwrap();
    assert_eq!(world.sign(&id).unwrap().status, "signed");
}

#[test]
fn an_approval_is_not_stopped_by_a_limit_that_only_tells() {
    let mut world = limit("notify");
    let id = id_of(&world.pay("shopper", 2 * ETH));
    assert_eq!(world.state(&id), "waiting-approval");
    world.approve(0, &id).unwrap();
    world.approve(1, &id).unwrap();
    assert_eq!(world.state(&id), "authorising");
    world.authorise(&id, Some(0)).unwrap();
    assert_eq!(world.sign(&id).unwrap().status, "signed");
}

#[test]
fn after_a_denial_by_an_operator_its_agent_is_granted_nothing_for_the_cooldown() {
    let mut world = World::without_policy();
    let source = support::policy(TERMS);
    let source = source.replacen(
        "id = \"shopper\"\n",
        "id = \"shopper\"\ncooldown = \"10m\"\n",
        1,
    );
    world.load_source(&source).unwrap();
    let id = id_of(&world.pay("shopper", 2 * ETH));
    world.deny(0, &id).unwrap();
    let denied = world.pay("shopper", 1);
    assert_eq!(denied.status, "denied");
    let view = world.view(&id_of(&denied));
    assert_eq!(view["reasons"][0]["code"], "cooldown");
    assert_eq!(
        view["reasons"][0]["retry_at_ms"],
        json!(world.now + 10 * MINUTE)
    );
    assert_eq!(world.pay("trader", ETH / 4).status, "go");
    // A denial by the policy begins none.
    world.now += 10 * MINUTE - 1;
    assert_eq!(world.pay("shopper", 2).status, "denied");
    world.now += 1;
    assert_eq!(world.pay("shopper", 3).status, "go");
    let records: Vec<&[u8]> = world.records.iter().map(Vec::as_slice).collect();
    let again = Guard::replay(&records).unwrap();
    assert_eq!(again.state_digest(), world.guard.state_digest());
}

#[test]
fn a_payee_is_known_once_it_was_paid_and_not_before() {
    let mut world = with("[[review]]\nid = \"first\"\nnew_payee = \"30d\"\ntier = \"approval\"\n");
    let first = id_of(&world.pay("shopper", 5));
    assert_eq!(world.state(&first), "waiting-approval");
    world.approve(0, &first).unwrap();
    world.authorise(&first, Some(0)).unwrap();
    world.sign(&first).unwrap();
    world.sent(&first, "accepted").unwrap();
    // Signed and sent is not paid.
    let second = id_of(&world.pay("shopper", 6));
    assert_eq!(world.state(&second), "waiting-approval");
    world.settle(&first, "confirmed").unwrap();
    let third = id_of(&world.pay("shopper", 7));
    assert_eq!(world.state(&third), "authorising");
    // A payment that reverted was none.
    let of_trader = id_of(&world.pay("trader", 8));
    world.approve(0, &of_trader).unwrap();
    world.authorise(&of_trader, Some(0)).unwrap();
    world.sign(&of_trader).unwrap();
    world.sent(&of_trader, "accepted").unwrap();
    world.settle(&of_trader, "reverted").unwrap();
    let again = id_of(&world.pay("trader", 9));
    assert_eq!(world.state(&again), "waiting-approval");
    assert_eq!(code(world.authorise(&again, Some(1))), "wrong_state");
}
