//! What all effects of one request come to under each table that compares amounts.
//!
//! A payment that is split into parts must not find a milder tier than the whole, so a table is
//! asked twice: with each effect's own amount, and with the sum of everything it is about.

use alloy_primitives::map::HashMap;
use alloy_primitives::U256;

use crate::amount::{format_units, Usd};
use crate::asset::Asset;
use crate::policy::conditions::Range;

/// An amount that ranges are compared with: of one effect, or of several.
#[derive(Clone, Copy, Debug)]
pub(in crate::policy) struct Figure {
    /// Effects in it.
    pub effects: u32,
    /// Base units, of one asset or of one group.
    pub amount: U256,
    /// Micro-USD of those with a price.
    pub usd: u128,
    /// One of them has no price.
    pub usd_unknown: bool,
    /// The effect added last, so that one found twice counts once.
    ordinal: u32,
}

impl Figure {
    /// That of one effect; `usd` is `None` if its price is unknown.
    pub fn one(amount: U256, usd: Option<u128>) -> Self {
        Self {
            effects: 1,
            amount,
            usd: usd.unwrap_or(0),
            usd_unknown: usd.is_none(),
            ordinal: 0,
        }
    }

    /// `1000 effects come to 500000 USD`, in the unit of the range.
    pub fn words(&self, range: &Range, asset: Option<&Asset>) -> String {
        let in_usd = range.in_usd();
        let least = if in_usd && self.usd_unknown {
            "at least "
        } else {
            ""
        };
        let sum = match asset {
            Some(asset) if !in_usd => {
                format!("{} {}", format_units(self.amount, asset.decimals), asset.id)
            }
            None if !in_usd => format!("{} base units", self.amount),
            _ => format!("{} USD", Usd(self.usd)),
        };
        format!("{} effects come to {least}{sum}", self.effects)
    }
}

/// The sums of one request by matcher. Empty for a request of one effect.
#[derive(Debug, Default)]
pub(in crate::policy) struct Sums(HashMap<u32, Figure>);

impl Sums {
    /// The sum under a matcher; `None` if at most one effect is in it.
    pub fn of(&self, matcher: u32) -> Option<&Figure> {
        let figure = self.0.get(&matcher);
        figure.filter(|figure| figure.effects > 1)
    }

    /// Adds the effect with this number.
    pub fn add(&mut self, matcher: u32, ordinal: u32, one: Figure) {
        let Some(sum) = self.0.get_mut(&matcher) else {
            self.0.insert(matcher, Figure { ordinal, ..one });
            return;
        };
        if sum.ordinal == ordinal {
            return;
        }
        sum.ordinal = ordinal;
        sum.effects = sum.effects.saturating_add(1);
        sum.amount = sum.amount.saturating_add(one.amount);
        sum.usd = sum.usd.saturating_add(one.usd);
        sum.usd_unknown |= one.usd_unknown;
    }
}
