//! What `policy check` warns of, and that it warns of nothing else.

use std::collections::BTreeSet;

use holdfast_core::code::{Class, Closed as _, PolicyCode};
use holdfast_core::policy::{check, Policy};
use serde::Deserialize;

const PAGE: &str = include_str!("../../../../../docs/policy.md");
/// 2026-06-01T00:00:00Z
const NOW: u64 = 1_780_272_000_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    add: String,
    warnings: Vec<String>,
}

fn table() -> Vec<Case> {
    toml::from_str::<Table>(include_str!("../../data/policy_lint.toml"))
        .unwrap()
        .case
}

#[test]
fn every_warning_is_given_at_its_place() {
    let (_, rest) = PAGE.split_once("```toml policy\n").unwrap();
    let first = rest.split("```").next().unwrap();
    let lines = i64::try_from(first.lines().count()).unwrap();
    let mut wrong = String::new();
    for case in table() {
        let source = format!("{first}{}", case.add);
        let summary = check(&source, Some(NOW), None)
            .unwrap_or_else(|errors| panic!("{}\n{errors}", case.name));
        let found: Vec<String> = summary
            .lint
            .iter()
            .map(|fault| {
                format!(
                    "{} {}",
                    i64::try_from(fault.line).unwrap() - lines,
                    fault.code.as_str()
                )
            })
            .collect();
        if found != case.warnings {
            wrong.push_str(&format!(
                "{}:\n  expected {:?}\n  found    {found:?}\n",
                case.name, case.warnings
            ));
            summary
                .lint
                .iter()
                .for_each(|fault| wrong.push_str(&format!("    {fault}\n")));
        }
        assert!(summary
            .lint
            .iter()
            .all(|fault| !fault.text.is_empty() && !fault.hint.is_empty()));
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn every_lint_code_is_given_by_a_case() {
    let table = table();
    let warnings = table.iter().flat_map(|case| &case.warnings);
    let given: BTreeSet<&str> = warnings.filter_map(|line| line.split(' ').nth(1)).collect();
    for code in PolicyCode::ALL
        .iter()
        .filter(|code| code.class() == Class::Lint)
    {
        assert!(given.contains(code.as_str()), "no case gives {code}");
    }
}

#[test]
fn a_lint_refuses_nothing() {
    for case in table().iter().filter(|case| !case.warnings.is_empty()) {
        let (_, rest) = PAGE.split_once("```toml policy\n").unwrap();
        let first = rest.split("```").next().unwrap();
        Policy::parse(&format!("{first}{}", case.add)).unwrap();
    }
}
