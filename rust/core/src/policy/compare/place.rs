//! A place: everything that a request is about besides its amount.

use alloy_primitives::{Address, U256};

use crate::asset::{Asset, Standard};
use crate::effects::EffectKind;
use crate::function::Function;
use crate::policy::compare::world::Who;
use crate::policy::index::Query;
use crate::policy::schedule::Open;
use crate::policy::Policy;
use crate::request::Method;

/// What the guardian is told when it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// Fresh prices from as many sources as either policy asks for, and the code that the old policy
    /// pins, or the new one where the old one pins none.
    All,
    /// The code that the new policy pins.
    NewCode,
    /// No price and no code.
    Nothing,
    /// One price.
    OneSource,
    /// Prices too old for the policy that takes the younger ones alone.
    OldPrices,
}

/// What a transaction says of its gas and fees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fees {
    /// The least that both policies let it name, so that a fee alone makes no difference.
    Least,
    /// The highest gas of both policies.
    MostGas,
    /// The highest fee per gas of both policies.
    MostFee,
    /// The highest tip per gas of both policies.
    MostTip,
}

/// Everything that a request is about besides its amount.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'w> {
    pub who: &'w Who,
    pub method: Method,
    pub kind: EffectKind,
    pub asset: Option<&'w Asset>,
    pub payee: Option<Address>,
    pub function: Option<&'w Function>,
    pub told: Told,
    pub now_ms: u64,
    /// Of what leaves by a swap or an order, so much is sure to come back: hundredths of a percent.
    pub back: u16,
    pub fees: Fees,
    /// How long a document can be used, s.
    pub life_s: u64,
}

/// What tables ask of a moment.
pub(super) struct Seen {
    open: Open,
    /// The payee was paid just before.
    is_paid: bool,
}

impl Seen {
    /// The ways in which tables of a policy can see a place.
    pub fn ways(policy: &Policy, place: &Place<'_>) -> impl Iterator<Item = Self> {
        let open = Open::at(policy.schedules(), (place.now_ms, place.now_ms));
        let known = policy.asks_payees;
        [false, true]
            .into_iter()
            .filter(move |is_paid| known || !is_paid)
            .map(move |is_paid| Self {
                open: open.clone(),
                is_paid,
            })
    }
}

impl Place<'_> {
    /// The effect as the tables of a policy see it, with an amount.
    pub fn query<'p>(&self, policy: &'p Policy, amount: U256, seen: &'p Seen) -> Query<'p> {
        let function = self.function.and_then(|function| {
            let number = policy.function_numbers.get(&function.id)?;
            Some(*number)
        });
        let asset = self.asset.map(Asset::identity);
        Query {
            agent: policy.agent_index(&self.who.agent),
            wallet: self.who.wallet,
            chain_id: self.who.chain_id,
            method: self.method,
            kind: self.kind,
            asset: asset.and_then(|identity| policy.asset_index(identity)),
            to: self.payee,
            hits: self.payee.map(|to| policy.lists.of(to)).unwrap_or_default(),
            now_ms: self.now_ms,
            earlier_ms: self.now_ms,
            open: &seen.open,
            paid_ms: seen.is_paid.then_some(self.now_ms),
            deadline_ms: self.is_dated().then(|| self.until_s().saturating_mul(1000)),
            stricter: false,
            amount,
            function,
            usd: None,
        }
    }

    /// Whether it is a document with a deadline.
    pub fn is_dated(&self) -> bool {
        let kinds = [
            EffectKind::Transfer,
            EffectKind::Allowance,
            EffectKind::Order,
        ];
        self.method == Method::SignTypedData && kinds.contains(&self.kind)
    }

    /// Until when a document can be used, s since the epoch.
    pub const fn until_s(&self) -> u64 {
        (self.now_ms / 1000).saturating_add(self.life_s)
    }

    /// Whether the fee itself is what it is about.
    pub fn is_fee(&self) -> bool {
        self.kind == EffectKind::Fee
    }

    /// Whether something comes back for it.
    pub fn is_exchange(&self) -> bool {
        matches!(self.kind, EffectKind::Swap | EffectKind::Order)
    }

    /// Whether it has an amount to vary.
    pub fn is_measured(&self) -> bool {
        let single = self
            .asset
            .is_some_and(|asset| asset.standard == Standard::Erc721);
        (self.kind.is_measured() || self.kind == EffectKind::Fee) && !single
    }
}
