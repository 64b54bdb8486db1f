//! Pinned code through the life of a request: what is told of it counts at the decision and again
//! before the order.

use holdfast_core::guard::{Applied, Guard};
use serde_json::{json, Value};

use crate::support::{self, id_of, policy, World, CHAIN, OTHER, TERMS, USDC, VENDOR};

const MINUTE: u64 = 60_000;

fn hash(digit: u8) -> String {
    format!("0x{}", digit.to_string().repeat(64))
}

/// The tests' policy with the token's code pinned to 1, its transfers at `tier`.
fn world(tier: &str) -> World {
    let pin = format!("symbol = \"USDC\"\ncode_hash = \"{}\"", hash(1));
    let text = policy(TERMS)
        .replace("symbol = \"USDC\"", &pin)
        .replace("tier = \"delay\"\ndelay = \"5m\"", tier);
    let mut world = World::without_policy();
    world.load_source(&text).unwrap();
    world
}

fn code(digit: u8, at: u64) -> Value {
    json!({"hash": hash(digit), "implementation": null, "at": at})
}

fn pay(world: &mut World, facts: &Value) -> Applied {
    let to = &VENDOR[2..];
    let data = format!("0xa9059cbb{to:0>64}{:064x}", 5);
    let params = json!([{"to": USDC, "data": data}]).to_string();
    let (params, facts) = (params.as_bytes(), support::facts(facts));
    let method = "eth_sendTransaction";
    let result = world
        .guard
        .submit("shopper", method, params, &facts, world.now);
    world.keep(result).unwrap()
}

fn authorise(world: &mut World, id: &str, code: &Value) -> Applied {
    let facts = support::order_facts(&json!({"gas": 60000, "max_fee_per_gas": "2",
        "max_priority_fee_per_gas": "1", "chain_nonce": 0, "code": code}));
    let result = world.guard.authorise(id, &facts, world.now);
    world.keep(result).unwrap()
}

fn reasons(world: &World, id: &str, key: &str) -> Vec<String> {
    let view = world.view(id);
    let reasons = view[key].as_array().unwrap().iter();
    reasons
        .map(|reason| reason["code"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn pinned_code_lets_a_request_go_on_and_only_what_it_touches_is_on_record() {
    let mut world = world("tier = \"instant\"");
    let facts = json!({"code": {USDC: code(1, world.now), OTHER: code(2, world.now)}});
    let paid = pay(&mut world, &facts);
    assert_eq!(paid.status, "go");
    let view = world.view(&id_of(&paid));
    assert_eq!(
        view["facts"],
        json!({"code": {USDC: code(1, world.now)}}),
        "the other contract is none of its business"
    );
    let pins: Value = serde_json::from_slice(&world.guard.code_pins()).unwrap();
    let pin = json!({"address": USDC, "chain_id": CHAIN, "hash": hash(1), "implementation": null});
    assert_eq!(pins, json!([pin]));
}

#[test]
fn code_that_is_another_or_that_nobody_saw_lately_waits_for_a_person() {
    for (facts, expected) in [
        (json!({}), "code_unknown"),
        (json!({"code": {}}), "code_unknown"),
        (
            json!({"code": {OTHER: code(1, support::T0)}}),
            "code_unknown",
        ),
        (
            json!({"code": {USDC: code(1, support::T0 - 5 * MINUTE - 1)}}),
            "code_unknown",
        ),
        (
            json!({"code": {USDC: code(2, support::T0)}}),
            "code_changed",
        ),
    ] {
        let mut world = world("tier = \"instant\"");
        let waiting = pay(&mut world, &facts);
        assert_eq!(waiting.status, "waiting", "{facts}");
        let id = id_of(&waiting);
        assert_eq!(reasons(&world, &id, "reasons")[0], expected, "{facts}");
    }
}

#[test]
fn a_delay_counts_with_the_code_of_its_end() {
    for (digit, expected) in [(1, "authorised"), (2, "denied")] {
        let mut world = world("tier = \"delay\"\ndelay = \"20m\"");
        let facts = json!({"code": {USDC: code(1, world.now)}});
        let id = id_of(&pay(&mut world, &facts));
        world.now += 20 * MINUTE;
        let matured = world.guard.tick(world.now);
        world.keep(matured).unwrap();
        let now = json!({USDC: code(digit, world.now)});
        assert_eq!(authorise(&mut world, &id, &now).status, expected);
    }
}

#[test]
fn an_approval_is_for_the_code_that_was_found_then() {
    for (then, now, expected) in [
        (json!({USDC: code(2, support::T0)}), 2, "authorised"),
        (json!({USDC: code(2, support::T0)}), 1, "authorised"),
        (json!({USDC: code(2, support::T0)}), 3, "denied"),
        (json!({USDC: code(1, support::T0)}), 2, "denied"),
        (json!({}), 1, "authorised"),
        (json!({}), 2, "denied"),
    ] {
        let mut world = world("tier = \"approval\"\nquorum = 1");
        let id = id_of(&pay(&mut world, &json!({"code": then.clone()})));
        world.approve(0, &id).unwrap();
        let found = json!({USDC: code(now, world.now)});
        let done = authorise(&mut world, &id, &found);
        assert_eq!(done.status, expected, "{then} then {now}");
        if expected == "denied" {
            let why = reasons(&world, &id, "end_reasons");
            assert!(why.iter().any(|code| code == "code_changed"), "{why:?}");
        }
        let replayed = Guard::replay(&world.records).unwrap();
        assert_eq!(replayed.state_digest(), world.guard.state_digest());
    }
}
