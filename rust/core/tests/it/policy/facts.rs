//! Facts told in values are those of a document that says the same.

use holdfast_core::policy::{Facts, ToldCode, ToldPrice};
use proptest::prelude::*;
use serde_json::{json, Map, Value};

const USDC: &str = "0x5FbDB2315678afecb367f032d93F642f64180aa3";

fn price(usd: &str, at_ms: i64) -> ToldPrice {
    let usd = usd.to_owned();
    ToldPrice { usd, at_ms }
}

fn code(hash: &str, at_ms: i64) -> ToldCode {
    ToldCode {
        hash: hash.to_owned(),
        implementation: None,
        at_ms,
    }
}

fn some_text() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("1.0003".to_owned()),
        Just(format!("0x{}", "11".repeat(32))),
        any::<String>().prop_filter("no NUL", |text| !text.contains('\0')),
    ]
}

proptest! {
    /// With the same words on record, and the same prices and code behind them.
    #[test]
    fn values_and_documents_are_read_alike(
        prices in prop::collection::btree_map(some_text(), prop::collection::vec((some_text(), -5..9_i64), 0..3), 0..4),
        hash in some_text(),
        behind in prop::option::of(some_text()),
        at_ms in -5..9_i64,
    ) {
        let quotes = |each: &Vec<(String, i64)>| each.iter().map(|(usd, at)| price(usd, *at)).collect();
        let told = Facts::of_prices(prices.iter().map(|(asset, each)| (asset.clone(), quotes(each))));
        let seen = ToldCode { hash: hash.clone(), implementation: behind.clone(), at_ms };
        let told = told.unwrap().updated_by(&Facts::of_code([(USDC.to_owned(), seen)]).unwrap());
        let document: Map<String, Value> = prices
            .iter()
            .map(|(asset, each)| {
                let each = each.iter().map(|(usd, at)| json!({"usd": usd, "at": at}));
                (asset.clone(), each.collect())
            })
            .collect();
        let document = json!({"prices": document,
            "code": {USDC: {"hash": hash, "implementation": behind, "at": at_ms}}});
        let read = Facts::parse(document.to_string().as_bytes()).unwrap();
        prop_assert_eq!(&told, &read);
        prop_assert_eq!(Facts::parse(told.to_string().as_bytes()).unwrap(), read);
    }
}

#[test]
fn what_no_record_could_carry_is_refused_as_in_a_document() {
    let prices = |usd: &str, at| Facts::of_prices([("usdc".to_owned(), vec![price(usd, at)])]);
    let refused = [
        (prices("1", 1 << 53), "json_number"),
        (prices("1", i64::MIN), "json_number"),
        (prices(&"1".repeat(4097), 1), "json_string"),
        (prices("1\0", 1), "json_nul"),
        (
            Facts::of_prices([("usdc".to_owned(), vec![price("1", 1); 6667])]),
            "json_nodes",
        ),
        (
            Facts::of_prices([("usdc".to_owned(), vec![price(&"1".repeat(4000), 1); 270])]),
            "json_too_large",
        ),
        (
            Facts::of_code([("0x12".to_owned(), code("0x", 1))]),
            "address",
        ),
    ];
    for (told, expected) in refused {
        assert_eq!(told.unwrap_err().code.as_str(), expected);
    }
    assert!(prices("1", (1 << 53) - 1).is_ok());
}

#[test]
fn what_was_not_told_leaves_what_was_known() {
    let prices = Facts::of_prices([("usdc".to_owned(), vec![price("1", 1)])]).unwrap();
    let hash = format!("0x{}", "11".repeat(32));
    let seen = Facts::of_code([(USDC.to_owned(), code(&hash, 1))]).unwrap();
    let both = prices.clone().updated_by(&seen);
    assert_eq!(both.prices_on_record(), prices.prices_on_record());
    assert_eq!(both.clone().updated_by(&Facts::none()), both);
    let nothing = Facts::of_code([]).unwrap();
    let none_known = both.updated_by(&nothing);
    assert!(none_known.code_on_record().unwrap().is_empty());
    assert_eq!(none_known.prices_on_record(), prices.prices_on_record());
}
