//! The amounts at which anything can change: every bound of a table that is about a place, and one
//! base unit more.

use std::collections::BTreeSet;

use alloy_primitives::U256;

use crate::amount::Usd;
use crate::asset::Asset;
use crate::effects::EffectKind;
use crate::policy::compare::place::{Place, Seen};
use crate::policy::compare::world::World;
use crate::policy::conditions::Range;
use crate::policy::model::Measure;
use crate::policy::Policy;

/// Amounts that are looked at in one place.
const AMOUNTS_MAX: usize = 48;
/// A price in 1e-18 USD that is told where the operator pins none: one dollar.
const TOLD_PRICE: u128 = 1_000_000_000_000_000_000;

/// What one whole unit of an asset is worth here, in 1e-18 USD: what either policy pins, otherwise
/// what is told.
pub(super) fn price(world: &World<'_>, asset: &Asset) -> U256 {
    let pinned = world.entries(asset).find_map(|entry| entry.price);
    U256::from(pinned.map_or(TOLD_PRICE, |price| price.atto_usd()))
}

/// The most base units that are worth so much, by the price of one policy.
fn worth(policy: &Policy, asset: &Asset, usd: Usd) -> Option<U256> {
    let number = policy.asset_index(asset.identity())?;
    let pinned = policy.assets.get(number as usize)?.price;
    let price = U256::from(pinned.map_or(TOLD_PRICE, |price| price.atto_usd()));
    let exponent = U256::from(asset.decimals).checked_add(U256::from(12))?;
    let scale = U256::from(10).checked_pow(exponent)?;
    U256::from(usd.0).checked_mul(scale)?.checked_div(price)
}

/// The amounts of a place, in their order; a single one where amounts make no sense.
pub(super) fn amounts(world: &World<'_>, place: &Place<'_>) -> Vec<U256> {
    if !place.is_measured() {
        return vec![U256::ONE];
    }
    let mut bounds: BTreeSet<U256> = BTreeSet::new();
    for policy in world.both() {
        let in_usd = |usd: Usd| worth(policy, place.asset?, usd);
        let mut range = |range: &Range| {
            let amounts = [range.amount_max, range.amount_above].into_iter().flatten();
            bounds.extend(amounts);
            let worths = [range.usd_max, range.usd_above].into_iter().flatten();
            bounds.extend(worths.filter_map(in_usd));
        };
        for seen in Seen::ways(policy, place) {
            let query = place.query(policy, U256::ONE, &seen);
            for index in [
                &policy.grant_index,
                &policy.forbid_index,
                &policy.review_index,
            ] {
                index.about(&query, |matcher, _| range(&matcher.range));
            }
        }
        for seen in Seen::ways(policy, place).take(1) {
            let query = place.query(policy, U256::ONE, &seen);
            policy.limit_index.about(&query, |_, payload| {
                let limit = policy.limits().get(payload as usize);
                for most in limit
                    .into_iter()
                    .flat_map(|one| [Some(one.max), one.warns_above()])
                {
                    let measure = limit.zip(most).map(|(one, most)| (&one.measure, most));
                    bounds.extend(measure.and_then(|(measure, most)| match measure {
                        Measure::Count | Measure::Recipients => None,
                        Measure::Usd => in_usd(Usd(most)),
                        Measure::Amount(_) => Some(U256::from(most)),
                    }));
                }
            });
        }
    }
    if place.is_exchange() {
        // What comes back for next to nothing is rounded down to nothing.
        let unit = place.asset.map(|asset| U256::from(asset.decimals));
        bounds.extend(unit.and_then(|places| U256::from(10).checked_pow(places)));
    }
    let mut amounts: BTreeSet<U256> = BTreeSet::from([U256::ZERO, U256::ONE]);
    for bound in bounds {
        amounts.insert(bound);
        amounts.insert(bound.saturating_add(U256::ONE));
    }
    if place.kind == EffectKind::Allowance {
        // An allowance of nothing takes one back.
        amounts.remove(&U256::ZERO);
    }
    amounts.into_iter().take(AMOUNTS_MAX).collect()
}
