//! Every fault of a policy file is found, in one go, at its line and column, with what to write
//! instead.

use std::collections::BTreeSet;

use holdfast_core::code::{Class, Closed as _, PolicyCode};
use holdfast_core::policy::{Policy, FAULTS_MAX};
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
    for code in PolicyCode::ALL
        .iter()
        .filter(|code| code.class() == Class::Error)
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

#[test]
fn hints_name_the_word_that_was_meant() {
    let add =
        "[[rule]]\nid = \"r\"\neffects = [\"transfer\"]\ntier = \"instant\"\namount_mx = \"1\"\n";
    let errors = Policy::parse(&format!("{BASE}{add}")).unwrap_err();
    assert_eq!(errors.faults()[0].hint, "did you mean `amount_max`?");
}
