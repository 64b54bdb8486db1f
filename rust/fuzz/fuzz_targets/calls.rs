//! Call data for every protocol: decoding ends, says something, and a wrapper lowers no sum that is understood in it.
//! The first byte picks the contract, the second whether value is sent along.
#![no_main]

use std::collections::BTreeMap;
use std::sync::LazyLock;

use alloy_primitives::{address, Address, Bytes, U256};
use alloy_sol_types::SolCall;
use holdfast_core::asset::Registry;
use holdfast_core::effects::{decode, Decoded, Denial, EffectKind};
use holdfast_core::request::{Body, Transaction};
use libfuzzer_sys::fuzz_target;

#[path = "../../core/tests/it/support/known_contracts.rs"]
mod known_contracts;

const MULTICALL: Address = address!("0xcA11bde05977b3631167028862bE2a173976CA11");

alloy_sol_types::sol! {
    struct Item { address target; bool allowFailure; uint256 value; bytes callData; }
    function aggregate3Value(Item[] calls);
}

static REGISTRY: LazyLock<Registry> = LazyLock::new(known_contracts::registry);
static PLACES: LazyLock<Vec<Address>> = LazyLock::new(known_contracts::places);

fn run(to: Address, value: U256, data: Bytes) -> Result<Decoded, Denial> {
    let transaction = Transaction {
        to: Some(to),
        value,
        data,
        gas: None,
        max_fee_per_gas: None,
        max_priority_fee_per_gas: None,
        nonce: None,
    };
    decode(
        &Body::Transaction(transaction),
        known_contracts::CHAIN.at(known_contracts::WALLET),
        &REGISTRY,
    )
}

fn costs(decoded: &Decoded) -> BTreeMap<Option<Address>, U256> {
    let mut sums = BTreeMap::new();
    for effect in &decoded.effects {
        if EffectKind::COSTLY.contains(&effect.kind) {
            let asset = effect.asset.as_ref().and_then(|asset| asset.address);
            let sum: &mut U256 = sums.entry(asset).or_default();
            *sum = sum.saturating_add(effect.amount);
        }
    }
    sums
}

fuzz_target!(|data: &[u8]| {
    let [place, value, data @ ..] = data else {
        return;
    };
    let to = PLACES[usize::from(*place) % PLACES.len()];
    let value = U256::from(*value);
    let data = Bytes::copy_from_slice(data);
    let Ok(plain) = run(to, value, data.clone()) else {
        return;
    };
    assert!(!plain.effects.is_empty() && !plain.display.is_empty());
    let item = Item {
        target: to,
        allowFailure: false,
        value,
        callData: data,
    };
    let wrapped = aggregate3ValueCall { calls: vec![item] }.abi_encode();
    if let Ok(wrapped) = run(MULTICALL, value, wrapped.into()) {
        assert!(!plain.opaque || wrapped.opaque);
        let after = costs(&wrapped);
        for (asset, sum) in costs(&plain) {
            // With another caller a protocol's call may not be understood: then a person looks.
            let counted = after.get(&asset).is_some_and(|other| *other >= sum);
            assert!(wrapped.opaque || sum.is_zero() || counted);
        }
    }
});
