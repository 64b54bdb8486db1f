//! Writes a seeded corpus for every fuzz target: `seeds FOLDER`. Made from the tables of the tests, so
//! nothing binary is kept in the repository.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    missing_docs
)]

use std::fs;
use std::path::{Path, PathBuf};

use holdfast_core::protocol::Protocol;
use holdfast_core::request::Transaction;

#[allow(dead_code)]
#[path = "../tests/it/support/calls.rs"]
mod calls;
#[allow(dead_code, reason = "the table of formats is checked elsewhere")]
#[path = "../tests/it/support/clear.rs"]
mod clear;
#[path = "../tests/it/support/known_contracts.rs"]
#[allow(dead_code, reason = "the fuzz targets use the rest")]
mod known_contracts;

struct Seeds {
    folder: PathBuf,
    count: usize,
}

impl Seeds {
    fn add(&mut self, target: &str, bytes: &[u8]) {
        let folder = self.folder.join(target);
        fs::create_dir_all(&folder).expect("a folder for seeds");
        fs::write(folder.join(format!("seed-{:05}", self.count)), bytes).expect("a seed");
        self.count += 1;
    }
}

fn main() {
    let folder = std::env::args_os().nth(1).expect("usage: seeds FOLDER");
    let mut seeds = Seeds {
        folder: folder.into(),
        count: 0,
    };
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let read = |name: &Path| fs::read_to_string(name).expect("a table of the tests");
    for entry in fs::read_dir(data.join("calls")).expect("the tables of calls") {
        add_calls(&read(&entry.expect("a table").path()), &mut seeds);
    }
    for name in [
        "policy_demo.toml",
        "policy_bench.toml",
        "guard_policy.toml",
        "standing.toml",
    ] {
        seeds.add("policy", read(&data.join(name)).as_bytes());
    }
    let table: toml::Table = read(&data.join("requests.toml")).parse().expect("TOML");
    for case in table
        .get("case")
        .and_then(toml::Value::as_array)
        .into_iter()
        .flatten()
    {
        let text = |key: &str| case.get(key).and_then(toml::Value::as_str);
        let (method, params) = match (text("tx"), text("typed"), text("params")) {
            (Some(tx), ..) => (0, format!("[{tx}]")),
            (_, Some(typed), _) => (4, format!("[\"{}\",{typed}]", known_contracts::WALLET)),
            (_, _, Some(params)) => (1, params.to_owned()),
            _ => continue,
        };
        seeds.add("request", &[&[method], params.as_bytes()].concat());
        seeds.add("json", params.as_bytes());
        let frame = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"eth_sign","params":{params}}}"#);
        seeds.add("frame", frame.as_bytes());
    }
    let table: toml::Table = read(&data.join("sign_in.toml")).parse().expect("TOML");
    let base = table["base"].as_str().expect("a message");
    for case in table["case"].as_array().into_iter().flatten() {
        let text = |key: &str| case[key].as_str().expect("a text");
        let message = base.replacen(text("from"), text("to"), 1);
        let params = serde_json::json!([message, known_contracts::WALLET]).to_string();
        seeds.add("request", &[&[1], params.as_bytes()].concat());
    }
    for case in clear::read(&read(&data.join("clear.toml"))) {
        let text = case.descriptor().to_string().into_bytes();
        seeds.add("descriptor", &[&text[..], &[0], &case.data()].concat());
    }
    println!("{} seeds", seeds.count);
}

fn add_calls(source: &str, seeds: &mut Seeds) {
    let table = calls::Table::read(source);
    let places = known_contracts::places();
    for case in &table.cases {
        let Transaction {
            to, value, data, ..
        } = table.transaction(case);
        let to = to.unwrap_or_default();
        let protocol = table
            .registry
            .protocol(calls::CHAIN.at(to))
            .unwrap_or(Protocol::UNKNOWN);
        let place = places.iter().position(|place| *place == to);
        let like = known_contracts::contract(protocol);
        let place = place.or_else(|| places.iter().position(|place| *place == like));
        let first = place.unwrap_or_default() as u8;
        let value = u8::try_from(value).unwrap_or(u8::MAX);
        seeds.add("calls", &[&[first, value], data.as_ref()].concat());
        let text = serde_json::json!({"tx": {"to": to, "data": data}}).to_string();
        seeds.add("decode", text.as_bytes());
    }
}
