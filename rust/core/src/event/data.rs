//! Data of the small kinds. Fields are in the order of their names: that is the canonical order.

use alloy_primitives::{Address, Bytes, FixedBytes, B256, U256};
use serde::{Deserialize, Serialize};

use super::order::TransactionOrder;
use super::{wire, wire_policy};
use crate::chain::ChainId;
use crate::code::{Code, Recorded};
use crate::policy::{Reason, Released};

/// An id of a request, `r<seq>`: the record with that seq is its `request.decided`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(pub u64);

impl std::fmt::Display for Id {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "r{}", self.0)
    }
}

impl std::str::FromStr for Id {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let digits = text.strip_prefix('r').ok_or(())?;
        let id = Self(digits.parse().map_err(|_| ())?);
        // One spelling: no sign, no leading zero.
        if id.to_string() == text {
            Ok(id)
        } else {
            Err(())
        }
    }
}

/// An operator's key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operator {
    /// Its name in commands.
    pub id: String,
    /// ed25519.
    pub public_key: B256,
}

/// `guardian.created`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Genesis {
    /// ed25519 key that signs checkpoints; names this guardian in operator commands.
    pub log_key: B256,
    /// Who may command.
    pub operators: Vec<Operator>,
    /// Name of the log in checkpoints.
    pub origin: String,
    /// Version of the program.
    pub version: String,
}

/// `guardian.started`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Started {
    /// Version of the program.
    pub version: String,
}

/// The payload another operator signed, and the signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cosigned {
    /// The signed payload.
    pub command: String,
    /// ed25519 over the payload.
    pub signature: Bytes,
}

/// `policy.loaded`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyLoaded {
    /// Signatures of more operators over the same digest and revision.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<Cosigned>,
    /// Who or what loaded it.
    pub by: String,
    /// The signed payload, when an operator signed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// SHA-256 of the source.
    pub digest: B256,
    /// Its name.
    pub name: String,
    /// How many `policy.loaded` there are, this one included. Version 1 has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
    /// ed25519 over the payload. Without one, the policy is at least as strict as the one before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<Bytes>,
    /// The whole file.
    pub source: String,
}

/// `config.loaded`: an operator signed the settings of the service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfigLoaded {
    /// Who or what loaded it.
    pub by: String,
    /// The signed payload.
    pub command: String,
    /// SHA-256 of the settings, as the service writes them.
    pub digest: B256,
    /// How many `config.loaded` there are, this one included.
    pub revision: u64,
    /// ed25519 over the payload.
    pub signature: Bytes,
}

/// `policy.rejected`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyRejected {
    /// Who or what tried.
    pub by: String,
    /// SHA-256 of the source.
    pub digest: B256,
    /// What is wrong with it.
    pub error: String,
}

/// `request.refused`: it never had an id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refused {
    /// Whose socket it came by.
    pub agent: String,
    /// Why.
    pub code: Recorded<Code>,
    /// The method as it came, display-safe.
    pub method: String,
    /// Where in the params, when something in them is wrong.
    pub path: String,
    /// SHA-256 of the params.
    pub sha256: B256,
    /// Words.
    pub text: String,
}

/// What an agent with a key signed: the payload, the signature, and from the payload the nonce it
/// uses up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Envelope {
    /// Until when the nonce counts as used, ms.
    pub expires_at: u64,
    /// Single use.
    pub nonce: FixedBytes<16>,
    /// JSON as it was signed.
    pub payload: String,
    /// ed25519.
    pub signature: Bytes,
}

/// `request.attached`: a signed call joined a request that exists; its nonce is used up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attached {
    /// What was signed.
    pub envelope: Envelope,
    /// Which request.
    #[serde(with = "wire::id")]
    pub id: Id,
}

/// `request.expired`, `request.matured`, `request.pending`, `request.delivered`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestRef {
    /// Which request.
    #[serde(with = "wire::id")]
    pub id: Id,
}

/// `request.approved`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approved {
    /// How many different keys have approved, this one included.
    pub approvals: u64,
    /// Operator id.
    pub by: String,
    /// The signed payload.
    pub command: String,
    /// Which request.
    #[serde(with = "wire::id")]
    pub id: Id,
    /// How many are needed.
    pub quorum: u64,
    /// ed25519 over the payload.
    pub signature: Bytes,
}

/// `request.denied`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Denied {
    /// Operator id, or `policy`.
    pub by: String,
    /// The signed payload, when an operator denied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// Which request.
    #[serde(with = "wire::id")]
    pub id: Id,
    /// Why.
    #[serde(with = "wire_policy::reasons")]
    pub reasons: Vec<Reason>,
    /// ed25519 over the payload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<Bytes>,
}

/// `request.cancelled`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cancelled {
    /// Who.
    pub by: String,
    /// Which request.
    #[serde(with = "wire::id")]
    pub id: Id,
    /// Why.
    pub why: String,
}

/// `request.reopened`: its order was not signed and is void; it is decided again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reopened {
    /// Which request.
    #[serde(with = "wire::id")]
    pub id: Id,
    /// Why.
    pub why: String,
}

/// `request.failed`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failed {
    /// Why.
    pub code: Recorded<Code>,
    /// Which request.
    #[serde(with = "wire::id")]
    pub id: Id,
    /// Words.
    pub text: String,
}

/// `request.signed`: exactly one of `raw` and `signature`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signed {
    /// Transaction hash, or the digest that was signed.
    pub hash: B256,
    /// Which request.
    #[serde(with = "wire::id")]
    pub id: Id,
    /// Signed transaction bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<Bytes>,
    /// `r || s || v` of a message or typed data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<Bytes>,
}

/// What a node said to the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SendOutcome {
    /// It took them.
    Accepted,
    /// It had them already.
    Known,
    /// It did not take them.
    Rejected,
    /// No answer, or one that says nothing.
    Unknown,
}

/// `request.sent`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sent {
    /// Which request.
    #[serde(with = "wire::id")]
    pub id: Id,
    /// What the node said.
    pub outcome: SendOutcome,
    /// Words, display-safe.
    pub text: String,
}

/// How a transaction ended on the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SettleOutcome {
    /// Mined and done.
    Confirmed,
    /// Mined and undone; the fee is paid.
    Reverted,
    /// Its nonce went to another transaction: it can never be mined.
    Dropped,
    /// Its nonce went to the guardian's own transaction that takes it back; the fee is paid.
    Cancelled,
}

/// `request.settled`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settled {
    /// Block hash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block_hash: Option<B256>,
    /// Block number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block_number: Option<u64>,
    /// What the network took, in wei.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "wire::decimal_option"
    )]
    pub fee_wei: Option<U256>,
    /// Gas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gas_used: Option<u64>,
    /// Which of its transactions was mined, where it has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<B256>,
    /// Which request.
    #[serde(with = "wire::id")]
    pub id: Id,
    /// How it ended.
    pub outcome: SettleOutcome,
    /// Whether more than one node's word stands behind it. Without proof nothing of the amount is
    /// given back. Versions 1 and 2 have none and count as proved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proved: Option<bool>,
}

/// Why another transaction takes the nonce of one that is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReplaceWhy {
    /// The same with a higher fee.
    Fee,
    /// Nothing at all: an operator takes the payment back.
    Cancel,
    /// Nothing at all: the nonce is missing below others that wait for it.
    Gap,
}

impl ReplaceWhy {
    /// Whether the transaction moves nothing.
    pub const fn moves_nothing(self) -> bool {
        matches!(self, Self::Cancel | Self::Gap)
    }
}

/// `request.replaced`: another order for the nonce that the request has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Replaced {
    /// Operator id, `agent` or `guardian`.
    pub by: String,
    /// The signed payload, when an operator commanded it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// The digest of the request.
    pub digest: B256,
    /// The most the fee can be from now on, in wei, where that is more than was set aside.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "wire::decimal_option"
    )]
    pub fee_wei_max: Option<U256>,
    /// Which request.
    #[serde(with = "wire::id")]
    pub id: Id,
    /// What to sign.
    pub order: TransactionOrder,
    /// Who sends it once it is given to its agent; only written where it is the agent alone.
    #[serde(default, skip_serializing_if = "Released::is_guardian")]
    pub released: Released,
    /// ed25519 over the payload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<Bytes>,
    /// Why.
    pub why: ReplaceWhy,
}

/// `request.held`: its bytes are not sent until an operator approves it again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Held {
    /// Which request.
    #[serde(with = "wire::id")]
    pub id: Id,
    /// Why, in words.
    pub why: String,
}

/// `answers.delivered`: agents that did not have to come back have their answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnswersDelivered {
    /// Which requests.
    #[serde(with = "wire::ids")]
    pub ids: Vec<Id>,
}

/// `nonce.set`: an operator says where the ledger of a wallet's nonces goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NonceSet {
    /// Operator id.
    pub by: String,
    /// EIP-155 chain id.
    pub chain_id: ChainId,
    /// The signed payload.
    pub command: String,
    /// The nonce that is given out next.
    pub nonce: u64,
    /// ed25519 over the payload.
    pub signature: Bytes,
    /// Whose.
    #[serde(with = "wire::eip55")]
    pub wallet: Address,
}

/// `policy.scheduled`: a looser policy that an operator signed comes into force later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyScheduled {
    /// Signatures of more operators over the same digest and revision.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<Cosigned>,
    /// Who brought it.
    pub by: String,
    /// The signed payload.
    pub command: String,
    /// SHA-256 of the source.
    pub digest: B256,
    /// When it comes into force, ms, unless another policy does before.
    pub due_ms: u64,
    /// The first change that is looser, display-safe.
    pub looser: String,
    /// Its name, display-safe.
    pub name: String,
    /// The one it will have.
    pub revision: u64,
    /// ed25519 over the payload.
    pub signature: Bytes,
    /// The file.
    pub source: String,
}

/// `grant.given`: operators allow one payment, or payments up to a sum, ahead.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrantGiven {
    /// Agent id.
    pub agent: String,
    /// The token; null for the coin of the chain.
    #[serde(with = "wire::eip55_option")]
    pub asset: Option<Address>,
    /// Operator id.
    pub by: String,
    /// EIP-155 chain id.
    pub chain_id: ChainId,
    /// The signed payload.
    pub command: String,
    /// Of the asset, by the policy in force: for those who read the record.
    pub decimals: u8,
    /// Its own seq: payments and a revocation name it.
    pub grant: u64,
    /// Base units: of one payment, or of all together.
    #[serde(with = "crate::spend::wire::decimal")]
    pub most: u128,
    /// For one payment alone.
    pub once: bool,
    /// Why, display-safe.
    pub reason: String,
    /// ed25519 over the payload.
    pub signature: Bytes,
    /// Of the asset, by the policy in force.
    pub symbol: String,
    /// Who is paid.
    #[serde(with = "wire::eip55")]
    pub to: Address,
    /// First ms since the epoch at which it does not count any more.
    pub until_ms: u64,
    /// Whose value it is.
    #[serde(with = "wire::eip55")]
    pub wallet: Address,
}

/// `grant.revoked`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrantRevoked {
    /// Operator id.
    pub by: String,
    /// The signed payload.
    pub command: String,
    /// Seq of the grant.
    pub grant: u64,
    /// ed25519 over the payload.
    pub signature: Bytes,
}

/// What a freeze covers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Every agent and wallet.
    Everything,
    /// One agent.
    Agent(String),
    /// One wallet.
    Wallet(Address),
}

impl Scope {
    /// Whether a request of this agent from this wallet is inside.
    pub fn covers(&self, agent: &str, wallet: &Address) -> bool {
        match self {
            Self::Everything => true,
            Self::Agent(id) => id == agent,
            Self::Wallet(address) => address == wallet,
        }
    }
}

/// `freeze.set`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FreezeSet {
    /// Who or what asked for it.
    pub actor: String,
    /// Requests that ended as `frozen`.
    #[serde(with = "wire::ids")]
    pub ended: Vec<Id>,
    /// Its own seq: a thaw names it.
    pub freeze: u64,
    /// Signed requests that are not sent until approved again.
    #[serde(with = "wire::ids")]
    pub held: Vec<Id>,
    /// Why, display-safe.
    pub reason: String,
    /// What it covers.
    pub scope: Scope,
}

/// `freeze.lifted`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FreezeLifted {
    /// Operator id.
    pub by: String,
    /// The signed payload.
    pub command: String,
    /// Seq of the freeze.
    pub freeze: u64,
    /// ed25519 over the payload.
    pub signature: Bytes,
}

/// `clock.set`: an operator's word for the guardian's time. Its own time follows the event before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClockSet {
    /// Operator id.
    pub by: String,
    /// The signed payload.
    pub command: String,
    /// ed25519 over the payload.
    pub signature: Bytes,
    /// The guardian's time from here on, ms.
    pub to_ms: u64,
}

/// `clock.jumped`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClockJumped {
    /// What it should have read.
    pub expected_ms: u64,
    /// What the clock read.
    pub wall_ms: u64,
}
