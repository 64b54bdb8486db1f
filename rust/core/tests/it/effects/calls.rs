//! The tables of calls, one a protocol: what each call does to the wallet in the worst case. Call
//! data is encoded from signatures and arguments by another path than the decoders take.

use crate::support::calls::{self, Case, Table};

fn run(source: &str, least: usize) {
    let table = Table::read(source);
    assert!(table.cases.len() >= least, "only {}", table.cases.len());
    let wrong: Vec<String> = table
        .cases
        .iter()
        .filter_map(|case| fault(&table, case))
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

fn fault(table: &Table, case: &Case) -> Option<String> {
    let found = table.decode(case);
    let told = match (&found, &case.denied) {
        (Err(denial), Some(code)) if denial.code.as_str() == code => return None,
        (Ok(found), None) => {
            assert!(Table::unexplained(found).is_empty(), "{}", case.name);
            let effects: Vec<String> = found.effects.iter().map(|e| table.written(e)).collect();
            let warnings: Vec<&str> = found.warnings.iter().map(|w| w.code.as_str()).collect();
            let shown = |line: &String| {
                found
                    .display
                    .iter()
                    .any(|f| format!("{}: {}", f.label, f.value) == *line)
            };
            let missing: Vec<&String> = case.shows.iter().filter(|line| !shown(line)).collect();
            if effects == case.effects
                && warnings == case.warnings
                && found.opaque == case.opaque
                && missing.is_empty()
            {
                return None;
            }
            let lines: Vec<String> = found
                .display
                .iter()
                .map(|f| format!("{}: {}", f.label, f.value))
                .collect();
            format!(
                "effects = {effects:?}\n  warnings = {warnings:?}\n  opaque = {}\n  not shown {missing:?} of {lines:#?}",
                found.opaque
            )
        }
        _ => format!("{found:?}"),
    };
    Some(format!("{}:\n  {told}", case.name))
}

#[test]
fn fungible_tokens_hooks_and_permits() {
    run(include_str!("../../data/calls/erc20.toml"), 20);
}

#[test]
fn single_and_multiple_tokens() {
    run(include_str!("../../data/calls/nft.toml"), 15);
}

#[test]
fn wrapped_coins() {
    run(include_str!("../../data/calls/weth.toml"), 6);
}

#[test]
fn permit2_with_signatures_sent_along() {
    run(include_str!("../../data/calls/permit2.toml"), 25);
}

#[test]
fn safes_are_followed_and_never_run_foreign_code() {
    run(include_str!("../../data/calls/safe.toml"), 25);
}

#[test]
fn smart_accounts_and_their_entry_point() {
    run(include_str!("../../data/calls/account.toml"), 40);
}

#[test]
fn payments_to_many_at_once() {
    run(include_str!("../../data/calls/disperse.toml"), 15);
}

#[test]
fn vaults() {
    run(include_str!("../../data/calls/erc4626.toml"), 20);
}

#[test]
fn lending_pools_and_markets() {
    run(include_str!("../../data/calls/lending.toml"), 60);
}

#[test]
fn bridges_keep_value_only_for_a_known_recipient() {
    run(include_str!("../../data/calls/bridges.toml"), 60);
}

#[test]
fn staking() {
    run(include_str!("../../data/calls/staking.toml"), 20);
}

#[test]
fn pinned_addresses_carry_their_checksum() {
    let sources = [
        include_str!("../../../src/protocol/pinned.rs"),
        include_str!("../../../src/protocol/routers.rs"),
        include_str!("../../../src/effects/calls/bridge_op.rs"),
        include_str!("../../../src/effects/calls/staking.rs"),
    ];
    let mut checked = 0;
    for source in sources {
        for part in source.split("address!(\"").skip(1) {
            let written = part.split('"').next().unwrap();
            let parsed = alloy_primitives::Address::parse_checksummed(written, None);
            assert!(parsed.is_ok(), "{written}");
            checked += 1;
        }
    }
    assert!(checked > 50, "only {checked}");
}

#[test]
fn calls_through_multicall_count_as_if_the_wallet_made_them() {
    run(include_str!("../../data/calls/multicall.toml"), 12);
}

#[test]
fn calls_that_change_who_is_in_charge() {
    run(include_str!("../../data/calls/control.toml"), 5);
}

#[test]
fn fills_and_orders_of_seaport() {
    run(include_str!("../../data/calls/seaport.toml"), 25);
}

#[test]
fn orders_taken_back_from_cow() {
    run(include_str!("../../data/calls/cow.toml"), 8);
}

#[test]
fn plans_of_the_universal_router() {
    run(include_str!("../../data/calls/universal_router.toml"), 90);
}

#[test]
fn swaps_and_liquidity_of_uniswap_v2() {
    run(include_str!("../../data/calls/uniswap_v2.toml"), 25);
}

#[test]
fn positions_of_uniswap_v3() {
    run(
        include_str!("../../data/calls/uniswap_v3_positions.toml"),
        18,
    );
}

#[test]
fn swaps_of_paraswap() {
    run(include_str!("../../data/calls/paraswap.toml"), 16);
}

#[test]
fn swaps_of_uniswap_v3_and_what_its_routers_hold() {
    run(include_str!("../../data/calls/uniswap_v3.toml"), 50);
}

/// A thousand calls that are all the same bytes are a small request and a large decode: refused
/// before any of it is copied.
#[test]
fn offsets_that_alias_are_refused_at_once() {
    use alloy_primitives::{address, keccak256, U256};
    use holdfast_core::effects::decode;
    use holdfast_core::request::{Body, Transaction};

    let count = 1_000;
    let word = |number: usize| U256::from(number).to_be_bytes::<32>();
    let mut data = keccak256("aggregate((address,bytes)[])")[..4].to_vec();
    data.extend(word(32));
    data.extend(word(count));
    data.extend(std::iter::repeat_n(word(count * 32), count).flatten());
    data.extend(word(0x1111));
    data.extend(word(64));
    data.extend(word(count * 32));
    data.extend(vec![0; count * 32]);
    let body = Body::Transaction(Transaction {
        to: Some(address!("0xcA11bde05977b3631167028862bE2a173976CA11")),
        value: U256::ZERO,
        data: data.into(),
        gas: None,
        max_fee_per_gas: None,
        max_priority_fee_per_gas: None,
        nonce: None,
    });
    let registry = holdfast_core::asset::Registry::new();
    let denial = decode(&body, calls::WALLET, calls::CHAIN, &registry).unwrap_err();
    assert_eq!(denial.code.as_str(), "dirty_calldata");
    assert_eq!(
        denial.text,
        "parts of the call data stand for several things"
    );
}

#[test]
fn swaps_of_1inch() {
    run(include_str!("../../data/calls/oneinch.toml"), 45);
}

#[test]
fn swaps_of_0x() {
    run(include_str!("../../data/calls/zeroex.toml"), 15);
}
