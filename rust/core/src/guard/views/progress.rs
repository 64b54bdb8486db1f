//! What happens to a request over its life: the members of its view that events change. A view shows
//! them as they are now; the log of a command keeps them as they were after each of its events, so
//! that what is pushed for an event is the state the event led to, and not a later one.

use std::collections::BTreeSet;

use alloy_primitives::B256;
use serde::{Serialize, Serializer};

use crate::event::{Body, Event, Id, RecordError, Scope, SettleOutcome, Severity, Stage};
use crate::guard::fold::replace::current;
use crate::guard::state::{Entry, State};
use crate::guard::Guard;
use crate::policy::Released;

/// Every member is always there, so a reader can put it over what it has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// Keys that have approved, in order.
    approvals: Vec<String>,
    /// The bytes that were signed last move nothing: they take the payment back, or close a gap.
    cancelling: bool,
    /// Hashes of earlier bytes with the same nonce.
    earlier: Vec<B256>,
    /// Wei per gas that the order names.
    #[serde(serialize_with = "decimal")]
    fee_per_gas: Option<u128>,
    /// The oldest freeze that covers it, while there is something of it to stop.
    frozen_by: Option<u64>,
    /// Of the bytes that count now.
    hash: Option<B256>,
    nonce: Option<u64>,
    outcome: Option<SettleOutcome>,
    #[serde(serialize_with = "decimal")]
    priority_fee_per_gas: Option<u128>,
    quorum: u8,
    /// When it came into its state, ms.
    since: u64,
}

/// Where one request is after an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RequestProgress {
    /// The newest event that counts here.
    as_of: u64,
    #[serde(serialize_with = "text")]
    id: Id,
    released: Released,
    state: Stage,
    #[serde(flatten)]
    progress: Progress,
}

/// What old events are to a reader that was away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CaughtUp {
    /// Of each event.
    pub severities: Vec<Option<Severity>>,
    /// The requests that the events touched, as they are now, each once. Where they were in between
    /// is only in the journal.
    pub requests: Vec<RequestProgress>,
}

fn decimal<S: Serializer>(value: &Option<u128>, to: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => to.collect_str(value),
        None => to.serialize_none(),
    }
}

fn text<S: Serializer>(id: &Id, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(id)
}

impl Progress {
    pub(in crate::guard) fn of(state: &State, entry: &Entry) -> Self {
        let signed = entry.signed.as_ref();
        let order = current(entry);
        Self {
            approvals: entry.approvals.clone(),
            cancelling: signed.is_some_and(|bytes| bytes.moves_nothing),
            earlier: entry.earlier.iter().map(|bytes| bytes.hash).collect(),
            fee_per_gas: order.map(|order| order.max_fee_per_gas),
            frozen_by: match can_be_stopped(state, entry.id) {
                true => state.frozen(&entry.agent, &entry.wallet),
                false => None,
            },
            hash: signed.map(|bytes| bytes.hash),
            nonce: order.map(|order| order.nonce),
            outcome: entry.outcome,
            priority_fee_per_gas: order.map(|order| order.max_priority_fee_per_gas),
            quorum: entry.quorum,
            since: entry.since,
        }
    }
}

impl RequestProgress {
    fn of(state: &State, as_of: u64, entry: &Entry) -> Self {
        Self {
            as_of,
            id: entry.id,
            released: entry.released,
            state: entry.stage,
            progress: Progress::of(state, entry),
        }
    }
}

/// Whether it is open, or signed and not settled: all else is over, and no freeze changes it.
fn can_be_stopped(state: &State, id: Id) -> bool {
    state.open.contains(&id.0) || state.unsettled.contains(&id.0)
}

/// The scope that a freeze or a thaw changes. Asked before the event is folded: a thaw names its
/// freeze by number only.
pub(in crate::guard) fn scope_of(state: &State, body: &Body) -> Option<Scope> {
    match body {
        Body::FreezeSet(data) => Some(data.scope.clone()),
        Body::FreezeLifted(data) => state
            .freezes
            .get(&data.freeze)
            .map(|freeze| freeze.scope.clone()),
        _ => None,
    }
}

/// Requests of this scope that can be stopped.
fn stoppable(state: &State, scope: &Scope) -> BTreeSet<u64> {
    let seqs = state.open.iter().chain(&state.unsettled);
    let covered = seqs.filter(|seq| {
        let entry = state.request(**seq);
        entry.is_some_and(|entry| scope.covers(&entry.agent, &entry.wallet))
    });
    covered.copied().collect()
}

fn rows(state: &State, as_of: u64, seqs: impl Iterator<Item = u64>) -> Vec<RequestProgress> {
    let entries = seqs.filter_map(|seq| state.request(seq));
    entries
        .map(|entry| RequestProgress::of(state, as_of, entry))
        .collect()
}

impl Guard {
    /// The requests that the newest event touched, as it left them.
    pub(in crate::guard) fn after(
        &self,
        about: &[Id],
        scope: Option<&Scope>,
    ) -> Vec<RequestProgress> {
        let (state, as_of) = (&self.state, self.state.seq.saturating_sub(1));
        let named = about.iter().map(|id| id.0);
        match scope {
            None => rows(state, as_of, named),
            Some(scope) => {
                let mut seqs = stoppable(state, scope);
                seqs.extend(named);
                rows(state, as_of, seqs.into_iter())
            }
        }
    }

    /// What these records of the journal are to a reader that was away. The state may be ahead of the
    /// disk: what is given here leaves the process only when all of the state is durable.
    ///
    /// # Errors
    /// [`RecordError`] for bytes that are no record.
    pub fn catch_up<R: AsRef<[u8]>>(&self, records: &[R]) -> Result<CaughtUp, RecordError> {
        let mut caught_up = CaughtUp::default();
        let mut touched = BTreeSet::new();
        for record in records {
            let body = Event::from_record(record.as_ref())?.body;
            caught_up.severities.push(body.severity());
            touched.extend(body.requests().iter().map(|id| id.0));
            if matches!(body, Body::FreezeSet(_) | Body::FreezeLifted(_)) {
                // A thaw's scope is forgotten with its freeze: all that can be stopped is looked at.
                touched.extend(stoppable(&self.state, &Scope::Everything));
            }
        }
        let as_of = self.state.seq.saturating_sub(1);
        caught_up.requests = rows(&self.state, as_of, touched.into_iter());
        Ok(caught_up)
    }
}
