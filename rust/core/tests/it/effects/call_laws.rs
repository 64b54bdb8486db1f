//! Laws of calls inside of calls, over every call of the tables: a wrapper changes no sum, one more
//! call makes nothing milder, and whatever bytes come in, decoding ends and stays in its bounds.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use alloy_primitives::{address, Address, Bytes, U256};
use alloy_sol_types::SolCall;
use holdfast_core::asset::Registry;
use holdfast_core::effects::{decode, Decoded, Denial, EffectKind};
use holdfast_core::request::{Body, Transaction};
use holdfast_core::simulate::Simulator;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::support::calls::{Table, CHAIN, WALLET};
use crate::support::tables;

const MULTICALL: Address = address!("0xcA11bde05977b3631167028862bE2a173976CA11");

alloy_sol_types::sol! {
    struct Item { address target; bool allowFailure; uint256 value; bytes callData; }
    function aggregate3Value(Item[] calls);
}

/// One call of a table with the registry of that table.
struct Known {
    name: String,
    table: usize,
    call: Call,
}

#[derive(Clone, Debug)]
struct Call {
    to: Address,
    value: U256,
    data: Bytes,
}

static TABLES: LazyLock<Vec<Table>> = LazyLock::new(|| {
    let sources = tables("calls");
    sources.values().map(|source| Table::read(source)).collect()
});

static KNOWN: LazyLock<Vec<Known>> = LazyLock::new(|| {
    let mut known = Vec::new();
    for (number, table) in TABLES.iter().enumerate() {
        for case in &table.cases {
            let Transaction {
                to, value, data, ..
            } = table.transaction(case);
            known.push(Known {
                name: case.name.clone(),
                table: number,
                call: Call {
                    to: to.unwrap(),
                    value,
                    data,
                },
            });
        }
    }
    known
});

fn run(call: &Call, registry: &Registry) -> Result<Decoded, Denial> {
    let body = Body::Transaction(Transaction {
        to: Some(call.to),
        value: call.value,
        data: call.data.clone(),
        gas: None,
        max_fee_per_gas: None,
        max_priority_fee_per_gas: None,
        nonce: None,
    });
    decode(&body, CHAIN.at(WALLET), registry)
}

fn wrap(calls: &[&Call]) -> Call {
    let items = calls.iter().map(|call| Item {
        target: call.to,
        allowFailure: false,
        value: call.value,
        callData: call.data.clone(),
    });
    let value = calls
        .iter()
        .fold(U256::ZERO, |sum, call| sum.saturating_add(call.value));
    let data = aggregate3ValueCall {
        calls: items.collect(),
    }
    .abi_encode();
    Call {
        to: MULTICALL,
        value,
        data: data.into(),
    }
}

/// What can leave, by asset, whoever gets it.
fn costs(decoded: &Decoded) -> BTreeMap<Option<Address>, U256> {
    let mut sums = BTreeMap::new();
    for effect in &decoded.effects {
        if EffectKind::COSTLY.contains(&effect.kind) {
            let asset = effect.asset.as_ref().and_then(|asset| asset.address);
            let sum: &mut U256 = sums.entry(asset).or_default();
            *sum = sum.saturating_add(effect.amount);
        }
    }
    sums.retain(|_, sum| !sum.is_zero());
    sums
}

#[test]
fn wrapping_a_call_never_hides_or_lowers_what_it_costs() {
    let mut compared = 0;
    for known in KNOWN.iter() {
        let registry = &TABLES[known.table].registry;
        let (plain, wrapped) = (
            run(&known.call, registry),
            run(&wrap(&[&known.call]), registry),
        );
        let name = &known.name;
        match (plain, wrapped) {
            (Err(plain), Err(wrapped)) => assert!(
                plain.code.as_str() == wrapped.code.as_str() || wrapped.code.as_str() == "nesting",
                "{name}: {plain:?} {wrapped:?}"
            ),
            // Deeper than anything is followed, or something a wrapper must not do.
            (Ok(_), Err(_)) => {}
            // Bytes nobody reads because only the wallet itself can do this are opaque.
            (Err(plain), Ok(wrapped)) => assert!(
                plain.code.as_str() == "dirty_calldata" && wrapped.opaque,
                "{name}: {plain:?} but wrapped {wrapped:?}"
            ),
            (Ok(plain), Ok(wrapped)) => {
                assert!(!plain.opaque || wrapped.opaque, "{name}");
                // What only the wallet itself can do, a wrapper does not: then a person looks.
                let (before, after) = (costs(&plain), costs(&wrapped));
                let less = before
                    .iter()
                    .find(|(asset, sum)| after.get(*asset).is_none_or(|other| other < *sum));
                assert!(
                    less.is_none() || wrapped.opaque,
                    "{name}: {less:?} {plain:#?} {wrapped:#?}"
                );
                compared += 1;
            }
        }
    }
    assert!(compared >= 300, "only {compared}");
}

/// How strict a verdict is.
fn rank(verdict: &str) -> usize {
    let order = ["instant", "notify", "delay", "approval", "deny"];
    order.iter().position(|one| *one == verdict).unwrap()
}

const POLICY: &str = r#"
version = 1
name = "laws"
[[chain]]
id = 1
name = "main"
gas_max = 500_000
fee_per_gas_max = "2 gwei"
priority_fee_per_gas_max = "1 gwei"
[[wallet]]
id = "treasury"
address = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
[[agent]]
id = "shopper"
wallets = ["treasury"]
chain = 1
[[asset]]
id = "eth"
chain = 1
native = true
decimals = 18
symbol = "ETH"
price_usd = "3000"
[[asset]]
id = "usdc"
chain = 1
address = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"
decimals = 6
symbol = "USDC"
price_usd = "1"
[[asset]]
id = "dai"
chain = 1
address = "0x6B175474E89094C44Da98b954EedeAC495271d0F"
decimals = 18
symbol = "DAI"
[[rule]]
id = "small"
effects = ["transfer", "allowance", "swap", "deposit", "order"]
usd_max = "5"
tier = "instant"
[[rule]]
id = "some"
effects = ["transfer", "allowance", "swap", "deposit", "order"]
usd_max = "50"
tier = "notify"
[[rule]]
id = "more"
effects = ["transfer", "allowance", "swap", "deposit", "order"]
usd_above = "50"
tier = "approval"
[[rule]]
id = "back"
effects = ["revoke", "convert"]
tier = "instant"
[[rule]]
id = "look"
effects = ["call"]
to = ["0x1234567890123456789012345678901234567890"]
tier = "approval"
[[limit]]
id = "day"
per = "agent"
measure = "usd"
effects = ["transfer", "allowance", "swap", "deposit", "order"]
max = "200"
window = "24h"
on_exceed = "approval"
[[limit]]
id = "usdc-day"
per = "wallet"
measure = "amount"
assets = ["usdc"]
max = "500"
window = "24h"
on_exceed = "deny"
"#;

fn verdict(simulator: &mut Simulator, call: &Call) -> usize {
    let case = serde_json::json!({
        "id": 1, "agent": "shopper", "at": 1_767_225_600_000u64,
        "request": {"method": "eth_sendTransaction", "params": [{
            "to": call.to, "value": format!("{:#x}", call.value), "data": call.data,
            "gas": "0x5208",
        }]},
    });
    let answer = simulator.decide(&serde_json::to_vec(&case).unwrap());
    let answer: serde_json::Value = serde_json::from_slice(&answer).unwrap();
    rank(answer["verdict"].as_str().unwrap())
}

fn token_call() -> impl Strategy<Value = Call> {
    let usdc = address!("0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48");
    let dai = address!("0x6B175474E89094C44Da98b954EedeAC495271d0F");
    let amount = prop_oneof![Just(0u64), 1u64..10_000_000, 1u64..600_000_000];
    let selector = prop_oneof![
        4 => Just("a9059cbb"),
        3 => Just("095ea7b3"),
        1 => Just("39509351"),
        1 => Just("a457c2d7"),
        1 => Just("42424242"),
    ];
    (
        prop_oneof![4 => Just(usdc), 1 => Just(dai)],
        selector,
        amount,
        0u8..3,
    )
        .prop_map(|(to, selector, amount, party)| {
            let party = format!(
                "{:0>62}{party:02x}",
                "70997970c51812dc3a010c7d01b50e0d17dc79"
            );
            let data = format!("{selector}{party}{amount:064x}");
            let data: Bytes = alloy_primitives::hex::decode(data).unwrap().into();
            Call {
                to,
                value: U256::ZERO,
                data,
            }
        })
}

fn any_call() -> impl Strategy<Value = Call> {
    let coin = (0u64..40_000_000_000_000_000, 0u8..2).prop_map(|(wei, party)| Call {
        to: Address::with_last_byte(party).create(77),
        value: U256::from(wei),
        data: Bytes::new(),
    });
    let listed = any::<Index>().prop_map(|index| KNOWN[index.index(KNOWN.len())].call.clone());
    prop_oneof![4 => token_call(), 2 => coin, 2 => listed]
}

proptest! {
    #[test]
    fn one_more_call_never_makes_the_verdict_milder(
        calls in prop::collection::vec(any_call(), 1..6), more in any_call(), at in any::<Index>(),
    ) {
        let mut simulator = Simulator::new(POLICY, false).unwrap_or_else(|e| panic!("{e}"));
        let fewer: Vec<&Call> = calls.iter().collect();
        let mut batch = fewer.clone();
        batch.insert(at.index(calls.len() + 1), &more);
        let before = verdict(&mut simulator, &wrap(&fewer));
        let after = verdict(&mut simulator, &wrap(&batch));
        prop_assert!(after >= before, "{before} before, {after} with one more");
        let alone = verdict(&mut simulator, &wrap(&[&more]));
        prop_assert!(after >= alone, "{alone} alone, {after} in a batch");
    }

    #[test]
    fn wrapping_token_calls_and_payments_changes_no_sum(
        calls in prop::collection::vec(token_call(), 1..6), depth in 1usize..4,
    ) {
        let registry = &TABLES[0].registry;
        let mut sum: BTreeMap<Option<Address>, U256> = BTreeMap::new();
        for call in &calls {
            let Ok(decoded) = run(call, registry) else { return Ok(()) };
            for (asset, amount) in costs(&decoded) {
                let total = sum.entry(asset).or_default();
                *total = total.saturating_add(amount);
            }
        }
        let refs: Vec<&Call> = calls.iter().collect();
        let mut wrapped = wrap(&refs);
        for _ in 1..depth {
            wrapped = wrap(&[&wrapped]);
        }
        prop_assert_eq!(costs(&run(&wrapped, registry).unwrap()), sum);
    }

    #[test]
    fn bytes_that_were_changed_are_decoded_within_bounds(
        which in any::<Index>(), place in any::<Index>(), byte in any::<u8>(),
        cut in 0usize..80, add in prop::collection::vec(any::<u8>(), 0..80), how in 0u8..4,
    ) {
        let known = &KNOWN[which.index(KNOWN.len())];
        let registry = &TABLES[known.table].registry;
        let mut data = known.call.data.to_vec();
        match how {
            0 if !data.is_empty() => {
                let place = place.index(data.len());
                data[place] = byte;
            }
            1 => data.truncate(data.len().saturating_sub(cut)),
            2 => data.extend_from_slice(&add),
            // A word at a word's place: offsets and lengths.
            _ if data.len() > 36 => {
                let place = 4 + place.index((data.len() - 4) / 32) * 32;
                data[place..place + 32].copy_from_slice(&U256::from(byte).to_be_bytes::<32>());
            }
            _ => {}
        }
        let call = Call { data: data.into(), ..known.call.clone() };
        if let Ok(decoded) = run(&call, registry) {
            prop_assert!(!decoded.effects.is_empty());
            prop_assert!(decoded.effects.len() <= call.data.len() / 16 + 4);
            let shown: usize = decoded.display.iter().map(|f| f.value.len()).sum();
            prop_assert!(shown <= 64 * 1024 + 16 * call.data.len());
            let wrapped = run(&wrap(&[&call]), registry);
            prop_assert!(wrapped.is_err() || wrapped.is_ok_and(|w| !decoded.opaque || w.opaque));
        }
    }
}
