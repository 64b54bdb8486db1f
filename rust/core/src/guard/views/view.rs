//! Read-only views as JSON, for the operator protocol and the service.

use alloy_primitives::{hex, Address, B256};
use serde::Serialize;

use crate::address::checksum;
use crate::amount::Price;
use crate::effects::EffectKind;
use crate::event::{Decided, Id, RequestKind, Scope, SettleOutcome, Stage};
use crate::guard::decision::answer::bytes;
use crate::guard::decision::evaluate::unfit;
use crate::guard::decision::shorten;
use crate::guard::fold::replace::current;
use crate::guard::state::{Entry, State};
use crate::guard::views::summary::Summary;
use crate::guard::{Guard, Refusal};
use crate::policy::{method_name, Facts, LimitView, Policy, Privacy, Reason, Released, Route};
use crate::request::key_of_batch;

/// Limits, reservations and spends of one request in a list.
const LISTED_LIMITS_MAX: usize = 16;

/// A signed transaction whose end is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsettled<'a> {
    /// Request id.
    pub id: Id,
    /// Who signed.
    pub wallet: Address,
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// Transaction hash.
    pub hash: B256,
    /// Its nonce.
    pub nonce: u64,
    /// Its bytes.
    pub raw: &'a [u8],
    /// `signed`, `sent`, `held`, `released`, or `denied` while it was held: its bytes exist and must
    /// not go out. `cancelling` where the bytes move nothing.
    pub state: &'static str,
    /// Hashes of earlier bytes with the same nonce, each of which can be mined instead.
    pub earlier: Vec<B256>,
    /// Wei per gas.
    pub max_fee_per_gas: u128,
    /// Wei per gas.
    pub max_priority_fee_per_gas: u128,
    /// When the bytes were signed, approved again or sent first, ms.
    pub signed_at: u64,
    /// Its agent alone sends these bytes.
    pub agent_alone: bool,
}

/// What every request view has on top of its decision.
#[derive(Serialize)]
struct Progress<'a> {
    approvals: &'a [String],
    /// The bytes that were signed last move nothing: they take the payment back, or close a gap.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    cancelling: bool,
    delivered: bool,
    /// Hashes of earlier bytes with the same nonce.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    earlier: Vec<B256>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_reasons: Option<&'a [Reason]>,
    /// Wei per gas that the order names.
    #[serde(skip_serializing_if = "Option::is_none")]
    fee_per_gas: Option<String>,
    hash: Option<B256>,
    limits: Vec<LimitView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<u64>,
    outcome: Option<crate::event::SettleOutcome>,
    /// Set where the view leaves something out that `request` shows.
    #[serde(skip_serializing_if = "Option::is_none")]
    partial: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    priority_fee_per_gas: Option<String>,
    quorum: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    raw: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signature: Option<String>,
    /// When it came into its state, ms.
    since: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<Summary>,
    usd: Option<String>,
}

/// What is left of a request whose details were forgotten.
#[derive(Serialize)]
struct Remains<'a> {
    agent: &'a str,
    chain_id: u64,
    decided_at: u64,
    digest: B256,
    id: String,
    kind: RequestKind,
    match_key: B256,
    method: &'a str,
    #[serde(flatten)]
    progress: Progress<'a>,
    #[serde(skip_serializing_if = "Released::is_guardian")]
    released: Released,
    #[serde(skip_serializing_if = "Route::is_public")]
    route: Route,
    state: Stage,
    wallet: String,
}

#[derive(Serialize)]
struct Status<'a> {
    agents: Vec<AgentStatus<'a>>,
    clock_set: u64,
    config: Option<ConfigStatus>,
    counts: std::collections::BTreeMap<&'static str, u64>,
    freezes: Vec<FreezeStatus<'a>>,
    now_ms: u64,
    policy: PolicyStatus<'a>,
    seq: u64,
    waiting: usize,
}

#[derive(Serialize)]
struct AgentStatus<'a> {
    chain_id: u64,
    id: &'a str,
    wallet: Option<String>,
    waiting: usize,
}

#[derive(Serialize)]
struct FreezeStatus<'a> {
    actor: &'a str,
    at: u64,
    freeze: u64,
    reason: &'a str,
    scope: &'a Scope,
}

#[derive(Serialize)]
struct PolicyStatus<'a> {
    alarm: Option<&'a str>,
    digest: Option<B256>,
    loaded_at: Option<u64>,
    name: Option<&'a str>,
    revision: Option<u64>,
}

#[derive(Serialize)]
struct ConfigStatus {
    digest: B256,
    revision: u64,
}

#[derive(Serialize)]
struct AgentView<'a> {
    chain_id: u64,
    connections_max: u32,
    id: &'a str,
    privacy: Privacy,
    public_key: Option<String>,
    requests_per_minute: u32,
    uids: Option<&'a [u32]>,
    waiting_max: u32,
    wallets: Vec<String>,
}

#[derive(Serialize)]
struct ChainView<'a> {
    chain_id: u64,
    fee_per_gas_max: String,
    gas_max: u64,
    name: &'a str,
    priority_fee_per_gas_max: String,
}

#[derive(Serialize)]
struct PinView {
    address: String,
    chain_id: u64,
    hash: B256,
    implementation: Option<B256>,
}

#[derive(Serialize)]
struct PriceView<'a> {
    asset: &'a str,
    chain_id: u64,
    pinned: bool,
    price_age_ms_max: u64,
    price_low_usd: Option<String>,
    price_sources_min: u32,
    price_usd: Option<String>,
    symbol: &'a str,
}

impl Guard {
    /// A request as the operator protocol shows it, without `history`.
    pub fn request(&self, request_id: &str) -> Option<Vec<u8>> {
        let entry = self.entry(request_id).ok()?;
        let progress = self.progress(entry);
        Some(match entry.decided.as_deref() {
            Some(decided) => shown(decided, entry, &progress),
            None => remains(entry, progress),
        })
    }

    /// The same for a list: of a large request only its beginning, with `left_out` and `partial`,
    /// and never signed bytes.
    pub fn request_listed(&self, request_id: &str) -> Option<Vec<u8>> {
        let entry = self.entry(request_id).ok()?;
        let mut progress = self.progress(entry);
        (progress.raw, progress.signature) = (None, None);
        let Some(decided) = entry.decided.as_deref() else {
            return Some(remains(entry, progress));
        };
        if shorten::size(decided) <= shorten::LISTED.whole {
            return Some(shown(decided, entry, &progress));
        }
        let mut short = decided.clone();
        short.left_out = Some(shorten::shorten(&mut short, &shorten::LISTED));
        short.reservations.truncate(LISTED_LIMITS_MAX);
        if let Some(spends) = &mut short.spends {
            spends.items.truncate(LISTED_LIMITS_MAX);
        }
        progress.limits.truncate(LISTED_LIMITS_MAX);
        progress.partial = Some(true);
        Some(shown(&short, entry, &progress))
    }

    /// The state a request is in, while it is known.
    pub fn stage(&self, request_id: &str) -> Option<Stage> {
        Some(self.entry(request_id).ok()?.stage)
    }

    fn progress<'a>(&'a self, entry: &'a Entry) -> Progress<'a> {
        let name = entry.id.to_string();
        let (book, now) = (&self.state.book, self.state.last_at);
        let limits = self
            .state
            .policy()
            .map(|policy| policy.reserved_views(book.windows(), book.reservations(&name), now));
        let payload = entry
            .signed
            .as_ref()
            .map(|signed| hex::encode_prefixed(&signed.payload));
        let (raw, signature) = match entry.kind {
            RequestKind::Transaction => (payload, None),
            RequestKind::TypedData | RequestKind::Message => (None, payload),
        };
        let decided = entry.decided.as_deref();
        let order = current(entry);
        Progress {
            approvals: &entry.approvals,
            cancelling: entry
                .signed
                .as_ref()
                .is_some_and(|bytes| bytes.moves_nothing),
            earlier: entry.earlier.iter().map(|bytes| bytes.hash).collect(),
            delivered: entry.delivered_at.is_some(),
            end_reasons: Some(entry.end_reasons.as_slice()).filter(|reasons| !reasons.is_empty()),
            fee_per_gas: order.map(|order| order.max_fee_per_gas.to_string()),
            hash: entry.signed.as_ref().map(|signed| signed.hash),
            limits: limits.unwrap_or_default(),
            nonce: order.map(|order| order.nonce),
            outcome: entry.outcome,
            partial: None,
            priority_fee_per_gas: order.map(|order| order.max_priority_fee_per_gas.to_string()),
            quorum: entry.quorum,
            raw,
            signature,
            since: entry.since,
            summary: decided.map(|decided| self.summarise(decided)),
            usd: decided.and_then(usd).map(|usd| usd.to_string()),
        }
    }

    /// The request of a batch by the name it was sent with, while its outcome is kept.
    pub fn named(&self, agent: &str, batch_id: &str) -> Option<Id> {
        let key = (agent.to_owned(), key_of_batch(batch_id));
        self.state.by_key.get(&key).copied().map(Id)
    }

    /// Ids that are not at an end, oldest first.
    pub fn open_requests(&self) -> Vec<Id> {
        self.state.open_entries().map(|entry| entry.id).collect()
    }

    /// Ids that may go on to an order, oldest first.
    pub fn authorising(&self) -> Vec<Id> {
        let open = self.state.open_entries();
        open.filter(|entry| entry.stage == Stage::Authorising)
            .map(|entry| entry.id)
            .collect()
    }

    /// Orders without a signature, with the seq of their `request.authorised`, oldest first.
    pub fn to_sign(&self) -> Vec<(Id, u64)> {
        let open = self.state.open_entries();
        let ordered = open.filter(|entry| entry.stage == Stage::Authorised);
        ordered
            .filter_map(|entry| {
                entry
                    .ordered
                    .as_ref()
                    .map(|ordered| (entry.id, ordered.seq))
            })
            .collect()
    }

    /// Signed transactions whose nonce is not provably consumed, in the order in which the chain can
    /// mine those of a wallet: by nonce, and of one nonce the oldest first. What takes rights back
    /// is settled after what gave them, so that it frees them at once.
    pub fn unsettled(&self) -> Vec<Unsettled<'_>> {
        let entries = self
            .state
            .unsettled
            .iter()
            .filter_map(|seq| self.state.request(*seq));
        let mut rows: Vec<Unsettled<'_>> = entries.filter_map(unsettled).collect();
        rows.sort_by_key(|row| row.nonce);
        rows
    }

    /// Transactions that were mined and are kept, oldest first: a reorganisation can undo that, and
    /// then their bytes are sent again. Not those that were undone by their contract: their amount is
    /// free again.
    pub fn mined(&self) -> Vec<Unsettled<'_>> {
        let recent = self.state.recent.iter();
        let entries = recent.filter_map(|seq| self.state.request(*seq));
        let mined = entries.filter(|entry| {
            let mined = [SettleOutcome::Confirmed, SettleOutcome::Cancelled];
            let outcome = entry.outcome.filter(|outcome| mined.contains(outcome));
            outcome.is_some() && entry.kind == RequestKind::Transaction
        });
        // An operator who set the ledger back gave its nonce to others.
        let has_nonce = |row: &Unsettled<'_>| {
            let book = self.state.nonces.get(&(row.wallet, row.chain_id));
            book.is_some_and(|book| book.owner(row.nonce) == Some(row.id.0))
        };
        let kept = mined.filter_map(unsettled);
        kept.filter(|row| !row.raw.is_empty() && has_nonce(row))
            .collect()
    }

    /// Gaps: nonces that were given back below others that are out, as (request that left it, wallet,
    /// chain, nonce).
    pub fn gaps(&self) -> Vec<(Id, Address, u64, u64)> {
        let books = self.state.nonces.iter();
        let free = books.flat_map(|((wallet, chain_id), book)| {
            book.free()
                .map(move |(nonce, owner)| (Id(owner), *wallet, *chain_id, nonce))
        });
        free.collect()
    }

    /// The part of `status` the core knows.
    pub fn status(&self, now_ms: u64) -> Vec<u8> {
        let state = &self.state;
        let waiting = state.due.len();
        let freezes = state.freezes.iter().map(|(seq, freeze)| FreezeStatus {
            actor: &freeze.actor,
            at: freeze.at,
            freeze: *seq,
            reason: &freeze.reason,
            scope: &freeze.scope,
        });
        let counts = state
            .counts
            .iter()
            .map(|(stage, count)| (stage.as_str(), *count));
        let loaded = state.policy.as_ref();
        bytes(&Status {
            agents: agents(state),
            clock_set: state.clock.set,
            config: state.config.as_ref().map(|config| ConfigStatus {
                digest: config.digest,
                revision: config.revision,
            }),
            counts: counts.collect(),
            freezes: freezes.collect(),
            now_ms: self.now(now_ms),
            policy: PolicyStatus {
                alarm: state.alarm.as_deref(),
                digest: loaded.map(|loaded| loaded.digest),
                loaded_at: loaded.map(|loaded| loaded.loaded_at),
                name: loaded.map(|loaded| loaded.name.as_str()),
                revision: loaded.map(|loaded| loaded.revision),
            },
            seq: state.seq,
            waiting,
        })
    }

    /// Every limit with what counts under it; with `agent` only what that agent can meet.
    pub fn limits(&self, agent: Option<&str>, now_ms: u64) -> Vec<u8> {
        let now = self.now(now_ms);
        let windows = self.state.book.windows();
        let views = self
            .state
            .policy()
            .map(|policy| policy.limit_views(windows, agent, now));
        bytes(&views.unwrap_or_default())
    }

    /// What the gate needs to know of an agent.
    pub fn agent(&self, id: &str) -> Option<Vec<u8>> {
        let agent = self.state.policy()?.agent(id)?;
        Some(bytes(&AgentView {
            chain_id: agent.chain_id,
            connections_max: agent.connections_max,
            id: &agent.id,
            privacy: agent.privacy,
            public_key: agent.public_key.map(hex::encode_prefixed),
            requests_per_minute: agent.requests_per_minute,
            uids: agent.uids.as_deref(),
            waiting_max: agent.waiting_max,
            wallets: agent
                .wallets
                .iter()
                .map(|wallet| checksum(*wallet).to_string())
                .collect(),
        }))
    }

    /// Agents of the policy, in its order.
    pub fn agents(&self) -> Vec<String> {
        let policy = self.state.policy();
        let agents = policy.map(|policy| policy.agents()).unwrap_or_default();
        agents.iter().map(|agent| agent.id.clone()).collect()
    }

    /// Chains of the policy with their caps; wei as decimal strings.
    pub fn chains(&self) -> Vec<u8> {
        let policy = self.state.policy();
        let chains = policy.map(|policy| policy.chains()).unwrap_or_default();
        let views: Vec<_> = chains
            .iter()
            .map(|chain| ChainView {
                chain_id: chain.id,
                fee_per_gas_max: chain.fee_per_gas_max.to_string(),
                gas_max: chain.gas_max,
                name: &chain.name,
                priority_fee_per_gas_max: chain.priority_fee_per_gas_max.to_string(),
            })
            .collect();
        bytes(&views)
    }

    /// Contracts whose code the policy pins, as `[{"address","chain_id","hash","implementation"}]`:
    /// a `code` fact is needed for each. `implementation` is `null` for what must be no proxy.
    pub fn code_pins(&self) -> Vec<u8> {
        let policy = self.state.policy();
        let pins = policy.map(|policy| policy.code_pins()).unwrap_or_default();
        let views: Vec<_> = pins
            .into_iter()
            .map(|(chain_id, address, pin)| PinView {
                address: address.to_checksum(None),
                chain_id,
                hash: pin.hash,
                implementation: pin.implementation,
            })
            .collect();
        bytes(&views)
    }

    /// Every registered asset and what it is worth by these facts, as `[{"asset","chain_id",
    /// "pinned","price_age_ms_max","price_low_usd","price_sources_min","price_usd","symbol"}]`: at
    /// most and at least, each `null` where it is unknown.
    ///
    /// # Errors
    /// [`Refusal`] `malformed` when the facts are not what they must be.
    pub fn prices(&self, facts: &[u8], now_ms: u64) -> Result<Vec<u8>, Refusal> {
        let now = self.now(now_ms);
        let facts = Facts::parse(facts).map_err(|fault| unfit(&fault))?;
        let assets = self.state.policy().map_or(&[][..], Policy::assets);
        let written = |price: Price| price.to_string();
        let views: Vec<_> = assets
            .iter()
            .map(|entry| PriceView {
                asset: &entry.asset.id,
                chain_id: entry.asset.chain_id,
                pinned: entry.price.is_some(),
                price_age_ms_max: entry.price_age_ms_max,
                price_low_usd: facts.price_low(entry, now).map(written),
                price_sources_min: entry.price_sources_min,
                price_usd: facts.price(entry, now).map(written),
                symbol: &entry.asset.symbol,
            })
            .collect();
        Ok(bytes(&views))
    }

    /// The request that has a nonce now, while that is known: longer than its details are.
    pub fn nonce_owner(&self, wallet: &str, chain_id: u64, nonce: u64) -> Option<Id> {
        let wallet = wallet.parse().ok()?;
        let book = self.state.nonces.get(&(wallet, chain_id))?;
        book.owner(nonce).map(Id)
    }

    /// What the nonce ledger would give out next; `None` until a nonce of the chain was seen.
    pub fn next_nonce(&self, wallet: &str, chain_id: u64) -> Option<u64> {
        let wallet = wallet.parse().ok()?;
        Some(self.state.nonces.get(&(wallet, chain_id))?.peek(None))
    }
}

fn remains(entry: &Entry, progress: Progress<'_>) -> Vec<u8> {
    bytes(&Remains {
        agent: &entry.agent,
        chain_id: entry.chain_id,
        decided_at: entry.decided_at,
        digest: entry.digest,
        id: entry.id.to_string(),
        kind: entry.kind,
        match_key: entry.match_key,
        method: method_name(entry.method),
        progress,
        released: entry.released,
        route: entry.route,
        state: entry.stage,
        wallet: checksum(entry.wallet).to_string(),
    })
}

/// One object of the decision's members, with the `state` it is in now, and those of its progress.
fn shown(decided: &Decided, entry: &Entry, progress: &Progress<'_>) -> Vec<u8> {
    let mut view = decided.to_json_in(entry.stage, entry.released);
    let progress = bytes(progress);
    // Both are objects with members: the first loses its end, the second its beginning.
    view.pop();
    view.push(b',');
    view.extend(progress.iter().skip(1));
    view
}

/// Micro-USD of everything it can move except the fee; `None` when any of it is unknown.
fn usd(decided: &Decided) -> Option<u128> {
    let items = decided.spends.as_ref()?.items.iter();
    let moved = items.filter(|item| item.kind != EffectKind::Fee);
    moved
        .map(|item| item.usd)
        .try_fold(0, |sum: u128, usd| Some(sum.saturating_add(usd?)))
}

fn unsettled(entry: &Entry) -> Option<Unsettled<'_>> {
    let signed = entry.signed.as_ref()?;
    let order = current(entry)?;
    Some(Unsettled {
        id: entry.id,
        wallet: entry.wallet,
        chain_id: entry.chain_id,
        hash: signed.hash,
        nonce: order.nonce,
        raw: &signed.payload,
        state: match entry.stage {
            _ if signed.moves_nothing => "cancelling",
            stage => stage.as_str(),
        },
        earlier: entry.earlier.iter().map(|bytes| bytes.hash).collect(),
        max_fee_per_gas: order.max_fee_per_gas,
        max_priority_fee_per_gas: order.max_priority_fee_per_gas,
        signed_at: match entry.stage {
            // A person who approved it again began anew.
            Stage::Signed | Stage::Sent => signed.at.max(entry.since),
            _ => signed.at,
        },
        agent_alone: entry.agent_alone(),
    })
}

fn agents(state: &State) -> Vec<AgentStatus<'_>> {
    let Some(policy) = state.policy() else {
        return Vec::new();
    };
    let agents = policy.agents().iter();
    agents
        .map(|agent| AgentStatus {
            chain_id: agent.chain_id,
            id: &agent.id,
            wallet: agent
                .wallets
                .first()
                .map(|wallet| checksum(*wallet).to_string()),
            waiting: state.waiting_of(&agent.id),
        })
        .collect()
}
