//! What is remembered of requests that are over, and for how long. All of it follows from events
//! alone.

use crate::event::Stage;
use crate::guard::state::{Entry, State, OUTCOME_KEPT_MS, RECENT_MAX, REPEAT_MS};
use crate::request::Method;

/// Moves a request to another stage and keeps every index of it right.
pub(in crate::guard) fn enter(state: &mut State, seq: u64, at: u64, stage: Stage) {
    let Some(entry) = state.requests.get_mut(&seq) else {
        return;
    };
    let before = std::mem::replace(&mut entry.stage, stage);
    entry.since = at;
    if before.is_waiting() {
        let deadline = entry.expires_at.or(entry.matures_at);
        state.due.remove(&(deadline.unwrap_or_default(), seq));
    }
    if stage == Stage::Sent || stage.is_end() {
        entry.answer_at.get_or_insert(at);
    }
    let first_end = stage.is_end() && entry.ended_at.is_none();
    if first_end {
        entry.ended_at = Some(at);
    }
    uncount(state, before);
    count(state, stage);
    if first_end {
        state.open.remove(&seq);
        show(state, seq);
    }
    retain(state, seq);
}

/// One more request in this stage.
pub(in crate::guard) fn count(state: &mut State, stage: Stage) {
    let count = state.counts.entry(stage).or_default();
    *count = count.saturating_add(1);
}

fn uncount(state: &mut State, stage: Stage) {
    if let Some(count) = state.counts.get_mut(&stage) {
        *count = count.saturating_sub(1);
        if *count == 0 {
            state.counts.remove(&stage);
        }
    }
}

/// Puts a request among the last that ended; the oldest of those gives up its details.
pub(in crate::guard) fn show(state: &mut State, seq: u64) {
    if let Some(entry) = state.requests.get_mut(&seq) {
        entry.recent = true;
    }
    state.recent.push_back(seq);
    if state.recent.len() <= RECENT_MAX {
        return;
    }
    let Some(old) = state.recent.pop_front() else {
        return;
    };
    let unsettled = state.unsettled.contains(&old);
    let Some(entry) = state.requests.get_mut(&old) else {
        return;
    };
    entry.recent = false;
    entry.decided = None;
    if !unsettled {
        shrink(entry);
        if entry.kept_until.is_none() {
            forget(state, old);
        }
    }
}

/// Drops what only an open transaction needs.
fn shrink(entry: &mut Entry) {
    entry.ordered = None;
    entry.earlier = Vec::new();
    if entry.method == Method::SendTransaction {
        if let Some(signed) = entry.signed.as_mut() {
            signed.payload = alloy_primitives::Bytes::new();
        }
    }
}

/// Works out anew until when a request that is over is kept.
pub(in crate::guard) fn retain(state: &mut State, seq: u64) {
    let unsettled = state.unsettled.contains(&seq);
    let Some(entry) = state.requests.get_mut(&seq) else {
        return;
    };
    let Some(ended_at) = entry.ended_at.filter(|_| !unsettled) else {
        return;
    };
    // Nobody can join what was denied at once: the screens alone remember it. An agent that repeats
    // a denied request must neither fill the memory nor make the search among identical ones
    // longer.
    let joinable = entry.stage != Stage::Denied || entry.answered_pending;
    let mut until = if joinable {
        ended_at.saturating_add(REPEAT_MS)
    } else {
        ended_at
    };
    if entry.answered_pending {
        until = until.max(match entry.delivered_at {
            Some(at) => at.saturating_add(REPEAT_MS),
            None => ended_at.saturating_add(OUTCOME_KEPT_MS),
        });
    }
    if entry.idempotency_key.is_some() {
        until = until.max(entry.decided_at.saturating_add(OUTCOME_KEPT_MS));
    }
    if !entry.recent {
        shrink(entry);
    }
    if let Some(before) = entry.kept_until.replace(until) {
        state.forget.remove(&(before, seq));
    }
    state.forget.insert((until, seq));
}

/// Forgets everything whose time is up.
pub(in crate::guard) fn purge(state: &mut State, now_ms: u64) {
    while let Some((until, seq)) = state.forget.first().copied() {
        if until > now_ms {
            break;
        }
        state.forget.pop_first();
        let unsettled = state.unsettled.contains(&seq);
        let Some(entry) = state.requests.get_mut(&seq) else {
            continue;
        };
        entry.kept_until = None;
        if !entry.recent && !unsettled {
            forget(state, seq);
        }
    }
    while let Some((expires_at, agent, nonce)) = state.nonce_expiry.first().cloned() {
        if expires_at > now_ms {
            break;
        }
        state.nonce_expiry.pop_first();
        state.agent_nonces.remove(&(agent, nonce));
        state.clock.forgot(expires_at);
    }
    while state
        .commands
        .first()
        .is_some_and(|(expires_at, _)| *expires_at <= now_ms)
    {
        state.commands.pop_first();
    }
}

fn forget(state: &mut State, seq: u64) {
    let Some(entry) = state.requests.remove(&seq) else {
        return;
    };
    state.by_match.remove(&(entry.match_key, seq));
    if let Some(key) = entry.idempotency_key {
        let key = (entry.agent, key);
        if state.by_key.get(&key) == Some(&seq) {
            state.by_key.remove(&key);
        }
    }
}

/// A start means every connection was cut: an agent whose request was open then, or has an outcome
/// since a minute that is not on record as delivered, may never have got its answer and will ask
/// again. Orders that nobody signed are void.
pub(in crate::guard) fn started(state: &mut State, (at, version): (u64, u64)) {
    let since = state.last_at.saturating_sub(REPEAT_MS);
    let all: Vec<u64> = state.requests.keys().copied().collect();
    for seq in all {
        let recalled = version > 3 && state.request(seq).is_some_and(takes_back);
        crate::guard::fold::replace::void_order(state, at, seq);
        if let Some(entry) = state.requests.get_mut(&seq) {
            entry.recalled |= recalled;
        }
        let may_ask_again = |entry: &Entry| match (entry.answer_at, entry.delivered_at) {
            (None, _) => true,
            (Some(at), None) => at >= since,
            (Some(_), Some(_)) => false,
        };
        if state.request(seq).is_some_and(may_ask_again) {
            told_to_come_back(state, seq);
        }
    }
}

/// What an operator commanded in place of a payment is not signed yet.
fn takes_back(entry: &Entry) -> bool {
    let order = entry.replacing.as_ref();
    let commanded = order.is_some_and(|order| order.moves_nothing && order.commanded);
    commanded
        && entry
            .signed
            .as_ref()
            .is_some_and(|bytes| !bytes.moves_nothing)
}

/// From now on identical calls join this request.
pub(in crate::guard) fn told_to_come_back(state: &mut State, seq: u64) {
    if let Some(entry) = state.requests.get_mut(&seq) {
        entry.answered_pending = true;
        state.by_match.insert((entry.match_key, seq));
    }
    retain(state, seq);
}
