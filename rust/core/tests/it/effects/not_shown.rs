//! What no line of a request shows is counted, to the character and the value, and warned about.

use alloy_primitives::{address, Address};
use holdfast_core::asset::Registry;
use holdfast_core::chain::ChainId;
use holdfast_core::effects::{decode, Decoded};
use holdfast_core::request;
use serde_json::{json, Value};

const WALLET: Address = address!("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266");

fn read(method: &str, params: &Value) -> Decoded {
    let request = request::parse(method, params.to_string().as_bytes()).unwrap();
    decode(
        &request.body,
        ChainId::ETHEREUM.at(WALLET),
        &Registry::new(),
    )
    .unwrap()
}

fn message(text: &str) -> Decoded {
    read("personal_sign", &json!([text, WALLET]))
}

fn document(types: &Value, message: &Value) -> Decoded {
    let mut all = json!({"EIP712Domain": [{"name": "chainId", "type": "uint256"}]});
    all["D"] = types.clone();
    let document =
        json!({"types": all, "primaryType": "D", "domain": {"chainId": 1}, "message": message});
    read("eth_signTypedData_v4", &json!([WALLET, document]))
}

/// The words of the warning up to ` are`.
fn left_out(decoded: &Decoded) -> Option<&str> {
    let warning = decoded
        .warnings
        .iter()
        .find(|one| one.code.as_str() == "not_shown")?;
    warning.text.split(" are ").next()
}

fn value<'d>(decoded: &'d Decoded, label: &str) -> &'d str {
    let line = decoded.display.iter().find(|line| line.label == label);
    &line.unwrap_or_else(|| panic!("no {label}")).value
}

#[test]
fn a_message_is_shown_whole_or_the_missing_characters_are_counted() {
    assert_eq!(left_out(&message(&"x".repeat(8_192))), None);
    for (text, length) in [
        ("x", 8_193),
        ("x", 60_000),
        ("\u{202e}", 3_000),
        ("\u{e4}", 8_193),
    ] {
        let decoded = message(&text.repeat(length));
        let (shown, mark) = value(&decoded, "Message").split_once("\u{2026}[+").unwrap();
        // A hidden character is shown as its escape.
        let escape = if text == "\u{202e}" {
            "\\u{202e}".len()
        } else {
            text.len()
        };
        let missing = length - shown.len() / escape;
        assert_eq!(mark, format!("{missing}]"));
        assert_eq!(
            left_out(&decoded),
            Some(format!("{missing} characters").as_str())
        );
    }
}

#[test]
fn a_document_is_shown_whole_or_the_missing_values_are_counted() {
    let items = json!([{"name": "items", "type": "uint256[]"}]);
    assert_eq!(
        left_out(&document(&items, &json!({"items": vec![1; 96]}))),
        None
    );
    let decoded = document(&items, &json!({"items": vec![1; 1_000]}));
    assert_eq!(left_out(&decoded), Some("904 values"));
    assert_eq!(value(&decoded, "More values"), "904, not shown");
}

#[test]
fn long_texts_of_a_document_are_counted_each_and_bounded_together() {
    let text = json!([{"name": "text", "type": "string"}]);
    let decoded = document(&text, &json!({"text": "x".repeat(3_000)}));
    let missing = 3_000
        - value(&decoded, "message.text")
            .split('\u{2026}')
            .next()
            .unwrap()
            .len();
    assert_eq!(
        left_out(&decoded),
        Some(format!("{missing} characters").as_str())
    );
    let texts = json!([{"name": "texts", "type": "string[]"}]);
    let decoded = document(&texts, &json!({"texts": vec!["x".repeat(2_000); 90]}));
    let shown: usize = decoded.display.iter().map(|line| line.value.len()).sum();
    assert!(shown < 26_000, "{shown}");
    let all = left_out(&decoded).unwrap();
    assert!(all.ends_with("values"), "{all}");
}

#[test]
fn a_long_name_is_counted_too() {
    let name = "n".repeat(128);
    let decoded = document(
        &json!([{"name": name, "type": "bool"}]),
        &json!({name.as_str(): true}),
    );
    assert!(left_out(&decoded).unwrap().ends_with("characters"));
}
