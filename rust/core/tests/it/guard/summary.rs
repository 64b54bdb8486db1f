//! The one line of a request names everything that leaves, and the party with the most of it that
//! the operator does not know, in whatever order the calls come.

use alloy_primitives::{address, hex, Address, Bytes, U256};
use alloy_sol_types::{sol, SolCall};
use serde_json::{json, Value};

use crate::support::{self, id_of, wallet, World, CHAIN, OTHER, USDC, VENDOR};

sol! {
    struct Call { address target; bool allowFailure; uint256 value; bytes callData; }
    function aggregate3Value(Call[] calls);
    function transfer(address to, uint256 amount);
    function approve(address spender, uint256 amount);
}

const EVE: Address = address!("0xeE5e00000000000000000000000000000000BeeF");
const MULTICALL: Address = address!("0xcA11bde05977b3631167028862bE2a173976CA11");
const FINNEY: u128 = 1_000_000_000_000_000;

/// The lists differ from test to test; the coin has a price only if it says so.
fn policy(price: bool, more: &str) -> String {
    let price = if price { "price_usd = \"3000\"" } else { "" };
    let wallet = wallet(0);
    format!(
        r#"version = 1
name = "summary"
[[chain]]
id = {CHAIN}
name = "local"
gas_max = 10_000_000
fee_per_gas_max = "100 gwei"
priority_fee_per_gas_max = "5 gwei"
[[wallet]]
id = "treasury"
address = "{wallet}"
[[agent]]
id = "shopper"
wallets = ["treasury"]
chain = {CHAIN}
requests_per_minute = 6000
waiting_max = 100
[[asset]]
id = "eth"
chain = {CHAIN}
native = true
decimals = 18
symbol = "ETH"
{price}
[[asset]]
id = "usdc"
chain = {CHAIN}
address = "{USDC}"
decimals = 6
symbol = "USDC"
price_usd = "1"
[[list]]
id = "vendors"
[[list.entry]]
address = "{VENDOR}"
label = "Acme"
[[rule]]
id = "all"
effects = ["transfer", "allowance", "revoke", "call", "message", "typed-data", "deploy"]
tier = "approval"
timeout = "10m"
[[rule]]
id = "vendors"
effects = ["transfer"]
to = ["@vendors"]
tier = "approval"
timeout = "10m"
{more}
"#
    )
}

fn world(policy: &str) -> World {
    let mut world = World::without_policy();
    let applied = support::load_signed(&mut world.guard, policy, world.now).unwrap();
    world.records.extend(applied.records);
    world
}

fn vendor() -> Address {
    VENDOR.parse().unwrap()
}

fn send(to: Address, finney: u128) -> Call {
    Call {
        target: to,
        allowFailure: false,
        value: U256::from(finney * FINNEY),
        callData: Bytes::new(),
    }
}

/// What the view says of these calls through Multicall3.
fn summary(world: &mut World, calls: Vec<Call>) -> Value {
    let value: U256 = calls.iter().map(|call| call.value).sum();
    let data = aggregate3ValueCall { calls }.abi_encode();
    let params = json!([{"to": MULTICALL, "value": format!("{value:#x}"), "data": hex::encode_prefixed(data)}]);
    summary_of(world, "eth_sendTransaction", &params)
}

fn summary_of(world: &mut World, method: &str, params: &Value) -> Value {
    let id = id_of(&world.submit("shopper", method, params));
    let alone: Value = serde_json::from_slice(&world.guard.summary(&id).unwrap()).unwrap();
    let view = world.view(&id);
    assert_eq!(view["summary"], alone, "both say the same");
    alone
}

fn call(to: Address, data: Vec<u8>) -> Call {
    Call {
        target: to,
        allowFailure: false,
        value: U256::ZERO,
        callData: data.into(),
    }
}

fn many(order: &[usize]) -> Vec<Call> {
    let mut calls = vec![send(vendor(), 1), send(EVE, 3_000)];
    calls.extend((1..13).map(|number| send(Address::with_last_byte(number).create(1), 1)));
    order.iter().map(|place| calls[*place].clone()).collect()
}

#[test]
fn a_small_first_payment_to_a_vendor_hides_no_large_one_to_a_stranger() {
    for price in [true, false] {
        let mut world = world(&policy(price, ""));
        let forwards: Vec<usize> = (0..14).collect();
        let backwards: Vec<usize> = (0..14).rev().collect();
        for order in [forwards, backwards] {
            let found = summary(&mut world, many(&order));
            assert_eq!(found["total"][0]["amount"], (3_013 * FINNEY).to_string());
            assert_eq!(found["total"][0]["symbol"], "ETH");
            assert_eq!(
                (&found["parties"], &found["unlisted"]),
                (&json!(14), &json!(13))
            );
            let worthiest = &found["worthiest"];
            assert_eq!(worthiest["address"], EVE.to_string());
            assert_eq!(worthiest["listed"], false);
            assert_eq!(worthiest["gets"][0]["amount"], (3_000 * FINNEY).to_string());
            let usd = price.then(|| "9039000000".to_owned());
            assert_eq!(found["usd"], json!(usd));
        }
    }
}

#[test]
fn what_a_contract_nobody_saw_keeps_back_is_counted_once_and_named() {
    let mut world = world(&policy(true, ""));
    let data = aggregate3ValueCall {
        calls: vec![send(EVE, 1)],
    }
    .abi_encode();
    let value = format!("{:#x}", 3_000 * FINNEY);
    let params = json!([{"to": MULTICALL, "value": value, "data": hex::encode_prefixed(data)}]);
    let found = summary_of(&mut world, "eth_sendTransaction", &params);
    assert_eq!(found["total"][0]["amount"], (3_000 * FINNEY).to_string());
    assert_eq!(found["worthiest"]["address"], MULTICALL.to_string());
}

#[test]
fn a_stranger_is_named_before_a_vendor_who_gets_more() {
    let mut world = world(&policy(true, ""));
    let found = summary(&mut world, vec![send(vendor(), 900), send(EVE, 1)]);
    assert_eq!(found["worthiest"]["address"], EVE.to_string());
    let value = format!("{:#x}", 900 * FINNEY);
    let params = json!([{"to": VENDOR, "value": value}]);
    let found = summary_of(&mut world, "eth_sendTransaction", &params);
    assert_eq!(found["usd"], "2700000000");
    assert_eq!(found["worthiest"]["address"], VENDOR);
    assert_eq!(found["worthiest"]["label"], "Acme");
    assert_eq!(
        (&found["worthiest"]["listed"], &found["unlisted"]),
        (&json!(true), &json!(0))
    );
}

#[test]
fn every_party_has_its_label_while_the_policy_that_decided_is_in_force() {
    let source = policy(true, "");
    let mut world = world(&source);
    let calls = vec![send(EVE, 900), send(vendor(), 1)];
    let data = hex::encode_prefixed(aggregate3ValueCall { calls }.abi_encode());
    let value = format!("{:#x}", 901 * FINNEY);
    let params = json!([{"to": MULTICALL, "value": value, "data": data}]);
    let id = id_of(&world.submit("shopper", "eth_sendTransaction", &params));
    let found = &world.view(&id)["summary"];
    assert_eq!(found["worthiest"]["address"], EVE.to_string());
    assert_eq!(found["labels"], json!({VENDOR: "Acme"}));
    let other = source.replace("Acme", "Another");
    support::load_signed(&mut world.guard, &other, world.now).unwrap();
    let later: Value = serde_json::from_slice(&world.guard.summary(&id).unwrap()).unwrap();
    assert_eq!(
        later["labels"],
        json!({}),
        "its reader has the text of the old policy"
    );
}

#[test]
fn what_has_no_price_or_no_limit_or_is_not_understood_is_the_worthiest() {
    let mut world = world(&policy(true, ""));
    let usdc: Address = USDC.parse().unwrap();
    let other: Address = OTHER.parse().unwrap();
    let allow = |amount| {
        approveCall {
            spender: other,
            amount,
        }
        .abi_encode()
    };
    let unknown = Address::repeat_byte(0x77);
    for (last, worthiest) in [
        (call(unknown, vec![1, 2, 3, 4]), unknown),
        (
            call(
                usdc,
                transferCall {
                    to: other,
                    amount: U256::from(1),
                }
                .abi_encode(),
            ),
            EVE,
        ),
    ] {
        let found = summary(&mut world, vec![send(EVE, 900), last]);
        assert_eq!(
            found["worthiest"]["address"],
            worthiest.to_string(),
            "{found}"
        );
    }
    let data = hex::encode_prefixed(allow(U256::MAX));
    let found = summary_of(
        &mut world,
        "eth_sendTransaction",
        &json!([{"to": USDC, "data": data}]),
    );
    assert_eq!(found["worthiest"]["address"], OTHER);
    assert_eq!(found["worthiest"]["kinds"], json!(["allowance"]));
    assert_eq!(
        (&found["total"][0]["unlimited"], &found["usd"]),
        (&json!(true), &Value::Null)
    );
}

#[test]
fn a_forbid_makes_nobody_known_and_an_expired_entry_counts_no_more() {
    let more = format!(
        "[[list]]\nid = \"bad\"\n[[list.entry]]\naddress = \"{EVE}\"\n[[list]]\nid = \"old\"\n[[list.entry]]\naddress = \"{OTHER}\"\nexpires = 2023-01-01T00:00:00Z\n\
         [[forbid]]\nid = \"never\"\neffects = [\"allowance\"]\nto = [\"@bad\"]\n"
    );
    let mut world = world(&policy(true, &more));
    let other: Address = OTHER.parse().unwrap();
    for stranger in [EVE, other] {
        let found = summary(&mut world, vec![send(vendor(), 900), send(stranger, 1)]);
        assert_eq!(found["worthiest"]["address"], stranger.to_string());
    }
}

#[test]
fn what_the_operator_wrote_in_a_rule_or_as_a_contract_is_known() {
    let more = format!(
        "[[rule]]\nid = \"direct\"\neffects = [\"transfer\"]\nto = [\"{OTHER}\"]\ntier = \"approval\"\ntimeout = \"10m\"\n"
    );
    let mut world = world(&policy(true, &more));
    let other: Address = OTHER.parse().unwrap();
    let found = summary(&mut world, vec![send(other, 900), send(EVE, 1)]);
    assert_eq!(found["worthiest"]["address"], EVE.to_string());
    assert_eq!(found["unlisted"], 1);
}

#[test]
fn a_message_and_a_new_contract_have_nobody() {
    let mut world = world(&policy(true, ""));
    let found = summary_of(&mut world, "personal_sign", &json!(["Hello", wallet(0)]));
    assert_eq!(
        (&found["worthiest"], &found["usd"]),
        (&Value::Null, &Value::Null)
    );
    let params = json!([{"data": "0x6001", "value": "0x5"}]);
    let found = summary_of(&mut world, "eth_sendTransaction", &params);
    assert_eq!(found["total"][0]["amount"], "5");
    assert_eq!(
        (&found["worthiest"], &found["parties"]),
        (&Value::Null, &json!(0))
    );
}
