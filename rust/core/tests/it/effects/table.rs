//! The table of calls and their effects, signatures, and `decode_standalone`.

use alloy_primitives::{address, Address, Bytes, U256};
use holdfast_core::asset::{Asset, Registry, Standard};
use holdfast_core::chain::ChainId;
use holdfast_core::decode::{decode_standalone, DecodeError};
use holdfast_core::effects::{decode, Decoded, Effect};
use holdfast_core::request::{self, Body, Transaction};
use serde::Deserialize;

use super::unchanged::Subject;

const WALLET: Address = address!("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
const CHAIN: ChainId = ChainId::new(31337);

#[derive(Deserialize)]
struct Table {
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    to: String,
    #[serde(default)]
    data: Bytes,
    #[serde(default)]
    value: U256,
    denied: Option<String>,
    #[serde(default)]
    effects: Vec<String>,
    #[serde(default)]
    warnings: Vec<String>,
    #[serde(default)]
    opaque: bool,
    amount: Option<String>,
}

fn asset(id: &str, address: Option<Address>, symbol: &str, decimals: u8) -> Asset {
    let standard = if address.is_some() {
        Standard::Erc20
    } else {
        Standard::Native
    };
    let (id, symbol) = (id.to_owned(), symbol.to_owned());
    Asset {
        id,
        chain_id: CHAIN,
        address,
        standard,
        symbol,
        decimals,
    }
}

fn registry() -> Registry {
    let usdc = address!("0x5FbDB2315678afecb367f032d93F642f64180aa3");
    let mut registry = Registry::new();
    registry.insert(asset("eth", None, "ETH", 18));
    registry.insert(asset("usdc", Some(usdc), "USDC", 6));
    registry
}

fn transaction(to: Option<Address>, data: Bytes, value: U256) -> Body {
    Body::Transaction(Transaction {
        to,
        value,
        data,
        gas: None,
        max_fee_per_gas: None,
        max_priority_fee_per_gas: None,
        nonce: None,
    })
}

fn written(effect: &Effect) -> String {
    assert_eq!((effect.chain_id, effect.from), (CHAIN, WALLET));
    let asset = effect.asset.as_ref().map_or("-", |asset| &asset.id);
    let to = effect.to.map_or("-".to_owned(), |to| format!("{to:?}"));
    let unlimited = if effect.unlimited { " unlimited" } else { "" };
    format!(
        "{} {asset} {} {to}{unlimited}",
        effect.kind.as_str(),
        effect.amount
    )
}

fn check(case: &Case, found: &Decoded) -> Result<(), String> {
    let effects: Vec<String> = found.effects.iter().map(written).collect();
    let warnings: Vec<&str> = found
        .warnings
        .iter()
        .map(|warning| warning.code.as_str())
        .collect();
    let amount = found
        .display
        .iter()
        .find(|f| f.label == "Amount")
        .map(|f| f.value.clone());
    if effects != case.effects || warnings != case.warnings || found.opaque != case.opaque {
        return Err(format!("{effects:?} {warnings:?} opaque {}", found.opaque));
    }
    if case.amount.is_some() && amount != case.amount {
        return Err(format!("shown as {amount:?}"));
    }
    Ok(())
}

fn table() -> Table {
    toml::from_str(include_str!("../../data/effects.toml")).unwrap()
}

fn body(case: &Case) -> Body {
    let to = (!case.to.is_empty()).then(|| case.to.parse().unwrap());
    transaction(to, case.data.clone(), case.value)
}

/// Every call of the table by its name.
pub fn subjects() -> Vec<Subject> {
    let subject = |case: &Case| Subject {
        name: case.name.clone(),
        body: body(case),
        chain_id: CHAIN,
        registry: registry(),
    };
    table().case.iter().map(subject).collect()
}

#[test]
fn every_call_of_the_table_has_the_effects_as_written() {
    let table = table();
    assert!(table.case.len() >= 60);
    let registry = registry();
    let mut wrong = Vec::new();
    for case in &table.case {
        let result = match (
            decode(&body(case), CHAIN.at(WALLET), &registry),
            &case.denied,
        ) {
            (Ok(found), None) => check(case, &found),
            (Err(denial), Some(code)) if denial.code.as_str() == code => Ok(()),
            (found, _) => Err(format!("{found:?}")),
        };
        if let Err(found) = result {
            wrong.push(format!("{}: {found}", case.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_token_on_one_chain_says_nothing_about_the_same_address_on_another() {
    let usdc = address!("0x5FbDB2315678afecb367f032d93F642f64180aa3");
    let data = Bytes::from_static(&[0xa9, 0x05, 0x9c, 0xbb]);
    let body = transaction(Some(usdc), data, U256::ZERO);
    assert_eq!(
        decode(&body, CHAIN.at(WALLET), &registry())
            .unwrap_err()
            .code
            .as_str(),
        "dirty_calldata"
    );
    let elsewhere = decode(&body, ChainId::ETHEREUM.at(WALLET), &registry()).unwrap();
    assert_eq!(elsewhere.warnings[0].code.as_str(), "unknown_contract");
}

#[test]
fn an_unregistered_coin_has_no_asset_and_says_so() {
    let body = transaction(Some(WALLET), Bytes::new(), U256::from(5));
    let decoded = decode(&body, ChainId::new(7).at(WALLET), &Registry::new()).unwrap();
    assert_eq!(decoded.effects[0].asset, None);
    assert_eq!(decoded.warnings[0].code.as_str(), "unregistered_asset");
    assert!(decoded.display.iter().any(|field| field.value == "5 wei"));
}

const DOCUMENT: &str = r#"{"types":{"Letter":[{"name":"spender","type":"address"},
    {"name":"notes","type":"string[]"}]},"primaryType":"Letter","domain":{"name":"US\u202eD",DOMAIN
    "verifyingContract":"0x5FbDB2315678afecb367f032d93F642f64180aa3"},"message":
    {"spender":"0x70997970c51812dc3a010c7d01b50e0d17dc79c8","notes":["a","\u001b[2J"]}}"#;

fn typed(domain: &str) -> Body {
    let params = format!("[\"{WALLET}\",{}]", DOCUMENT.replace("DOMAIN", domain));
    request::parse("eth_signTypedData_v4", params.as_bytes())
        .unwrap()
        .body
}

#[test]
fn typed_data_is_for_this_chain_or_refused() {
    let registry = registry();
    let decoded = decode(
        &typed("\"chainId\":\"0x7a69\","),
        CHAIN.at(WALLET),
        &registry,
    )
    .unwrap();
    assert!(decoded.opaque);
    let other = decode(&typed("\"chainId\":1,"), CHAIN.at(WALLET), &registry);
    assert_eq!(other.unwrap_err().code.as_str(), "chain_mismatch");
    let none = decode(&typed(""), CHAIN.at(WALLET), &registry);
    assert_eq!(none.unwrap_err().code.as_str(), "chain_mismatch");
}

#[test]
fn all_of_a_document_is_shown_and_nothing_of_it_reaches_the_terminal_raw() {
    let decoded = decode(&typed("\"chainId\":31337,"), CHAIN.at(WALLET), &registry()).unwrap();
    let lines: Vec<_> = decoded
        .display
        .iter()
        .map(|f| (&*f.label, f.value.as_str()))
        .collect();
    assert!(lines.contains(&("Domain (claimed)", "US\\u{202e}D")));
    assert!(lines.contains(&(
        "message.spender",
        "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
    )));
    assert!(lines.contains(&("message.notes[0]", "a")));
    assert!(lines.contains(&("message.notes[1]", "\\u{1b}[2J")));
}

#[test]
fn a_message_is_shown_as_text_or_as_hex() {
    let show = |params: &str| {
        let body = request::parse("personal_sign", params.as_bytes())
            .unwrap()
            .body;
        let decoded = decode(&body, CHAIN.at(WALLET), &registry()).unwrap();
        assert!(decoded.opaque);
        (decoded.display[1].value.clone(), decoded.warnings.len())
    };
    let text = show(&format!("[\"pay\\nme\",\"{WALLET}\"]"));
    assert_eq!(text, ("pay\\u{a}me".to_owned(), 0));
    let bytes = show(&format!("[\"0xff00\",\"{WALLET}\"]"));
    assert_eq!(bytes, ("0xff00".to_owned(), 1));
}

fn standalone(request: &str, chain_id: ChainId) -> Result<String, DecodeError> {
    decode_standalone(request.as_bytes(), chain_id, &Registry::new(), None, None)
}

#[test]
fn standalone_decode_knows_well_known_tokens_but_gives_them_no_id() {
    let request = r#"{"tx":{"to":"0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48","data":"0xa9059cbb00000000000000000000000070997970c51812dc3a010c7d01b50e0d17dc79c800000000000000000000000000000000000000000000000000000000000f4240"}}"#;
    assert_eq!(
        standalone(request, ChainId::ETHEREUM).unwrap(),
        r#"{"chain_id":1,"digest":null,"display":[{"label":"Action","value":"send"},{"label":"Amount","value":"1 USDC"},{"label":"To","value":"0x70997970C51812dc3A010C7d01b50e0d17dc79C8"},{"label":"Token","value":"USDC 0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"}],"effects":[{"amount":"1000000","asset":{"address":"0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48","chain_id":1,"decimals":6,"id":null,"standard":"erc20","symbol":"USDC"},"effect":"transfer","expires":null,"from":null,"path":"","to":"0x70997970C51812dc3A010C7d01b50e0d17dc79C8","unlimited":false}],"kind":"transaction","opaque":false,"warnings":[]}"#
    );
}

#[test]
fn standalone_decode_uses_the_token_list_for_names_only_where_nothing_is_known() {
    let tokens = br#"[{"chain_id":1,"address":"0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48","symbol":"FAKE","decimals":2,"name":"x"},
        {"chain_id":1,"address":"0xe7f1725e7734ce288f8367e1bb143e90bb3f0512","symbol":"T\u202eK","decimals":2,"name":"x"}]"#;
    let call = |to: &str| {
        let request = format!(
            "{{\"tx\":{{\"to\":\"{to}\",\"data\":\"0xa9059cbb{:0>64}{:0>64}\"}}}}",
            "70997970c51812dc3a010c7d01b50e0d17dc79c8", "64"
        );
        decode_standalone(
            request.as_bytes(),
            ChainId::ETHEREUM,
            &Registry::new(),
            Some(tokens),
            None,
        )
        .unwrap()
    };
    assert!(call("0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48").contains("0.0001 USDC"));
    assert!(call("0xe7f1725e7734ce288f8367e1bb143e90bb3f0512").contains("1 T\\\\u{202e}K"));
    let broken = decode_standalone(
        b"{\"message\":\"hello\"}",
        ChainId::ETHEREUM,
        &Registry::new(),
        Some(b"[{}]"),
        None,
    );
    assert!(
        matches!(broken, Err(DecodeError::Malformed(fault)) if fault.code.as_str() == "tokens")
    );
}

#[test]
fn standalone_decode_gives_the_digests_that_are_signed() {
    // The EIP-191 digest of "hello" (independent source:
    // eth_account.messages.defunct_hash_message).
    let message = standalone(r#"{"message":"0x68656c6c6f"}"#, ChainId::ETHEREUM).unwrap();
    let digest = "0x50b2c43fd39106bafbba0da34fc430e1f91e3c96ea2acee2bc34119f92b37750";
    assert!(message.contains(digest), "{message}");
    // A transaction that fixes every field has the digest of its unsigned bytes.
    let fields = r#"{"tx":{"to":"0x70997970c51812dc3a010c7d01b50e0d17dc79c8","value":"0x1","gas":"0x5208","nonce":"0x2",
        "maxFeePerGas":"0x9","maxPriorityFeePerGas":"0x3"}}"#;
    let raw =
        r#"{"raw_tx":"0x02df0102030982520894 70997970c51812dc3a010c7d01b50e0d17dc79c80180c0"}"#;
    let raw = raw.replace(' ', "");
    let digest = |json: String| json.split("\"digest\":").nth(1).unwrap()[..68].to_owned();
    assert_eq!(
        digest(standalone(fields, ChainId::ETHEREUM).unwrap()),
        digest(standalone(&raw, ChainId::ETHEREUM).unwrap())
    );
}

#[test]
fn standalone_decode_refuses_with_a_code() {
    let code = |request: &str| match standalone(request, ChainId::ETHEREUM).unwrap_err() {
        DecodeError::Malformed(fault) => fault.code.as_str(),
        DecodeError::Denied(denial) => denial.code.as_str(),
    };
    assert_eq!(code("{}"), "params");
    assert_eq!(code(r#"{"tx":{},"message":"x"}"#), "params");
    assert_eq!(code(r#"{"userop":{}}"#), "unknown_key");
    assert_eq!(code(r#"{"raw_tx":7}"#), "type");
    assert_eq!(code(r#"{"raw_tx":"0x03c0"}"#), "blob");
    assert_eq!(code(r#"{"raw_tx":"0x04c0"}"#), "authorization");
    assert_eq!(code(r#"{"raw_tx":"0x05c0"}"#), "tx_type");
    assert_eq!(code(r#"{"raw_tx":"0x"}"#), "tx_type");
    assert_eq!(code(r#"{"raw_tx":"0x02c0"}"#), "raw_tx");
    assert_eq!(code(r#"{"raw_tx":"0xf8"}"#), "raw_tx");
    assert_eq!(
        code(r#"{"tx":{"chainId":"0x2","data":"0x00"}}"#),
        "chain_mismatch"
    );
    assert_eq!(
        code(r#"{"tx":{"to":"0x0000000000000000000000000000000000000000"}}"#),
        "recipient_forbidden"
    );
    let raw =
        "0x02df0102030982520894 70997970c51812dc3a010c7d01b50e0d17dc79c80180c0".replace(' ', "");
    assert_eq!(code(&format!("{{\"raw_tx\":\"{raw}00\"}}")), "raw_tx");
    let padded = raw.replace("02df01", "02e08101");
    assert_eq!(code(&format!("{{\"raw_tx\":\"{padded}\"}}")), "raw_tx");
}

#[test]
fn what_a_swap_gives_back_to_whoever_calls_is_the_wallets_also_when_nobody_names_it() {
    // `ethUnoswap(uint256 minReturn,uint256 dex)` of 1inch, whatever for: the output is not said.
    let data = format!("0xa76dfc3b{:064x}{:064x}", 7, 1);
    let tx = format!(
        r#"{{"tx":{{"to":"0x111111125421ca6dc452d289314280a0f8842a65","value":"0x5","data":"{data}"}}}}"#
    );
    let shown = standalone(&tx, ChainId::ETHEREUM).unwrap();
    assert!(shown.contains(r#""value":"this wallet""#), "{shown}");
    for code in ["leftover", "foreign_recipient"] {
        assert!(!shown.contains(code), "{shown}");
    }
}
