//! What a request costs, in the words limits measure: kept so that a later policy can count it too.
//!
//! Below `policy`, which says what is set aside for it, and `window`, which counts that.

pub mod wire;

use alloy_primitives::{Address, U256};
use serde::{Deserialize, Serialize};

use crate::asset::Asset;
use crate::chain::ChainId;
use crate::effects::EffectKind;
use crate::request::Method;

/// Amounts are cut to this many base units (or micro-USD) before they are counted. Every `max` of a
/// limit is below it, so an amount that was cut still exceeds each limit, and 255 of them fit one
/// window without overflow.
pub const AMOUNT_MAX: u128 = 1 << 120;

/// When a sum over many requests was decided.
pub const TIME_UNKNOWN: u64 = 0;

/// `amount`, cut to `AMOUNT_MAX`.
pub fn clamp(amount: U256) -> u128 {
    u128::try_from(amount).map_or(AMOUNT_MAX, |exact| exact.min(AMOUNT_MAX))
}

/// The identity of what is spent on the chain of the request; names are for people and may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SpendAsset {
    /// Nothing that has an amount.
    None,
    /// The chain's own coin.
    Native,
    /// The token contract at this address.
    Token(#[serde(with = "wire::eip55")] Address),
}

impl SpendAsset {
    /// The identity of an effect's asset. A fee is the native coin, and so is a transfer of what is
    /// not registered: the decoder knows no other.
    pub fn of(kind: EffectKind, asset: Option<&Asset>) -> Self {
        match (kind, asset) {
            (EffectKind::Fee, _) | (EffectKind::Transfer, None) => Self::Native,
            (_, None) => Self::None,
            (_, Some(asset)) => asset.address.map_or(Self::Native, Self::Token),
        }
    }
}

/// One effect of a request, as limits see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spend {
    /// What it is.
    pub kind: EffectKind,
    /// What is spent.
    pub asset: SpendAsset,
    /// Who gets it.
    #[serde(with = "wire::eip55_option")]
    pub to: Option<Address>,
    /// Base units, at most `AMOUNT_MAX`.
    #[serde(with = "wire::decimal")]
    pub amount: u128,
    /// Micro-USD at the decision, rounded up, at most `AMOUNT_MAX`; `None` if the price was
    /// unknown.
    #[serde(with = "wire::decimal_option")]
    pub usd: Option<u128>,
    /// The right that stands after the request, or the one it takes back; `None` for what is over
    /// when the request is.
    pub claim: Option<StandingClaim>,
    /// How many payments, or allowances, it is the sum of.
    #[serde(default = "once")]
    pub times: u32,
}

const fn once() -> u32 {
    1
}

/// A right over the wallet's value, or its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StandingClaim {
    /// It comes on top of what stands at the same place.
    pub adds: bool,
    /// The contract that keeps it; without one nothing but its end takes it back.
    #[serde(with = "wire::eip55_option")]
    pub at: Option<Address>,
    /// When it ends, ms; `None`: not by itself.
    pub ends: Option<u64>,
    /// A signature that can be submitted until then, ms.
    pub submit_until: Option<u64>,
}

impl Spend {
    /// Whether it leaves a right that stands.
    pub fn stands(&self) -> bool {
        self.claim.is_some() && self.kind != EffectKind::Revoke
    }
}

/// Everything one request can cost. The ledger keeps these for 31 days after they are posted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spends {
    /// Agent id.
    pub agent: String,
    /// Whose value it is.
    #[serde(with = "wire::eip55")]
    pub wallet: Address,
    /// EIP-155 chain id.
    pub chain_id: ChainId,
    /// How it arrived.
    pub method: Method,
    /// The one-off grant that all but its fee is paid under: no limit counts that.
    pub grant: Option<u64>,
    /// When it was decided, ms since the epoch; list entries expire by this time. [`TIME_UNKNOWN`] of a
    /// sum over many times.
    pub decided_ms: u64,
    /// One per effect in their order, then the fee if there is one.
    pub items: Vec<Spend>,
}

impl Spends {
    /// Whether everything `other` can cost is set aside here: the same things to the same parties, each
    /// at least as often and as much. What they are worth may have changed since.
    pub fn covers(&self, other: &Self) -> bool {
        let is_fee = |item: &&Spend| item.kind == EffectKind::Fee;
        let fees = |spends: &Self| {
            let fees = spends.items.iter().filter(is_fee);
            fees.fold(0u128, |sum, fee| sum.saturating_add(fee.amount))
        };
        let place = |claim: &StandingClaim| (claim.adds, claim.at);
        let covered = |(mine, its): (&Spend, &Spend)| {
            (mine.kind, mine.asset, mine.to) == (its.kind, its.asset, its.to)
                && mine.amount >= its.amount
                && mine.times >= its.times
                && mine.claim.as_ref().map(place) == its.claim.as_ref().map(place)
        };
        let mine: Vec<&Spend> = self.items.iter().filter(|item| !is_fee(item)).collect();
        let its: Vec<&Spend> = other.items.iter().filter(|item| !is_fee(item)).collect();
        mine.len() == its.len()
            && mine.into_iter().zip(its).all(covered)
            && fees(self) >= fees(other)
    }

    /// Base units of everything but the fee.
    pub fn paid(&self) -> u128 {
        let items = self.items.iter();
        let items = items.filter(|item| item.kind != EffectKind::Fee);
        items.fold(0, |sum, item| sum.saturating_add(item.amount))
    }

    /// Only the fee, as after a revert. With `fee_wei` the fee that was really paid, otherwise the
    /// most it can be.
    #[must_use]
    pub fn fee_only(&self, fee_wei: Option<U256>) -> Self {
        let mut kept = self.with_fee(fee_wei);
        kept.items.retain(|item| item.kind == EffectKind::Fee);
        kept
    }

    /// The same with the fee that was really paid; never more than was set aside. USD shrinks in
    /// proportion, rounded up.
    #[must_use]
    pub fn with_fee(&self, fee_wei: Option<U256>) -> Self {
        let mut paid = self.clone();
        let Some(fee_wei) = fee_wei else { return paid };
        for item in &mut paid.items {
            if item.kind == EffectKind::Fee {
                let amount = clamp(fee_wei).min(item.amount);
                item.usd = item.usd.map(|usd| share(usd, amount, item.amount));
                item.amount = amount;
            }
        }
        paid
    }

    /// The same with room for a higher fee. USD grows in proportion, rounded up.
    #[must_use]
    pub fn with_fee_raised(&self, fee_wei: U256) -> Self {
        let mut raised = self.clone();
        for item in &mut raised.items {
            let amount = clamp(fee_wei);
            if item.kind == EffectKind::Fee && amount > item.amount {
                item.usd = item.usd.map(|usd| grown(usd, amount, item.amount));
                item.amount = amount;
            }
        }
        raised
    }

    /// The most the fee can be, in wei.
    pub fn fee_wei(&self) -> u128 {
        let fees = self
            .items
            .iter()
            .filter(|item| item.kind == EffectKind::Fee);
        fees.fold(0, |sum: u128, fee| sum.saturating_add(fee.amount))
    }
}

/// An amount set aside in one window. Base units of an asset, micro-USD, or requests, as the limit
/// measures.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Reservation {
    /// Id of the limit in the policy.
    pub limit: String,
    /// The scope instance: `agent:shopper`, `wallet:0x…`, `recipient:1:0x…`, `global`.
    pub key: String,
    /// How much.
    #[serde(with = "wire::decimal")]
    pub amount: u128,
}

impl Reservation {
    /// Whether other agents use up the same: only `agent:` keys belong to one of them.
    pub fn is_shared(&self) -> bool {
        !self.key.starts_with("agent:")
    }
}

/// `usd * part / whole`, rounded up; the most there is when it cannot be computed.
fn grown(usd: u128, part: u128, whole: u128) -> u128 {
    let product = U256::from(usd).checked_mul(U256::from(part));
    let divisor = U256::from(whole);
    match product {
        Some(product) if !divisor.is_zero() => clamp(product.div_ceil(divisor)),
        _ => AMOUNT_MAX,
    }
}

/// `usd * part / whole`, rounded up; `usd` when it cannot be computed.
fn share(usd: u128, part: u128, whole: u128) -> u128 {
    let product = U256::from(usd).checked_mul(U256::from(part));
    let divisor = U256::from(whole);
    match product {
        Some(product) if !divisor.is_zero() => clamp(product.div_ceil(divisor)).min(usd),
        _ => usd,
    }
}
