//! The most that one hijacked agent can have signed in a span of time without a person.
//!
//! **What is bounded.** A span is half-open, as a window is: it has its first millisecond and not its
//! end. What a request can cost counts in full when it is decided below `approval`, whether the value
//! leaves at once, after a delay, or later by a right that was signed: a transfer, an allowance, a
//! swap (all that leaves; what must return is not taken off), a deposit, an order, a debt. What stood
//! before the span, what a person approves or granted ahead, and what the operator vouches for are not
//! in it. Fees are bounded apart.
//!
//! **Why it is an upper bound.** An effect that passes without a person is matched, in the sum it is
//! part of, by a rule below `approval` (`decide::grants`). So it is in one of the *flows* (`cells`):
//! all that such a rule can let pass of one kind and asset. A flow is bounded by
//!
//! - each limit that counts every effect of the flow: within a window the sum under one key is at most
//!   `max`, and a span has at most so many windows of so many keys (`limits::fills`);
//! - the requests that an agent can make in the span, times the most that one request can move in the
//!   flow (`rate`).
//!
//! What a limit allows, it allows all of its flows together. The flows are split into blocks, each
//! bounded by one of these (`cover`); the sum over the blocks bounds them all, whichever blocks are
//! chosen. Whatever is not known narrows nothing: a condition that this module does not know, a limit
//! that may leave out one effect of a flow, a right that ends and can be given again. So the figure may
//! be too high and never too low.

mod cells;
mod cover;
mod groups;
mod limits;
mod loud;
mod parts;
mod path;
mod rate;
mod report;
mod scene;
mod tables;
mod units;
mod walls;

use std::collections::hash_map::Entry;
use std::collections::HashMap;

use serde::Serialize;

use crate::chain::ChainId;
use crate::policy::model::Agent;
use crate::policy::Policy;
use scene::Scene;
use tables::Tables;

pub use loud::Warning;
pub use path::Step;
pub use report::{AgentCase, AssetCase, FeeCase, SpanCase, UsdCase};

/// A span of time that is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Span {
    /// Its name: `1h`.
    pub name: &'static str,
    /// Its length in ms.
    #[serde(skip)]
    pub ms: u64,
}

const HOUR_MS: u64 = 3_600_000;

/// The spans, the shortest first.
pub const SPANS: [Span; 3] = [
    Span {
        name: "1h",
        ms: HOUR_MS,
    },
    Span {
        name: "24h",
        ms: 24 * HOUR_MS,
    },
    Span {
        name: "30d",
        ms: 30 * 24 * HOUR_MS,
    },
];

/// The worst case of every agent, or of the one with this id, in the order of the file. List entries
/// that have expired by `now_ms` are left out.
pub fn worst_case(policy: &Policy, only: Option<&str>, now_ms: Option<u64>) -> Vec<AgentCase> {
    let tables = Tables::new(policy);
    let mut known: HashMap<Alike<'_>, AgentCase> = HashMap::new();
    let numbered = policy.agents().iter().zip(0u32..);
    let asked = numbered.filter(|(agent, _)| only.is_none_or(|id| id == agent.id));
    let mut found = Vec::new();
    for (agent, number) in asked {
        let scene = Scene::new(policy, &tables, (agent, number), now_ms);
        let case = match known.entry(Alike::of(agent, &scene)) {
            Entry::Occupied(same) => same.get().clone().of(agent),
            Entry::Vacant(free) => free.insert(report::agent_case(scene)).clone(),
        };
        found.push(case);
    }
    found
}

/// What the worst case of an agent depends on: agents with the same tables share it.
#[derive(PartialEq, Eq, Hash)]
struct Alike<'p> {
    chain_id: ChainId,
    wallets: &'p [alloy_primitives::Address],
    requests_per_minute: u32,
    tables: [Vec<u32>; 3],
}

impl<'p> Alike<'p> {
    fn of(agent: &'p Agent, scene: &Scene<'p>) -> Self {
        Self {
            chain_id: agent.chain_id,
            wallets: &agent.wallets,
            requests_per_minute: agent.requests_per_minute,
            tables: scene.tables(),
        }
    }
}
