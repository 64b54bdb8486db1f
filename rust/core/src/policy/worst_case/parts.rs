//! Recipients that tables name one by one: an entry of a list may have caps of its own.

use std::collections::{BTreeSet, HashMap};

use alloy_primitives::Address;

use crate::chain::ChainId;
use crate::policy::conditions::{Conditions, Targets};
use crate::policy::Policy;

/// So many entries of lists are looked at for one agent; beyond, fewer limits are known to bind.
const ENTRIES_MAX: usize = 50_000;
/// A rule is taken apart into at most so many recipients.
const RECIPIENTS_MAX: usize = 1_000;

/// The limits and the walls whose conditions besides kind and asset hold for all of something, by
/// their positions, sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Met {
    pub limits: Vec<u32>,
    pub walls: Vec<u32>,
}

/// What a rule lets pass to some of its recipients.
#[derive(Clone)]
pub(super) struct Part {
    pub met: Met,
    /// `None` for anybody.
    pub recipients: Option<BTreeSet<Address>>,
}

/// Tables by the recipients that they name, each with what it asks for besides.
pub(super) struct Named {
    tables: Vec<(u32, Conditions)>,
    of: HashMap<Address, Vec<usize>>,
}

impl Named {
    /// Of tables given by their position and their conditions.
    pub fn new<'c>(
        policy: &Policy,
        chain_id: ChainId,
        tables: impl Iterator<Item = (u32, &'c Conditions)>,
    ) -> Self {
        let mut found = Self {
            tables: Vec::new(),
            of: HashMap::new(),
        };
        let mut looked = 0usize;
        for (position, conditions) in tables {
            let Some(to) = conditions.to.as_ref() else {
                continue;
            };
            let at = found.tables.len();
            for address in always(policy, chain_id, to) {
                looked = looked.saturating_add(1);
                found.of.entry(address).or_default().push(at);
            }
            let others = Conditions {
                to: None,
                ..conditions.clone()
            };
            found.tables.push((position, others));
            if looked > ENTRIES_MAX {
                break;
            }
        }
        found
    }

    /// Positions of the tables that name this recipient and ask for no more than `others`, which say
    /// nothing of recipients.
    fn met(&self, recipient: Address, others: &Conditions) -> Vec<u32> {
        let named = self.of.get(&recipient).into_iter().flatten();
        let tables = named.filter_map(|at| self.tables.get(*at));
        let within = tables.filter(|(_, conditions)| others.within(conditions));
        within.map(|(position, _)| *position).collect()
    }
}

/// Everybody who is named now and stays so: an entry that ends counts for some requests alone.
fn always<'p>(
    policy: &'p Policy,
    chain_id: ChainId,
    to: &'p Targets,
) -> impl Iterator<Item = Address> + 'p {
    let lists = to.lists.iter();
    let lists = lists.filter_map(|list| policy.lists().get(*list as usize));
    let entries = lists.flat_map(|list| &list.entries);
    let entries = entries.filter(move |entry| {
        entry.expires_ms.is_none() && entry.chain_id.is_none_or(|id| id == chain_id)
    });
    let listed = entries.map(|entry| entry.address);
    to.addresses.iter().copied().chain(listed)
}

/// Takes what a rule lets pass apart: recipients for which more tables are known, each by itself, and
/// all others together. `whole` is what is known of all of them.
pub(super) fn apart(
    rest: &Conditions,
    whole: Part,
    (limits, walls): (&Named, &Named),
) -> Vec<Part> {
    let Some(all) = whole.recipients.as_ref() else {
        return vec![whole];
    };
    if all.len() > RECIPIENTS_MAX {
        return vec![whole];
    }
    let others = Conditions {
        to: None,
        ..rest.clone()
    };
    let mut parts = Vec::new();
    let mut left = BTreeSet::new();
    for recipient in all {
        let met = Met {
            limits: joined(&whole.met.limits, limits.met(*recipient, &others)),
            walls: joined(&whole.met.walls, walls.met(*recipient, &others)),
        };
        if met == whole.met {
            left.insert(*recipient);
            continue;
        }
        parts.push(Part {
            met,
            recipients: Some(BTreeSet::from([*recipient])),
        });
    }
    if !left.is_empty() || parts.is_empty() {
        parts.push(Part {
            recipients: Some(left),
            ..whole
        });
    }
    parts
}

fn joined(known: &[u32], more: Vec<u32>) -> Vec<u32> {
    let all: BTreeSet<u32> = known.iter().copied().chain(more).collect();
    all.into_iter().collect()
}
