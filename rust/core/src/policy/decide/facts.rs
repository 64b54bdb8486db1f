//! Facts from the outside world that came with a request: prices, the code of contracts, and what
//! contracts said. They can only make a verdict stricter than the policy's own words; what is missing, old or malformed
//! is unknown.
//!
//! They are read once, and shared from then on: a copy costs two counts.

mod read;
mod readings;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use alloy_primitives::Address;

use crate::amount::Price;
use crate::policy::model::{AssetEntry, CodePin};

pub use read::{ToldCode, ToldPrice};
pub use readings::Reading;
use readings::Readings;

/// A price from this far in the future is malformed rather than fresh.
pub const FUTURE_MS_MAX: u64 = 60_000;

/// What was seen of a contract longer ago is not known.
pub const CODE_AGE_MS_MAX: u64 = 5 * 60 * 1000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Quote {
    price: Price,
    at_ms: u64,
}

/// Prices as they were told.
#[derive(Debug, Default, PartialEq, Eq)]
struct Prices {
    /// By asset id; `None` if any quote of the asset is malformed.
    quotes: BTreeMap<String, Option<Vec<Quote>>>,
    /// The same as it goes on record: canonical JSON.
    record: String,
}

/// The code of contracts as it was told.
#[derive(Debug, Default, PartialEq, Eq)]
struct Contracts {
    /// By contract; `None` if what is said of it is malformed.
    code: BTreeMap<Address, Option<(CodePin, u64)>>,
    /// The same as it goes on record, in the order it was told.
    record: Vec<CodeRecord>,
}

/// What was told of one contract, as it goes on record.
#[derive(Debug, PartialEq, Eq)]
pub struct CodeRecord {
    /// The contract.
    pub address: Address,
    /// Its address as it was written.
    pub name: String,
    /// Canonical JSON.
    pub fact: String,
}

/// Facts as given with one call. What was not told is another thing than that nothing is known: only
/// the latter takes the place of what was known before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    prices: Option<Arc<Prices>>,
    code: Option<Arc<Contracts>>,
    readings: Option<Arc<Readings>>,
    /// What the wall clock shows, where that is not the guardian's time.
    wall_ms: Option<u64>,
}

impl Facts {
    /// No facts.
    pub fn none() -> Self {
        Self::default()
    }

    /// Prices as they go on record, if any were told: canonical JSON.
    pub fn prices_on_record(&self) -> Option<&str> {
        self.prices.as_deref().map(|prices| prices.record.as_str())
    }

    /// The code of contracts as it goes on record, if any was told.
    pub fn code_on_record(&self) -> Option<&[CodeRecord]> {
        self.code.as_deref().map(|code| code.record.as_slice())
    }

    /// What the wall clock shows, where that is not the guardian's time.
    pub fn wall_ms(&self) -> Option<u64> {
        self.wall_ms
    }

    fn told(&self, address: Address) -> Option<(CodePin, u64)> {
        *self.code.as_deref()?.code.get(&address)?
    }

    /// The code of a contract, if it was looked at lately.
    pub fn code(&self, address: Address, now_ms: u64) -> Option<CodePin> {
        let (code, at_ms) = self.told(address)?;
        let latest = now_ms.saturating_add(FUTURE_MS_MAX);
        let fresh = at_ms <= latest && now_ms.saturating_sub(at_ms) <= CODE_AGE_MS_MAX;
        fresh.then_some(code)
    }

    /// The code of a contract and when it was looked at, however long ago that was.
    pub(in crate::policy) fn code_at(&self, address: Address) -> Option<(CodePin, u64)> {
        self.told(address)
    }

    /// The same of every contract that is not malformed.
    pub(in crate::policy) fn all_code(
        &self,
    ) -> impl Iterator<Item = (Address, (CodePin, u64))> + use<'_> {
        let all = self.code.iter().flat_map(|told| &told.code);
        all.filter_map(|(at, code)| Some((*at, (*code)?)))
    }

    /// The code of a contract, however long ago it was looked at.
    pub fn code_seen(&self, address: Address) -> Option<CodePin> {
        Some(self.told(address)?.0)
    }

    /// The contracts whose code they tell of.
    pub fn contracts(&self) -> impl Iterator<Item = Address> + '_ {
        let told = self.code.iter().flat_map(|told| told.code.keys());
        told.copied()
    }

    /// These facts, with what `newer` was told in place of what these were told of the same.
    pub fn updated_by(mut self, newer: &Self) -> Self {
        if newer.prices.is_some() {
            self.prices.clone_from(&newer.prices);
        }
        if newer.code.is_some() {
            self.code.clone_from(&newer.code);
        }
        if newer.readings.is_some() {
            self.readings.clone_from(&newer.readings);
        }
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
        let prices = self.prices.as_deref()?;
        let quotes = prices.quotes.get(&asset.asset.id)?.as_ref()?;
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

/// JSON as it was told, for a person who looks for a fault.
impl fmt::Display for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        if let Some(code) = self.code_on_record() {
            f.write_str("\"code\":{")?;
            for (index, told) in code.iter().enumerate() {
                let comma = if index > 0 { "," } else { "" };
                write!(f, "{comma}\"{}\":{}", told.name, told.fact)?;
            }
            f.write_str("}")?;
        }
        if let Some(prices) = self.prices_on_record() {
            let comma = if self.code.is_some() { "," } else { "" };
            write!(f, "{comma}\"prices\":{prices}")?;
        }
        if let Some(readings) = self.readings_on_record() {
            let first = self.code.is_none() && self.prices.is_none();
            let comma = if first { "" } else { "," };
            write!(f, "{comma}\"readings\":{readings}")?;
        }
        f.write_str("}")
    }
}
