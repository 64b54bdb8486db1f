//! The table of formats of ERC-7730: what they make of a call, line by line.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::expect_used,
    missing_docs
)]

use alloy_dyn_abi::DynSolType;
use alloy_primitives::{hex, keccak256};
use holdfast_core::asset::{Asset, Registry, Standard};
use holdfast_core::clear::Library;
use holdfast_core::effects::decode_standalone;
use serde::Deserialize;
use serde_json::{json, Value};

const VAULT: &str = "0x1111111111111111111111111111111111111111";
const USDC: &str = "0x5FbDB2315678afecb367f032d93F642f64180aa3";
const CATS: &str = "0xCf7Ed3AccA5a467e9e704C703E8D87F634fB0Fc9";
const BOB: &str = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    function: String,
    args: String,
    fields: String,
    from: Option<String>,
    token: Option<String>,
    sentence: Option<String>,
    says: Vec<String>,
    #[serde(default)]
    doubts: Vec<String>,
}

fn filled(text: &str) -> String {
    text.replace("$usdc", USDC)
        .replace("$cats", CATS)
        .replace("$bob-lower", &BOB.to_ascii_lowercase())
        .replace("$bob", BOB)
}

/// `f(address to)` as `f(address)`
fn without_names(function: &str) -> String {
    let mut in_name = false;
    let kept = function.chars().filter(|character| {
        in_name = match character {
            ' ' => true,
            ',' | ')' => false,
            _ => in_name,
        };
        !in_name
    });
    kept.collect()
}

fn registry() -> Registry {
    let mut registry = Registry::new();
    registry.insert(Asset {
        id: "cats".to_owned(),
        chain_id: 1,
        address: Some(CATS.parse().unwrap()),
        standard: Standard::Erc721,
        symbol: "CATS".to_owned(),
        decimals: 0,
    });
    registry
}

fn library(case: &Case) -> Library {
    let at =
        |address: &str| json!({"contract": {"deployments": [{"chainId": 1, "address": address}]}});
    let format = json!({
        "interpolatedIntent": case.sentence,
        "fields": serde_json::from_str::<Value>(&filled(&case.fields)).expect("JSON"),
    });
    let token: Option<Value> = case
        .token
        .as_ref()
        .map(|t| serde_json::from_str(t).unwrap());
    let about = json!({
        "context": at(VAULT),
        "metadata": {
            "token": token,
            "constants": {"usdc": USDC},
            "enums": {
                "numbers": {"0": "none", "2": "two", "96": "sixty"},
                "words": {"true": "yes"},
            },
            "maps": {
                "byChain": {"values": {"1": USDC, "10": BOB}},
                "byPool": {"values": {"4": USDC}},
            },
        },
        "display": {"formats": {&case.function: format}},
    });
    let inner = json!({
        "context": at(USDC),
        "display": {"formats": {"transfer(address to,uint256 amount)": {"intent": "Send", "fields": [
            {"path": "to", "label": "To", "format": "addressName"},
            {"path": "amount", "label": "Amount", "format": "tokenAmount", "params": {"tokenPath": "@.to"}},
            {"path": "@.value", "label": "Sent", "format": "amount"},
            {"path": "@.from", "label": "By"},
        ]}}},
    });
    let files = [("a.json", about), ("b.json", inner)];
    let files = files.map(|(path, value)| (path.to_owned(), value.to_string().into_bytes()));
    let (library, faults) = Library::load(&files);
    assert_eq!(faults, [], "{}", case.name);
    library
}

#[test]
fn formats_say_what_the_table_says() {
    #[derive(Deserialize)]
    struct Table {
        case: Vec<Case>,
    }
    let table: Table = toml::from_str(include_str!("data/clear.toml")).unwrap();
    assert!(table.case.len() >= 25);
    let tokens = json!([{"chain_id": 1, "address": USDC, "symbol": "USDC", "decimals": 6, "name": "USD Coin"}]);
    for case in &table.case {
        let signature = without_names(&case.function);
        let kind = DynSolType::parse(&signature["f".len()..]).expect(&case.name);
        let args = kind.coerce_str(&filled(&case.args)).expect(&case.name);
        let mut data = keccak256(&signature)[..4].to_vec();
        data.extend(args.abi_encode_params());
        let tx = json!({"to": VAULT, "data": hex::encode_prefixed(data), "from": case.from.as_deref().map(filled)});
        let request = json!({"tx": tx})
            .to_string()
            .replace(",\"from\":null", "")
            .replace("\"from\":null,", "");
        let decode = |clear: Option<&Library>| -> Value {
            let tokens = tokens.to_string();
            let text = decode_standalone(
                request.as_bytes(),
                1,
                &registry(),
                Some(tokens.as_bytes()),
                clear,
            );
            serde_json::from_str(&text.expect(&case.name)).unwrap()
        };
        let (own, both) = (decode(None), decode(Some(&library(case))));
        assert_eq!(own["effects"], both["effects"], "{}", case.name);
        let count = own["display"].as_array().unwrap().len();
        let lines = both["display"].as_array().unwrap().iter().skip(count);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let said: Vec<_> = lines
            .map(|line| format!("{}: {}", text(&line["label"]), text(&line["value"])))
            .collect();
        let says: Vec<_> = case.says.iter().map(|line| filled(line)).collect();
        assert_eq!(said, says, "{}", case.name);
        let warnings = both["warnings"].as_array().unwrap().iter();
        let doubts = warnings.filter(|warning| warning["code"] == "descriptor");
        let doubts: Vec<_> = doubts.map(|warning| text(&warning["text"])).collect();
        assert_eq!(doubts, case.doubts, "{}", case.name);
    }
}
