//! Which request an identical call joins, so that asking again never pays twice.
//!
//! A call joins a request that waits, or whose agent was told to come back and has not been given
//! the outcome yet (or was given it less than a minute ago). An explicit idempotency key decides
//! alone, whatever state its request is in.

use alloy_primitives::B256;

use crate::chain::Account;
use crate::event::{Id, Stage};
use crate::guard::state::{Entry, State, OUTCOME_KEPT_MS, REPEAT_MS};

/// What a call joins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::guard) enum Match {
    /// Nothing: it is a new request.
    Nothing,
    /// This request.
    This(Id),
    /// Its idempotency key belongs to a request with other content.
    Conflict(Id),
    /// It names the nonce of this transaction of the same agent, which is out and moves the same:
    /// it is to take its place.
    Replaces(Id),
    /// It names a nonce that the same agent has used for this request.
    NonceUsed(Id),
}

/// What a call does that names a nonce. One that another agent of the wallet has, or nobody, is a
/// hint only: the guardian gives out nonces itself.
pub(in crate::guard) fn replaces(
    state: &State,
    agent: &str,
    wallet: Account,
    nonce: Option<u64>,
    match_key: &B256,
) -> Match {
    let book = state.nonces.get(&wallet);
    let owner = book.zip(nonce).and_then(|(book, nonce)| book.owner(nonce));
    let Some(owner) = owner else {
        return Match::Nothing;
    };
    let Some(entry) = state.request(owner) else {
        // Whoever had it is forgotten: what comes so late pays nothing.
        return Match::NonceUsed(Id(owner));
    };
    match Some(entry).filter(|entry| entry.agent == agent) {
        None => Match::Nothing,
        Some(entry) if is_out(state, entry) && entry.match_key == *match_key => {
            Match::Replaces(entry.id)
        }
        // Its order is on the way to the signer: it is this payment, and can wait for its hash.
        Some(entry) if entry.stage == Stage::Authorised && entry.match_key == *match_key => {
            Match::This(entry.id)
        }
        Some(entry) => Match::NonceUsed(entry.id),
    }
}

/// Signed for sending, and not provably at an end.
fn is_out(state: &State, entry: &Entry) -> bool {
    let nothing = entry
        .signed
        .as_ref()
        .is_some_and(|bytes| bytes.moves_nothing);
    let live = matches!(entry.stage, Stage::Signed | Stage::Sent | Stage::Released);
    state.unsettled.contains(&entry.id.0) && live && !nothing
}

pub(in crate::guard) fn find_match(
    state: &State,
    agent: &str,
    match_key: &B256,
    idempotency_key: Option<&str>,
    now_ms: u64,
) -> Match {
    if let Some(key) = idempotency_key {
        let known = state.by_key.get(&(agent.to_owned(), key.to_owned()));
        let entry = known.and_then(|seq| state.request(*seq));
        return match entry.filter(|entry| key_counts(entry, now_ms)) {
            Some(entry) if entry.match_key == *match_key => Match::This(entry.id),
            Some(entry) => Match::Conflict(entry.id),
            None => Match::Nothing,
        };
    }
    let same = state
        .by_match
        .range((*match_key, 0)..=(*match_key, u64::MAX));
    let same = same.filter_map(|(_, seq)| state.request(*seq));
    let open = same.filter(|entry| attachable(entry, now_ms));
    // Of several the oldest outcome that nobody took, else the one that was taken last.
    let best = open.min_by_key(|entry| match entry.delivered_at {
        None => (0, entry.id.0),
        Some(at) => (1, u64::MAX.saturating_sub(at)),
    });
    best.map_or(Match::Nothing, |entry| Match::This(entry.id))
}

fn key_counts(entry: &Entry, now_ms: u64) -> bool {
    entry.ended_at.is_none() || now_ms < entry.decided_at.saturating_add(OUTCOME_KEPT_MS)
}

fn attachable(entry: &Entry, now_ms: u64) -> bool {
    if !entry.answered_pending {
        return false;
    }
    match (entry.delivered_at, entry.ended_at) {
        (Some(delivered_at), _) => now_ms < delivered_at.saturating_add(REPEAT_MS),
        (None, Some(ended_at)) => now_ms < ended_at.saturating_add(OUTCOME_KEPT_MS),
        (None, None) => true,
    }
}
