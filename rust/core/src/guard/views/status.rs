//! What there is besides requests, as JSON: freezes, the policy, agents, chains, limits, prices.

use alloy_primitives::{hex, B256};
use serde::Serialize;

use crate::address::checksum;
use crate::amount::Price;
use crate::chain::ChainId;
use crate::event::Scope;
use crate::guard::decision::answer::bytes;
use crate::guard::state::State;
use crate::guard::Guard;
use crate::policy::{Facts, Policy, Privacy};

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
    chain_id: ChainId,
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
    /// The looser one that comes into force later.
    coming: Option<ComingPolicy<'a>>,
    digest: Option<B256>,
    loaded_at: Option<u64>,
    /// Operators that sign a looser one.
    loosen_quorum: Option<u64>,
    name: Option<&'a str>,
    revision: Option<u64>,
}

#[derive(Serialize)]
struct ComingPolicy<'a> {
    digest: B256,
    due_ms: u64,
    looser: &'a str,
    name: &'a str,
    revision: u64,
}

#[derive(Serialize)]
struct ConfigStatus {
    digest: B256,
    revision: u64,
}

#[derive(Serialize)]
struct AgentView<'a> {
    chain_id: ChainId,
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
    chain_id: ChainId,
    fee_per_gas_max: String,
    gas_max: u64,
    name: &'a str,
    priority_fee_per_gas_max: String,
}

#[derive(Serialize)]
struct PinView {
    address: String,
    chain_id: ChainId,
    hash: B256,
    implementation: Option<B256>,
}

#[derive(Serialize)]
struct PriceView<'a> {
    asset: &'a str,
    chain_id: ChainId,
    pinned: bool,
    price_age_ms_max: u64,
    price_low_usd: Option<String>,
    price_sources_min: u32,
    price_usd: Option<String>,
    symbol: &'a str,
}

impl Guard {
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
                coming: state.coming.as_ref().map(|coming| ComingPolicy {
                    digest: coming.digest,
                    due_ms: coming.due_ms,
                    looser: &coming.looser,
                    name: &coming.name,
                    revision: coming.revision,
                }),
                digest: loaded.map(|loaded| loaded.digest),
                loaded_at: loaded.map(|loaded| loaded.loaded_at),
                loosen_quorum: state.policy().map(Policy::loosen_quorum),
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
            .map(|(contract, pin)| PinView {
                address: contract.address.to_checksum(None),
                chain_id: contract.chain_id,
                hash: pin.hash,
                implementation: pin.implementation,
            })
            .collect();
        bytes(&views)
    }

    /// Every registered asset and what it is worth by these facts, as `[{"asset","chain_id",
    /// "pinned","price_age_ms_max","price_low_usd","price_sources_min","price_usd","symbol"}]`: at
    /// most and at least, each `null` where it is unknown.
    pub fn prices(&self, facts: &Facts, now_ms: u64) -> Vec<u8> {
        let now = self.now(now_ms);
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
        bytes(&views)
    }
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
