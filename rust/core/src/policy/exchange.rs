//! Whether what surely comes back is worth what leaves.

use alloy_primitives::U256;

use super::facts::Facts;
use super::model::AssetEntry;
use super::Policy;
use crate::amount::{format_units, usd_value};
use crate::asset::Asset;
use crate::effects::Exchange;

/// What leaves may be worth this many times what comes back: prices move, and pinned ones are old.
const WORTH_TIMES_MAX: U256 = U256::from_limbs([2, 0, 0, 0]);

/// `at least 1 usdc for 1000 dai`, if that is less than half of what leaves; `None` if it is not, or
/// if nobody can say.
pub(super) fn poor(
    policy: &Policy,
    exchange: &Exchange,
    facts: &Facts,
    now_ms: u64,
) -> Option<String> {
    let (paid, got) = alike(policy, exchange).or_else(|| {
        let worth = |legs| worth(policy, legs, facts, now_ms);
        Some((worth(&exchange.pays)?, worth(&exchange.gets)?))
    })?;
    let enough = got.saturating_mul(WORTH_TIMES_MAX) >= paid;
    (!enough).then(|| {
        let (paid, got) = (words(&exchange.pays), words(&exchange.gets));
        format!("at least {got} for {paid}")
    })
}

/// The amounts of both sides, if all of them are the same thing.
fn alike(policy: &Policy, exchange: &Exchange) -> Option<(U256, U256)> {
    let mut all = exchange.pays.iter().chain(&exchange.gets);
    let (first, _) = all.next()?;
    let group = policy.entry(first).and_then(|entry| entry.group.as_ref());
    let same = |asset: &Asset| {
        let grouped = policy.entry(asset).and_then(|entry| entry.group.as_ref());
        asset == first || group.is_some() && grouped == group
    };
    all.all(|(asset, _)| same(asset))
        .then(|| (sum(&exchange.pays), sum(&exchange.gets)))
}

fn sum(legs: &[(Asset, U256)]) -> U256 {
    let amounts = legs.iter().map(|(_, amount)| *amount);
    amounts.fold(U256::ZERO, U256::saturating_add)
}

/// In micro-USD; `None` if one of them has no known price.
fn worth(policy: &Policy, legs: &[(Asset, U256)], facts: &Facts, now_ms: u64) -> Option<U256> {
    let mut sum = U256::ZERO;
    for (asset, amount) in legs {
        let entry = policy.entry(asset)?;
        let price = facts.price(entry, now_ms)?;
        let usd = usd_value(*amount, asset.decimals, price);
        sum = sum.saturating_add(usd.map_or(U256::MAX, |usd| U256::from(usd.0)));
    }
    Some(sum)
}

fn words(legs: &[(Asset, U256)]) -> String {
    let each = legs.iter().map(|(asset, amount)| {
        let amount = format_units(*amount, asset.decimals);
        format!("{amount} {}", asset.id)
    });
    let each: Vec<String> = each.collect();
    if each.is_empty() {
        return "nothing".to_owned();
    }
    each.join(" and ")
}

impl Policy {
    fn entry(&self, asset: &Asset) -> Option<&AssetEntry> {
        let number = self.asset_index(asset.chain_id, asset.address)?;
        self.assets.get(number as usize)
    }
}
