//! `request.decided`: everything a request is, once, so that nothing about it has to be looked up
//! again.

use alloy_primitives::{Address, Bytes, B256, U256};
use serde::{Deserialize, Serialize};

use super::data::{Envelope, Id};
use super::effect::{EffectRecord, LineRecord, WarningRecord};
use super::wire::{self, Raw};
use super::wire_policy;
use crate::chain::ChainId;
use crate::policy::{Reason, Released, Reservation, Route, Spends, Verdict};
use crate::request::{Body, Method};

/// What kind of thing is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RequestKind {
    /// A transaction.
    Transaction,
    /// An EIP-712 document.
    TypedData,
    /// An EIP-191 message.
    Message,
}

/// Where a request is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Waits for operators.
    WaitingApproval,
    /// Waits for its time.
    WaitingDelay,
    /// May go on; what exactly is signed is not fixed yet.
    Authorising,
    /// The order is fixed and on its way to the signer.
    Authorised,
    /// Signed, not sent.
    Signed,
    /// Sent, outcome on the chain open.
    Sent,
    /// Signed, then frozen before it was sent.
    Held,
    /// Mined.
    Confirmed,
    /// Mined and undone.
    Reverted,
    /// Can never be mined.
    Dropped,
    /// The signature was given to the agent.
    Released,
    /// By policy or a person.
    Denied,
    /// Nobody answered in time.
    Expired,
    /// Taken back.
    Cancelled,
    /// Could not be authorised.
    Failed,
    /// Stopped by a freeze before it was signed.
    Frozen,
}

impl Stage {
    /// Every stage, in the order of a life.
    pub const ALL: [Self; 16] = [
        Self::WaitingApproval,
        Self::WaitingDelay,
        Self::Authorising,
        Self::Authorised,
        Self::Signed,
        Self::Sent,
        Self::Held,
        Self::Confirmed,
        Self::Reverted,
        Self::Dropped,
        Self::Released,
        Self::Denied,
        Self::Expired,
        Self::Cancelled,
        Self::Failed,
        Self::Frozen,
    ];

    /// The word used in events and on screens.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::WaitingApproval => "waiting-approval",
            Self::WaitingDelay => "waiting-delay",
            Self::Authorising => "authorising",
            Self::Authorised => "authorised",
            Self::Signed => "signed",
            Self::Sent => "sent",
            Self::Held => "held",
            Self::Confirmed => "confirmed",
            Self::Reverted => "reverted",
            Self::Dropped => "dropped",
            Self::Released => "released",
            Self::Denied => "denied",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
            Self::Frozen => "frozen",
        }
    }

    /// Waits for a person or for its time.
    pub const fn is_waiting(self) -> bool {
        matches!(self, Self::WaitingApproval | Self::WaitingDelay)
    }

    /// No signature exists, and one may still come.
    pub const fn is_unsigned(self) -> bool {
        matches!(
            self,
            Self::WaitingApproval | Self::WaitingDelay | Self::Authorising | Self::Authorised
        )
    }

    /// Over. A request enters exactly one of these, once.
    pub const fn is_end(self) -> bool {
        matches!(
            self,
            Self::Confirmed
                | Self::Reverted
                | Self::Dropped
                | Self::Released
                | Self::Denied
                | Self::Expired
                | Self::Cancelled
                | Self::Failed
                | Self::Frozen
        )
    }
}

/// What the agent wants signed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum SignedContent {
    /// A transaction.
    Transaction(TransactionContent),
    /// An EIP-712 document.
    TypedData(TypedDataContent),
    /// An EIP-191 message.
    Message(MessageContent),
}

/// `request` of a transaction.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransactionContent {
    /// Call data or init code.
    pub data: Bytes,
    /// Gas the agent asked for.
    pub gas: Option<u64>,
    /// Recipient or contract; null creates a contract.
    #[serde(with = "wire::eip55_option")]
    pub to: Option<Address>,
    /// Wei.
    #[serde(with = "wire::decimal")]
    pub value: U256,
}

/// `request` of typed data.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TypedDataContent {
    /// The document, canonical.
    pub json: String,
    /// EIP-712 digest.
    pub typed_data_digest: B256,
}

/// `request` of a message.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MessageContent {
    /// The bytes before the EIP-191 prefix.
    pub message: Bytes,
}

impl SignedContent {
    /// What a parsed request wants, without the hints that are filled in afresh.
    pub fn of(body: &Body) -> Self {
        match body {
            Body::Transaction(tx) => Self::Transaction(TransactionContent {
                data: tx.data.clone(),
                gas: tx.gas,
                to: tx.to,
                value: tx.value,
            }),
            Body::TypedData(typed) => Self::TypedData(TypedDataContent {
                json: typed.json.clone(),
                typed_data_digest: typed.digest,
            }),
            Body::Message(bytes) => Self::Message(MessageContent {
                message: bytes.clone(),
            }),
        }
    }

    /// What kind it is.
    pub const fn kind(&self) -> RequestKind {
        match self {
            Self::Transaction(_) => RequestKind::Transaction,
            Self::TypedData(_) => RequestKind::TypedData,
            Self::Message(_) => RequestKind::Message,
        }
    }
}

/// What is missing of a request that is not kept, or not shown, whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeftOut {
    /// Lines for a person.
    pub display: u64,
    /// Effects.
    pub effects: u64,
    /// Bytes of the facts; what is left then is `{}`.
    pub facts: u64,
    /// The whole of what the agent sent; null in a view.
    pub params: Option<ParamsDigest>,
    /// Bytes of a signed payload; what is left then is empty.
    pub payload: u64,
    /// Reasons.
    pub reasons: u64,
    /// Bytes of the call data, document or message.
    pub request: u64,
    /// Warnings.
    pub warnings: u64,
}

/// Names params that were not kept.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParamsDigest {
    /// How many bytes.
    pub bytes: u64,
    /// Their SHA-256.
    pub sha256: B256,
}

/// Data of `request.decided`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decided {
    /// Agent id.
    pub agent: String,
    /// EIP-155 chain id.
    pub chain_id: ChainId,
    /// What approvals bind.
    pub digest: B256,
    /// Lines for a person, display-safe.
    pub display: Vec<LineRecord>,
    /// In the worst case, fee included.
    pub effects: Vec<EffectRecord>,
    /// What the agent signed, when it has a key.
    pub envelope: Option<Envelope>,
    /// When a waiting approval expires, ms.
    pub expires_at: Option<u64>,
    /// Facts as they were given.
    pub facts: Raw,
    /// Most wei per gas that may be signed.
    #[serde(with = "wire::u128_option")]
    pub fee_per_gas_max: Option<u128>,
    /// Most gas that may be signed.
    pub gas_max: Option<u64>,
    /// `r<seq>` of this very record.
    #[serde(with = "wire::id")]
    pub id: Id,
    /// The agent's explicit key.
    pub idempotency_key: Option<String>,
    /// What kind of thing is signed.
    pub kind: RequestKind,
    /// What this record leaves out of a large request that was denied. Absent where it is whole.
    #[serde(default)]
    pub left_out: Option<LeftOut>,
    /// Same key, same request.
    pub match_key: B256,
    /// When a delay is over, ms.
    pub matures_at: Option<u64>,
    /// The host that the agent says it pays; only written where it says one, from version 5 on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merchant: Option<String>,
    /// How it arrived.
    #[serde(with = "wire::method")]
    pub method: Method,
    /// The agent's words, display-safe.
    pub note: Option<String>,
    /// Digest of the policy that decided.
    pub policy: B256,
    /// Most tip in wei per gas that may be signed.
    #[serde(with = "wire::u128_option")]
    pub priority_fee_per_gas_max: Option<u128>,
    /// Why.
    pub reasons: Vec<Reason>,
    /// Who sends it once it is given to its agent; only written where it is the agent alone, which
    /// takes `eth_signTransaction`. Versions 1 and 2 have none.
    #[serde(default, skip_serializing_if = "Released::is_guardian")]
    pub released: Released,
    /// What is wanted.
    pub request: SignedContent,
    /// What is set aside.
    pub reservations: Vec<Reservation>,
    /// How it is sent; only written where it is not public. Versions 1 and 2 have none.
    #[serde(default, skip_serializing_if = "Route::is_public")]
    pub route: Route,
    /// What it can cost, for limits of later policies.
    #[serde(deserialize_with = "wire_policy::spends")]
    pub spends: Option<Spends>,
    /// Where it starts.
    pub state: Stage,
    /// How it may go on.
    #[serde(deserialize_with = "wire_policy::verdict")]
    pub verdict: Verdict,
    /// The wallet.
    #[serde(with = "wire::eip55")]
    pub wallet: Address,
    /// What to look out for.
    pub warnings: Vec<WarningRecord>,
}
