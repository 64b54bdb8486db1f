//! Everything a guardian knows. Ordered collections only, so equal states have equal bytes.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use alloy_primitives::{Address, Bytes, B256};
use serde::{Deserialize, Serialize};

use crate::chain::{Account, ChainId};
use crate::event::{
    Decided, Genesis, Id, PolicyScheduled, RequestKind, Scope, SettleOutcome, SigningOrder, Stage,
    TransactionOrder,
};
use crate::guard::clock::ClockKnown;
use crate::guard::nonce::NonceBook;
use crate::guard::rate::Rate;
use crate::policy::{FirstSeen, Policy, Reason, Released, Route};
use crate::request::Method;
use crate::window::Book;

/// How long the outcome of a request is kept for an agent that was told to come back.
pub const OUTCOME_KEPT_MS: u64 = 24 * 60 * 60 * 1000;
/// How long an outcome that was handed over is handed over again, in case the answer got lost.
pub const REPEAT_MS: u64 = 60 * 1000;
/// This many of the last ended requests keep all their details for screens.
pub const RECENT_MAX: usize = 512;

/// Writes a value as JSON bytes inside the binary snapshot: the types of events have optional
/// members, which only a self-describing format can read back.
pub(in crate::guard) mod as_json {
    use serde::de::{DeserializeOwned, Error as _};
    use serde::ser::Error as _;
    use serde::{Deserialize as _, Deserializer, Serialize, Serializer};

    pub fn serialize<T: Serialize, S: Serializer>(value: &T, to: S) -> Result<S::Ok, S::Error> {
        serde_json::to_string(value)
            .map_err(S::Error::custom)?
            .serialize(to)
    }

    pub fn deserialize<'de, T: DeserializeOwned, D: Deserializer<'de>>(
        from: D,
    ) -> Result<T, D::Error> {
        serde_json::from_str(&String::deserialize(from)?).map_err(D::Error::custom)
    }
}

/// The policy in force.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LoadedPolicy {
    /// SHA-256 of the source.
    pub digest: B256,
    /// Its name.
    pub name: String,
    /// The whole file.
    pub source: String,
    /// How many policies were loaded, this one included.
    pub revision: u64,
    /// When it was loaded, ms.
    pub loaded_at: u64,
    /// The source, compiled. `None` only if a later version of the program cannot read it: then
    /// everything is denied.
    #[serde(skip)]
    pub compiled: Option<Arc<Policy>>,
}

/// The settings of the service an operator signed last.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LoadedConfig {
    /// SHA-256 of the settings.
    pub digest: B256,
    /// How many were signed, this one included.
    pub revision: u64,
}

/// A freeze that stands.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Freeze {
    /// What it covers.
    #[serde(with = "as_json")]
    pub scope: Scope,
    /// Why.
    pub reason: String,
    /// Who or what asked.
    pub actor: String,
    /// Since when, ms.
    pub at: u64,
}

/// Signed bytes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SignedBytes {
    /// Transaction hash or digest.
    pub hash: B256,
    /// Transaction bytes, or `r || s || v`.
    pub payload: Bytes,
    /// When they came, ms.
    pub at: u64,
    /// They move nothing: they take the nonce so that the payment, or a gap, can never be mined.
    pub moves_nothing: bool,
    /// An operator commanded them: a freeze does not stop them.
    pub commanded: bool,
    /// A node has, or may have, them.
    pub out: bool,
}

/// An order that is to take the place of signed bytes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Replacing {
    /// Seq of its `request.replaced`.
    pub seq: u64,
    /// What to sign.
    #[serde(with = "as_json")]
    pub order: TransactionOrder,
    /// It moves nothing.
    pub moves_nothing: bool,
    /// An operator commanded it: a freeze does not stop it.
    pub commanded: bool,
    /// It took a nonce that was free.
    pub fills_gap: bool,
    /// Who sends it once it is given to its agent.
    pub released: Released,
}

/// The order of a request.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Ordered {
    /// Seq of its `request.authorised`.
    pub seq: u64,
    /// What to sign.
    #[serde(with = "as_json")]
    pub order: SigningOrder,
}

/// One request.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// `r<seq>`
    #[serde(with = "as_json_id")]
    pub id: Id,
    /// Where it is in its life.
    pub stage: Stage,
    /// Since when, ms.
    pub since: u64,
    /// Agent id.
    pub agent: String,
    /// Wallet.
    pub wallet: Address,
    /// Chain.
    pub chain_id: ChainId,
    /// How it arrived.
    pub method: Method,
    /// What is signed.
    pub kind: RequestKind,
    /// Same key, same request.
    pub match_key: B256,
    /// What approvals bind.
    pub digest: B256,
    /// The agent's explicit key.
    pub idempotency_key: Option<String>,
    /// When it was decided, ms.
    pub decided_at: u64,
    /// When a waiting approval expires, ms.
    pub expires_at: Option<u64>,
    /// When a delay is over, ms.
    pub matures_at: Option<u64>,
    /// Approvals needed; zero when none are.
    pub quorum: u8,
    /// Keys that have approved, in order.
    pub approvals: Vec<String>,
    /// The agent was told to come back.
    pub answered_pending: bool,
    /// Since when there is something to tell the agent: a hash, a signature, or an end.
    pub answer_at: Option<u64>,
    /// When that was handed over after a pending answer.
    pub delivered_at: Option<u64>,
    /// When it ended.
    pub ended_at: Option<u64>,
    /// Why it ended, when it was not carried out.
    #[serde(with = "as_json")]
    pub end_reasons: Vec<Reason>,
    /// The order, once fixed.
    pub ordered: Option<Ordered>,
    /// Signed bytes, once they exist: those that were signed last, or that were mined.
    pub signed: Option<SignedBytes>,
    /// Bytes that others took the place of. They can be mined until one of all is.
    pub earlier: Vec<SignedBytes>,
    /// A freeze came after it was released to its agent: the guardian does not send it by itself.
    pub stopped: bool,
    /// An operator took it back, and a start voided that before it was signed: nothing of it is sent
    /// until an operator says so again.
    pub recalled: bool,
    /// How it is sent.
    pub route: Route,
    /// Who sends its bytes once they are given to its agent.
    pub released: Released,
    /// The order that is on its way to take their place.
    pub replacing: Option<Replacing>,
    /// How it ended on the chain.
    #[serde(with = "as_json")]
    pub outcome: Option<SettleOutcome>,
    /// Until when it is kept, once it is over.
    pub kept_until: Option<u64>,
    /// It is among the last that ended.
    pub recent: bool,
    /// Its whole record, while it is open or recent.
    #[serde(with = "as_json")]
    pub decided: Option<Box<Decided>>,
}

impl Entry {
    /// Its wallet, on the chain it is for.
    pub const fn account(&self) -> Account {
        self.chain_id.at(self.wallet)
    }

    /// Whether its agent alone sends its bytes. What moves nothing, the guardian sends.
    pub fn agent_alone(&self) -> bool {
        let bytes = self.signed.as_ref();
        !self.released.is_guardian() && !bytes.is_some_and(|bytes| bytes.moves_nothing)
    }
}

mod as_json_id {
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    use crate::event::Id;

    pub fn serialize<S: Serializer>(id: &Id, to: S) -> Result<S::Ok, S::Error> {
        id.0.serialize(to)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Id, D::Error> {
        u64::deserialize(from).map(Id)
    }
}

/// The state. Changed by `fold` only.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct State {
    /// Number of events = next seq.
    pub seq: u64,
    /// Time of the last event, ms.
    pub last_at: u64,
    /// Version of the last event's record.
    pub version: u64,
    /// What is known of clocks.
    pub clock: ClockKnown,
    /// Data of seq 0.
    #[serde(with = "as_json")]
    pub genesis: Option<Genesis>,
    /// The policy in force.
    pub policy: Option<LoadedPolicy>,
    /// The one that is being loaded, compiled before.
    #[serde(skip)]
    pub prepared: Option<Arc<Policy>>,
    /// The policy that comes into force later.
    #[serde(with = "as_json")]
    pub coming: Option<PolicyScheduled>,
    /// The settings in force.
    pub config: Option<LoadedConfig>,
    /// What is wrong with the policy file that was refused last, while none was loaded since.
    pub alarm: Option<String>,
    /// Requests by seq.
    pub requests: BTreeMap<u64, Box<Entry>>,
    /// Those that are not at an end.
    pub open: BTreeSet<u64>,
    /// Signed transactions whose nonce is not provably consumed.
    pub unsettled: BTreeSet<u64>,
    /// By match key, those whose agent was told to come back: no others can be joined.
    pub by_match: BTreeSet<(B256, u64)>,
    /// Requests by (agent, idempotency key).
    pub by_key: BTreeMap<(String, String), u64>,
    /// What is due when: (ms, seq) of expiries and delays.
    pub due: BTreeSet<(u64, u64)>,
    /// What may be forgotten when: (ms, seq).
    pub forget: BTreeSet<(u64, u64)>,
    /// The last that ended, oldest first.
    pub recent: VecDeque<u64>,
    /// How many requests are in, or ended in, each stage.
    pub counts: BTreeMap<Stage, u64>,
    /// Nonces by wallet and chain.
    pub nonces: BTreeMap<Account, NonceBook>,
    /// Freezes that stand, by their seq.
    pub freezes: BTreeMap<u64, Freeze>,
    /// Limits: what is held and posted.
    pub book: Book,
    /// Calls of the last minute, by agent.
    pub rates: BTreeMap<String, Rate>,
    /// When an operator denied a request of an agent last, ms.
    pub denied_at: BTreeMap<String, u64>,
    /// Nonces of signed agent requests and when they expire.
    pub agent_nonces: BTreeMap<(String, [u8; 16]), u64>,
    /// The same by expiry.
    pub nonce_expiry: BTreeSet<(u64, String, [u8; 16])>,
    /// Operator commands that were carried out and have not expired: (`expires_at`, SHA-256 of the
    /// payload).
    pub commands: BTreeSet<(u64, B256)>,
    /// The code of contracts when a request relied on them.
    pub first_code: FirstSeen,
}

impl State {
    /// The compiled policy.
    pub fn policy(&self) -> Option<&Policy> {
        self.policy.as_ref()?.compiled.as_deref()
    }

    /// The revision a policy that is loaded now would have.
    pub fn next_policy(&self) -> u64 {
        let loaded = self.policy.as_ref();
        loaded.map_or(1, |loaded| loaded.revision.saturating_add(1))
    }

    /// The revision settings that are loaded now would have.
    pub fn next_config(&self) -> u64 {
        let loaded = self.config.as_ref();
        loaded.map_or(1, |loaded| loaded.revision.saturating_add(1))
    }

    /// The request of this id.
    pub fn entry(&self, id: &str) -> Option<&Entry> {
        let id: Id = id.parse().ok()?;
        self.request(id.0)
    }

    /// The request of this number.
    pub fn request(&self, seq: u64) -> Option<&Entry> {
        self.requests.get(&seq).map(Box::as_ref)
    }

    /// The freeze that covers this agent and wallet, if one does; the oldest of several.
    pub fn frozen(&self, agent: &str, wallet: &Address) -> Option<u64> {
        let covers = |freeze: &Freeze| freeze.scope.covers(agent, wallet);
        self.freezes
            .iter()
            .find(|(_, freeze)| covers(freeze))
            .map(|(seq, _)| *seq)
    }

    /// How many requests of this agent wait for a person or for their time. Only what waits is ever
    /// due.
    pub fn waiting_of(&self, agent: &str) -> usize {
        let waiting = self.due.iter().filter_map(|(_, seq)| self.request(*seq));
        waiting.filter(|entry| entry.agent == agent).count()
    }

    /// Requests that are not at an end, oldest first.
    pub fn open_entries(&self) -> impl Iterator<Item = &Entry> {
        self.open.iter().filter_map(|seq| self.request(*seq))
    }
}
