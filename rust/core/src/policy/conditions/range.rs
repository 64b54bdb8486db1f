//! `amount_max`, `amount_above`, `usd_max`, `usd_above`: how much it is. What one request does is
//! compared as a whole too, so that many small amounts are one large one.

use alloy_primitives::U256;

use crate::amount::{format_units, Usd};
use crate::asset::Asset;
use crate::policy::decide::sums::Figure;

/// The keys of a table that compares amounts.
pub(in crate::policy) const KEYS: [&str; 4] =
    ["amount_max", "amount_above", "usd_max", "usd_above"];

/// Whether a table matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::policy) enum Fit {
    /// It does.
    Yes,
    /// All but the amount in USD, which cannot be known.
    PriceUnknown,
}

/// Inclusive maxima and exclusive minima, in base units of one asset or in USD.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::policy) struct Range {
    pub amount_max: Option<U256>,
    pub amount_above: Option<U256>,
    pub usd_max: Option<Usd>,
    pub usd_above: Option<Usd>,
}

impl Range {
    /// Whether it compares anything.
    pub const fn is_set(&self) -> bool {
        self.amount_max.is_some() || self.amount_above.is_some() || self.in_usd()
    }

    /// Whether it compares USD, so that an unknown price leaves it open.
    pub const fn in_usd(&self) -> bool {
        self.usd_max.is_some() || self.usd_above.is_some()
    }

    /// Whether a figure is in it. What is known of a sum may be enough.
    pub fn fits(&self, figure: &Figure) -> Option<Fit> {
        let amount = figure.amount;
        if self.amount_max.is_some_and(|max| amount > max)
            || self.amount_above.is_some_and(|above| amount <= above)
            || self.usd_max.is_some_and(|max| figure.usd > max.0)
        {
            return None;
        }
        let above = self.usd_above.is_none_or(|above| figure.usd > above.0);
        let decided = !figure.usd_unknown || (self.usd_max.is_none() && above);
        match (decided, above) {
            (false, _) => Some(Fit::PriceUnknown),
            (true, above) => above.then_some(Fit::Yes),
        }
    }

    /// The most it lets pass, in its own unit.
    pub fn most(&self, asset: Option<&Asset>) -> Option<String> {
        if let Some(max) = self.usd_max {
            return Some(format!("{max} USD"));
        }
        let (max, asset) = (self.amount_max?, asset?);
        let units = format_units(max, asset.decimals);
        Some(format!("{units} {}", asset.id))
    }
}
