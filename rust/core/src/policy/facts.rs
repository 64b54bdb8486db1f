//! Facts from the outside world that came with a request: prices. They can only make a verdict
//! stricter than the policy's own words; what is missing, old or malformed is unknown.

use std::collections::BTreeMap;

use super::model::AssetEntry;
use crate::amount::Price;
use crate::json::{self, Json, Limits, Malformed};

/// A price from this far in the future is malformed rather than fresh.
pub const FUTURE_MS_MAX: u64 = 60_000;

const LIMITS: Limits = Limits {
    max_bytes: 1 << 20,
    max_depth: 8,
    max_nodes: 20_000,
    max_string: 4096,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Quote {
    price: Price,
    at_ms: u64,
}

/// Facts as given with one call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// By asset id; `None` if any quote of the asset is malformed.
    quotes: BTreeMap<String, Option<Vec<Quote>>>,
}

impl Facts {
    /// No facts.
    pub fn none() -> Self {
        Self::default()
    }

    /// Reads `{"prices": {"<asset id>": {"usd": "1.0003", "at": ms} | [...]}}`; every member may be
    /// absent. A malformed price is an unknown price; anything else that is not as it must be is an
    /// error.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        Self::from_json(&json::parse(bytes, &LIMITS)?)
    }

    /// The same from a tree.
    pub fn from_json(facts: &Json<'_>) -> Result<Self, Malformed> {
        let Some(members) = facts.as_object() else {
            return Err(Malformed::new("facts_type", "", "facts are not an object"));
        };
        let mut quotes = BTreeMap::new();
        for (key, value) in members {
            if key != "prices" {
                return Err(Malformed::new("unknown_key", "", "not a fact").under(key));
            }
            let Some(prices) = value.as_object() else {
                let fault = Malformed::new("facts_type", "", "prices are not an object");
                return Err(fault.under(key));
            };
            for (asset, quoted) in prices {
                quotes.insert(asset.clone().into_owned(), read_quotes(quoted));
            }
        }
        Ok(Self { quotes })
    }

    /// What one whole token is worth at most: the pinned price, or the dearest of the quotes that
    /// are not too old.
    pub fn price(&self, asset: &AssetEntry, now_ms: u64) -> Option<Price> {
        if asset.price.is_some() {
            return asset.price;
        }
        let quotes = self.quotes.get(&asset.asset.id)?.as_ref()?;
        let latest = now_ms.saturating_add(FUTURE_MS_MAX);
        if quotes.iter().any(|quote| quote.at_ms > latest) {
            return None;
        }
        let fresh = |quote: &&Quote| now_ms.saturating_sub(quote.at_ms) <= asset.price_age_ms_max;
        quotes.iter().filter(fresh).map(|quote| quote.price).max()
    }
}

fn read_quotes(quoted: &Json<'_>) -> Option<Vec<Quote>> {
    match quoted.as_array() {
        Some(items) => items.iter().map(read_quote).collect(),
        None => read_quote(quoted).map(|quote| vec![quote]),
    }
}

/// Exactly `usd` (a decimal string) and `at` (ms).
fn read_quote(quote: &Json<'_>) -> Option<Quote> {
    let known = |(key, _): &(std::borrow::Cow<'_, str>, Json<'_>)| key == "usd" || key == "at";
    if !quote.as_object()?.iter().all(known) {
        return None;
    }
    let price = Price::parse(quote.get("usd")?.as_str()?).ok()?;
    let at_ms = u64::try_from(quote.get("at")?.as_int()?).ok()?;
    Some(Quote { price, at_ms })
}
