//! Folding how a request comes in and how its agent is answered.

use crate::code::Code;
use crate::event::{Attached, Decided, Id, Refused, Stage};
use crate::guard::fold::{use_up, FoldError};
use crate::guard::rate::Rate;
use crate::guard::retention;
use crate::guard::seen_code;
use crate::guard::state::{Entry, State};
use crate::policy::Verdict;

pub(in crate::guard) fn refused(state: &mut State, at: u64, data: &Refused) {
    let flood = data.code == Code::RateLimited;
    count(state, &data.agent, |rate| match flood {
        true => rate.flooded(at),
        false => rate.count(at),
    });
}

/// Counts the event without copying the name of an agent that is known.
fn count(state: &mut State, agent: &str, count: impl FnOnce(&mut Rate)) {
    match state.rates.get_mut(agent) {
        Some(rate) => count(rate),
        None => count(state.rates.entry(agent.to_owned()).or_default()),
    }
}

pub(in crate::guard) fn decided(
    state: &mut State,
    seq: u64,
    at: u64,
    data: Box<Decided>,
) -> Result<(), FoldError> {
    if data.id != Id(seq) {
        return Err(FoldError::Unfit("a request is named by its own number"));
    }
    if !starts_right(&data) {
        return Err(FoldError::Unfit("the verdict does not lead to this state"));
    }
    if data.state != Stage::Denied {
        let Some(spends) = data.spends.clone() else {
            return Err(FoldError::Unfit("nothing is set aside for the request"));
        };
        let (name, parts) = (data.id.to_string(), data.reservations.clone());
        let held = match data.state {
            Stage::WaitingApproval => state.book.hold_waiting(&name, spends, parts, at),
            _ => state.book.hold(&name, spends, parts, at),
        };
        held.map_err(|error| FoldError::Limits(error.to_string()))?;
    }
    count(state, &data.agent, |rate| rate.count(at));
    seen_code::remember(state, &data);
    if let Some(envelope) = &data.envelope {
        use_up(state, &data.agent, envelope);
    }
    let entry = new_entry(at, data);
    index(state, seq, entry);
    Ok(())
}

fn starts_right(data: &Decided) -> bool {
    match (data.verdict, data.state) {
        (Verdict::Instant | Verdict::Notify, Stage::Authorising) => true,
        (Verdict::Delay { .. }, Stage::WaitingDelay) => data.matures_at.is_some(),
        (Verdict::Approval { .. }, Stage::WaitingApproval) => data.expires_at.is_some(),
        (Verdict::Deny, Stage::Denied) => data.reservations.is_empty(),
        _ => false,
    }
}

fn new_entry(at: u64, data: Box<Decided>) -> Box<Entry> {
    let denied = data.state == Stage::Denied;
    Box::new(Entry {
        id: data.id,
        stage: data.state,
        since: at,
        agent: data.agent.clone(),
        wallet: data.wallet,
        chain_id: data.chain_id,
        method: data.method,
        kind: data.kind,
        match_key: data.match_key,
        digest: data.digest,
        idempotency_key: data.idempotency_key.clone(),
        decided_at: at,
        expires_at: data.expires_at,
        matures_at: data.matures_at,
        quorum: match data.verdict {
            Verdict::Approval { quorum, .. } => quorum,
            _ => 0,
        },
        approvals: Vec::new(),
        answered_pending: data.state.is_waiting(),
        answer_at: denied.then_some(at),
        delivered_at: None,
        ended_at: denied.then_some(at),
        end_reasons: if denied {
            data.reasons.clone()
        } else {
            Vec::new()
        },
        ordered: None,
        signed: None,
        earlier: Vec::new(),
        stopped: false,
        recalled: false,
        route: data.route,
        released: data.released,
        replacing: None,
        outcome: None,
        kept_until: None,
        recent: false,
        decided: Some(data),
    })
}

fn index(state: &mut State, seq: u64, entry: Box<Entry>) {
    if entry.answered_pending {
        state.by_match.insert((entry.match_key, seq));
    }
    if let Some(key) = &entry.idempotency_key {
        state.by_key.insert((entry.agent.clone(), key.clone()), seq);
    }
    retention::count(state, entry.stage);
    let (stage, deadline) = (entry.stage, entry.expires_at.or(entry.matures_at));
    state.requests.insert(seq, entry);
    if stage.is_end() {
        retention::show(state, seq);
        retention::retain(state, seq);
        return;
    }
    state.open.insert(seq);
    if stage.is_waiting() {
        state.due.insert((deadline.unwrap_or_default(), seq));
    }
}

pub(in crate::guard) fn attached(state: &mut State, data: Attached) -> Result<(), FoldError> {
    let entry = state.requests.get(&data.id.0).ok_or(FoldError::NoRequest)?;
    let agent = entry.agent.clone();
    use_up(state, &agent, &data.envelope);
    Ok(())
}

pub(in crate::guard) fn pending(state: &mut State, id: Id) -> Result<(), FoldError> {
    if state.request(id.0).is_none() {
        return Err(FoldError::NoRequest);
    }
    retention::told_to_come_back(state, id.0);
    Ok(())
}

pub(in crate::guard) fn delivered(state: &mut State, at: u64, id: Id) -> Result<(), FoldError> {
    let entry = state.requests.get_mut(&id.0).ok_or(FoldError::NoRequest)?;
    if entry.answer_at.is_none() {
        return Err(FoldError::Stage("there is no outcome yet"));
    }
    entry.delivered_at = Some(at);
    retention::retain(state, id.0);
    Ok(())
}

/// Those whose agents did not have to come back. One that is forgotten, or that has no answer any
/// more, changes nothing: it was true when it was written.
pub(in crate::guard) fn answers_delivered(state: &mut State, at: u64, ids: &[Id]) {
    for id in ids {
        if let Some(entry) = state.requests.get_mut(&id.0) {
            entry.delivered_at.get_or_insert(at);
            retention::retain(state, id.0);
        }
    }
}
