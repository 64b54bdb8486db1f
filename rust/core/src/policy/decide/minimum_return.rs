//! What surely comes back for swaps, orders and crossings, in hundredths of a percent of what leaves.
//!
//! What leaves is worth the dearest price that is believed and is rounded up; what comes back the
//! cheapest, rounded down. Where both sides are the same asset, or of one group, no price is needed.
//! Each exchange stands for itself, because a batch may carry out one of them and not another: a
//! good one does not make up for a bad one.

use alloy_primitives::{Address, U256};

use crate::amount::{usd_value, usd_value_low};
use crate::asset::Asset;
use crate::chain::ChainId;
use crate::effects::{Effect, EffectKind, Exchange};
use crate::policy::decide::facts::Facts;
use crate::policy::decide::Subject;
use crate::policy::model::AssetEntry;
use crate::policy::Policy;

/// All of it, in hundredths of a percent.
const WHOLE: U256 = U256::from_limbs([10_000, 0, 0, 0]);

/// Every exchange of a request: of which kind, and hundredths of a percent, rounded down; `None` where
/// a price is missing.
pub(super) struct Returns {
    each: Vec<(EffectKind, Option<U256>)>,
    /// The exchanges account for all that leaves by swaps, and by orders.
    swaps_explained: bool,
    orders_explained: bool,
}

impl Returns {
    pub(in crate::policy) fn of(
        policy: &Policy,
        subject: &Subject<'_>,
        facts: &Facts,
        now_ms: u64,
    ) -> Self {
        let exchanges = subject.exchanges.iter();
        let sure = |one: &Exchange| !(one.measured && subject.owed);
        let each = exchanges.map(|one| {
            let percent = match sure(one) {
                true => percent(policy, one, facts, now_ms),
                // What arrives for another reason would count as the return.
                false => Some(U256::ZERO),
            };
            (one.kind, percent)
        });
        Self {
            each: each.collect(),
            swaps_explained: explained(EffectKind::Swap, subject),
            orders_explained: explained(EffectKind::Order, subject),
        }
    }

    /// The least of those that are of the same kind as an effect; `None` if nobody knows.
    pub(in crate::policy) fn percent(&self, effect: &Effect) -> Option<U256> {
        let explained = match effect.kind {
            EffectKind::Swap => self.swaps_explained,
            EffectKind::Order => self.orders_explained,
            _ => false,
        };
        let mut alike = self.each.iter().filter(|(kind, _)| *kind == effect.kind);
        let worst = alike.try_fold(U256::MAX, |worst, (_, percent)| {
            Some(worst.min((*percent)?))
        });
        worst.filter(|_| explained)
    }

    /// The least of all that are known.
    pub(in crate::policy) fn worst(&self) -> Option<U256> {
        self.each.iter().filter_map(|(_, percent)| *percent).min()
    }
}

fn percent(policy: &Policy, exchange: &Exchange, facts: &Facts, now_ms: u64) -> Option<U256> {
    let (paid, got) = alike(policy, exchange).or_else(|| {
        let paid = paid(policy, exchange, facts, now_ms)?;
        Some((paid, got(policy, exchange, facts, now_ms)?))
    })?;
    Some(got.saturating_mul(WHOLE).checked_div(paid).unwrap_or(WHOLE))
}

/// The amounts of both sides, if all of it is the same thing.
fn alike(policy: &Policy, exchange: &Exchange) -> Option<(U256, U256)> {
    let paid: Option<Vec<&Asset>> = exchange
        .pays
        .iter()
        .map(|(asset, _)| asset.as_ref())
        .collect();
    let paid = paid?;
    let first = *paid.first()?;
    let group = policy.entry(first).and_then(|entry| entry.group.as_ref());
    let same = |asset: &Asset| {
        let grouped = policy.entry(asset).and_then(|entry| entry.group.as_ref());
        asset == first || group.is_some() && grouped == group
    };
    let mut all = paid
        .into_iter()
        .chain(exchange.gets.iter().map(|(asset, _)| asset));
    if !all.all(same) {
        return None;
    }
    let paid = exchange.pays.iter().map(|(_, amount)| *amount);
    let got = exchange.gets.iter().map(|(_, amount)| *amount);
    Some((
        paid.fold(U256::ZERO, U256::saturating_add),
        got.fold(U256::ZERO, U256::saturating_add),
    ))
}

/// In micro-USD; `None` if any of it has no price.
fn paid(policy: &Policy, exchange: &Exchange, facts: &Facts, now_ms: u64) -> Option<U256> {
    let mut sum = U256::ZERO;
    for (asset, amount) in &exchange.pays {
        if amount.is_zero() {
            continue;
        }
        let entry = policy.entry(asset.as_ref()?)?;
        let price = facts.price(entry, now_ms)?;
        let usd = usd_value(*amount, entry.asset.decimals, price);
        sum = sum.saturating_add(usd.map_or(U256::MAX, |usd| U256::from(usd.0)));
    }
    Some(sum)
}

/// In micro-USD; what has no price counts nothing beside what has one. `None` if none of it has.
fn got(policy: &Policy, exchange: &Exchange, facts: &Facts, now_ms: u64) -> Option<U256> {
    let worths = exchange.gets.iter().filter_map(|(asset, amount)| {
        let entry = policy.entry(asset)?;
        let price = facts.price_low(entry, now_ms)?;
        let usd = usd_value_low(*amount, entry.asset.decimals, price);
        Some(usd.map_or(U256::MAX, |usd| U256::from(usd.0)))
    });
    worths.reduce(U256::saturating_add)
}

/// Whether the exchanges account for all that leaves by effects of this kind.
fn explained(kind: EffectKind, subject: &Subject<'_>) -> bool {
    type Place = Option<(ChainId, Option<Address>)>;
    let place = |asset: Option<&Asset>| -> Place { asset.map(Asset::identity) };
    let pays = subject.exchanges.iter().filter(|one| one.kind == kind);
    let pays = pays.flat_map(|one| &one.pays);
    let mut left: Vec<(Place, U256)> = pays
        .map(|(asset, amount)| (place(asset.as_ref()), *amount))
        .collect();
    let mut effects = subject.effects.iter().filter(|effect| effect.kind == kind);
    effects.all(|effect| {
        let own = place(effect.asset.as_ref());
        let mut rest = effect.amount;
        for (_, amount) in left.iter_mut().filter(|(asset, _)| *asset == own) {
            let part = rest.min(*amount);
            *amount = amount.saturating_sub(part);
            rest = rest.saturating_sub(part);
        }
        rest.is_zero()
    })
}

impl Policy {
    fn entry(&self, asset: &Asset) -> Option<&AssetEntry> {
        let number = self.asset_index(asset.identity())?;
        self.assets.get(number as usize)
    }
}
