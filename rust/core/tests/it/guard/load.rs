//! What an agent sends for nothing costs little: the records of denied calls, and calls of a frozen
//! agent.
#![allow(clippy::cast_possible_truncation)]

use alloy_primitives::hex;
use ed25519_dalek::Signer as _;
use holdfast_core::code::Code;
use holdfast_core::event::{Body, Decided, Event, SignedContent};
use holdfast_core::guard::{Applied, Guard};
use holdfast_core::policy::Facts;
use serde_json::{json, Value};

use crate::support::{self, agent_key, World, CHAIN, OTHER, USDC};

const DENIED_BYTES_MAX: usize = 3328;
const PERMIT2: &str = "0x000000000022D473030F116dDEE9F6B43aC78BA3";

fn answer(applied: &Applied) -> Value {
    serde_json::from_slice(&applied.answer).unwrap()
}

fn decided(applied: &Applied) -> Box<Decided> {
    match Event::from_record(&applied.records[0]).unwrap().body {
        Body::RequestDecided(data) => data,
        other => panic!("{other:?}"),
    }
}

fn calls(bytes: usize) -> Value {
    json!([{"to": OTHER, "data": format!("0x{}", "ab".repeat(bytes))}])
}

fn permits(count: usize) -> Value {
    let detail = |n: usize| json!({"token": USDC, "amount": "1", "expiration": "1", "nonce": n});
    let member = |name: &str, kind: &str| json!({"name": name, "type": kind});
    let document = json!({
        "types": {
            "EIP712Domain": [member("name", "string"), member("chainId", "uint256"),
                member("verifyingContract", "address")],
            "PermitBatch": [member("details", "PermitDetails[]"), member("spender", "address"),
                member("sigDeadline", "uint256")],
            "PermitDetails": [member("token", "address"), member("amount", "uint160"),
                member("expiration", "uint48"), member("nonce", "uint48")],
        },
        "primaryType": "PermitBatch",
        "domain": {"name": "Permit2", "chainId": CHAIN, "verifyingContract": PERMIT2},
        "message": {"details": (0..count).map(detail).collect::<Vec<_>>(), "spender": OTHER,
            "sigDeadline": "1"},
    });
    json!([support::wallet(0).to_string(), document])
}

#[test]
fn a_denied_call_costs_little_whatever_its_size() {
    let mut world = World::new();
    let long = json!({"note": "\u{4e00}".repeat(170), "idempotencyKey": "k".repeat(128)});
    let with = |mut params: Value| {
        params.as_array_mut().unwrap().push(long.clone());
        params
    };
    let requests = [
        ("eth_sendTransaction", with(calls(131_072))),
        ("eth_sendTransaction", with(calls(900))),
        ("eth_signTransaction", with(calls(4000))),
        ("eth_signTypedData_v4", with(permits(1000))),
        ("eth_signTypedData_v4", with(permits(12))),
    ];
    for (method, params) in requests {
        world.now += 1000;
        let applied = world.submit("shopper", method, &params);
        let code = answer(&applied)["code"].clone();
        assert_eq!(applied.status, "denied", "{method}: {code}");
        let data = decided(&applied);
        let size = applied.records[0].len();
        assert!(size <= DENIED_BYTES_MAX, "{method}: {size} bytes");
        assert_eq!(data.idempotency_key, None);
        assert!(!data.effects.is_empty() && !data.reasons.is_empty());
        let left = data.left_out.unwrap();
        let params = params.to_string();
        let named = left.params.unwrap();
        assert_eq!(named.bytes as usize, params.len());
        let sha256 = holdfast_core::canonical::sha256(params.as_bytes());
        assert_eq!(named.sha256, sha256);
        assert!(left.request > 0);
    }
    let again = Guard::replay(&world.records).unwrap();
    assert_eq!(again.state_digest(), world.guard.state_digest());
}

#[test]
fn what_is_left_out_of_a_denied_call_is_counted() {
    let mut world = World::new();
    let applied = world.submit("shopper", "eth_sendTransaction", &calls(4000));
    assert_eq!(answer(&applied)["code"], "no_grant");
    let data = decided(&applied);
    let left = data.left_out.as_ref().unwrap();
    let SignedContent::Transaction(kept) = &data.request else {
        panic!("{:?}", data.request);
    };
    assert_eq!(kept.data.len() + left.request as usize, 4000);
    // The screens have what the record has.
    let view = world.view(&support::id_of(&applied));
    assert_eq!(view["left_out"]["request"], left.request);
}

#[test]
fn a_signed_call_that_is_denied_costs_as_little() {
    let mut world = World::new();
    let payload = json!({
        "agent": "keyed", "expires_at": world.now + 30_000, "method": "eth_sendTransaction",
        "nonce": hex::encode([7u8; 16]), "params": calls(100_000),
    })
    .to_string();
    let message = [b"holdfast agent request v1\n", payload.as_bytes()].concat();
    let signature = agent_key().sign(&message).to_bytes();
    let send = |world: &mut World| {
        let result = world.guard.submit_signed(
            "keyed",
            payload.as_bytes(),
            &signature,
            &Facts::none(),
            world.now,
        );
        world.keep(result).unwrap()
    };
    let applied = send(&mut world);
    assert_eq!(applied.status, "denied");
    assert!(applied.records[0].len() <= DENIED_BYTES_MAX);
    let data = decided(&applied);
    assert_eq!(data.left_out.unwrap().payload as usize, payload.len());
    assert_eq!(answer(&send(&mut world))["code"], "replayed");
    let again = Guard::replay(&world.records).unwrap();
    assert_eq!(again.state_digest(), world.guard.state_digest());
}

#[test]
fn what_is_small_is_kept_whole() {
    let mut world = World::new();
    let applied = world.submit("shopper", "eth_sendTransaction", &calls(68));
    assert_eq!(applied.status, "denied");
    assert_eq!(decided(&applied).left_out, None);
}

#[test]
fn a_denied_request_holds_no_idempotency_key() {
    let mut world = World::new();
    let pay = |wei: u128| json!([{"to": OTHER, "value": support::quantity(wei)}, {"idempotencyKey": "a"}]);
    let eth = 10u128.pow(18);
    assert_eq!(
        world
            .submit("shopper", "eth_sendTransaction", &pay(50 * eth))
            .status,
        "denied"
    );
    assert_eq!(
        world
            .submit("shopper", "eth_sendTransaction", &pay(eth / 10))
            .status,
        "go"
    );
}

#[test]
fn a_frozen_agent_is_looked_at_once_a_second() {
    let mut world = World::new();
    let freeze = world.freeze(&json!({"kind": "agent", "id": "shopper"}));
    world.now += 1000;
    for _ in 0..3 {
        let first = world.submit("shopper", "eth_sendTransaction", &calls(1000));
        assert_eq!((first.status, first.records.len()), ("denied", 1));
        for _ in 0..100 {
            let more = world.submit("shopper", "eth_sendTransaction", &json!(["never read"]));
            assert_eq!((more.status, more.records.len()), ("denied", 0));
            assert_eq!(answer(&more)["code"], "frozen");
        }
        let refused = world
            .guard
            .refuse("shopper", "x", b"", Code::Malformed, "why", world.now);
        assert!(refused.unwrap().records.is_empty());
        world.now += 1000;
    }
    assert_eq!(world.pay("trader", 1).status, "go", "others are not frozen");
    world.thaw(freeze).unwrap();
    assert_eq!(world.pay("shopper", 1).status, "go");
    assert_eq!(world.pay("shopper", 2).status, "go");
}

#[test]
fn a_call_over_a_budget_of_the_service_is_recorded_once_a_second() {
    let mut world = World::new();
    let mut records = 0;
    for _ in 0..50 {
        let over = world.guard.refuse(
            "shopper",
            "eth_sendTransaction",
            b"[]",
            Code::RateLimited,
            "too many bytes in a minute",
            world.now,
        );
        let over = over.unwrap();
        assert_eq!(answer(&over)["code"], "rate_limited");
        records += over.records.len();
    }
    assert_eq!(records, 1);
}

#[test]
fn the_same_outcome_asked_for_again_and_again_leaves_one_event_a_second() {
    let mut world = World::new();
    let id = support::id_of(&world.pay("shopper", 1));
    world.carry_out(&id);
    let mut records = 0;
    for millisecond in 0..2000 {
        let again = world.guard.delivered(&id, world.now + millisecond);
        records += again.unwrap().records.len();
    }
    assert_eq!(records, 2);
}
