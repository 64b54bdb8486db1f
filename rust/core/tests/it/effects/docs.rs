//! The tables of the documentation are those of the code: every protocol.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use holdfast_core::effects::{contracts, protocol};
use holdfast_core::protocol::all_pinned;

const EFFECTS: &str = include_str!("../../../../../docs/effects.md");

fn section<'a>(page: &'a str, title: &str) -> &'a str {
    let after = page.split(&format!("\n## {title}\n")).nth(1);
    let after = after.unwrap_or_else(|| panic!("no section {title}"));
    after.split("\n## ").next().unwrap()
}

/// A row for every protocol, as the page has them.
fn table() -> String {
    let mut rows = "| name | what it is | known without a table |\n|---|---|---|\n".to_owned();
    for contract in contracts() {
        let protocol = contract.protocol();
        let mut pinned = all_pinned().filter(|(one, ..)| *one == protocol);
        let known = match pinned.next() {
            None => "—",
            Some((_, None, _)) => "anywhere",
            Some(_) => "on its chains",
        };
        let (word, about) = (protocol.as_str(), contract.about());
        writeln!(rows, "| `{word}` | {about} | {known} |").unwrap();
    }
    rows
}

#[test]
fn every_protocol_is_documented_with_where_it_is_known() {
    let table = table();
    if std::env::var_os("HOLDFAST_RECORD").is_some() {
        let old = section(EFFECTS, "Contracts").split("\n\n");
        let old = old.filter(|part| part.starts_with("| name ")).last();
        let page = EFFECTS.replace(old.unwrap().trim_end(), table.trim_end());
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/effects.md");
        fs::write(path, page).unwrap();
        return;
    }
    assert!(
        section(EFFECTS, "Contracts").contains(&format!("\n{table}")),
        "the table of docs/effects.md is another one; write it with\n\
         HOLDFAST_RECORD=1 make t K=every_protocol_is_documented\n\n{table}"
    );
}

#[test]
fn every_pinned_address_is_of_a_protocol_with_a_decoder() {
    for (pinned, chain, address) in all_pinned() {
        let known = protocol(pinned.as_str());
        assert_eq!(known, Some(pinned), "{chain:?} {address}");
    }
    let words: BTreeSet<&str> = contracts().map(|one| one.protocol().as_str()).collect();
    assert_eq!(words.len(), contracts().count(), "a word twice");
}
