//! A known contract counts only where its code was seen: the verdicts of requests that rely on one,
//! by what is said of its code.

use holdfast_core::chain::ChainId;
use holdfast_core::guard::{Applied, Guard};
use holdfast_core::policy::{Facts, Policy};
use holdfast_core::simulate::Simulator;
use serde_json::{json, Value};

use crate::support::{self, calls, id_of, World, CHAIN, OTHER, T0, TERMS, VENDOR};

const MULTICALL: &str = "0xcA11bde05977b3631167028862bE2a173976CA11";
const MULTICALL_CODE: &str = "0xd5c15df687b16f2ff992fc8d767b4216323184a2bbc6ee2f9c398c318e770891";
const PERMIT2: &str = "0x000000000022D473030F116dDEE9F6B43aC78BA3";
/// Disperse is pinned on this chain, and its code is not known.
const DISPERSE: &str = "0xD152f549545093347A162Dce210e7293f1452150";
const NO_CODE: &str = "0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470";
const SOME: &str = "0x1111111111111111111111111111111111111111111111111111111111111111";
const ELSE: &str = "0x2222222222222222222222222222222222222222222222222222222222222222";
const MINUTE: u64 = 60_000;
const HALF: u128 = 500_000_000_000_000_000;

/// The tests' policy on a chain that has Disperse, with half an ether to the vendor at once.
fn policy(more: &str) -> String {
    let text = support::policy(TERMS).replace(&CHAIN.to_string(), "1");
    format!("{text}{more}")
}

fn code(hash: &str, at: u64) -> Value {
    json!({"hash": hash, "implementation": null, "at": at})
}

fn data(signature: &str, args: &str) -> String {
    let args: toml::Table = format!("args = {args}").parse().unwrap();
    let table = calls::Table::read("case = []");
    alloy_primitives::hex::encode_prefixed(table.call(signature, args["args"].as_array().unwrap()))
}

/// Value to the vendor through Multicall3.
fn through_multicall(to: &str, inner: &str) -> Value {
    let call = "aggregate3Value((address,bool,uint256,bytes)[])";
    let args = format!(r#"[[["{to}", false, "{HALF}", "{inner}"]]]"#);
    json!([{"to": MULTICALL, "value": format!("{HALF:#x}"), "data": data(call, &args)}])
}

fn through_disperse() -> Value {
    let args = format!(r#"[["{VENDOR}"], ["{HALF}"]]"#);
    let call = data("disperseEther(address[],uint256[])", &args);
    json!([{"to": DISPERSE, "value": format!("{HALF:#x}"), "data": call}])
}

/// What `policy decide` says of a transaction with these facts of code.
fn decided(more: &str, params: &Value, code: &Value) -> Value {
    let mut simulator = Simulator::new(&policy(more), false).unwrap();
    let case = json!({"id": 1, "agent": "shopper", "at": T0, "facts": {"code": code},
        "request": {"method": "eth_sendTransaction", "params": params}});
    serde_json::from_slice(&simulator.decide(case.to_string().as_bytes())).unwrap()
}

fn codes(answer: &Value) -> Vec<&str> {
    let reasons = answer["reasons"].as_array().unwrap().iter();
    reasons.map(|one| one["code"].as_str().unwrap()).collect()
}

/// `transfer 500 to 0x…` of every effect.
fn effects(answer: &Value) -> Vec<(&str, &str)> {
    let effects = answer["effects"].as_array().unwrap().iter();
    let told = effects.map(|one| (one["effect"].as_str(), one["to"].as_str()));
    told.map(|(kind, to)| (kind.unwrap(), to.unwrap_or_default()))
        .collect()
}

const CALLS: &str = r#"
[[rule]]
id = "calls"
effects = ["call"]
tier = "instant"
"#;

#[test]
fn a_payment_through_a_contract_that_is_not_there_is_no_payment_to_the_payee() {
    let params = through_multicall(VENDOR, "0x");
    for (why, facts) in [
        ("nobody looked", json!({})),
        ("nothing is there", json!({MULTICALL: code(NO_CODE, T0)})),
        (
            "something else is there",
            json!({MULTICALL: code(SOME, T0)}),
        ),
        (
            "it was seen long ago",
            json!({MULTICALL: code(MULTICALL_CODE, T0 - 61 * MINUTE)}),
        ),
        (
            "it is seen tomorrow",
            json!({MULTICALL: code(MULTICALL_CODE, T0 + 2 * MINUTE)}),
        ),
        (
            "it was seen elsewhere",
            json!({DISPERSE: code(MULTICALL_CODE, T0)}),
        ),
        (
            "it is malformed",
            json!({MULTICALL: {"hash": MULTICALL_CODE}}),
        ),
    ] {
        // Even where every call is granted, a person decides; and what is granted is the contract.
        let answer = decided(CALLS, &params, &facts);
        assert_eq!(answer["verdict"], "approval", "{why}: {answer}");
        assert!(codes(&answer).contains(&"unknown_contract"), "{why}");
        let found = effects(&answer);
        assert!(found.contains(&("transfer", MULTICALL)), "{why}: {found:?}");
        assert!(found.contains(&("call", MULTICALL)), "{why}: {found:?}");
        let answer = decided("", &params, &facts);
        assert_eq!(answer["verdict"], "deny", "{why}: {answer}");
    }
    for seen in [T0 - 59 * MINUTE, T0] {
        let facts = json!({MULTICALL: code(MULTICALL_CODE, seen)});
        let answer = decided("", &params, &facts);
        assert_eq!(answer["verdict"], "instant", "{answer}");
        assert_eq!(effects(&answer), [("transfer", VENDOR)]);
    }
}

#[test]
fn code_that_is_not_known_counts_while_some_is_there() {
    for (hash, verdict) in [(SOME, "instant"), (ELSE, "instant"), (NO_CODE, "approval")] {
        let facts = json!({DISPERSE: code(hash, T0)});
        let answer = decided(CALLS, &through_disperse(), &facts);
        assert_eq!(answer["verdict"], verdict, "{answer}");
    }
    let answer = decided(CALLS, &through_disperse(), &json!({}));
    assert_eq!(answer["verdict"], "approval", "{answer}");
}

#[test]
fn a_contract_of_the_policy_is_not_there_either_until_it_was_seen() {
    let named = format!(
        "{CALLS}[[contract]]\nid = \"sender\"\nchain = 1\naddress = \"{OTHER}\"\nprotocol = \"disperse\"\n"
    );
    let pinned = format!("{named}code_hash = \"{SOME}\"\n");
    let mut params = through_disperse();
    params[0]["to"] = json!(OTHER);
    for (policy, facts, verdict) in [
        (&named, json!({}), "approval"),
        (&named, json!({OTHER: code(SOME, T0)}), "instant"),
        (&named, json!({OTHER: code(NO_CODE, T0)}), "approval"),
        (&pinned, json!({}), "approval"),
        (&pinned, json!({OTHER: code(SOME, T0)}), "instant"),
        (&pinned, json!({OTHER: code(ELSE, T0)}), "approval"),
        (
            &pinned,
            json!({OTHER: code(SOME, T0 - 6 * MINUTE)}),
            "approval",
        ),
    ] {
        let answer = decided(policy, &params, &facts);
        assert_eq!(answer["verdict"], verdict, "{facts}: {answer}");
        let unknown = codes(&answer).contains(&"unknown_contract");
        assert_eq!(unknown, verdict == "approval", "{facts}");
    }
}

#[test]
fn inside_of_a_contract_that_is_there_the_value_goes_to_the_one_that_is_not() {
    let args = format!(r#"[["{VENDOR}"], ["{HALF}"]]"#);
    let inner = data("disperseEther(address[],uint256[])", &args);
    let params = through_multicall(DISPERSE, &inner);
    let both = json!({MULTICALL: code(MULTICALL_CODE, T0), DISPERSE: code(SOME, T0)});
    assert_eq!(decided("", &params, &both)["verdict"], "instant");
    let one = json!({MULTICALL: code(MULTICALL_CODE, T0), DISPERSE: code(NO_CODE, T0)});
    let answer = decided(CALLS, &params, &one);
    assert_eq!(answer["verdict"], "approval", "{answer}");
    assert!(effects(&answer).contains(&("transfer", DISPERSE)));
    assert!(!effects(&answer).contains(&("transfer", MULTICALL)));
}

#[test]
fn what_is_said_of_code_makes_no_denial_milder() {
    let usdc = support::USDC;
    let spender = &MULTICALL[2..];
    let allow = json!([{"to": usdc, "data": format!("0x095ea7b3{spender:0>64}{:064x}", 5)}]);
    let forbid = format!(
        "{CALLS}[[forbid]]\nid = \"never\"\neffects = [\"transfer\"]\nto = [\"{VENDOR}\"]\n"
    );
    let zero = through_multicall("0x0000000000000000000000000000000000000000", "0x");
    for facts in [
        json!({}),
        json!({MULTICALL: code(NO_CODE, T0)}),
        json!({MULTICALL: code(MULTICALL_CODE, T0)}),
    ] {
        let answer = decided(CALLS, &allow, &facts);
        assert_eq!(answer["verdict"], "deny");
        assert_eq!(codes(&answer), ["recipient_forbidden"], "{facts}");
        let answer = decided(&forbid, &through_multicall(VENDOR, "0x"), &facts);
        assert_eq!(answer["verdict"], "deny");
        assert!(codes(&answer).contains(&"forbidden"), "{facts}: {answer}");
        let answer = decided(CALLS, &zero, &facts);
        assert_eq!(codes(&answer), ["recipient_forbidden"], "{facts}");
    }
}

#[test]
fn the_code_of_permit2_is_known_chain_by_chain() {
    let known = |chain: u64| {
        let text = policy("").replace("id = 1\n", &format!("id = {chain}\n"));
        let text = text.replace("chain = 1\n", &format!("chain = {chain}\n"));
        let policy = Policy::parse(&text).unwrap();
        policy.known_code(ChainId::new(chain).at(PERMIT2.parse().unwrap()))
    };
    let here = known(1).unwrap();
    assert_ne!(Some(here), known(10));
    assert_eq!(known(987_654_321), None);
    let document = |chain: u64| {
        json!({"domain": {"name": "Permit2", "chainId": chain, "verifyingContract": PERMIT2},
        "primaryType": "PermitSingle",
        "types": {"EIP712Domain": [{"name": "name", "type": "string"},
            {"name": "chainId", "type": "uint256"},
            {"name": "verifyingContract", "type": "address"}],
            "PermitSingle": [{"name": "details", "type": "PermitDetails"},
            {"name": "spender", "type": "address"}, {"name": "sigDeadline", "type": "uint256"}],
            "PermitDetails": [{"name": "token", "type": "address"},
            {"name": "amount", "type": "uint160"}, {"name": "expiration", "type": "uint48"},
            {"name": "nonce", "type": "uint48"}]},
        "message": {"details": {"token": support::USDC, "amount": "5", "expiration": "1900000000",
            "nonce": "0"}, "spender": VENDOR, "sigDeadline": "1900000000"}})
    };
    let rule = "[[rule]]\nid = \"allow\"\neffects = [\"allowance\"]\ntier = \"instant\"\n";
    let verdict = |hash: &str| {
        let mut simulator = Simulator::new(&policy(rule), false).unwrap();
        let wallet = support::wallet(0).to_string();
        let case = json!({"id": 1, "agent": "shopper", "at": T0,
            "facts": {"code": {PERMIT2: code(hash, T0)}},
            "request": {"method": "eth_signTypedData_v4", "params": [wallet, document(1)]}});
        let answer = simulator.decide(case.to_string().as_bytes());
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        answer["verdict"].as_str().unwrap().to_owned()
    };
    assert_eq!(verdict(&here.to_string()), "instant");
    assert_eq!(verdict(&known(10).unwrap().to_string()), "approval");
    assert_eq!(verdict(NO_CODE), "approval");
}

/// A guardian on a chain with Disperse.
fn world(more: &str) -> World {
    let mut world = World::without_policy();
    let loaded = support::load_signed(&mut world.guard, &policy(more), world.now).unwrap();
    world.records.extend(loaded.records);
    world
}

fn submit(world: &mut World, params: &Value) -> Applied {
    let (params, method) = (params.to_string(), "eth_sendTransaction");
    let result = world.guard.submit(
        "shopper",
        method,
        params.as_bytes(),
        &Facts::none(),
        world.now,
    );
    world.keep(result).unwrap()
}

fn see(world: &mut World, code: &Value) {
    let facts = support::facts(&json!({"code": code}));
    world.guard.see_code(ChainId::ETHEREUM, &facts);
}

fn authorise(world: &mut World, id: &str, code: &Value) -> Applied {
    let facts = support::order_facts(&json!({"gas": 60000, "max_fee_per_gas": "2",
        "max_priority_fee_per_gas": "1", "chain_nonce": 0, "code": code}));
    let result = world.guard.authorise(id, &facts, world.now);
    world.keep(result).unwrap()
}

#[test]
fn what_was_seen_before_a_call_counts_for_it_and_is_on_its_record() {
    let mut world = world("");
    assert_eq!(submit(&mut world, &through_disperse()).status, "denied");
    let now = world.now;
    see(
        &mut world,
        &json!({DISPERSE: code(SOME, now), OTHER: code(ELSE, now)}),
    );
    let paid = submit(&mut world, &through_disperse());
    assert_eq!(paid.status, "go");
    let view = world.view(&id_of(&paid));
    assert_eq!(view["facts"], json!({"code": {DISPERSE: code(SOME, now)}}));
    let replayed = Guard::replay(&world.records).unwrap();
    assert_eq!(replayed.state_digest(), world.guard.state_digest());
    // What was seen is no part of the state: a guardian that starts again looks again.
    let nothing = Facts::none();
    let told = replayed.check("shopper", "eth_sendTransaction", b"[]", &nothing, now);
    assert!(!told.is_empty());
}

#[test]
fn the_first_code_is_remembered_and_other_code_is_another_contract() {
    let mut world = world(CALLS);
    let now = world.now;
    see(&mut world, &json!({DISPERSE: code(SOME, now)}));
    assert_eq!(submit(&mut world, &through_disperse()).status, "go");
    let believed: Value = serde_json::from_slice(&world.guard.code_believed()).unwrap();
    let all = believed.as_array().unwrap();
    let one = all.iter().find(|one| one["address"] == DISPERSE).unwrap();
    assert_eq!(one["first"], json!({"hash": SOME, "implementation": null}));
    assert_eq!(one["hash"], Value::Null);
    see(&mut world, &json!({DISPERSE: code(ELSE, now)}));
    assert_eq!(submit(&mut world, &through_disperse()).status, "waiting");
    // It is remembered across a restart, and a request that waits for a person teaches nothing.
    let mut again = Guard::replay(&world.records).unwrap();
    let facts = support::facts(&json!({"code": {DISPERSE: code(ELSE, now)}}));
    let params = through_disperse().to_string();
    let method = "eth_sendTransaction";
    let told = again.check("trader", method, params.as_bytes(), &facts, now);
    let told: Value = serde_json::from_slice(&told).unwrap();
    assert_ne!(told["verdict"], "instant", "{told}");
    let restored = Guard::restore(&again.snapshot()).unwrap();
    assert_eq!(restored.state_digest(), again.state_digest());
    again.see_code(ChainId::ETHEREUM, &facts);
    assert_eq!(restored.state_digest(), again.state_digest());
}

#[test]
fn the_order_is_decided_by_the_code_of_its_moment() {
    for (later, status) in [(SOME, "authorised"), (ELSE, "denied"), (NO_CODE, "denied")] {
        let mut world = world("");
        let now = world.now;
        see(&mut world, &json!({DISPERSE: code(SOME, now)}));
        let id = id_of(&submit(&mut world, &through_disperse()));
        let done = authorise(&mut world, &id, &json!({DISPERSE: code(later, now + 1)}));
        assert_eq!(done.status, status, "{later}");
    }
}

#[test]
fn an_approval_of_an_unknown_contract_holds_when_the_contract_is_seen_later() {
    let mut world = world(CALLS);
    let now = world.now;
    let id = id_of(&submit(&mut world, &through_disperse()));
    world.approve(0, &id).unwrap();
    let done = authorise(&mut world, &id, &json!({DISPERSE: code(SOME, now)}));
    assert_eq!(done.status, "authorised");
}
