//! What surely comes back for swaps and orders, in percent of what leaves.
//!
//! What leaves is worth the dearest price that is believed and is rounded up; what comes back the
//! cheapest, rounded down. Each exchange stands for itself, because a batch may carry out one of
//! them and not another: a good one does not make up for a bad one.

use alloy_primitives::{Address, U256};

use super::decide::Subject;
use super::facts::Facts;
use super::Policy;
use crate::amount::{usd_value, usd_value_low, Usd};
use crate::asset::Asset;
use crate::effects::{Effect, EffectKind, Exchange};

/// The worst of every kind.
pub(super) struct Returns {
    swap: Option<u128>,
    order: Option<u128>,
}

impl Returns {
    pub(super) fn of(policy: &Policy, subject: &Subject<'_>, facts: &Facts, now_ms: u64) -> Self {
        let worst = |kind| {
            let mut each = subject.exchanges.iter().filter(|one| one.kind == kind);
            let worst = each.try_fold(u128::MAX, |worst, one| {
                Some(worst.min(percent(policy, one, facts, now_ms)?))
            });
            worst.filter(|_| explained(kind, subject))
        };
        Self {
            swap: worst(EffectKind::Swap),
            order: worst(EffectKind::Order),
        }
    }

    /// Whole percent, rounded down; `None` if nobody knows, and for every other kind of effect.
    pub(super) fn percent(&self, effect: &Effect) -> Option<u128> {
        match effect.kind {
            EffectKind::Swap => self.swap,
            EffectKind::Order => self.order,
            _ => None,
        }
    }
}

fn percent(policy: &Policy, exchange: &Exchange, facts: &Facts, now_ms: u64) -> Option<u128> {
    let entry = |asset: &Asset| {
        let place = policy.asset_index(asset.chain_id, asset.address)?;
        policy.assets.get(place as usize)
    };
    let mut paid: u128 = 0;
    for (asset, amount) in &exchange.pays {
        if amount.is_zero() {
            continue;
        }
        let entry = entry(asset.as_ref()?)?;
        let price = facts.price(entry, now_ms)?;
        let usd = usd_value(*amount, entry.asset.decimals, price)?;
        paid = paid.checked_add(usd.0)?;
    }
    // What has no price counts nothing beside what has one.
    let worths = exchange.gets.iter().filter_map(|(asset, amount)| {
        let entry = entry(asset)?;
        let price = facts.price_low(entry, now_ms)?;
        usd_value_low(*amount, entry.asset.decimals, price)
    });
    let got = worths
        .reduce(|sum, usd| Usd(sum.0.saturating_add(usd.0)))?
        .0;
    Some(got.saturating_mul(100).checked_div(paid).unwrap_or(100))
}

/// Whether the exchanges account for all that leaves by effects of this kind.
fn explained(kind: EffectKind, subject: &Subject<'_>) -> bool {
    type Place = Option<(u64, Option<Address>)>;
    let place = |asset: Option<&Asset>| asset.map(|asset| (asset.chain_id, asset.address));
    let mut left: Vec<(Place, U256)> = Vec::new();
    let pays = subject.exchanges.iter().filter(|one| one.kind == kind);
    for (asset, amount) in pays.flat_map(|one| &one.pays) {
        left.push((place(asset.as_ref()), *amount));
    }
    let mut effects = subject.effects.iter().filter(|effect| effect.kind == kind);
    effects.all(|effect| {
        let mut rest = effect.amount;
        for (_, amount) in left
            .iter_mut()
            .filter(|(asset, _)| *asset == place(effect.asset.as_ref()))
        {
            let part = rest.min(*amount);
            *amount = amount.saturating_sub(part);
            rest = rest.saturating_sub(part);
        }
        rest.is_zero()
    })
}
