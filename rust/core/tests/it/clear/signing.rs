//! ERC-7730 descriptors: what they say is shown, and changes nothing else.

use alloy_primitives::{address, hex, keccak256, Address, U256};
use holdfast_core::asset::{Asset, Registry, Standard};
use holdfast_core::chain::ChainId;
use holdfast_core::clear::Library;
use holdfast_core::decode::decode_standalone;
use proptest::prelude::*;
use serde_json::{json, Value};

const VAULT: &str = "0x1111111111111111111111111111111111111111";
const TOKEN: Address = address!("5FbDB2315678afecb367f032d93F642f64180aa3");
const BOB: &str = "70997970c51812dc3a010c7d01b50e0d17dc79c8";

fn registry() -> Registry {
    let mut registry = Registry::new();
    registry.insert(Asset {
        id: "usdc".to_owned(),
        chain_id: ChainId::ETHEREUM,
        address: Some(TOKEN),
        standard: Standard::Erc20,
        symbol: "USDC".to_owned(),
        decimals: 6,
    });
    registry
}

fn library(files: &[(&str, Value)]) -> Library {
    let files: Vec<(String, Vec<u8>)> = files
        .iter()
        .map(|(path, value)| ((*path).to_owned(), value.to_string().into_bytes()))
        .collect();
    let (library, faults) = Library::load(&files);
    assert_eq!(faults, [], "faults");
    library
}

fn contract(address: &str, formats: Value) -> Value {
    json!({
        "context": {"contract": {"deployments": [{"chainId": 1, "address": address}]}},
        "metadata": {
            "owner": "Acme [/]",
            "enums": {"mode": {"1": "stable", "2": "variable"}},
            "constants": {"max": format!("0x{}", "f".repeat(64)), "usdc": TOKEN.to_string()}
        },
        "display": {"definitions": {"amount": {"label": "Amount", "format": "tokenAmount"}}, "formats": formats}
    })
}

fn decode(tx: &Value, library: Option<&Library>) -> Value {
    let request = json!({ "tx": tx }).to_string();
    let text = decode_standalone(
        request.as_bytes(),
        ChainId::ETHEREUM,
        &registry(),
        None,
        library,
    )
    .unwrap();
    serde_json::from_str(&text).unwrap()
}

fn call(signature: &str, words: &[String]) -> String {
    let selector = &keccak256(signature.as_bytes())[..4];
    format!("{}{}", hex::encode_prefixed(selector), words.concat())
}

fn word(number: u64) -> String {
    format!("{number:064x}")
}

fn address_word(address: &str) -> String {
    format!(
        "{:0>64}",
        address.trim_start_matches("0x").to_ascii_lowercase()
    )
}

fn said(decoded: &Value, label: &str) -> Vec<String> {
    let lines = decoded["display"].as_array().unwrap().iter();
    let same = lines.filter(|line| line["label"] == label);
    same.map(|line| line["value"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn every_format_is_shown_as_a_person_reads_it() {
    let signature = "go(uint256,uint256,uint256,uint256,uint256,address,uint256)";
    let named = "go(uint256 amount, uint256 all, uint256 until, uint256 mode, uint256 rate, address to, uint256 secret)";
    let formats = json!({ named: {"intent": "Go", "fields": [
        {"path": "amount", "$ref": "$.display.definitions.amount", "params": {"token": "$.metadata.constants.usdc"}},
        {"path": "#.all", "label": "All", "format": "tokenAmount",
         "params": {"token": TOKEN.to_string(), "threshold": "$.metadata.constants.max", "message": "Everything"}},
        {"path": "until", "label": "Until", "format": "date", "params": {"encoding": "timestamp"}},
        {"path": "mode", "label": "Mode", "format": "enum", "params": {"$ref": "$.metadata.enums.mode"}},
        {"path": "rate", "label": "Rate", "format": "unit", "params": {"base": "%", "decimals": 2}},
        {"path": "to", "label": "To", "format": "addressName"},
        {"path": "to.[-2:]", "label": "Tail"},
        {"path": "@.value", "label": "Sent", "format": "amount"},
        {"path": "secret", "label": "Secret", "visible": "never"},
        {"label": "Note", "value": "be careful"}
    ]}});
    let words = [
        word(2_500_000),
        "f".repeat(64),
        word(1_798_761_600),
        word(2),
        word(850),
        address_word(BOB),
        word(42),
    ];
    let tx = json!({"to": VAULT, "value": "0xde0b6b3a7640000", "data": call(signature, &words)});
    let decoded = decode(&tx, Some(&library(&[("a.json", contract(VAULT, formats))])));
    for (label, value) in [
        ("Interaction with", "Acme [/]"),
        ("Intent", "Go"),
        ("Amount", "2.5 USDC"),
        ("All", "Everything USDC"),
        ("Until", "2027-01-01 12:00:00 AM UTC"),
        ("Mode", "variable"),
        ("Rate", "8.5%"),
        ("To", "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"),
        ("Tail", "0x79c8"),
        ("Sent", "1 ETH"),
        ("Note", "be careful"),
    ] {
        assert!(
            said(&decoded, label).contains(&value.to_owned()),
            "{label}: {decoded:#}"
        );
    }
    assert_eq!(said(&decoded, "Secret"), Vec::<String>::new());
}

#[test]
fn arrays_groups_and_inner_calls_are_shown_item_by_item() {
    let signature = "batch((address,uint256,bytes)[])";
    let named = "batch((address to, uint256 value, bytes data)[] calls)";
    let formats = json!({ named: {"fields": [
        {"path": "calls.[].value", "label": "Value", "format": "amount"},
        {"path": "calls.[]", "fields": [{"path": "to", "label": "To"}]},
        {"path": "calls.[].data", "label": "Call", "format": "calldata", "params": {"calleePath": "calls.[].to"}}
    ]}});
    let transfer = call(
        "transfer(address,uint256)",
        &[address_word(BOB), word(7_000_000)],
    );
    let transfer = transfer.trim_start_matches("0x");
    let words = [
        word(0x20),
        word(1),
        word(0x20),
        address_word(&TOKEN.to_string()),
        word(5),
        word(0x60),
        word(0x44),
        format!("{transfer:0<192}"),
    ];
    let tx = json!({"to": VAULT, "data": call(signature, &words)});
    let decoded = decode(&tx, Some(&library(&[("a.json", contract(VAULT, formats))])));
    assert_eq!(said(&decoded, "Value"), ["0.000000000000000005 ETH"]);
    assert_eq!(said(&decoded, "To"), [TOKEN.to_string()]);
    assert_eq!(said(&decoded, "Call: Amount"), ["7 USDC"]);
}

#[test]
fn includes_are_merged_field_by_field() {
    let signature = "deposit(uint256,address)";
    let named = "deposit(uint256 assets, address receiver)";
    let base = json!({"display": {"formats": {named: {"intent": "Deposit", "fields": [
        {"path": "assets", "label": "Assets", "format": "raw"},
        {"path": "receiver", "label": "Receiver", "format": "addressName"}
    ]}}}});
    let mut over = contract(
        VAULT,
        json!({ named: {"fields": [
            {"path": "assets", "label": "Deposit asset", "format": "tokenAmount", "params": {"token": TOKEN.to_string()}}
        ]}}),
    );
    over["includes"] = json!("../ercs/vault.json");
    let tx = json!({"to": VAULT, "data": call(signature, &[word(1_000_000), address_word(BOB)])});
    let library = library(&[("ercs/vault.json", base), ("acme/a.json", over)]);
    let decoded = decode(&tx, Some(&library));
    assert_eq!(said(&decoded, "Deposit asset"), ["1 USDC"]);
    assert_eq!(said(&decoded, "Receiver").len(), 1);
    assert_eq!(said(&decoded, "Assets"), Vec::<String>::new());
}

#[test]
fn a_descriptor_changes_nothing_but_words() {
    let named = "transfer(address to, uint256 amount)";
    let honest = json!({ named: {"intent": "Send", "fields": [
        {"path": "to", "label": "To", "format": "addressName"},
        {"path": "amount", "label": "Amount", "format": "tokenAmount", "params": {"tokenPath": "@.to"}}
    ]}});
    let lying = json!({ named: {"intent": "Claim your reward", "fields": [
        {"path": "amount", "label": "You receive", "format": "tokenAmount", "params": {"tokenPath": "@.to"}}
    ]}});
    let words = [address_word(BOB), word(5_000_000)];
    let tx = json!({"to": TOKEN.to_string(), "data": call("transfer(address,uint256)", &words)});
    let bare = decode(&tx, None);
    // A part of the real amount, or more than it, is not the amount.
    let other = json!({ named: {"intent": "Send", "fields": [
        {"path": "to", "label": "To", "format": "addressName"},
        {"label": "Amount", "value": "15 USDC"}
    ]}});
    for (formats, warned) in [(honest, false), (lying, true), (other, true)] {
        let library = library(&[("a.json", contract(&TOKEN.to_string(), formats))]);
        let decoded = decode(&tx, Some(&library));
        for member in ["effects", "opaque", "digest", "kind", "chain_id"] {
            assert_eq!(decoded[member], bare[member], "{member}");
        }
        let own = bare["display"].as_array().unwrap();
        assert_eq!(&decoded["display"].as_array().unwrap()[..own.len()], own);
        let codes = decoded["warnings"].to_string();
        assert_eq!(codes.contains("descriptor_differs"), warned, "{codes}");
    }
}

#[test]
fn a_descriptor_that_does_not_fit_is_said_and_shows_the_rest() {
    let formats = json!({ "f(uint256 a)": {"fields": [
        {"path": "b", "label": "B"}, {"path": "a", "label": "A"}, {"path": "a", "label": "D", "format": "addressName"}
    ]}});
    let tx = json!({"to": VAULT, "data": call("f(uint256)", &["f".repeat(64)])});
    let decoded = decode(&tx, Some(&library(&[("a.json", contract(VAULT, formats))])));
    assert_eq!(said(&decoded, "A"), [U256::MAX.to_string()]);
    assert!(decoded["warnings"].to_string().contains("\"descriptor\""));
}

#[test]
fn a_list_too_long_to_show_is_cut_and_that_is_said() {
    let formats = json!({ "f(uint256[] a)": {"fields": [{"path": "a.[]", "label": "A"}]}});
    let mut words = vec![word(0x20), word(1_000)];
    words.extend((0..1_000).map(word));
    let tx = json!({"to": VAULT, "data": call("f(uint256[])", &words)});
    let decoded = decode(&tx, Some(&library(&[("a.json", contract(VAULT, formats))])));
    assert_eq!(said(&decoded, "A").len(), 64);
    assert!(decoded["warnings"].to_string().contains("\"descriptor\""));
}

#[test]
fn a_file_with_a_fault_is_named_and_left_out() {
    let good = contract(VAULT, json!({"f(uint256 a)": {"fields": []}})).to_string();
    let mut missing = contract(VAULT, json!({}));
    missing["includes"] = json!("nowhere.json");
    let files = [
        ("bad.json".to_owned(), b"{".to_vec()),
        ("good.json".to_owned(), good.into_bytes()),
        ("missing.json".to_owned(), missing.to_string().into_bytes()),
        ("other.json".to_owned(), b"[1, 2]".to_vec()),
    ];
    let (library, faults) = Library::load(&files);
    assert_eq!(library.len(), 1);
    let named: Vec<&str> = faults.iter().map(|fault| fault.path.as_str()).collect();
    assert_eq!(named, ["bad.json", "missing.json"]);
}

#[test]
fn a_document_is_found_by_its_type_and_contract() {
    let kind = "Vote(uint256 id,bool support,address[] who)";
    let descriptor = json!({
        "context": {"eip712": {"deployments": [{"chainId": 1, "address": VAULT}]}},
        "metadata": {"owner": "Votes"},
        "display": {"formats": {kind: {"intent": "Vote", "fields": [
            {"path": "id", "label": "Proposal"}, {"path": "support", "label": "Support"}, {"path": "who.[]", "label": "Who"}
        ]}}}
    });
    let library = library(&[("votes.json", descriptor)]);
    let member = |name: &str, kind: &str| json!({"name": name, "type": kind});
    let document = |second: &str| {
        json!({"typed_data": {
            "types": {"Vote": [member("id", "uint256"), member(second, "bool"), member("who", "address[]")]},
            "primaryType": "Vote",
            "domain": {"chainId": 1, "verifyingContract": VAULT},
            "message": {"id": "47", second: true, "who": [format!("0x{BOB}")]}
        }})
    };
    let show = |document: Value| -> Value {
        let request = document.to_string();
        let text = decode_standalone(
            request.as_bytes(),
            ChainId::ETHEREUM,
            &registry(),
            None,
            Some(&library),
        );
        serde_json::from_str(&text.unwrap()).unwrap()
    };
    let decoded = show(document("support"));
    assert_eq!(said(&decoded, "Proposal"), ["47"]);
    assert_eq!(said(&decoded, "Support"), ["true"]);
    assert_eq!(said(&decoded, "Who").len(), 1);
    assert_eq!(
        said(&show(document("against")), "Proposal"),
        Vec::<String>::new()
    );
}

proptest! {
    #[test]
    fn nothing_in_a_file_or_in_call_data_panics(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        path in "[#@$a.\\[\\]0-9:-]{0,24}",
        format in prop::sample::select(vec!["raw", "amount", "tokenAmount", "date", "duration", "unit", "enum", "addressName", "calldata", "nftName"]),
    ) {
        let _ = Library::load(&[("a.json".to_owned(), bytes.clone())]);
        let formats = json!({ "f(bytes a, (uint256 b, int256[] c)[] d)": {"fields": [
            {"path": path, "label": "x", "format": format, "params": {"tokenPath": path, "threshold": path, "decimals": 255}},
            {"path": "d.[]", "fields": [{"path": path, "label": "y", "format": format}]}
        ]}});
        let library = library(&[("a.json", contract(VAULT, formats))]);
        let selector = &keccak256("f(bytes,(uint256,int256[])[])".as_bytes())[..4];
        let data = hex::encode_prefixed([selector, &bytes].concat());
        let _ = decode(&json!({"to": VAULT, "data": data}), Some(&library));
    }
}
