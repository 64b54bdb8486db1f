//! What an asset is taken to be worth, by the facts and the clock: at most and at least.

use holdfast_core::policy::{Facts, Policy};

const DEMO: &str = include_str!("../../data/policy_demo.toml");
const NOW: u64 = 100_000_000;
const MAX_AGE: u64 = 600_000;

/// Dearest and cheapest of `usdc`, whose price may be ten minutes old, as they are written.
fn believed(policy: &str, quotes: &str) -> (Option<String>, Option<String>) {
    let policy = Policy::parse(policy).unwrap();
    let mut assets = policy.assets().iter();
    let asset = assets.find(|entry| entry.asset.id == "usdc").unwrap();
    let facts = format!(r#"{{"prices":{{"usdc":{quotes}}}}}"#);
    let facts = Facts::parse(facts.as_bytes()).unwrap();
    let price = facts.price(asset, NOW).map(|price| price.to_string());
    let low = facts.price_low(asset, NOW).map(|price| price.to_string());
    (price, low)
}

/// `"usd age_ms"`, each a quote.
fn quotes(written: &[&str]) -> String {
    let quote = |words: &&str| {
        let (usd, age) = words.split_once(' ').unwrap();
        let at = NOW.wrapping_sub(age.parse::<i64>().unwrap().cast_unsigned());
        format!(r#"{{"usd":"{usd}","at":{at}}}"#)
    };
    let all: Vec<_> = written.iter().map(quote).collect();
    format!("[{}]", all.join(","))
}

#[test]
fn the_dearest_counts_for_what_leaves_and_the_cheapest_for_what_comes_back() {
    let old = format!("7 {}", MAX_AGE + 1);
    let still = format!("7 {MAX_AGE}");
    for (given, expected) in [
        (vec!["3 0"], Some(("3", "3"))),
        (vec!["3 0", "2.5 0", "4 0"], Some(("4", "2.5"))),
        (vec!["3 0", &old], Some(("3", "3"))),
        (vec!["3 0", &still], Some(("7", "3"))),
        (vec!["3 -60000"], Some(("3", "3"))),
        (vec!["3 -60001"], None),
        (vec!["3 0", "2 -60001"], None),
        (vec![&old], None),
        (vec![], None),
        (vec!["0 0"], None),
        (vec!["3 0", "0 0"], None),
        (vec!["3 0", "-1 0"], None),
        (vec!["3 0", "NaN 0"], None),
        (vec!["3 0", "1e400 0"], None),
        (vec!["3 0", "1e0 0"], None),
        (vec!["3 0", "inf 0"], None),
        (vec!["340282366920938463464 0"], None),
        (vec!["1.0000000000000000001 0"], None),
    ] {
        let written = |price: &str| price.to_owned();
        let expected = expected.map(|(high, low)| (written(high), written(low)));
        assert_eq!(
            believed(DEMO, &quotes(&given)),
            expected.unzip(),
            "{given:?}"
        );
    }
}

#[test]
fn with_fewer_sources_than_the_operator_asks_for_the_price_is_unknown() {
    let words = "price_max_age = \"10m\"\nprice_sources_min = 2";
    let policy = DEMO.replace("price_max_age = \"10m\"", words);
    let old = format!("7 {}", MAX_AGE + 1);
    for (given, expected) in [
        (vec!["3 0"], None),
        (vec!["3 0", &old], None),
        (vec!["3 0", "3 0"], Some("3")),
        (vec!["3 0", "5 0", &old], Some("5")),
        (vec!["3 0", "5 0", "0 0"], None),
        (vec![], None),
    ] {
        let expected = expected.map(str::to_owned);
        assert_eq!(believed(&policy, &quotes(&given)).0, expected, "{given:?}");
        let known = believed(&policy, &quotes(&given)).1.is_some();
        assert_eq!(known, expected.is_some(), "{given:?}");
    }
    let alone = r#"{"usd":"3","at":99999999}"#;
    assert_eq!(believed(&policy, alone), (None, None));
}

#[test]
fn a_pinned_price_is_both() {
    let pinned = DEMO.replace("price_max_age = \"10m\"", "price_usd = \"1.5\"");
    let policy = Policy::parse(&pinned).unwrap();
    let mut assets = policy.assets().iter();
    let asset = assets.find(|entry| entry.asset.id == "usdc").unwrap();
    let facts = Facts::parse(br#"{"prices":{"usdc":{"usd":"9","at":0}}}"#).unwrap();
    for price in [facts.price(asset, NOW), facts.price_low(asset, NOW)] {
        assert_eq!(price.unwrap().to_string(), "1.5");
    }
}
