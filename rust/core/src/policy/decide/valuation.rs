//! What a request costs at this moment, in base units and in USD.

use alloy_primitives::U256;

use crate::amount::usd_value;
use crate::canonical::INTEGER_MAX;
use crate::effects::{Effect, EffectKind};
use crate::policy::decide::facts::Facts;
use crate::policy::decide::{asset_of, Subject};
use crate::policy::Policy;
use crate::request::Method;
use crate::spend::{clamp, Spend, SpendAsset, Spends, StandingClaim};

/// Every effect and the fee with their worth at this moment.
pub(in crate::policy) fn spends(
    policy: &Policy,
    subject: &Subject<'_>,
    method: Method,
    facts: &Facts,
    now_ms: u64,
) -> Spends {
    let mut items = Vec::with_capacity(subject.effects.len().saturating_add(1));
    for (place, effect) in subject.effects.iter().enumerate() {
        let asset = asset_of(policy, effect);
        items.push(Spend {
            kind: effect.kind,
            asset: SpendAsset::of(effect.kind, effect.asset.as_ref()),
            to: effect.to,
            amount: clamp(effect.amount),
            // What the operator vouches for moves nothing but what has an effect of its own.
            usd: match &effect.function {
                Some(_) => Some(0),
                None => worth(policy, effect.kind, asset, effect.amount, facts, now_ms),
            },
            claim: claim(effect, method),
            times: subject.times.get(place).copied().unwrap_or(1),
        });
    }
    let fee = subject.fee_wei_max;
    if !fee.is_zero() {
        let native = policy.asset_index((subject.chain_id, None));
        let kind = EffectKind::Fee;
        let usd = worth(policy, kind, native, fee, facts, now_ms);
        let (asset, amount) = (SpendAsset::Native, clamp(fee));
        items.push(Spend {
            kind,
            asset,
            to: None,
            amount,
            usd,
            claim: None,
            times: 1,
        });
    }
    Spends {
        agent: subject.agent.to_owned(),
        wallet: subject.wallet,
        chain_id: subject.chain_id,
        method,
        grant: None,
        decided_ms: now_ms,
        items,
    }
}

/// What stands after the request: an allowance, an order, and a payment signed as a document. A
/// revoke names what it takes away altogether, if that is known.
fn claim(effect: &Effect, method: Method) -> Option<StandingClaim> {
    let stands = match effect.kind {
        EffectKind::Allowance | EffectKind::Order => true,
        EffectKind::Transfer => method == Method::SignTypedData,
        EffectKind::Revoke => effect.claim.is_some() && effect.amount.is_zero(),
        _ => false,
    };
    stands.then(|| StandingClaim {
        adds: effect.claim.is_none_or(|claim| claim.adds),
        at: effect.claim.map(|claim| claim.at),
        ends: effect.expires,
        submit_until: effect
            .claim
            .and_then(|claim| claim.submit_until)
            .map(|until| until.min(INTEGER_MAX)),
    })
}

/// Micro-USD, rounded up and cut to what is counted. Nothing is worth nothing, even without a
/// price; what is not understood has no known worth.
fn worth(
    policy: &Policy,
    kind: EffectKind,
    asset: Option<u32>,
    amount: U256,
    facts: &Facts,
    now_ms: u64,
) -> Option<u128> {
    if kind.is_opaque() {
        return None;
    }
    if amount.is_zero() {
        return Some(0);
    }
    let entry = policy.assets.get(asset? as usize)?;
    let price = facts.price(entry, now_ms)?;
    let usd = usd_value(amount, entry.asset.decimals, price);
    Some(clamp(usd.map_or(U256::MAX, |usd| U256::from(usd.0))))
}
