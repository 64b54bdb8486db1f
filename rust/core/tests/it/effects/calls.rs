//! The tables of calls, one a protocol: what each call does to the wallet in the worst case. Call
//! data is encoded from signatures and arguments by another path than the decoders take.

use crate::support::calls::{self, Case, Table};
use crate::support::tables;

#[test]
fn every_call_of_the_tables_does_what_is_written() {
    let mut wrong = Vec::new();
    for (name, source) in tables("calls") {
        let table = Table::read(&source);
        let count = table.cases.len();
        assert!(table.least > 0, "{name} does not say `least`");
        assert!(count >= table.least, "{name} has only {count} cases");
        let faults = table.cases.iter().filter_map(|case| fault(&table, case));
        wrong.extend(faults.map(|fault| format!("{name}: {fault}")));
    }
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
fn addresses_in_code_carry_their_checksum() {
    let sources = [
        include_str!("../../../src/effects/bridges/op.rs"),
        include_str!("../../../src/effects/lending/staking.rs"),
        include_str!("../../../src/decode/well_known_tokens.rs"),
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
    assert!(checked > 10, "only {checked}");
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
    let denial = decode(&body, calls::CHAIN.at(calls::WALLET), &registry).unwrap_err();
    assert_eq!(denial.code.as_str(), "dirty_calldata");
    assert_eq!(
        denial.text,
        "parts of the call data stand for several things"
    );
}
