//! `agents`: who asks.

use std::ops::Deref;

use super::{has_all, ids, one_of, share, sorted, Condition};
use crate::policy::compare::samples::Samples;
use crate::policy::index::{Key, Query};
use crate::policy::parse::reader::{Reader, Value};
use crate::policy::parse::File;
use crate::policy::Policy;

/// Indexes of agents, sorted.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::policy) struct Agents(Vec<u32>);

impl Agents {
    /// One agent, for questions about a part of a table.
    pub fn one(agent: u32) -> Self {
        Self(vec![agent])
    }
}

impl Deref for Agents {
    type Target = [u32];

    fn deref(&self) -> &[u32] {
        &self.0
    }
}

impl Condition for Agents {
    const KEY: &'static str = "agents";
    const DIMENSION: u8 = 1;

    fn read(file: &File, reader: &mut Reader<'_>, value: Value<'_>) -> Option<Self> {
        let found = reader.references(value, Self::KEY, "agent", &file.agent_names)?;
        Some(Self(sorted(found)))
    }

    fn fits(&self, query: &Query<'_>) -> bool {
        query
            .agent
            .is_some_and(|agent| self.binary_search(&agent).is_ok())
    }

    fn said(&self, policy: &Policy) -> String {
        let named = ids(policy.agents(), self, |agent| &agent.id);
        format!("the agent is {}", one_of(named))
    }

    fn within(&self, outer: &Self) -> bool {
        has_all(outer, self)
    }

    fn meets(&self, other: &Self) -> bool {
        share(self, other)
    }

    fn keys(&self, mut add: impl FnMut(Key)) {
        self.iter().for_each(|agent| add(Key::Agent(*agent)));
    }

    fn sought(query: &Query<'_>, mut look: impl FnMut(Key)) {
        query
            .agent
            .into_iter()
            .for_each(|agent| look(Key::Agent(agent)));
    }

    fn samples(&self, policy: &Policy, into: &mut Samples) {
        let named = self
            .iter()
            .filter_map(|number| policy.agents.get(*number as usize));
        into.agents.only(named.map(|agent| agent.id.clone()));
    }
}
