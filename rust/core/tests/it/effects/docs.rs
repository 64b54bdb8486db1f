//! The tables of the documentation are those of the code: every protocol.

use std::collections::BTreeSet;

use holdfast_core::protocol::Protocol;

const EFFECTS: &str = include_str!("../../../../../docs/effects.md");
const SOURCE: &str = include_str!("../../../src/protocol.rs");
const PINNED: &str = include_str!("../../../src/protocol/pinned.rs");
const ROUTERS: &str = include_str!("../../../src/protocol/routers.rs");

fn section<'a>(page: &'a str, title: &str) -> &'a str {
    let after = page.split(&format!("\n## {title}\n")).nth(1);
    let after = after.unwrap_or_else(|| panic!("no section {title}"));
    after.split("\n## ").next().unwrap()
}

/// The words in backticks of the first cell, and the last cell.
fn rows(text: &str) -> impl Iterator<Item = (Vec<&str>, &str)> {
    text.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| `")?.strip_suffix(" |")?.split(" | ");
        let words = cells.next()?.split('`').step_by(2);
        Some((
            words.filter(|word| !word.is_empty()).collect(),
            cells.last()?,
        ))
    })
}

#[test]
fn every_protocol_is_documented_with_where_it_is_known() {
    let mut told = BTreeSet::new();
    let anywhere = PINNED.split("const ANYWHERE").nth(1).unwrap();
    let anywhere = anywhere.split("];").next().unwrap();
    for (words, known) in rows(section(EFFECTS, "Contracts")) {
        for word in words {
            assert!(told.insert(word), "{word} twice");
            let name = SOURCE.split(&format!(" = \"{word}\",")).next().unwrap();
            let name = name.rsplit(' ').next().unwrap();
            let pin = format!("Protocol::{name},");
            let place = format!("(Protocol::{name}, ");
            let expected = if anywhere.contains(&pin) {
                "anywhere"
            } else if PINNED.contains(&pin) || ROUTERS.contains(&place) {
                "on its chains"
            } else {
                "—"
            };
            assert_eq!(known, expected, "{word}");
        }
    }
    let all: BTreeSet<&str> = Protocol::ALL.iter().map(|one| one.as_str()).collect();
    assert_eq!(told, all);
}
