//! Effects: what a signature can do in the worst case. Policies, limits, screens and alerts speak only of these.

use alloy_primitives::{Address, U256};
use serde::{Deserialize, Serialize};

use crate::asset::Asset;

/// The closed list of effect kinds. The word of each is what policy files, events and screens use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EffectKind {
    /// Value leaves the wallet to `to`.
    Transfer,
    /// `to` may take up to `amount` later.
    Allowance,
    /// An allowance is set to zero or lowered.
    Revoke,
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
    pub const ALL: [Self; 8] = [
        Self::Transfer,
        Self::Allowance,
        Self::Revoke,
        Self::Deploy,
        Self::Call,
        Self::TypedData,
        Self::Message,
        Self::Fee,
    ];

    /// The word of this kind.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Transfer => "transfer",
            Self::Allowance => "allowance",
            Self::Revoke => "revoke",
            Self::Deploy => "deploy",
            Self::Call => "call",
            Self::TypedData => "typed-data",
            Self::Message => "message",
            Self::Fee => "fee",
        }
    }

    /// Whether a request with this effect is `opaque`: it needs a person at the least.
    pub const fn is_opaque(self) -> bool {
        matches!(self, Self::Deploy | Self::Call | Self::TypedData | Self::Message)
    }
}

/// One effect, worst case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effect {
    /// What it is.
    pub kind: EffectKind,
    /// The chain it happens on.
    pub chain_id: u64,
    /// The registered asset, when the effect moves or exposes one.
    pub asset: Option<Asset>,
    /// Whose value it is (the wallet).
    pub from: Address,
    /// Beneficiary, spender, or called contract; `None` for deploy, message and fee.
    pub to: Option<Address>,
    /// Base units; zero where amounts make no sense.
    pub amount: U256,
    /// The amount is at or above 2^96-1 for an allowance: nobody spends that, so it means "everything".
    pub unlimited: bool,
    /// Which inner call it came from (`""` is the outer one, then `0`, `0.2`).
    pub path: String,
}

/// A line a person reads. Values are already `display_safe`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Field {
    /// What it is.
    pub label: String,
    /// The value.
    pub value: String,
}

/// Something a person should know before approving.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// Closed list, see `docs/policy.md`.
    pub code: &'static str,
    /// Words.
    pub text: String,
}

/// A request, decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// Effects in the order they happen, without the fee.
    pub effects: Vec<Effect>,
    /// Lines for a person.
    pub display: Vec<Field>,
    /// What to look out for.
    pub warnings: Vec<Warning>,
    /// At least one effect is not understood.
    pub opaque: bool,
}
