//! From what was told to [`Facts`]: out of values, or out of a document.

use std::borrow::Cow;
use std::sync::Arc;

use super::{readings, CodeRecord, Contracts, Facts, Prices, Quote};
use crate::amount::Price;
use crate::code::Detail;
use crate::json::{self, Json, Limits, Malformed};
use crate::policy::model::CodePin;
use crate::request::parse_address;

const LIMITS: Limits = Limits {
    max_bytes: 1 << 20,
    max_depth: 8,
    max_nodes: 20_000,
    max_string: 4096,
};

/// What one source says of a price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToldPrice {
    /// USD for one whole token, a decimal number.
    pub usd: String,
    /// How old it is by the source's own word, ms since the epoch.
    pub at_ms: i64,
}

/// What was seen of the code of a contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToldCode {
    /// Keccak-256 of its code, in hex.
    pub hash: String,
    /// The same of what runs behind it; `None` for what is no proxy.
    pub implementation: Option<String>,
    /// When it was looked at, ms since the epoch.
    pub at_ms: i64,
}

impl Facts {
    /// Prices by asset id. One that is malformed makes the price of its asset unknown.
    ///
    /// # Errors
    /// [`Malformed`] for what could not be put on record.
    pub fn of_prices(
        told: impl IntoIterator<Item = (String, Vec<ToldPrice>)>,
    ) -> Result<Self, Malformed> {
        let told = told.into_iter().map(|(asset, quotes)| {
            let quotes = quotes.into_iter().map(|quote| {
                let at = ("at".into(), Json::Int(quote.at_ms));
                Json::Object(vec![at, ("usd".into(), Json::Str(quote.usd.into()))])
            });
            (asset.into(), Json::Array(quotes.collect()))
        });
        Self::of_values("prices", told.collect())
    }

    /// The code of contracts by their addresses. What is malformed is unknown code.
    ///
    /// # Errors
    /// [`Malformed`] for an address that is none, and for what could not be put on record.
    pub fn of_code(told: impl IntoIterator<Item = (String, ToldCode)>) -> Result<Self, Malformed> {
        let told = told.into_iter().map(|(address, code)| {
            let implementation = code.implementation;
            let implementation = implementation.map_or(Json::Null, |hash| Json::Str(hash.into()));
            let fact = vec![
                ("at".into(), Json::Int(code.at_ms)),
                ("hash".into(), Json::Str(code.hash.into())),
                ("implementation".into(), implementation),
            ];
            (address.into(), Json::Object(fact))
        });
        Self::of_values("code", told.collect())
    }

    /// Values are held to what a document may hold: all of it may go on record.
    fn of_values(
        what: &'static str,
        told: Vec<(Cow<'static, str>, Json<'static>)>,
    ) -> Result<Self, Malformed> {
        Self::checked(&Json::Object(vec![(what.into(), Json::Object(told))]))
    }

    pub(super) fn checked(facts: &Json<'_>) -> Result<Self, Malformed> {
        json::check(facts, &LIMITS)?;
        Self::from_json(facts)
    }

    /// Reads `{"prices": {"<asset id>": {"usd": "1.0003", "at": ms} | [...]}, "code": {"0x…":
    /// {"hash": "0x…", "implementation": "0x…" | null, "at": ms}}, "readings": [{"at": ms, "call":
    /// "0x…", "contract": "0x…", "data": "0x…" | null, "fault": "…" | null, "source": "…", "when":
    /// "before" | "after"}], "wall_ms": ms}`; every member may be
    /// absent. A malformed price is an unknown price, malformed code unknown code; anything else that
    /// is not as it must be is an error.
    ///
    /// # Errors
    /// [`Malformed`], as said.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        Self::from_json(&json::parse(bytes, &LIMITS)?)
    }

    /// The same from a tree.
    ///
    /// # Errors
    /// As [`Facts::parse`].
    pub fn from_json(facts: &Json<'_>) -> Result<Self, Malformed> {
        let Some(members) = facts.as_object() else {
            return Err(Malformed::new(
                Detail::FactsType,
                "",
                "facts are not an object",
            ));
        };
        let mut read = Self::default();
        for (key, value) in members {
            match key.as_ref() {
                "wall_ms" => {
                    let ms = value.as_int().and_then(|ms| u64::try_from(ms).ok());
                    let fault =
                        || Malformed::new(Detail::FactsType, "", "expected a time").under(key);
                    read.wall_ms = Some(ms.ok_or_else(fault)?);
                }
                "prices" => read.prices = Some(Arc::new(prices(value)?)),
                "readings" => read.readings = Some(readings::read(value)?),
                "code" => read.code = Some(Arc::new(contracts(value)?)),
                _ => {
                    return Err(Malformed::new(Detail::UnknownKey, "", "not a fact").under(key));
                }
            }
        }
        Ok(read)
    }
}

type Members<'m, 'j> = &'m [(Cow<'j, str>, Json<'j>)];

fn members<'m, 'j>(value: &'m Json<'j>, key: &str) -> Result<Members<'m, 'j>, Malformed> {
    let fault = || Malformed::new(Detail::FactsType, "", "expected an object").under(key);
    value.as_object().ok_or_else(fault)
}

fn prices(value: &Json<'_>) -> Result<Prices, Malformed> {
    let told = members(value, "prices")?.iter();
    let quotes = told.map(|(asset, quoted)| (asset.clone().into_owned(), read_quotes(quoted)));
    Ok(Prices {
        quotes: quotes.collect(),
        record: value.to_canonical(),
    })
}

fn contracts(value: &Json<'_>) -> Result<Contracts, Malformed> {
    let mut read = Contracts::default();
    for (name, fact) in members(value, "code")? {
        let address = parse_address(name).map_err(|fault| fault.at(name).under("code"))?;
        read.code.insert(address, read_code(fact));
        read.record.push(CodeRecord {
            address,
            name: name.clone().into_owned(),
            fact: fact.to_canonical(),
        });
    }
    Ok(read)
}

fn read_quotes(quoted: &Json<'_>) -> Option<Vec<Quote>> {
    match quoted.as_array() {
        Some(items) => items.iter().map(read_quote).collect(),
        None => read_quote(quoted).map(|quote| vec![quote]),
    }
}

/// Exactly `hash`, `implementation` and `at`.
fn read_code(fact: &Json<'_>) -> Option<(CodePin, u64)> {
    if fact.as_object()?.len() != 3 {
        return None;
    }
    let implementation = match fact.get("implementation")? {
        Json::Null => None,
        other => Some(other.as_str()?.parse().ok()?),
    };
    let hash = fact.get("hash")?.as_str()?.parse().ok()?;
    let at_ms = u64::try_from(fact.get("at")?.as_int()?).ok()?;
    Some((
        CodePin {
            hash,
            implementation,
        },
        at_ms,
    ))
}

/// Exactly `usd` (a decimal string) and `at` (ms).
fn read_quote(quote: &Json<'_>) -> Option<Quote> {
    let known = |(key, _): &(Cow<'_, str>, Json<'_>)| key == "usd" || key == "at";
    if !quote.as_object()?.iter().all(known) {
        return None;
    }
    let price = Price::parse(quote.get("usd")?.as_str()?).ok()?;
    let at_ms = u64::try_from(quote.get("at")?.as_int()?).ok()?;
    Some(Quote { price, at_ms })
}
