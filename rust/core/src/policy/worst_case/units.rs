//! Base units and micro-USD of an asset, from one to the other.

use alloy_primitives::{U256, U512};

use crate::amount::usd_value;
use crate::policy::model::AssetEntry;

/// What a figure is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// Base units of the assets at hand.
    Base,
    /// Micro-USD.
    Usd,
}

/// The most of something, in both units; `None` where nothing bounds it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Most {
    pub base: Option<U256>,
    pub usd: Option<U256>,
}

impl Most {
    pub fn in_unit(self, unit: Unit) -> Option<U256> {
        match unit {
            Unit::Base => self.base,
            Unit::Usd => self.usd,
        }
    }

    /// Bounded by both.
    pub fn and(self, other: Self) -> Self {
        Self {
            base: least(self.base, other.base),
            usd: least(self.usd, other.usd),
        }
    }

    /// One or the other.
    pub fn or(self, other: Self) -> Self {
        Self {
            base: self.base.zip(other.base).map(|(a, b)| a.max(b)),
            usd: self.usd.zip(other.usd).map(|(a, b)| a.max(b)),
        }
    }

    /// One and the other besides.
    pub fn plus(self, other: Self) -> Self {
        let add = |(a, b): (U256, U256)| a.saturating_add(b);
        Self {
            base: self.base.zip(other.base).map(add),
            usd: self.usd.zip(other.usd).map(add),
        }
    }

    /// Where the price is pinned, what bounds one unit bounds the other.
    pub fn priced(self, entry: Option<&AssetEntry>) -> Self {
        let Some(entry) = entry else { return self };
        Self {
            base: least(self.base, self.usd.and_then(|usd| base_of(usd, entry))),
            usd: least(self.usd, self.base.and_then(|base| usd_of(base, entry))),
        }
    }
}

/// The smaller one; what is not there bounds nothing.
pub(super) fn least(a: Option<U256>, b: Option<U256>) -> Option<U256> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (one, None) | (None, one) => one,
    }
}

/// What so many base units are worth by the pinned price, rounded up; `None` without one.
pub(super) fn usd_of(base: U256, entry: &AssetEntry) -> Option<U256> {
    let usd = usd_value(base, entry.asset.decimals, entry.price?)?;
    Some(U256::from(usd.0))
}

/// The most base units whose worth is counted as at most this. Each effect is rounded up when it is
/// counted, so together they are worth no more than what counts. `None` without a pinned price.
pub(super) fn base_of(usd: U256, entry: &AssetEntry) -> Option<U256> {
    let price = U512::from(entry.price?.atto_usd());
    // base × price / 10^(decimals + 12) micro-USD, as in `usd_value`.
    let exponent = u32::from(entry.asset.decimals).saturating_add(12);
    let unit = U512::from(10).checked_pow(U512::from(exponent))?;
    let base = U512::from(usd).checked_mul(unit)?.checked_div(price)?;
    let fits = base <= U512::from(U256::MAX);
    fits.then(|| base.wrapping_to())
}
