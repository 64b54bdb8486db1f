//! The table of formats of ERC-7730: what they make of a call, line by line.

use holdfast_core::asset::{Asset, Registry, Standard};
use holdfast_core::chain::ChainId;
use holdfast_core::clear::Library;
use holdfast_core::decode::decode_standalone;
use serde_json::{json, Value};

use crate::support::clear::{self, filled, CATS, USDC};

fn registry() -> Registry {
    let mut registry = Registry::new();
    registry.insert(Asset {
        id: "cats".to_owned(),
        chain_id: ChainId::ETHEREUM,
        address: Some(CATS.parse().unwrap()),
        standard: Standard::Erc721,
        symbol: "CATS".to_owned(),
        decimals: 0,
    });
    registry
}

#[test]
fn formats_say_what_the_table_says() {
    let cases = clear::read(include_str!("../../data/clear.toml"));
    assert!(cases.len() >= 25);
    let tokens = json!([{"chain_id": 1, "address": USDC, "symbol": "USDC", "decimals": 6, "name": "USD Coin"}]);
    let tokens = tokens.to_string();
    for case in &cases {
        let files = [("a.json", case.descriptor()), ("b.json", clear::inner())];
        let files = files.map(|(path, value)| (path.to_owned(), value.to_string().into_bytes()));
        let (library, faults) = Library::load(&files);
        assert_eq!(faults, [], "{}", case.name);
        let decode = |clear: Option<&Library>| -> Value {
            let text = decode_standalone(
                &case.request(),
                ChainId::ETHEREUM,
                &registry(),
                Some(tokens.as_bytes()),
                clear,
            );
            serde_json::from_str(&text.expect(&case.name)).unwrap()
        };
        let (own, both) = (decode(None), decode(Some(&library)));
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
