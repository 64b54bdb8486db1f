//! The comparison: nothing leaves that was not decided, nobody gets a right that was not decided,
//! and what is given for something brings something.

use std::collections::BTreeMap;

use alloy_primitives::{Address, U256};

use super::flows::{Book, Flow, Right, Seen};
use super::{Expected, Simulated};
use crate::address::checksum;
use crate::amount::format_units;
use crate::asset::Asset;
use crate::effects::{Effect, EffectKind};
use crate::text::display_safe;

const SYMBOL_CHARS_MAX: usize = 24;

pub(super) fn compare(seen: &Seen, simulated: &Simulated, expected: &Expected<'_>) -> Vec<String> {
    let mut found = leaves(seen, expected);
    found.extend(rights(seen, simulated, expected));
    found.extend(returns(seen, expected));
    found
}

/// What leaves more than it brings back, by asset and book.
fn leaves(seen: &Seen, expected: &Expected<'_>) -> Vec<String> {
    let decided = decided(expected);
    let speaks = expected
        .registry
        .protocol(expected.chain_id.at(expected.called))
        .is_some();
    let mut sums: BTreeMap<(Option<Address>, Book), Flow> = BTreeMap::new();
    for (pot, flow) in &seen.flows {
        // One token of many is not made good by another one.
        let out = flow.out.saturating_sub(flow.back);
        let sum = sums.entry((pot.asset, pot.book)).or_default();
        sum.out = sum.out.saturating_add(out);
        sum.given_up = sum.given_up.saturating_add(flow.given_up);
    }
    let mut found = Vec::new();
    for ((asset, _), sum) in sums {
        let most = decided.get(&asset).copied();
        // Claims that a contract takes back, or debts that are paid, are told as tokens that are
        // given up. What they are in tokens of their own, no call says.
        let claim = speaks && most.is_none() && sum.out <= sum.given_up;
        if claim || sum.out <= most.unwrap_or_default() {
            continue;
        }
        let out = amount_text(asset, sum.out, expected);
        found.push(match most {
            Some(most) => {
                let most = amount_text(asset, most, expected);
                format!("it takes {out} from the wallet, and {most} was decided")
            }
            None => format!("it takes {out} from the wallet, and nothing of that was decided"),
        });
    }
    found
}

/// The most of each asset that may leave now. An allowance is not among it: who is allowed something
/// takes it in another transaction.
fn decided(expected: &Expected<'_>) -> BTreeMap<Option<Address>, U256> {
    let mut most: BTreeMap<Option<Address>, U256> = BTreeMap::new();
    let mut add = |asset, amount| {
        let sum = most.entry(asset).or_default();
        *sum = U256::saturating_add(*sum, amount);
    };
    for effect in expected.effects {
        if !leaving(effect) {
            continue;
        }
        match &effect.asset {
            Some(asset) => add(asset.address, effect.amount),
            None => {
                // The coin, or what a contract wraps it as, where nobody registered them.
                add(None, effect.amount);
                if effect.kind == EffectKind::Convert && effect.to.is_some() {
                    add(effect.to, effect.amount);
                }
            }
        }
    }
    most
}

fn leaving(effect: &Effect) -> bool {
    let kind = matches!(
        effect.kind,
        EffectKind::Transfer
            | EffectKind::Swap
            | EffectKind::Deposit
            | EffectKind::Convert
            | EffectKind::Order
    );
    kind && !effect.amount.is_zero()
}

/// Rights that are more than what stood before and what was decided.
fn rights(seen: &Seen, simulated: &Simulated, expected: &Expected<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for (right, amount) in &seen.rights {
        let before = if right.keeper == right.asset {
            stood(right, simulated)
        } else {
            U256::ZERO
        };
        let Some(most) = allowed(right, expected) else {
            continue;
        };
        if *amount <= before.saturating_add(most) {
            continue;
        }
        let spender = checksum(right.spender);
        let amount = if *amount == U256::MAX {
            format!("everything of {}", name(right.asset, expected))
        } else {
            amount_text(Some(right.asset), *amount, expected)
        };
        found.push(if most.is_zero() {
            format!("it lets {spender} take {amount}, which was not decided")
        } else {
            let most = amount_text(Some(right.asset), most, expected);
            format!("it lets {spender} take {amount}, and {most} was decided")
        });
    }
    found
}

fn stood(right: &Right, simulated: &Simulated) -> U256 {
    let mut standing = simulated.allowances.iter();
    standing
        .find(|one| one.token == right.asset && one.spender == right.spender)
        .map_or(U256::ZERO, |one| one.amount)
}

/// The most this spender may be allowed; `None` without any limit. A contract that nobody
/// registered may tell of a right that is known by another asset, such as what it holds.
fn allowed(right: &Right, expected: &Expected<'_>) -> Option<U256> {
    let registered = expected
        .registry
        .contract(expected.chain_id.at(right.asset))
        .is_some();
    let mut most = U256::ZERO;
    for effect in expected.effects {
        if effect.to != Some(right.spender) {
            continue;
        }
        let address = effect.asset.as_ref().and_then(|asset| asset.address);
        let fits = match effect.kind {
            EffectKind::Allowance => !registered || address == Some(right.asset),
            EffectKind::Debt | EffectKind::Control => !registered,
            _ => false,
        };
        if !fits {
            continue;
        }
        if !registered || effect.unlimited {
            return None;
        }
        most = most.saturating_add(effect.amount);
    }
    Some(most)
}

/// A swap brings something known, a change of form brings something. Where nothing of the wallet's
/// own leaves, as from an account that it only steers, nothing needs to come to it.
fn returns(seen: &Seen, expected: &Expected<'_>) -> Option<String> {
    let has = |kind| {
        let mut effects = expected.effects.iter();
        effects.any(|effect| effect.kind == kind && leaving(effect))
    };
    let (swap, convert) = (has(EffectKind::Swap), has(EffectKind::Convert));
    let gives = seen.flows.values().any(|flow| flow.out > flow.back);
    if !gives || !(swap || convert) {
        return None;
    }
    let mut gets = seen.flows.iter().filter(|(_, flow)| flow.back > flow.out);
    let comes = gets.any(|(pot, _)| {
        let known = |asset| {
            let found = expected.registry.contract(expected.chain_id.at(asset));
            found.is_some()
        };
        convert || pot.asset.is_none_or(known)
    });
    (!comes).then(|| "it brings nothing to the wallet for what it takes".to_owned())
}

fn asset_of<'e>(asset: Option<Address>, expected: &Expected<'e>) -> Option<&'e Asset> {
    match asset {
        None => expected.registry.native(expected.chain_id),
        Some(address) => expected.registry.contract(expected.chain_id.at(address)),
    }
}

/// `50 USDC`, or base units of an address in full.
fn amount_text(asset: Option<Address>, amount: U256, expected: &Expected<'_>) -> String {
    match (asset_of(asset, expected), asset) {
        (Some(known), _) => {
            let symbol = display_safe(&known.symbol, SYMBOL_CHARS_MAX);
            format!("{} {symbol}", format_units(amount, known.decimals))
        }
        (None, None) => format!("{amount} wei"),
        (None, Some(address)) => format!("{amount} base units of {}", checksum(address)),
    }
}

fn name(asset: Address, expected: &Expected<'_>) -> String {
    match asset_of(Some(asset), expected) {
        Some(known) => display_safe(&known.symbol, SYMBOL_CHARS_MAX),
        None => checksum(asset).to_string(),
    }
}
