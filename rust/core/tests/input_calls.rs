//! The tables of calls, one a protocol: what each call does to the wallet in the worst case. Call
//! data is encoded from signatures and arguments by another path than the decoders take.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::arithmetic_side_effects,
    missing_docs
)]

#[path = "support/calls.rs"]
mod calls;

use calls::{Case, Table};

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
        (Err(denial), Some(code)) if denial.code == code => return None,
        (Ok(found), None) => {
            let effects: Vec<String> = found.effects.iter().map(|e| table.written(e)).collect();
            let warnings: Vec<&str> = found.warnings.iter().map(|w| w.code).collect();
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
    run(include_str!("data/calls/erc20.toml"), 20);
}

#[test]
fn single_and_multiple_tokens() {
    run(include_str!("data/calls/nft.toml"), 15);
}

#[test]
fn wrapped_coins() {
    run(include_str!("data/calls/weth.toml"), 6);
}

#[test]
fn calls_through_multicall_count_as_if_the_wallet_made_them() {
    run(include_str!("data/calls/multicall.toml"), 12);
}

#[test]
fn calls_that_change_who_is_in_charge() {
    run(include_str!("data/calls/control.toml"), 5);
}

#[test]
fn plans_of_the_universal_router() {
    run(include_str!("data/calls/universal_router.toml"), 90);
}

#[test]
fn swaps_and_liquidity_of_uniswap_v2() {
    run(include_str!("data/calls/uniswap_v2.toml"), 25);
}

#[test]
fn swaps_of_uniswap_v3_and_what_its_routers_hold() {
    run(include_str!("data/calls/uniswap_v3.toml"), 50);
}

#[test]
fn swaps_of_1inch() {
    run(include_str!("data/calls/oneinch.toml"), 45);
}

#[test]
fn swaps_of_0x() {
    run(include_str!("data/calls/zeroex.toml"), 15);
}
