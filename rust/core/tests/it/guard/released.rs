//! What a rule leaves to its agent to send: the guardian signs it, watches its nonce, and never sends
//! it, whatever happens.

use holdfast_core::event::{Body, Event};
use holdfast_core::guard::Guard;
use serde_json::{json, Value};

use crate::support::{id_of, policy, quantity, World, TERMS, VENDOR};

const GWEI: u128 = 1_000_000_000;
const SIGN: &str = "eth_signTransaction";
const OWN: &str = "id = \"small\"\nreleased = \"agent\"\n";

/// The test's policy, whose rule for small payments leaves them to the agent.
fn own() -> String {
    policy(TERMS).replace("id = \"small\"\n", OWN)
}

fn world() -> World {
    let mut world = World::without_policy();
    world.load_source(&own()).unwrap();
    world
}

fn ask(world: &mut World, method: &str, wei: u128) -> String {
    let named = json!([{"to": VENDOR, "value": quantity(wei), "maxFeePerGas": quantity(4 * GWEI),
        "maxPriorityFeePerGas": quantity(2 * GWEI)}]);
    id_of(&world.submit("shopper", method, &named))
}

fn signed(world: &mut World, method: &str, wei: u128) -> String {
    let id = ask(world, method, wei);
    world.authorise(&id, Some(7)).unwrap();
    world.sign(&id).unwrap();
    id
}

/// Whether its row says that its agent alone sends it, in every guardian that comes of the records
/// or of a snapshot.
fn alone(world: &World, id: &str) -> bool {
    let row = |guard: &Guard| {
        let rows = guard.unsettled().into_iter().chain(guard.mined());
        let mut rows = rows.filter(|row| row.id.to_string() == id);
        rows.next().map(|row| row.agent_alone)
    };
    let replayed = Guard::replay(&world.records).unwrap();
    let restored = Guard::restore(&world.guard.snapshot()).unwrap();
    let live = row(&world.guard).unwrap();
    for other in [&replayed, &restored] {
        assert_eq!(other.state_digest(), world.guard.state_digest());
        assert_eq!(row(other), Some(live));
        assert_eq!(other.may_send(id), world.guard.may_send(id));
    }
    live
}

fn command(world: &World, id: &str, action: &str, gwei: u128) -> Value {
    json!({"action": action, "request": id, "digest": world.view(id)["digest"],
        "max_fee_per_gas": (gwei * GWEI).to_string(),
        "max_priority_fee_per_gas": (5 * GWEI).to_string()})
}

/// The text of the record that decided a request.
fn record(world: &World, id: &str) -> String {
    let decided = |record: &&Vec<u8>| match Event::from_record(record).unwrap().body {
        Body::RequestDecided(data) => data.id.to_string() == id,
        _ => false,
    };
    let found = world.records.iter().find(decided).unwrap();
    String::from_utf8(found.clone()).unwrap()
}

#[test]
fn the_guardian_may_not_send_what_its_agent_alone_sends() {
    let mut world = world();
    let id = signed(&mut world, SIGN, 1000);
    assert_eq!(world.state(&id), "released");
    assert_eq!(world.view(&id)["released"], "agent");
    assert!(alone(&world, &id));
    assert!(!world.guard.may_send(&id));
    let started = world.guard.started("0.1.0", world.now);
    world.keep(started).unwrap();
    assert!(alone(&world, &id) && !world.guard.may_send(&id));
    // A reorganisation can undo it: that it was mined once makes it nobody else's.
    world.settle(&id, "confirmed").unwrap();
    assert!(alone(&world, &id) && !world.guard.may_send(&id));
}

#[test]
fn without_the_word_the_guardian_may_send_it_and_the_record_is_as_it_always_was() {
    let mut world = World::new();
    let id = signed(&mut world, SIGN, 1000);
    assert!(!alone(&world, &id));
    assert!(world.guard.may_send(&id));
    assert!(!record(&world, &id).contains("\"released\""));
    assert!(record(
        &{
            let mut own = self::world();
            signed(&mut own, SIGN, 1000);
            own
        },
        &id
    )
    .contains("\"released\":\"agent\",\"request\":"));
}

#[test]
fn the_word_changes_nothing_about_what_the_guardian_sends() {
    let mut world = world();
    let id = signed(&mut world, "eth_sendTransaction", 1000);
    assert!(!alone(&world, &id));
    assert!(world.guard.may_send(&id));
    assert!(!record(&world, &id).contains("\"released\""));
}

#[test]
fn what_is_denied_is_nobodys_to_send() {
    let mut world = world();
    signed(&mut world, SIGN, 1000);
    let ahead = json!([{"to": VENDOR, "value": "0x1", "nonce": "0x63"}]);
    let applied = world.submit("shopper", SIGN, &ahead);
    assert_eq!(applied.status, "denied");
    assert!(!record(&world, &id_of(&applied)).contains("\"released\""));
}

#[test]
fn a_record_that_leaves_a_sent_payment_to_its_agent_is_refused() {
    let mut world = world();
    let id = ask(&mut world, "eth_sendTransaction", 1000);
    let forged =
        record(&world, &id).replace(",\"request\":{", ",\"released\":\"agent\",\"request\":{");
    let last = world.records.len() - 1;
    world.records[last] = forged.into_bytes();
    let fault = Guard::replay(&world.records).unwrap_err().to_string();
    assert!(fault.contains("eth_signTransaction"), "{fault}");
}

#[test]
fn a_bump_is_the_same_payment_and_stays_its_agents() {
    let mut world = world();
    let id = signed(&mut world, SIGN, 1000);
    let bump = command(&world, &id, "bump", 8);
    world.command(0, bump).unwrap();
    world.sign(&id).unwrap();
    assert!(alone(&world, &id));
    assert!(!world.guard.may_send(&id));
}

#[test]
fn a_cancellation_moves_nothing_and_goes_out() {
    let mut world = world();
    let id = signed(&mut world, SIGN, 1000);
    let cancel = command(&world, &id, "cancel", 8);
    world.command(0, cancel).unwrap();
    assert!(!world.guard.may_send(&id), "it is not signed yet");
    world.sign(&id).unwrap();
    assert!(!alone(&world, &id));
    assert!(world.guard.may_send(&id));
    let given = json!({"outcome": "confirmed", "proved": true, "fee_wei": "1"});
    assert_eq!(world.settle_as(&id, &given).unwrap().status, "cancelled");
}

/// What its agent asks for anew is judged by the policy of that moment, in both directions.
#[test]
fn the_policy_of_the_moment_says_who_sends_what_its_agent_replaces() {
    for (before, after, changes) in [
        (own(), own(), false),
        (own(), policy(TERMS), true),
        (policy(TERMS), own(), true),
        (policy(TERMS), policy(TERMS), false),
    ] {
        let mut world = World::without_policy();
        world.load_source(&before).unwrap();
        let id = signed(&mut world, SIGN, 1000);
        let was = alone(&world, &id);
        assert_eq!(was, before == own());
        if after != before {
            world.load_source(&after).unwrap();
        }
        assert_eq!(
            alone(&world, &id),
            was,
            "a policy alone changes nothing of it"
        );
        world.replace(&id, "agent", ("fee", 8, 3)).unwrap();
        assert_eq!(alone(&world, &id), was, "nor does what is not signed");
        world.sign(&id).unwrap();
        assert_eq!(alone(&world, &id), was != changes);
        assert_eq!(world.guard.may_send(&id), !alone(&world, &id));
        assert_eq!(world.view(&id)["released"] == "agent", alone(&world, &id));
    }
}

#[test]
fn what_its_agent_replaces_and_the_policy_would_deny_by_now_stays_as_it_was() {
    let mut world = world();
    let id = signed(&mut world, SIGN, 1000);
    let forbid = "[[forbid]]\nid = \"never\"\neffects = [\"transfer\"]\n";
    world
        .load_source(&format!("{}\n{forbid}", policy(TERMS)))
        .unwrap();
    world.replace(&id, "agent", ("fee", 8, 3)).unwrap();
    world.sign(&id).unwrap();
    assert!(alone(&world, &id));
}

#[test]
fn nobody_but_its_agent_changes_who_sends_it() {
    let mut world = world();
    let id = signed(&mut world, SIGN, 1000);
    world.load_source(&policy(TERMS)).unwrap();
    let bump = command(&world, &id, "bump", 8);
    world.command(0, bump).unwrap();
    world.sign(&id).unwrap();
    assert!(alone(&world, &id));
}

#[test]
fn what_was_decided_for_the_guardian_to_send_is_not_signed_for_the_agent_alone() {
    let mut world = World::new();
    let id = ask(&mut world, SIGN, 1000);
    world.load_source(&own()).unwrap();
    assert_eq!(world.authorise(&id, Some(0)).unwrap().status, "denied");
    assert_eq!(
        world.view(&id)["end_reasons"][0]["code"],
        "released_changed"
    );
}

/// An order that nobody signed before a start is decided again, and stays its agent's.
#[test]
fn what_is_reopened_stays_its_agents() {
    let mut world = world();
    let id = ask(&mut world, SIGN, 1000);
    world.authorise(&id, Some(7)).unwrap();
    let started = world.guard.started("0.1.0", world.now);
    world.keep(started).unwrap();
    assert_eq!(world.state(&id), "authorising");
    world.load_source(&policy(TERMS)).unwrap();
    world.authorise(&id, Some(7)).unwrap();
    world.sign(&id).unwrap();
    assert!(alone(&world, &id), "what was decided is the stricter");
}

#[test]
fn a_freeze_and_its_end_leave_it_to_its_agent() {
    let mut world = world();
    let id = signed(&mut world, SIGN, 1000);
    let freeze = world.freeze(&json!({"kind": "everything"}));
    let thaw = json!({"action": "thaw", "freeze": freeze});
    world.command(0, thaw).unwrap();
    assert!(alone(&world, &id) && !world.guard.may_send(&id));
}

/// Of the last 512 that ended all is kept; of others only what is needed. Who sends one is needed.
#[test]
fn a_forgotten_request_is_still_its_agents() {
    let mut world = world();
    let id = signed(&mut world, SIGN, 1000);
    for number in 0..513u128 {
        let params = json!([{"to": VENDOR, "value": quantity(10_u128.pow(20) + number)}]);
        let id = id_of(&world.submit("trader", SIGN, &params));
        assert_eq!(world.state(&id), "denied");
    }
    assert_eq!(
        world.view(&id)["effects"],
        Value::Null,
        "its details are gone"
    );
    assert_eq!(world.view(&id)["released"], "agent");
    assert!(alone(&world, &id) && !world.guard.may_send(&id));
}
