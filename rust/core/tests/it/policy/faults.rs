//! Every fault of a policy file is found, in one go, at its line and column, with what to write
//! instead.

use std::collections::BTreeSet;

use alloy_primitives::Address;
use holdfast_core::code::{Class, Closed as _, PolicyCode};
use holdfast_core::policy::{check, Policy, FAULTS_MAX};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    #[serde(default)]
    whole: Option<String>,
    #[serde(default)]
    add: Option<String>,
    faults: Vec<String>,
}

const BASE: &str = r#"version = 1
name = "base"
[[chain]]
id = 1
name = "one"
gas_max = 500_000
fee_per_gas_max = "100 gwei"
priority_fee_per_gas_max = "5 gwei"
[[wallet]]
id = "main"
address = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
[[agent]]
id = "bot"
wallets = ["main"]
chain = 1
[[asset]]
id = "eth"
chain = 1
native = true
decimals = 18
symbol = "ETH"
[[asset]]
id = "usdc"
chain = 1
address = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
decimals = 6
symbol = "USDC"
[[list]]
id = "vendors"
"#;

#[test]
fn every_fault_has_its_place_and_its_code() {
    let table: Table = toml::from_str(include_str!("../../data/policy_faults.toml")).unwrap();
    let mut wrong = String::new();
    for case in &table.case {
        let add = case.add.as_deref().unwrap_or_default();
        let (source, lines) = match &case.whole {
            Some(whole) => (whole.clone(), 0),
            None => (format!("{BASE}{add}"), BASE.lines().count()),
        };
        let errors = Policy::parse(&source).expect_err(&case.name);
        let found: Vec<String> = errors
            .faults()
            .iter()
            .map(|fault| {
                format!(
                    "{}:{} {}",
                    fault.line - lines,
                    fault.column,
                    fault.code.as_str()
                )
            })
            .collect();
        if found != case.faults {
            wrong.push_str(&format!(
                "{}:\n  expected {:?}\n  found    {found:?}\n",
                case.name, case.faults
            ));
            wrong.push_str(&format!("{errors}\n"));
        }
        for fault in errors.faults() {
            assert!(
                !fault.text.is_empty() && !fault.hint.is_empty(),
                "{fault:?}"
            );
            assert!(
                !fault.text.ends_with('.') && !fault.text.contains('\n'),
                "{fault:?}"
            );
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn the_base_itself_is_valid() {
    Policy::parse(BASE).unwrap();
}

#[test]
fn every_fault_code_is_given_by_a_case() {
    let table: Table = toml::from_str(include_str!("../../data/policy_faults.toml")).unwrap();
    let faults = table.case.iter().flat_map(|case| &case.faults);
    let given: BTreeSet<&str> = faults
        .filter_map(|line| line.split(' ').next_back())
        .collect();
    // Only where a guardian is known: `a_wallet_without_a_key_is_a_fault_where_it_is_written`.
    // The service alone knows how long the path of a socket is: tests/perimeter/test_users.py.
    let elsewhere = [PolicyCode::WalletUnknown, PolicyCode::SocketPath];
    for code in PolicyCode::ALL
        .iter()
        .filter(|code| code.class() == Class::Error && !elsewhere.contains(code))
    {
        assert!(given.contains(code.as_str()), "no case gives {code}");
    }
}

#[test]
fn a_hostile_file_gives_a_bounded_list_of_faults() {
    let source = format!("{BASE}{}", "[[rule]]\n".repeat(1000));
    let errors = Policy::parse(&source).unwrap_err();
    assert_eq!(errors.faults().len(), FAULTS_MAX);
}

#[test]
fn no_text_whatever_stops_the_parser() {
    for source in [
        "a = ".to_owned() + &"[".repeat(100_000),
        "a = ".to_owned() + &"{a=".repeat(100_000),
        "[[a.".to_owned() + &"a.".repeat(50_000) + "a]]",
        "\u{0}".to_owned(),
        "\u{feff}version = 1".to_owned(),
        "version = 1e400".to_owned(),
        format!("version = {}", "9".repeat(5_000)),
    ] {
        assert!(Policy::parse(&source).is_err());
    }
}

/// What is written at a place of a valid policy, and the hint it must get.
const HINTS: [(&str, &str); 23] = [
    ("price_usd = \"$1\"", "write \"1\""),
    ("price_usd = \"1.5 USD\"", "write \"1.5\""),
    ("price_usd = \"1_000\"", "write \"1000\""),
    ("price_usd = \".5\"", "write \"0.5\""),
    ("price_usd = \"007\"", "write \"7\""),
    ("price_usd = 1.02", "write \"1.02\", in quotes"),
    (
        "price_usd = \"1,000\"",
        "write digits with at most one point, without sign, separator, unit or exponent",
    ),
    (
        "price_usd = \"-1\"",
        "write digits with at most one point, without sign, separator, unit or exponent",
    ),
    ("price_usd = true", "write text in quotes"),
    ("gas_max = \"21_000\"", "write 21000, without quotes"),
    (
        "gas_max = \"much\"",
        "write a whole number from 21000 to 10000000000, without quotes",
    ),
    (
        "gas_max = 21000.5",
        "write a whole number from 21000 to 10000000000, without quotes",
    ),
    (
        "fee_per_gas_max = 3",
        "write a number, a space and its unit in quotes: wei, gwei or ether",
    ),
    (
        "fee_per_gas_max = \"3\"",
        "write a number, a space and its unit in quotes: wei, gwei or ether",
    ),
    ("fee_per_gas_max = \"3gwei\"", "write \"3 gwei\""),
    (
        "return_min_percent = \"99.5\"",
        "write 99.5, without quotes",
    ),
    (
        "return_min_percent = 99.555",
        "write 1 to 100, with at most two decimal places and without quotes",
    ),
    ("usd_max = 10", "write \"10\", in quotes"),
    ("usd_max = \"10.1234567\"", "write fewer decimal places"),
    ("effects = \"swap\"", "write [\"swap\"]"),
    (
        "tier = 3",
        "write one of instant, notify, delay, approval, in quotes",
    ),
    (
        "tier = \"at-once\"",
        "write one of instant, notify, delay, approval, in quotes",
    ),
    ("max = 200", "write \"200\", in quotes"),
];
const HINTED: &str = r#"[[rule]]
id = "r"
effects = ["swap"]
usd_max = "5"
return_min_percent = 95
tier = "instant"
[[limit]]
id = "l"
per = "agent"
measure = "usd"
max = "7"
window = "1h"
on_exceed = "deny"
"#;

/// `text` with the line of the same key replaced.
fn with(text: &str, written: &str) -> String {
    let key = written.split(" = ").next().unwrap();
    let line = format!("\n{key} = ");
    let at = text.find(&line).unwrap();
    let rest = &text[at + 1..];
    let after = &rest[rest.find('\n').unwrap()..];
    format!("{}\n{written}{after}", &text[..at])
}

#[test]
fn a_hint_is_made_from_what_was_written_and_opens_no_door() {
    let base = BASE.replace("symbol = \"ETH\"", "symbol = \"ETH\"\nprice_usd = \"3\"");
    let source = format!("{base}{HINTED}");
    Policy::parse(&source).unwrap();
    for (written, hint) in HINTS {
        let errors = Policy::parse(&with(&source, written)).expect_err(written);
        let found: Vec<&str> = errors
            .faults()
            .iter()
            .map(|one| one.hint.as_str())
            .collect();
        assert_eq!(found, [hint], "{written}: {errors}");
    }
}

#[test]
fn what_is_missing_gets_no_value_that_grants_anything() {
    let source = format!("{BASE}{HINTED}");
    for (key, kept) in [
        ("gas_max", "500_000"),
        ("fee_per_gas_max", "100"),
        ("max", "200"),
    ] {
        let gone = with(&source, &format!("{key} = 0")).replace(&format!("\n{key} = 0"), "");
        let errors = Policy::parse(&gone).expect_err(key);
        for fault in errors.faults() {
            assert!(!fault.hint.contains(kept), "{fault}");
            assert!(fault.hint.contains('…'), "{fault}");
        }
    }
}

#[test]
fn a_wallet_without_a_key_is_a_fault_where_it_is_written() {
    let key = |text: &str| text.parse::<Address>().unwrap();
    let main = key("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
    let other = key("0x70997970C51812dc3A010C7d01b50e0d17dc79C8");
    check(BASE, None, Some(&[other, main])).unwrap();
    let errors = check(BASE, None, Some(&[other])).unwrap_err();
    let fault = &errors.faults()[0];
    assert_eq!((fault.line, fault.code), (9, PolicyCode::WalletUnknown));
    assert!(fault.text.contains(&main.to_string()), "{fault}");
    assert!(fault.hint.contains(&other.to_string()), "{fault}");
}

#[test]
fn hints_name_the_word_that_was_meant() {
    let add =
        "[[rule]]\nid = \"r\"\neffects = [\"transfer\"]\ntier = \"instant\"\namount_mx = \"1\"\n";
    let errors = Policy::parse(&format!("{BASE}{add}")).unwrap_err();
    assert_eq!(errors.faults()[0].hint, "did you mean `amount_max`?");
}
