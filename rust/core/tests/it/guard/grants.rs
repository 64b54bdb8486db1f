//! One-off grants: an operator allows one payment ahead, instead of raising a limit.

use holdfast_core::event::{Body, Event};
use holdfast_core::guard::Guard;
use serde_json::{json, Value};

use crate::support::orders::code;
use crate::support::{self, id_of, kinds, wallet, World, CHAIN, OTHER, TERMS, USDC, VENDOR};

const ETH: u128 = 1_000_000_000_000_000_000;
const HOUR: u64 = 3_600_000;

/// A grant to the vendor from the first wallet, in the coin of the chain.
fn grant(world: &World, most: u128, once: bool) -> Value {
    json!({
        "action": "grant", "agent": "shopper", "asset": "native", "chain_id": CHAIN,
        "most": most.to_string(), "once": once, "to": VENDOR, "until_ms": world.now + HOUR,
        "wallet": wallet(0).to_checksum(None),
    })
}

fn give(world: &mut World, most: u128, once: bool) -> u64 {
    let command = grant(world, most, once);
    let applied = world.command(0, command).unwrap();
    assert_eq!(kinds(&applied), ["grant.given"]);
    view(world).last().unwrap()["grant"].as_u64().unwrap()
}

fn view(world: &World) -> Vec<Value> {
    serde_json::from_slice(&world.guard.grants(world.now)).unwrap()
}

fn left(world: &World) -> (String, String) {
    let last = view(world).pop().unwrap();
    let text = |name: &str| last[name].as_str().unwrap().to_owned();
    (text("left"), text("state"))
}

fn replays(world: &World) {
    let records: Vec<&[u8]> = world.records.iter().map(Vec::as_slice).collect();
    let again = Guard::replay(&records).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(again.state_digest(), world.guard.state_digest());
}

fn finish(world: &mut World, id: &str, outcome: &str) {
    world.authorise(id, Some(0)).unwrap();
    world.sign(id).unwrap();
    world.sent(id, "accepted").unwrap();
    world.settle(id, outcome).unwrap();
}

#[test]
fn a_grant_lets_one_payment_pass_that_no_limit_has_room_for() {
    let mut world = World::new();
    // Over the limit of 3 an hour, and above 1, which needs two operators.
    assert_eq!(world.pay("shopper", 5 * ETH).status, "denied");
    let seq = give(&mut world, 5 * ETH, true);
    // The rule asks for two operators, and a grant is the word of one.
    assert_eq!(world.pay("shopper", 5 * ETH).status, "waiting");
    let mut world = World::without_policy();
    let source = support::policy(TERMS).replace("quorum = 2\n", "");
    world.load_source(&source).unwrap();
    let _ = seq;
    let seq = give(&mut world, 5 * ETH, true);
    let paid = world.pay("shopper", 5 * ETH);
    assert_eq!(paid.status, "go");
    let id = id_of(&paid);
    let shown = world.view(&id);
    assert_eq!(shown["verdict"], json!({"tier": "notify"}));
    assert_eq!(shown["reasons"][0]["rule"], format!("grant:{seq}"));
    assert_eq!(shown["spends"]["grant"], json!(seq));
    assert_eq!(left(&world), ("0".to_owned(), "used".to_owned()));
    // Only its fee counts under the limits.
    let (posted, held) = world.limit("hour", &support::orders::key());
    assert!(posted == 0 && held < ETH / 10, "{held}");
    assert_eq!(world.pay("shopper", 5 * ETH - 1).status, "denied");
    finish(&mut world, &id, "confirmed");
    assert_eq!(world.pay("shopper", 5 * ETH).status, "denied");
    assert_eq!(view(&world)[0]["spent"], (5 * ETH).to_string());
    replays(&world);
    // And still when the policy is loaded anew.
    world
        .load_source(&source.replace("max = 6", "max = 5"))
        .unwrap();
    let (posted, _) = world.limit("hour", &support::orders::key());
    assert!(posted < ETH / 10, "{posted}");
    replays(&world);
}

#[test]
fn a_grant_is_not_used_where_the_policy_grants_the_payment_itself() {
    let mut world = World::new();
    give(&mut world, ETH, true);
    let id = id_of(&world.pay("shopper", ETH / 2));
    assert_eq!(world.view(&id)["reasons"][0]["rule"], "small");
    assert_eq!(left(&world), (ETH.to_string(), "open".to_owned()));
}

#[test]
fn a_grant_up_to_a_sum_is_used_up_by_several_payments() {
    let mut world = World::without_policy();
    let source = support::policy(TERMS).replace("quorum = 2\n", "");
    world.load_source(&source).unwrap();
    give(&mut world, 5 * ETH, false);
    let first = id_of(&world.pay("shopper", 2 * ETH));
    assert_eq!(left(&world).0, (3 * ETH).to_string());
    let second = id_of(&world.pay("shopper", 3 * ETH));
    assert_eq!(left(&world), ("0".to_owned(), "used".to_owned()));
    // What was never signed gives back what it held; what is paid does not.
    finish(&mut world, &first, "confirmed");
    world.deny(0, &second).unwrap();
    assert_eq!(left(&world), ((3 * ETH).to_string(), "open".to_owned()));
}

#[test]
fn a_payment_that_reverts_gives_its_grant_back() {
    let mut world = World::without_policy();
    let source = support::policy(TERMS).replace("quorum = 2\n", "");
    world.load_source(&source).unwrap();
    give(&mut world, 2 * ETH, true);
    let id = id_of(&world.pay("shopper", 2 * ETH));
    finish(&mut world, &id, "reverted");
    assert_eq!(left(&world), ((2 * ETH).to_string(), "open".to_owned()));
    replays(&world);
}

#[test]
fn a_grant_is_for_one_agent_asset_recipient_and_time() {
    let mut world = World::without_policy();
    let source = support::policy(TERMS).replace("quorum = 2\n", "");
    world.load_source(&source).unwrap();
    give(&mut world, 5 * ETH, false);
    assert_ne!(world.pay("trader", 5 * ETH).status, "go");
    let elsewhere = json!([{"to": USDC, "value": support::quantity(5 * ETH), "gas": "0x5208"}]);
    assert_ne!(
        world
            .submit("shopper", "eth_sendTransaction", &elsewhere)
            .status,
        "go"
    );
    world.now += HOUR - 1;
    assert_eq!(world.pay("shopper", 2 * ETH).status, "go");
    world.now += 1;
    assert_ne!(world.pay("shopper", 2 * ETH + 1).status, "go");
    assert_eq!(left(&world).1, "over");
}

#[test]
fn a_revoked_grant_stops_what_is_not_signed_yet() {
    let mut world = World::without_policy();
    let source = support::policy(TERMS).replace("quorum = 2\n", "");
    world.load_source(&source).unwrap();
    let seq = give(&mut world, 5 * ETH, true);
    let id = id_of(&world.pay("shopper", 5 * ETH));
    let revoked = world
        .command(1, json!({"action": "revoke", "grant": seq}))
        .unwrap();
    assert_eq!(kinds(&revoked), ["grant.revoked"]);
    assert_eq!(left(&world).1, "revoked");
    assert_eq!(world.authorise(&id, Some(0)).unwrap().status, "denied");
    assert_eq!(world.state(&id), "denied");
    assert_eq!(world.pay("shopper", 5 * ETH).status, "denied");
    let again = json!({"action": "revoke", "grant": seq});
    assert_eq!(code(world.command(0, again)), "grant_unknown");
    replays(&world);
}

#[test]
fn no_grant_lifts_a_forbid_a_freeze_or_a_cap() {
    let mut world = World::without_policy();
    let source = support::policy(TERMS);
    let forbid = format!("[[forbid]]\nid = \"never\"\nto = [\"{VENDOR}\"]\n");
    world.load_source(&format!("{source}\n{forbid}")).unwrap();
    give(&mut world, 5 * ETH, false);
    let id = id_of(&world.pay("shopper", ETH / 4));
    assert_eq!(world.view(&id)["reasons"][0]["code"], "forbidden");
    world.load_source(&source).unwrap();
    world.freeze(&json!({"kind": "agent", "id": "shopper"}));
    assert_eq!(world.pay("shopper", ETH / 4).status, "denied");
}

#[test]
fn a_grant_names_everything_and_nothing_that_the_policy_does_not_know() {
    let mut world = World::new();
    let good = grant(&world, ETH, true);
    let now = world.now;
    for (name, value, expected) in [
        ("agent", json!("nobody"), "agent_unknown"),
        ("agent", json!(1), "malformed"),
        ("wallet", json!(VENDOR), "agent_unknown"),
        ("chain_id", json!(1), "chain_mismatch"),
        ("asset", json!(VENDOR), "malformed"),
        ("asset", json!("eth"), "malformed"),
        ("to", json!("@vendors"), "malformed"),
        (
            "to",
            json!("0x0000000000000000000000000000000000000000"),
            "malformed",
        ),
        ("most", json!("0"), "malformed"),
        ("most", json!("01"), "malformed"),
        ("most", json!(5), "malformed"),
        ("most", json!("-5"), "malformed"),
        ("most", json!((1u128 << 120).to_string()), "malformed"),
        ("once", json!("yes"), "malformed"),
        ("until_ms", json!(now), "malformed"),
        ("until_ms", json!(now + 31 * 24 * HOUR + 1), "malformed"),
        ("more", json!(1), "malformed"),
    ] {
        let mut command = good.clone();
        command[name] = value;
        let shown = command.to_string();
        assert_eq!(code(world.command(0, command)), expected, "{shown}");
    }
    for name in [
        "agent", "asset", "chain_id", "most", "once", "to", "until_ms", "wallet",
    ] {
        let mut command = good.clone();
        command.as_object_mut().unwrap().remove(name);
        assert_ne!(code(world.command(0, command)), "", "{name}");
    }
    assert!(view(&world).is_empty());
    assert_eq!(
        code(world.command(0, json!({"action": "revoke", "grant": 1}))),
        "grant_unknown"
    );
}

/// A record says that a grant covers its payment: replay looks at the grant.
#[test]
fn a_record_uses_no_grant_that_does_not_cover_its_payment() {
    let mut world = World::without_policy();
    let source = support::policy(TERMS).replace("quorum = 2\n", "");
    world.load_source(&source).unwrap();
    let other = |world: &mut World, change: Value| {
        let mut command = grant(world, 5 * ETH, true);
        let members = command.as_object_mut().unwrap();
        members.extend(change.as_object().unwrap().clone());
        world.command(0, command).unwrap();
        view(world).last().unwrap()["grant"].as_u64().unwrap()
    };
    let stranger = other(&mut world, json!({"to": OTHER}));
    let token = other(&mut world, json!({"asset": USDC}));
    let small = other(&mut world, json!({"most": "1"}));
    let soon = world.now + 60_000;
    let short = other(&mut world, json!({"until_ms": soon}));
    let revoked = give(&mut world, 5 * ETH, true);
    world
        .command(0, json!({"action": "revoke", "grant": revoked}))
        .unwrap();
    world.now += 60_000;
    let seq = give(&mut world, 5 * ETH, true);
    world.pay("shopper", 5 * ETH);
    let place = world.records.len() - 1;
    let replay = |grant: u64| {
        let mut event = Event::from_record(&world.records[place]).unwrap();
        let Body::RequestDecided(data) = &mut event.body else {
            panic!("the last event is the decision");
        };
        data.spends.as_mut().unwrap().grant = Some(grant);
        let mut records = world.records.clone();
        records[place] = event.to_record();
        Guard::replay(&records).map_err(|error| error.text)
    };
    replay(seq).unwrap();
    for grant in [stranger, token, small, short, revoked, 1, u64::MAX] {
        let text = replay(grant).map(|_| grant).unwrap_err();
        assert!(text.contains("no such grant covers"), "{grant}: {text}");
    }
}
