//! A policy that is said to be at least as strict is: no verdict is looser under it, whatever is
//! asked. Everything that could be looser says so.

use std::collections::BTreeMap;

use holdfast_core::policy::strictness::{changes, first_looser, Change};
use holdfast_core::policy::{decide, Facts, Policy, Verdict};
use holdfast_core::window::{Book, Windows};
use proptest::prelude::*;

use crate::laws::world::{
    self, asks, facts, parse, tables, Ask, Does, Table, EXPIRES_MS, HEAD, LISTS,
};

/// One change of a policy; `usize`s pick a table.
#[derive(Clone, Debug)]
pub(super) enum Edit {
    Remove(usize),
    Max(usize, u64),
    Usd(usize, u64),
    Tier(usize, usize),
    Above(usize),
    Kinds(usize),
    /// Names one less in its condition of this number, or one at all.
    Scope(usize, usize),
    Add(Box<Table>),
}

pub(super) fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        4 => any::<usize>().prop_map(Edit::Remove),
        4 => (any::<usize>(), 1u64..50).prop_map(|(at, max)| Edit::Max(at, max)),
        3 => (any::<usize>(), 1u64..50).prop_map(|(at, max)| Edit::Usd(at, max)),
        1 => (any::<usize>(), 0usize..5).prop_map(|(at, tier)| Edit::Tier(at, tier)),
        1 => any::<usize>().prop_map(Edit::Above),
        1 => any::<usize>().prop_map(Edit::Kinds),
        4 => (any::<usize>(), 0usize..8).prop_map(|(at, which)| Edit::Scope(at, which)),
        3 => tables(1..2).prop_map(|mut tables| {
            let mut table = tables.remove(0);
            table.id = "more".to_owned();
            Edit::Add(Box::new(table))
        }),
    ]
}

/// Whether a range is not empty.
fn is_range((max, above): (Option<u64>, Option<u64>)) -> bool {
    max.zip(above).is_none_or(|(max, above)| max > above)
}

pub(super) fn edited(mut tables: Vec<Table>, edits: &[Edit]) -> Vec<Table> {
    for edit in edits {
        let count = tables.len().max(1);
        match edit {
            Edit::Add(table) => {
                tables.retain(|other| other.id != "more");
                tables.push((**table).clone());
            }
            _ if tables.is_empty() => {}
            Edit::Remove(at) => drop(tables.remove(at % count)),
            Edit::Max(at, max) => {
                let table = &mut tables[at % count];
                match &mut table.does {
                    Does::Limit(_, _, of, _) => *of = *max,
                    _ => {
                        let new = (Some(*max), table.scope.amount.1);
                        let one = table
                            .scope
                            .assets
                            .as_ref()
                            .is_some_and(|all| all.len() == 1);
                        if one && is_range(new) && measured(table) {
                            table.scope.amount = new;
                        }
                    }
                }
            }
            Edit::Usd(at, max) => {
                let table = &mut tables[at % count];
                let new = (Some(*max), table.scope.usd.1);
                if !matches!(table.does, Does::Limit(..)) && is_range(new) && measured(table) {
                    table.scope.usd = new;
                }
            }
            Edit::Tier(at, tier) => {
                let table = &mut tables[at % count];
                if let Does::Grant(of) = &mut table.does {
                    *of = *tier;
                }
            }
            Edit::Above(at) => {
                let table = &mut tables[at % count];
                table.scope.amount.1 = None;
                table.scope.usd.1 = None;
            }
            Edit::Scope(at, which) => {
                let scope = &mut tables[at % count].scope;
                match which {
                    0 => fewer(&mut scope.agents),
                    1 => fewer(&mut scope.wallets),
                    2 => fewer(&mut scope.methods),
                    3 if scope.amount == (None, None) => fewer(&mut scope.assets),
                    4 => fewer_targets(&mut scope.to),
                    5 => fewer_targets(&mut scope.not_to),
                    6 => fewer(&mut scope.functions.0),
                    _ => fewer(&mut scope.functions.1),
                }
            }
            Edit::Kinds(at) => {
                let table = &mut tables[at % count];
                table.scope.kinds.truncate(1);
            }
        }
    }
    tables
}

/// One less of what is named; where all are meant, only the first.
fn fewer(named: &mut Option<Vec<usize>>) {
    match named {
        Some(all) if all.len() > 1 => {
            all.pop();
        }
        Some(_) => {}
        None => *named = Some(vec![0]),
    }
}

/// The same of lists and addresses.
fn fewer_targets(named: &mut Option<(Vec<usize>, Vec<usize>)>) {
    match named {
        Some((lists, parties)) if lists.len() + parties.len() > 1 => {
            let _ = parties.pop().or_else(|| lists.pop());
        }
        Some(_) => {}
        None => *named = Some((vec![0], Vec::new())),
    }
}

/// Whether all its effects have amounts.
fn measured(table: &Table) -> bool {
    let kinds = &world::KINDS[..4];
    table.scope.kinds.iter().all(|kind| kinds.contains(kind))
}

pub(super) fn source(tables: &[Table]) -> String {
    let parts = tables.iter().map(Table::toml);
    let lists = LISTS.map(str::to_owned);
    format!("{HEAD}{}", parts.chain(lists).collect::<String>())
}

fn verdict(policy: &Policy, ask: &Ask, windows: &Windows, facts: &Facts, now_ms: u64) -> Verdict {
    let effects = ask.effects();
    let subject = ask.subject(&effects, &[]);
    decide(policy, &subject, windows, facts, now_ms).verdict
}

/// Few cases, so that the tests stay quick; `PROPTEST_CASES` asks for more.
fn config() -> ProptestConfig {
    let asked = std::env::var_os("PROPTEST_CASES").is_some();
    let config = ProptestConfig::default();
    ProptestConfig {
        cases: if asked { config.cases } else { 400 },
        ..config
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn what_is_not_looser_is_at_least_as_strict_for_every_request(
        tables in tables(2..9), edits in prop::collection::vec(edit(), 1..4),
        before in prop::collection::vec(asks(), 0..4), asks in prop::collection::vec(asks(), 12),
        price in prop::option::weighted(0.7, 1u64..6),
        now in EXPIRES_MS - 100_000..EXPIRES_MS + 100_000,
    ) {
        let old = parse(&source(&tables));
        let Ok(new) = Policy::parse(&source(&edited(tables, &edits))) else {
            return Ok(());
        };
        if first_looser(&old, &new).is_some() {
            return Ok(());
        }
        let facts = facts(price, now);
        let mut book = Book::for_policy(&old);
        for (number, ask) in before.iter().enumerate() {
            let effects = ask.effects();
            let subject = ask.subject(&effects, &[]);
            let decision = decide(&old, &subject, book.windows(), &facts, now);
            if let Some(spends) = decision.spends {
                book.hold(&format!("r{number}"), spends, decision.reservations, now).unwrap();
            }
        }
        let mut later = book.clone();
        later.load(&new, now).unwrap();
        for ask in &asks {
            let was = verdict(&old, ask, book.windows(), &facts, now);
            let is = verdict(&new, ask, later.windows(), &facts, now);
            prop_assert!(is.strictest(was) == is, "{was:?} became {is:?}: {ask:?}");
        }
    }
}

/// The property above is worth nothing if hardly anything counts as at least as strict.
#[test]
fn many_removed_and_lowered_tables_count_as_at_least_as_strict() {
    use proptest::strategy::ValueTree as _;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let mut seen = BTreeMap::<String, u32>::new();
    let strategy = (tables(2..9), prop::collection::vec(edit(), 1..4));
    for _ in 0..400 {
        let (tables, edits) = strategy.new_tree(&mut runner).unwrap().current();
        let old = parse(&source(&tables));
        let Ok(new) = Policy::parse(&source(&edited(tables, &edits))) else {
            continue;
        };
        let found = changes(&old, &new);
        if found.iter().any(|change| change.looser) {
            continue;
        }
        for change in found {
            let section = change.path.split('.').next().unwrap().to_owned();
            let what: String = change.text.split(' ').take(2).collect::<Vec<_>>().join(" ");
            *seen.entry(format!("{section} {what}")).or_default() += 1;
        }
    }
    for kind in [
        "rule is removed",
        "rule is added:",
        "rule changes from",
        "limit changes from",
        "limit is added",
    ] {
        let count = seen.get(kind).copied().unwrap_or_default();
        assert!(count > 2, "{kind}: {seen:?}");
    }
}

const SMALL: &str = r#"
[[rule]]
id = "small"
effects = ["transfer"]
assets = ["eth"]
amount_max = "10"
tier = "instant"
"#;

const CAREFUL: &str = r#"
[[rule]]
id = "careful"
effects = ["transfer"]
assets = ["eth"]
amount_max = "5"
tier = "approval"
"#;

const HOUR: &str = r#"
[[limit]]
id = "hour"
per = "agent"
measure = "count"
max = 5
window = "1h"
on_exceed = "deny"
"#;

fn with(parts: &[&str]) -> Policy {
    parse(&format!("{HEAD}{}{}", LISTS.concat(), parts.concat()))
}

fn between(old: &[&str], new: &[&str]) -> Vec<Change> {
    changes(&with(old), &with(new))
}

fn looser(old: &[&str], new: &[&str]) -> Option<String> {
    first_looser(&with(old), &with(new))
}

#[test]
fn a_removed_grant_is_looser_only_where_it_was_the_stricter_of_two() {
    assert_eq!(looser(&[SMALL, HOUR], &[HOUR]), None);
    assert_eq!(looser(&[SMALL, CAREFUL], &[CAREFUL]), None);
    let text = looser(&[SMALL, CAREFUL], &[SMALL]).unwrap();
    assert_eq!(
        text,
        "`rule.careful` is removed, and may be the stricter of two rules"
    );
}

#[test]
fn what_its_agent_alone_sends_stays_so_without_a_signature() {
    let own = SMALL.replace("\"small\"", "\"own\"");
    let own = own.replace("tier =", "released = \"agent\"\ntier =");
    assert_eq!(looser(&[SMALL, &own], &[&own]), None);
    let text = looser(&[SMALL, &own], &[SMALL]).unwrap();
    assert!(text.starts_with("`rule.own` is removed"), "{text}");
    assert!(looser(&[&own], &[&own.replace("agent", "guardian")]).is_some());
    assert!(looser(
        &[SMALL],
        &[&SMALL.replace("tier =", "released = \"agent\"\ntier =")]
    )
    .is_some());
}

#[test]
fn a_lowered_bound_of_a_rule_is_looser_where_it_uncovers_another() {
    let lower = CAREFUL.replace("\"5\"", "\"1\"");
    assert_eq!(looser(&[CAREFUL], &[&lower]), None);
    let text = looser(&[SMALL, CAREFUL], &[SMALL, &lower]).unwrap();
    assert_eq!(
        text,
        "`rule.careful.amount_max` changes from \"5\" to \"1\""
    );
    let higher = SMALL.replace("\"10\"", "\"11\"");
    assert!(looser(&[SMALL], &[&higher]).is_some());
    let none = SMALL.replace("amount_max = \"10\"\n", "");
    assert!(looser(&[SMALL], &[&none]).unwrap().contains("is removed"));
    assert_eq!(looser(&[&none], &[SMALL]), None);
}

#[test]
fn comments_white_space_and_the_order_of_tables_are_no_change() {
    let spaced = SMALL
        .replace(" = ", "=")
        .replace("[[rule]]", "# words\n[[rule]]");
    assert_eq!(
        between(&[SMALL, CAREFUL, HOUR], &[HOUR, CAREFUL, &spaced]),
        []
    );
    let written = HOUR.replace("max = 5", "max = 0x5");
    assert_eq!(between(&[HOUR], &[&written]), []);
}

#[test]
fn an_added_forbid_or_limit_and_a_lowered_limit_need_no_signature() {
    let forbid = "[[forbid]]\nid = \"never\"\neffects = [\"transfer\"]\nto = [\"@one\"]\n";
    assert_eq!(looser(&[SMALL], &[SMALL, forbid, HOUR]), None);
    let lower = HOUR.replace("max = 5", "max = 4");
    assert_eq!(looser(&[HOUR], &[&lower]), None);
    let change = &between(&[HOUR], &[&lower])[0];
    assert_eq!(
        (change.looser, change.path.as_str()),
        (false, "limit.hour.max")
    );
    assert_eq!(change.text, "changes from 5 to 4");
}

#[test]
fn a_forbid_or_review_of_more_amounts_needs_no_signature() {
    let table = |name: &str, from: &str| {
        let tier = if name == "review" {
            "tier = \"approval\"\n"
        } else {
            ""
        };
        format!("[[{name}]]\nid = \"large\"\neffects = [\"transfer\"]\n{from}{tier}")
    };
    for name in ["forbid", "review"] {
        let above = |usd: u64| table(name, &format!("usd_above = \"{usd}\"\n"));
        let up_to = |usd: u64| table(name, &format!("usd_max = \"{usd}\"\n"));
        let all = table(name, "");
        for (more, less) in [
            (above(5), above(6)),
            (all.clone(), above(6)),
            (up_to(6), up_to(5)),
            (all.clone(), up_to(6)),
        ] {
            assert_eq!(looser(&[SMALL, &less], &[SMALL, &more]), None, "{name}");
            assert!(looser(&[SMALL, &more], &[SMALL, &less]).is_some(), "{name}");
        }
    }
}

#[test]
fn a_rule_that_names_less_needs_no_signature() {
    let named = |more: &str| format!("{SMALL}{more}\n");
    for (old, new) in [
        ("to = [\"@one\", \"@two\"]", "to = [\"@two\"]"),
        ("", "to = [\"@one\"]"),
        ("", "not_to = [\"@one\"]"),
        ("not_to = [\"@one\"]", "not_to = [\"@two\", \"@one\"]"),
        ("agents = [\"bob\", \"ann\"]", "agents = [\"ann\"]"),
        ("", "wallets = [\"first\"]"),
        ("", "methods = [\"eth_sendTransaction\"]"),
    ] {
        let (old, new) = (named(old), named(new));
        assert_eq!(looser(&[&old], &[&new]), None, "{old} -> {new}");
        assert!(looser(&[&new], &[&old]).is_some(), "{new} -> {old}");
        // What it does not match any more may fall to a rule that asks no one.
        let (hidden, uncovered) = (
            old.replace("instant", "approval"),
            new.replace("instant", "approval"),
        );
        let instant = "[[rule]]\nid = \"all\"\neffects = [\"transfer\"]\ntier = \"instant\"\n";
        assert!(
            looser(&[&hidden, instant], &[&uncovered, instant]).is_some(),
            "{new}"
        );
    }
}

#[test]
fn another_name_of_the_policy_is_a_change_and_not_looser() {
    let base = format!("{HEAD}{}{SMALL}", LISTS.concat());
    let renamed = base.replacen("name = \"laws\"", "name = \"other\"", 1);
    let found = changes(&parse(&base), &parse(&renamed));
    let [change] = &found[..] else {
        panic!("{found:?}");
    };
    assert_eq!((change.looser, change.path.as_str()), (false, "name"));
}

#[test]
fn a_rule_that_begins_to_name_functions_is_looser() {
    let rule = "[[rule]]\nid = \"claims\"\neffects = [\"call\"]\ntier = \"instant\"\n";
    let naming = format!("{rule}functions = [\"claim\"]\n");
    assert!(
        looser(&[rule], &[&naming]).is_some(),
        "an opaque call needs a person"
    );
}

#[test]
fn everything_else_is_looser() {
    let forbid = "[[forbid]]\nid = \"never\"\neffects = [\"transfer\"]\nto = [\"@one\"]\n";
    let old: [&str; 4] = [SMALL, CAREFUL, HOUR, forbid];
    let text = old.concat();
    for (from, to) in [
        ("max = 5\n", "max = 6\n"),
        ("window = \"1h\"", "window = \"30m\""),
        ("on_exceed = \"deny\"", "on_exceed = \"approval\""),
        ("per = \"agent\"", "per = \"wallet\""),
        ("tier = \"approval\"", "tier = \"notify\""),
        ("tier = \"approval\"", "tier = \"approval\"\nquorum = 2"),
        ("to = [\"@one\"]", "to = [\"@two\"]"),
        (forbid, ""),
        (HOUR, ""),
        (
            "[[limit]]",
            "[[rule]]\nid = \"more\"\neffects = [\"transfer\"]\ntier = \"approval\"\n[[limit]]",
        ),
    ] {
        assert!(text.contains(from), "{from}");
        let changed = text.replacen(from, to, 1);
        assert!(looser(&old, &[&changed]).is_some(), "{from} -> {to}");
    }
    for (from, to) in [
        ("wallets = [\"first\"]", "wallets = [\"first\", \"second\"]"),
        ("id = \"bob\"", "id = \"rob\""),
        ("id = \"bob\"", "id = \"bob\"\nuids = [5]"),
        ("id = \"bob\"", "id = \"bob\"\nwaiting_max = 17"),
        ("price_usd = \"3\"", "price_usd = \"2\""),
        ("gas_max = 500_000", "gas_max = 500_001"),
        ("\"100 gwei\"", "\"101 gwei\""),
        ("signature = \"claim()\"", "signature = \"claimAll()\""),
    ] {
        assert!(HEAD.contains(from), "{from}");
        let base = format!("{HEAD}{}{text}", LISTS.concat());
        let changed = base.replacen(from, to, 1);
        assert!(
            first_looser(&parse(&base), &parse(&changed)).is_some(),
            "{from} -> {to}"
        );
    }
    let base = format!("{HEAD}{}{text}", LISTS.concat());
    let entry = "[[list.entry]]\naddress = \"0x90F79bf6EB2c4f870365E785982E1f101E93b906\"\n";
    for changed in [
        base.replacen(entry, "", 1),
        base.replacen(
            entry,
            &format!(
                "{entry}[[list.entry]]\naddress = \"0x976EA74026E726554dB657fA54763abd0C3a0aa9\"\n"
            ),
            1,
        ),
    ] {
        assert_ne!(base, changed);
        let text = first_looser(&parse(&base), &parse(&changed)).unwrap();
        assert!(text.starts_with("`list.two.entry` is "), "{text}");
    }
}

#[test]
fn lowered_caps_of_a_chain_and_an_agent_need_no_signature() {
    let base = format!("{HEAD}{}", LISTS.concat());
    for (from, to) in [
        ("gas_max = 500_000", "gas_max = 400_000"),
        ("\"100 gwei\"", "\"99 gwei\""),
        ("\"5 gwei\"", "\"1 gwei\""),
        (
            "id = \"bob\"",
            "id = \"bob\"\nwaiting_max = 3\nconnections_max = 4\nrequests_per_minute = 60",
        ),
    ] {
        let changed = base.replacen(from, to, 1);
        assert_eq!(first_looser(&parse(&base), &parse(&changed)), None, "{to}");
        assert_ne!(changes(&parse(&base), &parse(&changed)), []);
    }
}
