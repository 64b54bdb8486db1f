//! `policy diff`: whether a policy is tighter or looser than another, shown by requests that the real
//! engine decides differently.
//!
//! Two judges with one voice each. [`strictness`](super::strictness) compares what is written: what it
//! does not call looser is surely not, and everything else needs a signature. The search here asks
//! both policies at the points where their tables change, and can only show that something *is* looser
//! or tighter: a request is the proof, and `policy decide` repeats it. What the first calls looser and
//! no request shows is named as such.
//!
//! The points come from the tables that changed: [`samples`] is what conditions name, `amounts` are the
//! bounds of every table about a place, `history` is what was spent before. The work is bounded,
//! however long the policies are.

mod amounts;
mod ask;
mod facts;
mod history;
mod outcome;
mod place;
mod request;
mod row;
pub(in crate::policy) mod samples;
mod search;
mod touched;
mod walk;
mod world;

use std::collections::BTreeSet;

use serde::Serialize;

use crate::policy::strictness::{changes, Change};
use crate::policy::Policy;

pub use row::{Made, Payee, Row};

/// How a policy compares with another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Relation {
    /// Nothing that decides anything changes.
    Equal,
    /// It can only deny or ask more.
    Tighter,
    /// It lets something pass more easily.
    Looser,
    /// Tighter in some places, looser in others.
    Both,
    /// No request shows that it is looser, and it could not be shown that it is not.
    Undecided,
}

/// Everything that changes from one policy to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// In one word.
    pub relation: Relation,
    /// What both policies decide differently, looser rows first.
    pub rows: Vec<Row>,
    /// What is looser and about no verdict of one request: who may connect, how often, what an agent
    /// is told.
    pub access: Vec<Change>,
    /// What could not be shown to be not looser.
    pub unshown: Vec<Change>,
    /// Every change, as it is written.
    pub changes: Vec<Change>,
}

/// Compares two policies; times in witnesses are counted from `now_ms`.
pub fn compare(old: &Policy, new: &Policy, now_ms: u64) -> Comparison {
    let changes = changes(old, new);
    let world = world::World::new(old, new, now_ms);
    let decisive = changes.iter().filter(|change| !is_access(change));
    let causes = touched::causes(decisive);
    let mut rows = search::search(&world, &causes);
    rows.iter_mut().for_each(Row::settle_causes);
    rows.sort_by(|a, b| a.order().cmp(&b.order()));
    let shown: BTreeSet<&str> = rows
        .iter()
        .filter(|row| row.looser)
        .flat_map(|row| row.causes.iter().map(String::as_str))
        .collect();
    let looser = changes.iter().filter(|change| change.looser);
    let (access, others): (Vec<&Change>, Vec<&Change>) =
        looser.partition(|change| is_access(change));
    let unshown = others
        .into_iter()
        .filter(|change| !shown.contains(touched::cause(&change.path)));
    let unshown: Vec<Change> = unshown.cloned().collect();
    let access: Vec<Change> = access.into_iter().cloned().collect();
    let tighter = rows.iter().any(|row| !row.looser)
        || changes
            .iter()
            .any(|change| !change.looser && change.path != "name");
    let relation = match (
        rows.iter().any(|row| row.looser) || !access.is_empty(),
        tighter,
    ) {
        (true, true) => Relation::Both,
        (true, false) => Relation::Looser,
        (false, _) if !unshown.is_empty() => Relation::Undecided,
        (false, true) => Relation::Tighter,
        (false, false) => Relation::Equal,
    };
    Comparison {
        relation,
        rows,
        access,
        unshown,
        changes,
    }
}

/// Keys of an agent that are about no verdict.
const ACCESS_KEYS: [&str; 7] = [
    "cooldown",
    "uids",
    "public_key",
    "privacy",
    "requests_per_minute",
    "connections_max",
    "waiting_max",
];

fn is_access(change: &Change) -> bool {
    let key = change.path.rsplit('.').next();
    change.path.starts_with("agent.") && key.is_some_and(|key| ACCESS_KEYS.contains(&key))
}
