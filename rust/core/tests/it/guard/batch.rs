//! Several calls at once (`wallet_sendCalls`, EIP-5792): one is a payment like any other, several
//! are judged as their sum and never sent.

use holdfast_core::decode::decode_standalone;
use holdfast_core::event::{Body, Event};
use holdfast_core::guard::Applied;
use holdfast_core::policy::{decide, resolve_batch, Facts, Policy, Verdict};
use holdfast_core::request::{parse_any, Asked};
use holdfast_core::simulate::Simulator;
use holdfast_core::window::Book;
use proptest::prelude::*;
use serde_json::{json, Value};

use crate::support::{id_of, policy, quantity, World, CHAIN, TERMS, USDC, VENDOR};

const ETH: u128 = 1_000_000_000_000_000_000;
const SEND: &str = "wallet_sendCalls";

fn batch(calls: &[Value]) -> Value {
    let chain = quantity(CHAIN.get().into());
    json!([{"version": "2.0.0", "chainId": chain, "atomicRequired": false, "calls": calls}])
}

fn payments(wei: &[u128]) -> Value {
    let each = wei.iter();
    let calls = each.map(|wei| json!({"to": VENDOR, "value": quantity(*wei)}));
    batch(&calls.collect::<Vec<_>>())
}

fn answer(applied: &Applied) -> Value {
    serde_json::from_slice(&applied.answer).unwrap()
}

#[test]
fn one_call_is_a_payment_and_its_name_an_idempotency_key() {
    let mut world = World::new();
    let mut params = payments(&[ETH / 10]);
    params[0]["id"] = json!("0xabc");
    let first = world.submit("shopper", SEND, &params);
    assert_eq!(first.status, "go");
    let id = id_of(&first);
    assert_eq!(world.guard.named("shopper", "0xabc"), first.request);
    assert_eq!(world.guard.named("trader", "0xabc"), None);
    let again = world.submit("shopper", SEND, &params);
    assert_eq!((again.status, id_of(&again)), ("attached", id.clone()));
    // The same payment by the other method, under the same key, is the same payment.
    let plain = json!([{"to": VENDOR, "value": quantity(ETH / 10)}, {"idempotencyKey": "0xabc"}]);
    assert_eq!(
        id_of(&world.submit("shopper", "eth_sendTransaction", &plain)),
        id
    );
    params[0]["calls"][0]["value"] = json!("0x1");
    let other = world.submit("shopper", SEND, &params);
    assert_eq!(answer(&other)["code"], "idempotency_conflict");
    world.carry_out(&id);
}

#[test]
fn a_name_of_any_length_is_a_key() {
    let mut world = World::new();
    let name = format!("0x{}", "5a".repeat(4096));
    let mut params = payments(&[ETH / 10]);
    params[0]["id"] = json!(name);
    let first = world.submit("shopper", SEND, &params);
    assert_eq!(world.guard.named("shopper", &name), first.request);
    assert_eq!(world.submit("shopper", SEND, &params).status, "attached");
}

#[test]
fn one_call_is_all_or_nothing_by_itself() {
    let mut world = World::new();
    let mut params = payments(&[ETH / 10]);
    params[0]["atomicRequired"] = json!(true);
    assert_eq!(world.submit("shopper", SEND, &params).status, "go");
    let mut several = payments(&[1, 1]);
    several[0]["atomicRequired"] = json!(true);
    let refused = answer(&world.submit("shopper", SEND, &several));
    assert_eq!(
        (&refused["code"], &refused["detail"]),
        (&json!("malformed"), &json!("atomicity"))
    );
    assert_eq!(refused["path"], "/0/atomicRequired");
}

#[test]
fn several_calls_are_judged_as_their_sum_and_nothing_is_set_aside() {
    let mut world = World::new();
    // Each is small enough to be paid at once; together they need people.
    let applied = world.submit("shopper", SEND, &payments(&[ETH / 10 * 6, ETH / 10 * 6]));
    assert_eq!((applied.status, applied.request), ("denied", None));
    let told = answer(&applied);
    assert_eq!(told["code"], "batch");
    assert_eq!(
        told["reasons"][0]["observed"],
        "2 calls, in sum `approval`: send them one by one"
    );
    let effects = told["effects"].as_array().unwrap();
    assert_eq!(effects.len(), 1);
    assert_eq!(effects[0]["amount"], (ETH / 10 * 12).to_string());
    let event = Event::from_record(&applied.records[0]).unwrap().body;
    assert!(matches!(event, Body::RequestRefused(_)));
    assert_eq!(applied.records.len(), 1);
    assert_eq!(world.limit("hour", "agent:shopper"), (0, 0));
    for _ in 0..2 {
        assert_eq!(world.pay("shopper", ETH / 10 * 6).status, "go");
    }
}

#[test]
fn what_is_denied_in_sum_is_denied_for_that_reason() {
    let mut world = World::new();
    let over = answer(&world.submit("shopper", SEND, &payments(&[2 * ETH, 2 * ETH])));
    assert_eq!(over["code"], "limit_exceeded");
    assert_eq!(over["effects"][0]["amount"], (4 * ETH).to_string());
    // One call that nobody may sign is enough, wherever it stands.
    let burn = json!({"to": "0x0000000000000000000000000000000000000001", "value": "0x1"});
    let fine = json!({"to": VENDOR, "value": "0x1"});
    for calls in [[burn.clone(), fine.clone()], [fine, burn]] {
        let told = answer(&world.submit("shopper", SEND, &batch(&calls)));
        assert_eq!(told["code"], "recipient_forbidden");
    }
}

#[test]
fn every_fee_of_a_batch_counts() {
    let source = policy(TERMS);
    let loaded = Policy::parse(&source).unwrap();
    let fee = |count: usize| {
        let params = payments(&vec![1; count]).to_string();
        match parse_any(SEND, params.as_bytes()).unwrap() {
            Asked::Several(batch) => {
                resolve_batch(&loaded, "shopper", &batch, &|_| None)
                    .unwrap()
                    .fee_wei_max
            }
            Asked::One(request) => {
                holdfast_core::policy::resolve(&loaded, "shopper", request, &|_| None)
                    .unwrap()
                    .fee_wei_max
            }
        }
    };
    assert_eq!(fee(5), fee(1) * alloy_primitives::U256::from(5));
}

#[test]
fn a_check_says_the_same_and_leaves_nothing() {
    let world = World::new();
    let params = payments(&[1, 2]).to_string();
    let check = |agent: &str| -> Value {
        let (params, nothing) = (params.as_bytes(), Facts::none());
        let told = world.guard.check(agent, SEND, params, &nothing, world.now);
        serde_json::from_slice(&told).unwrap()
    };
    let told = check("shopper");
    assert_eq!(
        (&told["verdict"], &told["code"]),
        (&json!("deny"), &json!("batch"))
    );
    assert_eq!(told["effects"][0]["amount"], "3");
    let private = check("trader");
    assert_eq!(private["reasons"], json!([{"code": "batch"}]));
    assert!(private.get("effects").is_none());
}

#[test]
fn an_agent_that_is_told_only_codes_is_told_no_effects() {
    let mut world = World::new();
    let told = answer(&world.submit("trader", SEND, &payments(&[1, 2])));
    assert_eq!(told["reasons"], json!([{"code": "batch"}]));
    assert!(told.get("effects").is_none());
}

#[test]
fn what_is_simulated_is_what_is_decided() {
    let mut simulator = Simulator::new(&policy(TERMS), true).unwrap();
    let mut decide = |params: Value| -> Value {
        let request = json!({"method": SEND, "params": params});
        let case = json!({"agent": "shopper", "at": 1_700_000_000_000u64, "request": request});
        serde_json::from_slice(&simulator.decide(case.to_string().as_bytes())).unwrap()
    };
    let several = decide(payments(&[1, 2]));
    assert_eq!(several["verdict"], "deny");
    assert_eq!(several["reasons"][0]["code"], "batch");
    assert_eq!(several["effects"][0]["amount"], "3");
    assert_eq!(decide(payments(&[1]))["verdict"], "instant");
}

#[test]
fn decode_shows_the_sum_and_each_call() {
    let token = format!("0xa9059cbb{:0>64}{:0>64x}", &VENDOR[2..], 5_000_000);
    let calls = batch(&[
        json!({"to": USDC, "data": token}),
        json!({"to": VENDOR, "value": "0x1"}),
        json!({"to": USDC, "data": token}),
    ]);
    let loaded = Policy::parse(&policy(TERMS)).unwrap();
    let request = json!({"calls": calls[0]}).to_string();
    let shown = decode_standalone(request.as_bytes(), CHAIN, loaded.registry(), None, None);
    let shown: Value = serde_json::from_str(&shown.unwrap()).unwrap();
    assert_eq!(
        (&shown["kind"], &shown["digest"]),
        (&json!("calls"), &Value::Null)
    );
    let amounts = shown["effects"].as_array().unwrap().iter();
    let amounts: Vec<_> = amounts
        .map(|effect| effect["amount"].as_str().unwrap())
        .collect();
    assert_eq!(amounts, ["10000000", "1"]);
    let titles = shown["display"].as_array().unwrap().iter();
    assert_eq!(titles.filter(|line| line["label"] == "Call").count(), 3);
}

/// The verdict about the sum, before it is refused for being several.
fn verdict(loaded: &Policy, wei: &[u128]) -> Verdict {
    let params = payments(wei).to_string();
    let book = Book::for_policy(loaded);
    let resolved = match parse_any(SEND, params.as_bytes()).unwrap() {
        Asked::One(request) => {
            holdfast_core::policy::resolve(loaded, "shopper", request, &|_| None)
        }
        Asked::Several(batch) => resolve_batch(loaded, "shopper", &batch, &|_| None),
    };
    let resolved = resolved.unwrap();
    let subject = resolved.subject(SEND, &[]);
    decide(loaded, &subject, book.windows(), &Facts::none(), 0).verdict
}

proptest! {
    #[test]
    fn another_call_never_makes_the_verdict_milder(
        wei in prop::collection::vec(0..4 * ETH, 1..6),
        place in any::<prop::sample::Index>(),
        more in 0..4 * ETH,
    ) {
        let loaded = Policy::parse(&policy(TERMS)).unwrap();
        let before = verdict(&loaded, &wei);
        let mut with = wei.clone();
        with.insert(place.index(wei.len() + 1), more);
        prop_assert!(verdict(&loaded, &with) >= before);
    }
}
