//! Which tables are about an agent, found without looking at those of all others.

use std::collections::HashMap;

use crate::policy::model::{Limit, Matcher, Rule};
use crate::policy::Policy;

/// Tables of one sort, each with its place, by the agents that they name.
pub(super) struct ByAgent<'p, T> {
    of_all: Vec<(u32, &'p T)>,
    named: HashMap<u32, Vec<(u32, &'p T)>>,
}

impl<'p, T> ByAgent<'p, T> {
    fn new(tables: impl Iterator<Item = &'p T>, matcher: impl Fn(&T) -> &Matcher) -> Self {
        let mut found = Self {
            of_all: Vec::new(),
            named: HashMap::new(),
        };
        for (table, place) in tables.zip(0u32..) {
            match &matcher(table).agents {
                None => found.of_all.push((place, table)),
                Some(agents) => {
                    for agent in agents.iter() {
                        found.named.entry(*agent).or_default().push((place, table));
                    }
                }
            }
        }
        found
    }

    /// Those that are about this agent, as far as agents go.
    pub fn of(&self, agent: u32) -> impl Iterator<Item = (u32, &'p T)> + use<'_, 'p, T> {
        let named = self.named.get(&agent).into_iter().flatten();
        self.of_all.iter().chain(named).copied()
    }
}

/// All tables that decide what leaves.
pub(super) struct Tables<'p> {
    pub rules: ByAgent<'p, Rule>,
    /// Forbids, and reviews that ask for a person.
    pub stops: ByAgent<'p, Matcher>,
    pub limits: ByAgent<'p, Limit>,
}

impl<'p> Tables<'p> {
    pub fn new(policy: &'p Policy) -> Self {
        let reviews = policy.reviews().iter();
        let reviews = reviews.filter(|review| review.tier.needs_person());
        let reviews = reviews.map(|review| &review.matcher);
        let forbids = policy.forbids().iter().map(|forbid| &forbid.matcher);
        Self {
            rules: ByAgent::new(policy.rules().iter(), |rule| &rule.matcher),
            stops: ByAgent::new(forbids.chain(reviews), |matcher| matcher),
            limits: ByAgent::new(policy.limits().iter(), |limit| &limit.matcher),
        }
    }
}
