//! What was decoded once is decoded for ever: a digest of every case of the tables, kept in
//! `data/decoded.txt`. A change that only moves code keeps each of them.
//!
//! After an intended change, run `HOLDFAST_RECORD=1 make t K=every_case_is_decoded_as_it_was` and read
//! the difference. A case that is not in the file yet is no error.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use alloy_primitives::{hex, keccak256, Address};
use holdfast_core::asset::{Asset, Registry, Standard};
use holdfast_core::chain::ChainId;
use holdfast_core::effects::{contracts, decode, decode_seen, protocol, Decoded, Denial};
use holdfast_core::protocol::Protocol;
use holdfast_core::request::Body;

use crate::support::calls::{self, WALLET};
use crate::support::{tables, typed};

/// One case of a table, ready to be decoded.
pub struct Subject {
    pub name: String,
    pub body: Body,
    pub chain_id: ChainId,
    pub registry: Registry,
}

const KEPT: &str = "tests/data/decoded.txt";
const HEAD: &str = "\
# What every case of the tables decodes to: what it does, what is shown, and both at contracts of other protocols
# (the first bytes of a Keccak-256 each), then the table and the case. Made by effects/unchanged.rs, which says how.
";

fn data(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn subjects() -> Vec<(String, Subject)> {
    let mut all = Vec::new();
    for (name, source) in tables("calls") {
        let table = calls::Table::read(&source);
        for case in &table.cases {
            let subject = Subject {
                name: case.name.clone(),
                body: Body::Transaction(table.transaction(case)),
                chain_id: calls::CHAIN,
                registry: table.registry.clone(),
            };
            all.push((name.clone(), subject));
        }
    }
    for (name, source) in tables("typed") {
        let (table, calls) = typed::Table::read(&source);
        for case in &table.case {
            let subject = Subject {
                name: case.name.clone(),
                body: table.body(case, &calls),
                chain_id: calls::CHAIN,
                registry: calls.registry.clone(),
            };
            all.push((name.clone(), subject));
        }
    }
    for (name, subjects) in [
        ("effects", super::table::subjects()),
        ("typed_effects", super::typed_effects::subjects()),
        ("sign_in", super::sign_in::subjects()),
    ] {
        all.extend(
            subjects
                .into_iter()
                .map(|subject| (name.to_owned(), subject)),
        );
    }
    all
}

/// What the request does, and what is shown of it.
fn written(found: &Result<Decoded, Denial>) -> (String, String) {
    let mut does = String::new();
    let mut shown = String::new();
    let found = match found {
        Ok(found) => found,
        Err(denial) => {
            return (
                format!("denied {}", denial.code.as_str()),
                denial.text.clone(),
            )
        }
    };
    for (place, effect) in found.effects.iter().enumerate() {
        effect.write_canonical(&mut does);
        let times = found.times.get(place);
        writeln!(does, " {} {times:?} {:?}", effect.chain_id, effect.claim).unwrap();
    }
    let asset = |asset: &Asset, does: &mut String| {
        asset.write_canonical(does);
        does.push(' ');
    };
    for exchange in &found.exchanges {
        let kind = exchange.kind.as_str();
        write!(does, "{kind} measured {} ", exchange.measured).unwrap();
        for (paid, amount) in &exchange.pays {
            paid.iter().for_each(|paid| asset(paid, &mut does));
            write!(does, "pays {amount} ").unwrap();
        }
        for (got, amount) in &exchange.gets {
            asset(got, &mut does);
            write!(does, "gets {amount} ").unwrap();
        }
        does.push('\n');
    }
    writeln!(does, "opaque {} {:?}", found.opaque, found.relies_on).unwrap();
    for warning in &found.warnings {
        writeln!(does, "{}", warning.code.as_str()).unwrap();
        writeln!(shown, "{}", warning.text).unwrap();
    }
    for line in &found.display {
        writeln!(shown, "{}: {}", line.label, line.value).unwrap();
    }
    (does, shown)
}

/// Believed, and with no contract seen.
fn both(body: &Body, chain_id: ChainId, registry: &Registry) -> (String, String) {
    let believed = written(&decode(body, chain_id.at(WALLET), registry));
    let unseen = written(&decode_seen(body, chain_id.at(WALLET), registry, &|_| {
        false
    }));
    (believed.0 + &unseen.0, believed.1 + &unseen.1)
}

fn short(text: &str) -> String {
    hex::encode(&keccak256(text)[..8])
}

/// The same request to a contract of each protocol, to every token, and to the wallet.
fn elsewhere(subject: &Subject, protocols: &[Protocol]) -> String {
    let chain_id = subject.chain_id;
    let mut registry = subject.registry.clone();
    let mut assets: Vec<Asset> = registry.iter().cloned().collect();
    assets.sort_by(|one, other| one.id.cmp(&other.id));
    let held = assets
        .iter()
        .find(|asset| asset.standard == Standard::Erc20 && asset.chain_id == chain_id);
    let mut places: Vec<Address> = assets.iter().filter_map(|asset| asset.address).collect();
    places.extend([WALLET, Address::with_last_byte(0x64)]);
    for protocol in protocols {
        let place = Address::from_word(keccak256(protocol.as_str()));
        registry.insert_contract(chain_id.at(place), *protocol);
        held.iter()
            .for_each(|asset| registry.insert_holding(place, asset));
        places.push(place);
    }
    let mut all = String::new();
    for place in places {
        let mut body = subject.body.clone();
        match &mut body {
            Body::Transaction(transaction) => transaction.to = Some(place),
            Body::TypedData(typed) => typed.verifying_contract = Some(place),
            Body::Message(_) => return all,
        }
        let (does, shown) = both(&body, chain_id, &registry);
        writeln!(all, "{place}\n{does}{shown}").unwrap();
    }
    all
}

fn line(table: &str, subject: &Subject, protocols: &[Protocol]) -> (String, String) {
    let (does, shown) = both(&subject.body, subject.chain_id, &subject.registry);
    let elsewhere = elsewhere(subject, protocols);
    (
        format!("{table}: {}", subject.name),
        [does, shown, elsewhere].map(|text| short(&text)).join(" "),
    )
}

#[test]
fn every_case_is_decoded_as_it_was() {
    let recording = std::env::var_os("HOLDFAST_RECORD").is_some();
    let kept = fs::read_to_string(data(KEPT)).unwrap_or_default();
    let mut lines = kept.lines().filter(|line| !line.starts_with('#'));
    // A protocol that came later has no digest in the lines below.
    let words = lines
        .next()
        .and_then(|line| line.strip_prefix("protocols "));
    let words: Vec<&str> = if recording {
        contracts().map(|one| one.protocol().as_str()).collect()
    } else {
        words.unwrap_or_default().split(' ').collect()
    };
    let protocols: Vec<Protocol> = words
        .iter()
        .map(|word| protocol(word).unwrap_or_else(|| panic!("`{word}` is gone")))
        .collect();
    let found: Vec<(String, String)> = subjects()
        .iter()
        .map(|(table, subject)| line(table, subject, &protocols))
        .collect();
    if recording {
        let mut text = format!("{HEAD}protocols {}\n", words.join(" "));
        for (name, digests) in &found {
            writeln!(text, "{digests} {name}").unwrap();
        }
        fs::write(data(KEPT), text).unwrap();
        return;
    }
    let found: BTreeMap<&str, &str> = found.iter().map(|(a, b)| (&**a, &**b)).collect();
    let mut wrong = Vec::new();
    let mut checked = 0;
    for line in lines {
        let (digests, name) = line.split_at(3 * 17);
        match found.get(name) {
            Some(now) if *now == digests.trim_end() => checked += 1,
            Some(now) => wrong.push(format!("{digests} was, now {now}: {name}")),
            None => wrong.push(format!("no such case: {name}")),
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert!(checked > 1_000, "only {checked}");
}
