//! `amount_max`, `amount_above`, `usd_max`, `usd_above`: how much it is. What one request does is
//! compared as a whole too, so that many small amounts are one large one.

use alloy_primitives::U256;

use crate::amount::{format_units, Usd};
use crate::asset::Asset;
use crate::policy::decide::nearest::units;
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

    /// What it asks of an amount, each bound in words.
    pub fn said(&self, asset: Option<&Asset>) -> Vec<String> {
        let bounds = [
            self.amount_max
                .map(|max| format!("the amount is at most {}", units(max, asset))),
            self.amount_above
                .map(|above| format!("the amount is above {}", units(above, asset))),
            self.usd_max
                .map(|max| format!("it is worth at most {max} USD")),
            self.usd_above
                .map(|above| format!("it is worth more than {above} USD")),
        ];
        bounds.into_iter().flatten().collect()
    }

    /// The bounds that an effect by itself does not keep to, as a range of their own.
    pub fn unmet(&self, figure: &Figure) -> Self {
        let (amount, usd) = (figure.amount, figure.usd);
        let known = !figure.usd_unknown;
        Self {
            amount_max: self.amount_max.filter(|max| amount > *max),
            amount_above: self.amount_above.filter(|above| amount <= *above),
            usd_max: self.usd_max.filter(|max| usd > max.0),
            usd_above: self.usd_above.filter(|above| known && usd <= above.0),
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
