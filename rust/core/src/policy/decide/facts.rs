//! Facts from the outside world that came with a request: prices, and the code of contracts. They
//! can only make a verdict stricter than the policy's own words; what is missing, old or malformed
//! is unknown.

use std::collections::BTreeMap;

use alloy_primitives::Address;

use crate::amount::Price;
use crate::code::Detail;
use crate::json::{self, Json, Limits, Malformed};
use crate::policy::model::{AssetEntry, CodePin};
use crate::request::parse_address;

/// A price from this far in the future is malformed rather than fresh.
pub const FUTURE_MS_MAX: u64 = 60_000;

/// What was seen of a contract longer ago is not known.
pub const CODE_AGE_MS_MAX: u64 = 5 * 60 * 1000;

/// The fact that is the wall clock's word.
pub const WALL_MS: &str = "wall_ms";

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
    /// By contract; `None` if what is said of it is malformed.
    code: BTreeMap<Address, Option<(CodePin, u64)>>,
    /// What the wall clock shows, where that is not the guardian's time.
    wall_ms: Option<u64>,
}

impl Facts {
    /// No facts.
    pub fn none() -> Self {
        Self::default()
    }

    /// Reads `{"prices": {"<asset id>": {"usd": "1.0003", "at": ms} | [...]}, "code": {"0x…":
    /// {"hash": "0x…", "implementation": "0x…" | null, "at": ms}}, "wall_ms": ms}`; every member may be
    /// absent. A
    /// malformed price is an unknown price, malformed code unknown code; anything else that is not
    /// as it must be is an error.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        Self::from_json(&json::parse(bytes, &LIMITS)?)
    }

    /// The same from a tree.
    pub fn from_json(facts: &Json<'_>) -> Result<Self, Malformed> {
        let Some(members) = facts.as_object() else {
            return Err(Malformed::new(
                Detail::FactsType,
                "",
                "facts are not an object",
            ));
        };
        Self::from_members(members.iter().map(|(key, value)| (key.as_ref(), value)))
    }

    /// The same from the members of such an object.
    pub(crate) fn from_members<'m, 'j: 'm>(
        members: impl Iterator<Item = (&'m str, &'m Json<'j>)>,
    ) -> Result<Self, Malformed> {
        let mut read = Self::default();
        for (key, value) in members {
            if key == WALL_MS {
                let ms = value.as_int().and_then(|ms| u64::try_from(ms).ok());
                let fault = || Malformed::new(Detail::FactsType, "", "expected a time").under(key);
                read.wall_ms = Some(ms.ok_or_else(fault)?);
                continue;
            }
            if key != "prices" && key != "code" {
                return Err(Malformed::new(Detail::UnknownKey, "", "not a fact").under(key));
            }
            let Some(told) = value.as_object() else {
                let fault = Malformed::new(Detail::FactsType, "", "expected an object");
                return Err(fault.under(key));
            };
            for (name, fact) in told {
                if key == "prices" {
                    let quotes = read_quotes(fact);
                    read.quotes.insert(name.clone().into_owned(), quotes);
                } else {
                    let address = parse_address(name).map_err(|fault| fault.at(name).under(key))?;
                    read.code.insert(address, read_code(fact));
                }
            }
        }
        Ok(read)
    }

    /// The code of a contract, if it was looked at lately.
    pub fn code(&self, address: Address, now_ms: u64) -> Option<CodePin> {
        let (code, at_ms) = (*self.code.get(&address)?)?;
        let latest = now_ms.saturating_add(FUTURE_MS_MAX);
        let fresh = at_ms <= latest && now_ms.saturating_sub(at_ms) <= CODE_AGE_MS_MAX;
        fresh.then_some(code)
    }

    /// The code of a contract and when it was looked at, however long ago that was.
    pub(in crate::policy) fn code_at(&self, address: Address) -> Option<(CodePin, u64)> {
        *self.code.get(&address)?
    }

    /// The same of every contract that is not malformed.
    pub(in crate::policy) fn all_code(
        &self,
    ) -> impl Iterator<Item = (Address, (CodePin, u64))> + use<'_> {
        let all = self.code.iter();
        all.filter_map(|(at, code)| Some((*at, (*code)?)))
    }

    /// The code of a contract, however long ago it was looked at.
    pub fn code_seen(&self, address: Address) -> Option<CodePin> {
        Some((*self.code.get(&address)?)?.0)
    }

    /// The contracts whose code they tell of.
    pub fn contracts(&self) -> impl Iterator<Item = Address> + '_ {
        self.code.keys().copied()
    }

    /// These facts, with what `newer` says of code in place of what these say of it.
    pub fn with_code_of(mut self, newer: Self) -> Self {
        self.code = newer.code;
        self
    }

    /// These facts, with the prices of `newer` in place of their own.
    pub fn with_prices_of(mut self, newer: Self) -> Self {
        self.quotes = newer.quotes;
        self
    }

    /// These facts, with what the wall clock shows.
    pub fn by_wall(mut self, wall_ms: Option<u64>) -> Self {
        self.wall_ms = wall_ms;
        self
    }

    /// The earlier of the guardian's time and the wall clock: what is valid for too long by either of
    /// them is.
    pub(in crate::policy) fn earliest(&self, now_ms: u64) -> u64 {
        self.wall_ms.map_or(now_ms, |wall_ms| wall_ms.min(now_ms))
    }

    /// The later of both: what is over by either of them is over.
    pub(in crate::policy) fn latest(&self, now_ms: u64) -> u64 {
        self.wall_ms.map_or(now_ms, |wall_ms| wall_ms.max(now_ms))
    }

    /// What one whole token is worth at most: the pinned price, or the dearest of the quotes that
    /// are not too old. For what may leave a wallet.
    pub fn price(&self, asset: &AssetEntry, now_ms: u64) -> Option<Price> {
        asset.price.or_else(|| self.believed(asset, now_ms)?.max())
    }

    /// What one whole token is worth at least: the pinned price, or the cheapest of the same quotes.
    /// For what must come back to a wallet.
    pub fn price_low(&self, asset: &AssetEntry, now_ms: u64) -> Option<Price> {
        asset.price.or_else(|| self.believed(asset, now_ms)?.min())
    }

    /// The quotes that are not too old; `None` where one is malformed or from the future, or fewer
    /// are left than the operator asks for.
    fn believed(
        &self,
        asset: &AssetEntry,
        now_ms: u64,
    ) -> Option<impl Iterator<Item = Price> + use<'_>> {
        let quotes = self.quotes.get(&asset.asset.id)?.as_ref()?;
        let latest = now_ms.saturating_add(FUTURE_MS_MAX);
        if quotes.iter().any(|quote| quote.at_ms > latest) {
            return None;
        }
        let oldest = now_ms.saturating_sub(asset.price_age_ms_max);
        let fresh = quotes.iter().filter(move |quote| quote.at_ms >= oldest);
        let enough = fresh.clone().count() >= asset.price_sources_min as usize;
        enough.then(|| fresh.map(|quote| quote.price))
    }
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
    let known = |(key, _): &(std::borrow::Cow<'_, str>, Json<'_>)| key == "usd" || key == "at";
    if !quote.as_object()?.iter().all(known) {
        return None;
    }
    let price = Price::parse(quote.get("usd")?.as_str()?).ok()?;
    let at_ms = u64::try_from(quote.get("at")?.as_int()?).ok()?;
    Some(Quote { price, at_ms })
}
