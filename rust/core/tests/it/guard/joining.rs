//! Asking again never pays twice: joining, idempotency keys, rates, and calls that never become
//! requests.
#![allow(clippy::unreachable)]

use alloy_primitives::hex;
use ed25519_dalek::Signer as _;
use holdfast_core::code::Code;
use holdfast_core::event::{Body, Event};
use holdfast_core::guard::{Applied, Guard};
use holdfast_core::policy::Facts;
use serde_json::{json, Value};

use crate::support::{self, agent_key, id_of, kinds, Terms, World, CHAIN, TERMS, VENDOR};

const ETH: u128 = 1_000_000_000_000_000_000;
const MINUTE: u64 = 60_000;
const DAY: u64 = 24 * 60 * MINUTE;

fn answer(applied: &Applied) -> Value {
    serde_json::from_slice(&applied.answer).unwrap()
}

#[test]
fn a_second_instant_payment_is_a_new_payment() {
    let mut world = World::new();
    let first = world.pay("shopper", ETH / 10);
    let second = world.pay("shopper", ETH / 10);
    assert_eq!((first.status, second.status), ("go", "go"));
    assert_ne!(first.request, second.request);
}

#[test]
fn a_request_that_waits_is_joined_whatever_gas_fees_and_nonce_say() {
    let mut world = World::new();
    let value = support::quantity(2 * ETH);
    let first = world.pay("shopper", 2 * ETH);
    assert_eq!(first.status, "waiting");
    let again = json!([{"to": VENDOR.to_lowercase(), "value": value, "gas": "0x5208",
        "nonce": "0x0", "maxFeePerGas": "0x3b9aca00", "maxPriorityFeePerGas": "0x1",
        "chainId": support::quantity(CHAIN.get().into()), "type": "0x2"}]);
    let joined = world.submit("shopper", "eth_sendTransaction", &again);
    assert_eq!((joined.status, joined.request), ("attached", first.request));
    assert!(joined.records.is_empty());
    // Another agent, another amount, another method: other requests.
    assert_eq!(world.pay("trader", 2 * ETH).status, "waiting");
    let sign = json!([{"to": VENDOR, "value": value}]);
    assert_ne!(
        world
            .submit("shopper", "eth_signTransaction", &sign)
            .request,
        first.request
    );
}

#[test]
fn an_outcome_is_handed_over_once_and_repeated_for_a_minute() {
    let mut world = World::new();
    let id = id_of(&world.pay("shopper", 2 * ETH));
    world.approve(0, &id).unwrap();
    world.approve(1, &id).unwrap();
    world.carry_out(&id);
    assert_eq!(
        id_of(&world.pay("shopper", 2 * ETH)),
        id,
        "sent, not yet told"
    );
    let result = world.guard.delivered(&id, world.now);
    world.keep(result).unwrap();
    world.now += MINUTE - 1;
    assert_eq!(
        id_of(&world.pay("shopper", 2 * ETH)),
        id,
        "the answer may have got lost"
    );
    world.now += 1;
    assert_ne!(
        world.pay("shopper", 2 * ETH).request.unwrap().to_string(),
        id
    );
}

#[test]
fn an_outcome_nobody_took_is_kept_for_a_day() {
    let mut world = World::new();
    let id = id_of(&world.pay("shopper", 2 * ETH));
    world.deny(0, &id).unwrap();
    world.now += DAY - 1;
    let joined = world.pay("shopper", 2 * ETH);
    assert_eq!((joined.status, id_of(&joined)), ("attached", id.clone()));
    assert_eq!(answer(&joined)["code"], "denied_by_operator");
    world.now += 1;
    assert_ne!(id_of(&world.pay("shopper", 2 * ETH)), id);
}

#[test]
fn an_instant_payment_that_took_too_long_is_joined_and_after_a_restart_too() {
    let mut world = World::new();
    let id = id_of(&world.pay("shopper", ETH / 10));
    let marked = world.guard.mark_pending_answer(&id, world.now);
    assert_eq!(kinds(&world.keep(marked).unwrap()), ["request.pending"]);
    let again = world.guard.mark_pending_answer(&id, world.now).unwrap();
    assert!(again.records.is_empty(), "once is enough");
    assert!(world
        .guard
        .mark_pending_answer("r999", world.now)
        .unwrap()
        .records
        .is_empty());
    world.carry_out(&id);
    world.settle(&id, "confirmed").unwrap();
    world.now += 10 * MINUTE;
    world.guard = Guard::replay(&world.records).unwrap();
    assert_eq!(id_of(&world.pay("shopper", ETH / 10)), id);
}

#[test]
fn after_a_restart_only_what_was_open_or_just_answered_is_joined() {
    let mut world = World::new();
    let old = id_of(&world.pay("shopper", ETH / 10));
    world.carry_out(&old);
    world.settle(&old, "confirmed").unwrap();
    world.now += 2 * MINUTE;
    let fresh = id_of(&world.pay("shopper", ETH / 5));
    world.carry_out(&fresh);
    let open = id_of(&world.pay("shopper", ETH / 4));
    let started = world.guard.started("0.1.0", world.now);
    world.keep(started).unwrap();
    assert_eq!(
        id_of(&world.pay("shopper", ETH / 5)),
        fresh,
        "its answer may have been cut off"
    );
    assert_eq!(id_of(&world.pay("shopper", ETH / 4)), open);
    assert_ne!(
        id_of(&world.pay("shopper", ETH / 10)),
        old,
        "an honest repeat pays again"
    );
}

#[test]
fn after_a_restart_what_was_delivered_is_not_joined() {
    let mut world = World::new();
    let paid = id_of(&world.pay("shopper", ETH / 5));
    world.carry_out(&paid);
    let unknown = [paid.clone(), "r999".to_owned(), "nonsense".to_owned()];
    let told = world.guard.answers_delivered(&unknown, world.now);
    assert_eq!(kinds(&world.keep(told).unwrap()), ["answers.delivered"]);
    let again = world.guard.answers_delivered(&unknown, world.now).unwrap();
    assert!(again.records.is_empty(), "once is enough");
    world.now += 1000;
    let started = world.guard.started("0.1.0", world.now);
    world.keep(started).unwrap();
    assert_ne!(
        id_of(&world.pay("shopper", ETH / 5)),
        paid,
        "the same payment a second later is another payment"
    );
}

#[test]
fn an_idempotency_key_decides_alone_for_a_day() {
    let mut world = World::new();
    let pay = |wei: u128, key: &str| {
        let tx = json!({"to": VENDOR, "value": support::quantity(wei)});
        json!([tx, {"idempotencyKey": key}])
    };
    let method = "eth_sendTransaction";
    let first = world.submit("shopper", method, &pay(ETH / 10, "a"));
    world.carry_out(&id_of(&first));
    world.settle(&id_of(&first), "confirmed").unwrap();
    world.now += DAY - 1;
    let same = world.submit("shopper", method, &pay(ETH / 10, "a"));
    assert_eq!((same.status, same.request), ("attached", first.request));
    let other = world.submit("shopper", method, &pay(ETH / 5, "a"));
    assert_eq!((other.status, other.request), ("denied", None));
    assert_eq!(answer(&other)["code"], "idempotency_conflict");
    assert_eq!(kinds(&other), ["request.refused"]);
    // Another key is another payment, even while an identical one waits.
    let waits = world.submit("shopper", method, &pay(2 * ETH, "b"));
    let twin = world.submit("shopper", method, &pay(2 * ETH, "c"));
    assert_ne!(waits.request, twin.request);
    // Keys belong to their agent.
    assert_eq!(
        world.submit("trader", method, &pay(ETH / 5, "a")).status,
        "go"
    );
    world.now += 1;
    assert_eq!(
        world.submit("shopper", method, &pay(ETH / 5, "a")).status,
        "go"
    );
}

#[test]
fn a_nonce_whose_payment_is_forgotten_pays_nothing_again() {
    let mut world = World::with(Terms {
        requests_per_minute: 1_000_000,
        ..TERMS
    });
    let pay = |wei: u128, nonce: &str| json!([{"to": VENDOR, "value": support::quantity(wei), "nonce": nonce}]);
    let id = id_of(&world.pay("shopper", ETH / 10));
    world.carry_out(&id);
    world.settle(&id, "confirmed").unwrap();
    for _ in 0..600 {
        world.pay("shopper", 50 * ETH);
    }
    world.now += 2 * MINUTE;
    world.pay("shopper", 50 * ETH);
    assert!(world.guard.request(&id).is_none(), "it is forgotten");
    for wei in [ETH / 10, ETH / 20] {
        let late = world.submit("shopper", "eth_sendTransaction", &pay(wei, "0x0"));
        assert_eq!((late.status, late.request), ("denied", None));
        assert_eq!(answer(&late)["reasons"][0]["code"], "nonce_used");
    }
    let next = world.submit("shopper", "eth_sendTransaction", &pay(ETH / 10, "0x1"));
    assert_eq!(next.status, "go");
    let again = Guard::replay(&world.records).unwrap();
    assert_eq!(again.state_digest(), world.guard.state_digest());
}

#[test]
fn a_flood_is_refused_and_recorded_once_a_second() {
    let mut world = World::with(Terms {
        requests_per_minute: 3,
        ..TERMS
    });
    for _ in 0..3 {
        assert_ne!(world.pay("shopper", ETH / 100).status, "refused");
    }
    let over = world.pay("shopper", ETH / 100);
    assert_eq!(
        (over.status, kinds(&over)),
        ("refused", vec!["request.refused"])
    );
    assert_eq!(answer(&over)["code"], "rate_limited");
    for _ in 0..100 {
        let more = world.submit("shopper", "eth_sendTransaction", &json!(["garbage"]));
        assert_eq!((more.status, more.records.len()), ("refused", 0));
    }
    world.now += 1000;
    assert_eq!(world.pay("shopper", ETH / 100).records.len(), 1);
    assert_eq!(
        world.pay("trader", ETH / 100).status,
        "go",
        "others are not held up"
    );
    world.now += MINUTE;
    assert_eq!(world.pay("shopper", ETH / 100).status, "go");
}

#[test]
fn only_so_many_may_wait_at_once() {
    let mut world = World::with(Terms {
        waiting_max: 2,
        wei_max: 100 * ETH,
        ..TERMS
    });
    for wei in [2, 3] {
        assert_eq!(world.pay("shopper", wei * ETH).status, "waiting");
    }
    let full = world.pay("shopper", 4 * ETH);
    assert_eq!(
        (full.status, answer(&full)["code"].as_str()),
        ("denied", Some("waiting_full"))
    );
    assert_eq!(
        world.pay("shopper", ETH / 10).status,
        "go",
        "instant ones do not wait"
    );
    world.now += 10 * MINUTE;
    assert_eq!(kinds(&world.tick()), ["request.expired"; 2]);
    assert_eq!(world.pay("shopper", 4 * ETH).status, "waiting");
}

#[test]
fn without_a_policy_everything_is_denied_and_recorded() {
    let mut world = World::without_policy();
    let denied = world.pay("shopper", 1);
    assert_eq!(
        (denied.status, answer(&denied)["code"].as_str()),
        ("denied", Some("no_policy"))
    );
    assert_eq!(kinds(&denied), ["request.refused"]);
    world.load(TERMS);
    let unknown = world.pay("nobody", 1);
    assert_eq!(answer(&unknown)["code"], "agent_unknown");
}

#[test]
fn what_is_told_is_no_more_than_privacy_allows() {
    let mut world = World::new();
    let full = answer(&world.pay("shopper", 50 * ETH));
    let code = answer(&world.pay("trader", 50 * ETH));
    assert_eq!(
        (&full["code"], &code["code"]),
        (&"limit_exceeded".into(), &full["code"])
    );
    assert_eq!(full["reasons"][0]["rule"], "hour");
    assert!(full["reasons"][0]["limit"].is_string());
    assert_eq!(code["reasons"], json!([{"code": "limit_exceeded"}]));
    assert_eq!(code["text"], "limit exceeded");
    let text = full["text"].as_str().unwrap();
    assert!(text.starts_with("limit `hour` would reach "), "{text}");
    assert!(text.contains(" of "), "{text}");
}

#[test]
fn an_answer_is_known_without_reading_its_json() {
    let mut world = World::new();
    let denied = world.pay("shopper", 50 * ETH);
    let json: Value = serde_json::from_slice(&denied.answer).unwrap();
    assert_eq!(json["code"], *denied.answer.code);
    assert_eq!(json["text"], denied.answer.text);
    let odd = world.submit("shopper", "eth_sendTransaction", &json!([{"to": 1}]));
    let json: Value = serde_json::from_slice(&odd.answer).unwrap();
    assert_eq!(json["code"], "malformed");
    assert_eq!(json["detail"], odd.answer.detail.unwrap());
}

#[test]
fn a_call_the_gate_refused_is_on_record() {
    let mut world = World::new();
    let refused = world.guard.refuse(
        "shopper",
        "eth_sendTransaction",
        b"[]",
        Code::Malformed,
        "no id",
        world.now,
    );
    let refused = world.keep(refused).unwrap();
    assert_eq!(
        (refused.status, kinds(&refused)),
        ("refused", vec!["request.refused"])
    );
}

#[test]
fn a_check_answers_as_a_submit_and_changes_nothing() {
    let mut world = World::new();
    let before = world.guard.state_digest();
    let params = json!([{"to": VENDOR, "value": support::quantity(2 * ETH)}]).to_string();
    let method = "eth_sendTransaction";
    let checked = world.guard.check(
        "shopper",
        method,
        params.as_bytes(),
        &Facts::none(),
        world.now,
    );
    let checked: Value = serde_json::from_slice(&checked).unwrap();
    assert_eq!(
        (&checked["status"], &checked["verdict"]),
        (&"ok".into(), &"approval".into())
    );
    assert_eq!(checked["effects"][0]["effect"], "transfer");
    assert_eq!(world.guard.state_digest(), before);
    assert_eq!(world.pay("shopper", 2 * ETH).status, "waiting");
}

/// A signed call of the agent `keyed`.
fn signed(world: &World, nonce: u8, expires_in: i64, agent: &str) -> (Vec<u8>, Vec<u8>) {
    let payload = json!({
        "agent": agent, "method": "eth_sendTransaction", "nonce": hex::encode([nonce; 16]),
        "expires_at": world.now.saturating_add_signed(expires_in),
        "params": [{"to": VENDOR, "value": "0x5"}],
    })
    .to_string()
    .into_bytes();
    let message = [b"holdfast agent request v1\n".as_slice(), &payload].concat();
    let signature = agent_key().sign(&message).to_bytes().to_vec();
    (payload, signature)
}

fn submit_signed(world: &mut World, call: &(Vec<u8>, Vec<u8>)) -> Applied {
    let result = world
        .guard
        .submit_signed("keyed", &call.0, &call.1, &Facts::none(), world.now);
    world.keep(result).unwrap()
}

#[test]
fn an_agent_with_a_key_is_heard_only_with_its_signature_and_once() {
    let mut world = World::new();
    assert_eq!(answer(&world.pay("keyed", 5))["code"], "signature_required");
    let call = signed(&world, 1, 60_000, "keyed");
    assert_eq!(submit_signed(&mut world, &call).status, "go");
    assert_eq!(
        answer(&submit_signed(&mut world, &call))["code"],
        "replayed"
    );
    world.guard = Guard::replay(&world.records).unwrap();
    assert_eq!(
        answer(&submit_signed(&mut world, &call))["code"],
        "replayed"
    );
    let mut forged = signed(&world, 2, 60_000, "keyed");
    forged.1[3] ^= 1;
    assert_eq!(
        answer(&submit_signed(&mut world, &forged))["code"],
        "signature_invalid"
    );
    for (ahead, code) in [(0, "expired"), (60_001, "expired")] {
        let call = signed(&world, 3, ahead, "keyed");
        assert_eq!(answer(&submit_signed(&mut world, &call))["code"], code);
    }
    let other = signed(&world, 4, 60_000, "shopper");
    assert_eq!(
        answer(&submit_signed(&mut world, &other))["code"],
        "agent_mismatch"
    );
}

#[test]
fn joining_uses_a_signed_call_up_too() {
    let mut world = World::new();
    let first = signed(&world, 1, 60_000, "keyed");
    let id = id_of(&submit_signed(&mut world, &first));
    let marked = world.guard.mark_pending_answer(&id, world.now);
    world.keep(marked).unwrap();
    let second = signed(&world, 2, 60_000, "keyed");
    let joined = submit_signed(&mut world, &second);
    assert_eq!(
        (joined.status, kinds(&joined)),
        ("attached", vec!["request.attached"])
    );
    assert_eq!(
        answer(&submit_signed(&mut world, &second))["code"],
        "replayed"
    );
    let Body::RequestAttached(data) = Event::from_record(&joined.records[0]).unwrap().body else {
        unreachable!()
    };
    assert_eq!(data.envelope.payload.as_bytes(), second.0);
}
