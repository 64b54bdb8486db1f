//! The kinds of effects.

use serde::{Deserialize, Serialize};

/// The closed list of effect kinds. The word of each is what policy files, events and screens use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EffectKind {
    /// Value leaves the wallet to `to`.
    Transfer,
    /// `to` may take up to `amount` later.
    Allowance,
    /// An allowance, an order or a signature is taken back or lowered.
    Revoke,
    /// Value leaves to the contract `to`, and at least a stated amount of a registered asset comes
    /// back to the wallet in the same transaction.
    Swap,
    /// Value leaves to the contract `to`, where the wallet keeps a claim on it.
    Deposit,
    /// Anybody may take `amount` through the contract `to` against a stated return to the wallet.
    Order,
    /// The wallet owes `amount` afterwards, or `to` may make it owe that.
    Debt,
    /// Value changes its form and stays with the wallet: wrapped, unwrapped, taken back.
    Convert,
    /// Who owns, governs or upgrades something changes; `to` is the contract.
    Control,
    /// A contract is created.
    Deploy,
    /// A call whose consequences are not understood.
    Call,
    /// A typed-data signature whose consequences are not understood.
    TypedData,
    /// A plain message signature.
    Message,
    /// The most the network fee can be.
    Fee,
}

impl EffectKind {
    /// Every kind, in the order of the documentation.
    pub const ALL: [Self; 14] = [
        Self::Transfer,
        Self::Allowance,
        Self::Revoke,
        Self::Swap,
        Self::Deposit,
        Self::Order,
        Self::Debt,
        Self::Convert,
        Self::Control,
        Self::Deploy,
        Self::Call,
        Self::TypedData,
        Self::Message,
        Self::Fee,
    ];
    /// What costs the wallet an amount, now or later: what limits count if nothing else is said.
    pub const COSTLY: [Self; 7] = [
        Self::Transfer,
        Self::Allowance,
        Self::Swap,
        Self::Deposit,
        Self::Order,
        Self::Debt,
        Self::Fee,
    ];
    /// What can stand after a request: a payment only if it is signed as a document.
    pub const STANDING: [Self; 3] = [Self::Transfer, Self::Allowance, Self::Order];
    /// What has an amount a rule can compare.
    pub const MEASURED: [Self; 8] = [
        Self::Transfer,
        Self::Allowance,
        Self::Revoke,
        Self::Swap,
        Self::Deposit,
        Self::Order,
        Self::Debt,
        Self::Convert,
    ];

    /// The word of this kind.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Transfer => "transfer",
            Self::Allowance => "allowance",
            Self::Revoke => "revoke",
            Self::Swap => "swap",
            Self::Deposit => "deposit",
            Self::Order => "order",
            Self::Debt => "debt",
            Self::Convert => "convert",
            Self::Control => "control",
            Self::Deploy => "deploy",
            Self::Call => "call",
            Self::TypedData => "typed-data",
            Self::Message => "message",
            Self::Fee => "fee",
        }
    }

    /// Whether value leaves the wallet by it, now or later.
    pub const fn leaves(self) -> bool {
        matches!(
            self,
            Self::Transfer | Self::Allowance | Self::Swap | Self::Deposit | Self::Order
        )
    }

    /// Whether it has an amount a rule can compare.
    pub fn is_measured(self) -> bool {
        Self::MEASURED.contains(&self)
    }

    /// Whether a request with this effect is `opaque`: it needs a person at the least.
    pub const fn is_opaque(self) -> bool {
        matches!(
            self,
            Self::Deploy | Self::Call | Self::TypedData | Self::Message
        )
    }

    /// Whether each of several that are one of their sum is a payment of its own. A swap has as many
    /// legs as its route.
    pub(super) const fn is_counted(self) -> bool {
        matches!(self, Self::Transfer | Self::Allowance)
    }

    /// Whether several effects of this kind are one of their sum.
    pub(super) const fn adds_up(self) -> bool {
        matches!(
            self,
            Self::Transfer
                | Self::Allowance
                | Self::Swap
                | Self::Deposit
                | Self::Order
                | Self::Debt
                | Self::Convert
        )
    }
}
