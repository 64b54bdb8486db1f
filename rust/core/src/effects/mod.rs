//! Effects: what a signature can do in the worst case. Policies, limits, screens and alerts speak
//! only of these.

mod abi;
mod accounts;
mod bridges;
mod call;
mod common;
pub(crate) mod context;
mod control;
mod document;
mod exchanges;
mod function;
mod hidden;
mod json;
mod key_derivation;
mod kind;
mod lending;
mod markets;
mod message;
mod parts;
mod permits;
mod registry;
mod rfc3339;
pub(crate) mod sight;
mod sign_in;
pub(crate) mod signature;
mod tokens;
pub(crate) mod transaction;

use alloy_primitives::{Address, U256};

use crate::asset::{Asset, Registry};
use crate::chain::{Account, ChainId};
use crate::code::{Code, WarningCode};
use crate::display::{DisplayLine, Warning};
use crate::request::{Body, Transaction};
use context::Context;
use sight::Sight;

pub use kind::EffectKind;
pub(crate) use lending::aave::GATEWAY as AAVE_GATEWAY;
pub use registry::{contracts, is_bridge, protocol, Contract};

/// One effect, worst case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effect {
    /// What it is.
    pub kind: EffectKind,
    /// The chain it happens on.
    pub chain_id: ChainId,
    /// The registered asset, when the effect moves or exposes one.
    pub asset: Option<Asset>,
    /// Whose value it is (the wallet).
    pub from: Address,
    /// Beneficiary, spender, called contract, or the contract that verifies a typed-data signature;
    /// `None` for deploy (and the value sent with it), message and fee.
    pub to: Option<Address>,
    /// Base units; zero where amounts make no sense. Of a revoke: by how much the allowance is
    /// lowered, zero when it is taken away altogether.
    pub amount: U256,
    /// The amount is at or above 2^96-1 for an allowance: nobody spends that, so it means
    /// "everything".
    pub unlimited: bool,
    /// Until when it can happen, ms since the epoch; `None`: for good, or at once.
    pub expires: Option<u64>,
    /// Which inner call it came from (`""` is the outer one, then `0`, `0.2`).
    pub path: String,
    /// Of a call: the function the operator vouches for, by its id in the policy. Whether it may go
    /// on without a person is up to the rules that name it.
    pub function: Option<String>,
    /// Of a right that stands after the request, or of its end: where it is kept. `None` where
    /// nobody can say, and then nothing but its expiry ends it.
    pub claim: Option<Claim>,
    /// Of what happens only if a contract whose code was not seen is not what its address says: how
    /// much of the amount other effects of the request stand for already.
    pub doubted: Option<U256>,
}

impl Effect {
    /// Whether nobody can say what it does: not even the operator.
    pub const fn is_opaque(&self) -> bool {
        self.kind.is_opaque() && self.function.is_none()
    }

    /// Until when it can be used, ms: the latest of the times that it carries. `None` if it carries
    /// none, or what it does has no end.
    pub(crate) fn deadline(&self) -> Option<u64> {
        let submitted = self.claim.and_then(|claim| claim.submit_until);
        match (self.expires, submitted) {
            (Some(end), Some(submitted)) => Some(end.max(submitted)),
            (end, submitted) => end.or(submitted),
        }
        .filter(|end| *end < u64::MAX)
    }

    /// Whether the chain's own coin leaves.
    fn takes_coin(&self) -> bool {
        let is_token = self
            .asset
            .as_ref()
            .is_some_and(|asset| asset.address.is_some());
        let moves = matches!(
            self.kind,
            EffectKind::Transfer | EffectKind::Swap | EffectKind::Deposit
        );
        moves && !is_token
    }
}

/// Where a right over the wallet's value is kept, so that taking it back can be told from giving
/// another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The contract that keeps it: the token, or Permit2.
    pub at: Address,
    /// It comes on top of what stands; otherwise it replaces that once it is on the chain.
    pub adds: bool,
    /// Until when a signature can be submitted, ms: before that, taking the right back on the chain
    /// does not end it.
    pub submit_until: Option<u64>,
}

impl Claim {
    /// A right that replaces what stands at the same place.
    pub(crate) const fn sets(at: Address) -> Option<Self> {
        Some(Self {
            at,
            adds: false,
            submit_until: None,
        })
    }

    /// A right on top of what stands at the same place.
    pub(crate) const fn adds(at: Address) -> Option<Self> {
        Some(Self {
            at,
            adds: true,
            submit_until: None,
        })
    }

    /// A right by signature, which can be submitted until then (ms; `None`: for good).
    pub(crate) fn signed(at: Address, submit_until: Option<u64>) -> Option<Self> {
        Some(Self {
            at,
            adds: true,
            submit_until: Some(submit_until.unwrap_or(u64::MAX)),
        })
    }
}

/// Value given for value: the most that leaves, and the least that surely comes to the wallet for all
/// of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// `Swap`, `Order` or `Deposit`: the kind of the effects it explains.
    pub kind: EffectKind,
    /// What leaves; `None` for a chain's coin that is not registered.
    pub pays: Vec<(Option<Asset>, U256)>,
    /// What comes back, as far as it is registered.
    pub gets: Vec<(Asset, U256)>,
    /// The contract compares the wallet's balance before and after: what comes for another reason
    /// in the meantime counts as well.
    pub measured: bool,
}

/// A request, decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// Effects in the order they happen, without the fee.
    pub effects: Vec<Effect>,
    /// How many payments, or allowances, each effect is the sum of; empty where each is one.
    pub times: Vec<u32>,
    /// Lines for a person.
    pub display: Vec<DisplayLine>,
    /// What to look out for.
    pub warnings: Vec<Warning>,
    /// What comes back for swaps, orders and crossings, each apart: one may happen without the other.
    pub exchanges: Vec<Exchange>,
    /// At least one effect is not understood.
    pub opaque: bool,
    /// Contracts that were taken for what their address says, each once: what they do is known only
    /// as far as their code is there.
    pub relies_on: Vec<Address>,
}

impl Decoded {
    /// Marks what happens only if the contract is not what `believed` takes it for. The coin it would
    /// keep then is the coin that `believed` sends on.
    fn doubt(&mut self, believed: &Self) {
        let only_there = |effect: &&Effect| effect.takes_coin() && !self.effects.contains(*effect);
        let sent = believed.effects.iter().filter(only_there);
        let mut sent = sent.fold(U256::ZERO, |sum, effect| sum.saturating_add(effect.amount));
        for effect in &mut self.effects {
            if believed.effects.contains(effect) {
                continue;
            }
            let both = match effect.takes_coin() {
                true => effect.amount.min(sent),
                false => U256::ZERO,
            };
            sent = sent.saturating_sub(both);
            effect.doubted = Some(both);
        }
    }

    /// What may happen, this or the other: the effects of both, in the words of the other.
    #[must_use]
    pub(crate) fn or(mut self, other: Self) -> Self {
        self.doubt(&other);
        let counted = !self.times.is_empty() || !other.times.is_empty();
        if counted {
            self.times.resize(self.effects.len(), 1);
        }
        for (place, effect) in other.effects.into_iter().enumerate() {
            let times = other.times.get(place).copied().unwrap_or(1);
            match self.effects.iter().position(|known| *known == effect) {
                Some(known) => {
                    if let Some(count) = self.times.get_mut(known) {
                        *count = times.max(*count);
                    }
                }
                None => {
                    self.effects.push(effect);
                    if counted {
                        self.times.push(times);
                    }
                }
            }
        }
        self.exchanges.extend(other.exchanges);
        self.display = other.display;
        let told = std::mem::replace(&mut self.warnings, other.warnings);
        for warning in told {
            // Which contract is unknown is said by whoever joins the two.
            if warning.code != WarningCode::UnknownContract && !self.warnings.contains(&warning) {
                self.warnings.push(warning);
            }
        }
        for address in other.relies_on {
            if !self.relies_on.contains(&address) {
                self.relies_on.push(address);
            }
        }
        self.opaque = true;
        self
    }
}

/// A request that must not be carried out whatever the policy says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Denial {
    /// `recipient_forbidden`, `not_own_funds`, `dirty_calldata`, `nesting`, `delegatecall`,
    /// `type_mismatch`, `sign_in_mismatch`, `key_derivation` or `chain_mismatch`, see
    /// `docs/policy/codes.md`.
    pub code: Code,
    /// Words.
    pub text: String,
}

impl Denial {
    pub(crate) fn new(code: Code, text: impl Into<String>) -> Self {
        Self {
            code,
            text: text.into(),
        }
    }
}

/// From this amount on an allowance is "everything": 2^96-1 is the largest some tokens can store.
pub const UNLIMITED_FROM: U256 = U256::from_limbs([u64::MAX, 0xffff_ffff, 0, 0]);

/// What the signature can do in the worst case. `wallet` signs, on the chain that the
/// request is for.
/// Contracts are known by (chain, address) in the registry and by nothing else.
///
/// # Errors
/// [`Denial`] for what no policy and no approval may allow.
pub fn decode(body: &Body, wallet: Account, registry: &Registry) -> Result<Decoded, Denial> {
    read(body, wallet, registry, Sight::believing())
}

/// The same where a contract whose code was not seen is one that nothing is known of.
///
/// # Errors
/// As [`decode`].
pub fn decode_seen(
    body: &Body,
    wallet: Account,
    registry: &Registry,
    seen: &dyn Fn(Address) -> bool,
) -> Result<Decoded, Denial> {
    read(body, wallet, registry, Sight::of(seen))
}

fn read(
    body: &Body,
    wallet: Account,
    registry: &Registry,
    sight: Sight<'_>,
) -> Result<Decoded, Denial> {
    if let Body::TypedData(typed) = body {
        signature::check_chain(typed, wallet.chain_id)?;
    }
    let context = Context {
        wallet: Some(wallet.address),
        chain_id: wallet.chain_id,
        registry,
        sight: &sight,
    };
    let mut decoded = decode_in(body, &context)?;
    decoded.relies_on = sight.into_relied();
    Ok(decoded)
}

/// What several transactions do together in the worst case: the sum over all of them.
///
/// # Errors
/// [`Denial`] if any of them is never to be signed.
pub fn decode_all(
    transactions: &[&Transaction],
    wallet: Account,
    registry: &Registry,
) -> Result<Decoded, Denial> {
    read_all(transactions, wallet, registry, Sight::believing())
}

/// The same where a contract whose code was not seen is one that nothing is known of.
///
/// # Errors
/// As [`decode_all`].
pub fn decode_all_seen(
    transactions: &[&Transaction],
    wallet: Account,
    registry: &Registry,
    seen: &dyn Fn(Address) -> bool,
) -> Result<Decoded, Denial> {
    read_all(transactions, wallet, registry, Sight::of(seen))
}

fn read_all(
    transactions: &[&Transaction],
    wallet: Account,
    registry: &Registry,
    sight: Sight<'_>,
) -> Result<Decoded, Denial> {
    let context = Context {
        wallet: Some(wallet.address),
        chain_id: wallet.chain_id,
        registry,
        sight: &sight,
    };
    let mut decoded = transaction::decode_all(transactions, &context)?;
    decoded.relies_on = sight.into_relied();
    Ok(decoded)
}

/// The lines of a call of a registered token inside of another call; nothing for any other
/// contract.
pub(crate) fn token_call_lines(
    to: Account,
    data: &[u8],
    registry: &Registry,
) -> Option<Vec<DisplayLine>> {
    registry.token(to)?;
    let transaction = Transaction {
        to: Some(to.address),
        value: U256::ZERO,
        data: data.to_vec().into(),
        gas: None,
        max_fee_per_gas: None,
        max_priority_fee_per_gas: None,
        nonce: None,
    };
    let context = Context {
        wallet: None,
        chain_id: to.chain_id,
        registry,
        sight: &Sight::believing(),
    };
    let decoded = transaction::decode(&transaction, &context).ok()?;
    (!decoded.opaque).then_some(decoded.display)
}

pub(crate) fn decode_in(body: &Body, context: &Context<'_>) -> Result<Decoded, Denial> {
    match body {
        Body::Transaction(transaction) => transaction::decode(transaction, context),
        Body::TypedData(typed) => signature::decode_typed_data(typed, context),
        Body::Message(message) => signature::decode_message(message, context),
    }
}
