//! The rooms of the core know only those below them, so no room can change what one above it decided.

use std::collections::BTreeSet;

use crate::support::sources;

/// From the top to the bottom. Rooms of one layer do not know each other.
const LAYERS: [&[&str]; 14] = [
    &["guard", "simulate", "ordered"],
    &["event", "decode"],
    &["policy", "outcome", "clear"],
    &["window"],
    &["spend"],
    &["effects"],
    &["display"],
    &["asset"],
    &["protocol", "function", "request"],
    &["amount", "canonical", "frame"],
    &["address", "rpc"],
    &["json"],
    &["text", "log"],
    &["verify", "code", "chain", "calendar"],
];

fn layer(room: &str) -> usize {
    let found = LAYERS.iter().position(|rooms| rooms.contains(&room));
    found.unwrap_or_else(|| panic!("`{room}` has no place in LAYERS"))
}

/// The rooms a file names: `crate::room` and `crate::{room, …}`.
fn named(source: &str) -> BTreeSet<String> {
    let code = source
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    let code: Vec<&str> = code.collect();
    let word = |text: &str| -> String {
        let letters = text.trim_start().chars();
        letters
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect()
    };
    let mut rooms = BTreeSet::new();
    for after in code.join("\n").split("crate::").skip(1) {
        match after.strip_prefix('{') {
            None => drop(rooms.insert(word(after))),
            Some(list) => {
                let mut depth = 0;
                let mut first = true;
                for (place, letter) in list.char_indices() {
                    if depth == 0 && first {
                        rooms.insert(word(&list[place..]));
                        first = false;
                    }
                    match letter {
                        '{' => depth += 1,
                        '}' if depth == 0 => break,
                        '}' => depth -= 1,
                        ',' => first = depth == 0,
                        _ => {}
                    }
                }
            }
        }
    }
    rooms.remove("");
    rooms
}

#[test]
fn rooms_know_only_those_below_them() {
    let mut wrong = Vec::new();
    let mut arrows = 0;
    for (path, source) in sources("src") {
        let room = path.split(['/', '.']).next().unwrap();
        if room == "lib" {
            continue;
        }
        for other in named(&source) {
            arrows += 1;
            if other != room && layer(&other) <= layer(room) {
                wrong.push(format!(
                    "{path} uses `{other}`, which is not below `{room}`"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert!(arrows > 300, "only {arrows}");
}

/// What protocols share is below all of them.
#[test]
fn common_pieces_of_decoders_know_no_protocol() {
    const FAMILIES: [&str; 7] = [
        "tokens",
        "permits",
        "accounts",
        "exchanges",
        "markets",
        "lending",
        "bridges",
    ];
    let common = sources("src/effects/common");
    assert!(common.len() > 5);
    for (path, source) in common {
        for family in FAMILIES {
            let name = format!("effects::{family}");
            assert!(!source.contains(&name), "common/{path} uses `{name}`");
        }
    }
}

#[test]
fn every_spelling_of_a_use_is_found() {
    let source =
        "use crate::effects::{Effect, crate_like};\nuse crate::{asset, text::{a, b}, json};\n\
                  // crate::policy\nlet x = crate::window::LEDGER_MS;";
    let rooms: Vec<String> = named(source).into_iter().collect();
    assert_eq!(rooms, ["asset", "effects", "json", "text", "window"]);
}
