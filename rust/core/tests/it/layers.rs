//! The rooms of the core know only those below them, so no room can change what one above it decided.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

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
    &["verify", "code"],
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

fn sources(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.to_str().unwrap().to_owned();
            found.push((name, fs::read_to_string(&path).unwrap()));
        }
    }
}

#[test]
fn rooms_know_only_those_below_them() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let mut wrong = Vec::new();
    let mut arrows = 0;
    for (path, source) in &files {
        let path = path.strip_prefix(root.to_str().unwrap()).unwrap();
        let room = path
            .trim_start_matches('/')
            .split(['/', '.'])
            .next()
            .unwrap();
        if room == "lib" {
            continue;
        }
        for other in named(source) {
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

#[test]
fn every_spelling_of_a_use_is_found() {
    let source =
        "use crate::effects::{Effect, crate_like};\nuse crate::{asset, text::{a, b}, json};\n\
                  // crate::policy\nlet x = crate::window::LEDGER_MS;";
    let rooms: Vec<String> = named(source).into_iter().collect();
    assert_eq!(rooms, ["asset", "effects", "json", "text", "window"]);
}
