//! Folding the life of a request after its decision.

use std::sync::Arc;

use crate::guard::commands::operator::remember;
use crate::guard::commands::replace::fee_max;
use crate::guard::fold::checks;
use crate::guard::fold::replace::{current, void_order};
use crate::guard::fold::FoldError;
use crate::guard::retention::enter;
use crate::guard::state::{Entry, Ordered, SignedBytes, State};
use alloy_primitives::B256;

use crate::code::Code;
use crate::event::{
    Approved, Authorised, Cancelled, Denied, Failed, Id, RequestKind, SendOutcome, Sent,
    SettleOutcome, Settled, Signed, SigningOrder, Stage,
};
use crate::policy::{Policy, Reason};
use crate::request::Method;
use crate::window::{Ends, Happened};

fn find(state: &State, id: Id) -> Result<&Entry, FoldError> {
    state.request(id.0).ok_or(FoldError::NoRequest)
}

fn expect(entry: &Entry, stages: &[Stage]) -> Result<(), FoldError> {
    if stages.contains(&entry.stage) {
        Ok(())
    } else {
        Err(FoldError::Stage(entry.stage.as_str()))
    }
}

fn not_frozen(state: &State, entry: &Entry) -> Result<(), FoldError> {
    match state.frozen(&entry.agent, &entry.wallet) {
        Some(_) => Err(FoldError::Unfit("the scope is frozen")),
        None => Ok(()),
    }
}

pub(in crate::guard) fn limits(error: impl ToString) -> FoldError {
    FoldError::Limits(error.to_string())
}

/// Approvals a request needs to go on; one for a request that is held, whatever it needed before.
pub(in crate::guard) fn needed(entry: &Entry) -> u8 {
    entry.quorum.max(1)
}

fn set_reasons(state: &mut State, id: Id, reasons: Vec<Reason>) {
    if let Some(entry) = state.requests.get_mut(&id.0) {
        entry.end_reasons = reasons;
    }
}

/// Ends a request that was never signed: that is the proof that nothing of it can move.
fn end_unsigned(
    state: &mut State,
    at: u64,
    id: Id,
    stage: Stage,
    reasons: Vec<Reason>,
) -> Result<(), FoldError> {
    state.book.void(&id.to_string()).map_err(limits)?;
    give_nonce_back(state, id);
    set_reasons(state, id, reasons);
    enter(state, id.0, at, stage);
    Ok(())
}

fn give_nonce_back(state: &mut State, id: Id) {
    let Some(entry) = state.requests.get(&id.0) else {
        return;
    };
    let nonce = entry
        .ordered
        .as_ref()
        .and_then(|ordered| ordered.order.nonce());
    if let Some(nonce) = nonce {
        state
            .nonces
            .entry(entry.account())
            .or_default()
            .give_back(nonce, id.0);
    }
}

pub(in crate::guard) fn approved(
    state: &mut State,
    at: u64,
    data: Approved,
) -> Result<(), FoldError> {
    let entry = find(state, data.id)?;
    expect(entry, &[Stage::WaitingApproval, Stage::Held])?;
    not_frozen(state, entry)?;
    let so_far = u64::try_from(entry.approvals.len())
        .unwrap_or(u64::MAX)
        .saturating_add(1);
    if entry.approvals.contains(&data.by)
        || data.approvals != so_far
        || data.quorum != u64::from(needed(entry))
    {
        return Err(FoldError::Unfit("the approval does not count"));
    }
    let next = match entry.stage {
        Stage::Held => Stage::Signed,
        _ => Stage::Authorising,
    };
    if so_far == data.quorum && next == Stage::Authorising {
        let approved = state.book.approve(&data.id.to_string(), at);
        approved.map_err(limits)?;
    }
    remember(state, &data.command);
    if let Some(entry) = state.requests.get_mut(&data.id.0) {
        entry.approvals.push(data.by);
        entry.recalled &= so_far != data.quorum;
    }
    if so_far == data.quorum {
        enter(state, data.id.0, at, next);
    }
    Ok(())
}

pub(in crate::guard) fn denied(
    state: &mut State,
    (at, version): (u64, u64),
    data: Denied,
) -> Result<(), FoldError> {
    let unsigned = find(state, data.id)?.stage.is_unsigned();
    if !unsigned {
        expect(find(state, data.id)?, &[Stage::Held])?;
    }
    if let Some(command) = &data.command {
        remember(state, command);
        let agent = find(state, data.id)?.agent.clone();
        state.denied_at.insert(agent, at);
    }
    if unsigned {
        return end_unsigned(state, at, data.id, Stage::Denied, data.reasons);
    }
    if version > 3 {
        // A higher fee for what is never sent is not signed any more.
        void_order(state, at, data.id.0);
    }
    // The bytes exist, so what they move stays set aside until another transaction has used their
    // nonce up.
    give_nonce_back(state, data.id);
    set_reasons(state, data.id, data.reasons);
    enter(state, data.id.0, at, Stage::Denied);
    Ok(())
}

pub(in crate::guard) fn expired(state: &mut State, at: u64, id: Id) -> Result<(), FoldError> {
    let entry = find(state, id)?;
    expect(entry, &[Stage::WaitingApproval])?;
    if entry.expires_at.is_none_or(|expires_at| at < expires_at) {
        return Err(FoldError::Unfit("the request has not expired"));
    }
    end_unsigned(
        state,
        at,
        id,
        Stage::Expired,
        vec![Reason::new(Code::ExpiredUnanswered)],
    )
}

pub(in crate::guard) fn matured(state: &mut State, at: u64, id: Id) -> Result<(), FoldError> {
    let entry = find(state, id)?;
    expect(entry, &[Stage::WaitingDelay])?;
    if entry.matures_at.is_none_or(|matures_at| at < matures_at) {
        return Err(FoldError::Unfit("the delay is not over"));
    }
    enter(state, id.0, at, Stage::Authorising);
    Ok(())
}

pub(in crate::guard) fn cancelled(
    state: &mut State,
    at: u64,
    data: Cancelled,
) -> Result<(), FoldError> {
    let entry = find(state, data.id)?;
    if !entry.stage.is_unsigned() {
        return Err(FoldError::Stage(entry.stage.as_str()));
    }
    let reason = Reason::new(Code::Cancelled).found(data.by);
    end_unsigned(state, at, data.id, Stage::Cancelled, vec![reason])
}

pub(in crate::guard) fn authorised(
    state: &mut State,
    (seq, at, version): (u64, u64, u64),
    data: Authorised,
) -> Result<(), FoldError> {
    let entry = find(state, data.id)?;
    expect(entry, &[Stage::Authorising])?;
    not_frozen(state, entry)?;
    if data.digest != entry.digest {
        return Err(FoldError::Unfit("the order is for another request"));
    }
    // Cheap, and the last look before an order counts: live code pays for it too.
    checks::authorised(state, &data)?;
    if let Some(nonce) = data.order.nonce() {
        let book = state.nonces.entry(entry.account()).or_default();
        if !book.take(nonce, data.id.0) {
            return Err(FoldError::Unfit("the nonce is in use"));
        }
    }
    if version > 2 {
        hold_the_order(state, at, &data)?;
    }
    if let Some(entry) = state.requests.get_mut(&data.id.0) {
        entry.ordered = Some(Ordered {
            seq,
            order: data.order,
        });
    }
    enter(state, data.id.0, at, Stage::Authorised);
    Ok(())
}

/// The order names its fee, so the worst case of the decision is given back at once: limits must not
/// deny others for what nobody can pay any more.
fn hold_the_order(state: &mut State, at: u64, data: &Authorised) -> Result<(), FoldError> {
    let (SigningOrder::Transaction(order), Some(policy)) = (&data.order, compiled(state)) else {
        return Ok(());
    };
    let name = data.id.to_string();
    let entry = find(state, data.id)?;
    let Some(held) = state.book.spends(&name) else {
        return Ok(());
    };
    let spends = held.with_fee(Some(fee_max(entry, order)));
    let parts = policy.reservations(&spends);
    let held = state.book.hold_less(&name, spends, parts, at);
    held.map_err(limits)
}

/// The order is void: what it was is decided again, and its nonce is used for the next order.
pub(in crate::guard) fn reopened(
    state: &mut State,
    (at, version): (u64, u64),
    id: Id,
) -> Result<(), FoldError> {
    let entry = find(state, id)?;
    expect(entry, &[Stage::Authorised])?;
    // Until there is another order it holds what was decided; whoever decides it again looks at the
    // limits.
    let decided = entry.decided.as_deref().filter(|_| version > 2);
    let worst = decided.and_then(|data| data.spends.clone());
    if let (Some(spends), Some(policy)) = (worst, compiled(state)) {
        let parts = policy.reservations(&spends);
        let held = state.book.hold_anew(&id.to_string(), spends, parts, at);
        held.map_err(limits)?;
    }
    give_nonce_back(state, id);
    if let Some(entry) = state.requests.get_mut(&id.0) {
        entry.ordered = None;
    }
    enter(state, id.0, at, Stage::Authorising);
    Ok(())
}

pub(in crate::guard) fn failed(state: &mut State, at: u64, data: Failed) -> Result<(), FoldError> {
    expect(
        find(state, data.id)?,
        &[Stage::Authorising, Stage::Authorised],
    )?;
    let reason = Reason::new(data.code).found(data.text);
    end_unsigned(state, at, data.id, Stage::Failed, vec![reason])
}

pub(in crate::guard) fn signed(state: &mut State, at: u64, data: Signed) -> Result<(), FoldError> {
    let entry = find(state, data.id)?;
    if entry.replacing.is_some() {
        return crate::guard::fold::replace::signed(state, at, data);
    }
    expect(entry, &[Stage::Authorised])?;
    not_frozen(state, entry)?;
    let (kind, method) = (entry.kind, entry.method);
    let payload = match (kind, data.raw, data.signature) {
        (RequestKind::Transaction, Some(raw), None) => raw,
        (RequestKind::TypedData | RequestKind::Message, None, Some(signature)) => signature,
        _ => {
            return Err(FoldError::Unfit(
                "a transaction has bytes, all else a signature",
            ))
        }
    };
    if kind != RequestKind::Transaction {
        let policy = compiled(state);
        let name = data.id.to_string();
        let posted = state
            .book
            .post(policy.as_deref(), &name, Happened::SIGNED, at);
        posted.map_err(limits)?;
    } else {
        state.unsettled.insert(data.id.0);
    }
    if let Some(entry) = state.requests.get_mut(&data.id.0) {
        entry.signed = Some(SignedBytes {
            hash: data.hash,
            payload,
            at,
            moves_nothing: false,
            commanded: false,
            out: false,
        });
    }
    let next = match method {
        Method::SendTransaction => Stage::Signed,
        _ => Stage::Released,
    };
    enter(state, data.id.0, at, next);
    Ok(())
}

fn compiled(state: &State) -> Option<Arc<Policy>> {
    let policy = state.policy.as_ref()?;
    policy.compiled.clone()
}

/// What is out, and not at its end: bytes of it exist.
fn is_out(state: &State, version: u64, entry: &Entry) -> Result<(), FoldError> {
    let signed = version < 4 || entry.signed.is_some();
    if signed && state.unsettled.contains(&entry.id.0) {
        Ok(())
    } else {
        Err(FoldError::Stage(entry.stage.as_str()))
    }
}

pub(in crate::guard) fn sent(
    state: &mut State,
    (at, version): (u64, u64),
    data: &Sent,
) -> Result<(), FoldError> {
    let entry = find(state, data.id)?;
    is_out(state, version, entry)?;
    // A node that has, or may have, the bytes makes them sent, even if a freeze came while they
    // were on their way.
    let out = data.outcome != SendOutcome::Rejected;
    if out && matches!(entry.stage, Stage::Signed | Stage::Held) {
        enter(state, data.id.0, at, Stage::Sent);
    }
    let entry = state.requests.get_mut(&data.id.0);
    if let Some(bytes) = entry.and_then(|entry| entry.signed.as_mut()) {
        bytes.out |= out;
    }
    Ok(())
}

pub(in crate::guard) fn settled(
    state: &mut State,
    (at, version): (u64, u64),
    data: &Settled,
) -> Result<(), FoldError> {
    let entry = find(state, data.id)?;
    is_out(state, version, entry)?;
    if data.outcome != SettleOutcome::Dropped {
        let mined = mined(entry, data.hash)?;
        if mined.moves_nothing != (data.outcome == SettleOutcome::Cancelled) {
            return Err(FoldError::Unfit("what was mined does not end it this way"));
        }
    }
    let proved = data.proved.unwrap_or(true);
    let name = data.id.to_string();
    let spends = state.book.spends(&name);
    let kept = match data.outcome {
        SettleOutcome::Confirmed => spends.map(|spends| spends.with_fee(data.fee_wei)),
        // On one node's word nothing is given back: all of it counts until its windows end.
        SettleOutcome::Reverted | SettleOutcome::Cancelled if !proved => spends.cloned(),
        SettleOutcome::Reverted | SettleOutcome::Cancelled => {
            spends.map(|spends| spends.fee_only(data.fee_wei))
        }
        // What used its nonce is one of ours: nobody sends it, and the word for that end is enough to
        // count it by age.
        SettleOutcome::Dropped if !proved && version > 3 && is_past(state, entry) => {
            spends.cloned()
        }
        SettleOutcome::Dropped if !proved => {
            return Err(FoldError::Unfit("nothing is dropped without proof"));
        }
        SettleOutcome::Dropped => None,
    };
    let wallet = entry.account();
    let happened = Happened {
        nonce: current(entry).map(|order| order.nonce),
        ends: match data.outcome {
            _ if version < 4 => Ends::All,
            // One node's word frees nothing, so it takes nothing back either.
            SettleOutcome::Confirmed if proved => Ends::Earlier,
            _ => Ends::Nothing,
        },
    };
    match (kept, compiled(state)) {
        (Some(kept), Some(policy)) => {
            let kept = (&kept, happened);
            state.book.post_partial(&*policy, &name, kept, at)
        }
        // Without a policy that can be read, all of it counts.
        (Some(_), None) => state.book.post(None::<&Policy>, &name, happened, at),
        (None, _) => state.book.void(&name),
    }
    .map_err(limits)?;
    state.unsettled.remove(&data.id.0);
    let ours = data.outcome != SettleOutcome::Dropped && version > 3;
    if let Some(nonce) = happened.nonce.filter(|_| ours) {
        // Also of what was denied and gave it back: its bytes were out all the same.
        let book = state.nonces.entry(wallet).or_default();
        book.mined(nonce, data.id.0);
    }
    let mut stage = match data.outcome {
        SettleOutcome::Confirmed => Stage::Confirmed,
        SettleOutcome::Reverted => Stage::Reverted,
        SettleOutcome::Dropped => Stage::Dropped,
        SettleOutcome::Cancelled => Stage::Cancelled,
    };
    if let Some(entry) = state.requests.get_mut(&data.id.0) {
        entry.outcome = Some(data.outcome);
        entry.replacing = None;
        if let Some(hash) = data.hash {
            show_mined(entry, hash);
        }
        // What ended before it was sent stays what it was: only its nonce was used up.
        let unsent = entry.stage.is_end() && entry.stage != Stage::Released;
        if unsent && data.outcome == SettleOutcome::Cancelled {
            stage = entry.stage;
        }
    }
    enter(state, data.id.0, at, stage);
    Ok(())
}

/// It was denied after its signature, and another request of ours was mined with its nonce.
pub(in crate::guard) fn is_past(state: &State, entry: &Entry) -> bool {
    let book = state.nonces.get(&entry.account());
    let nonce = current(entry).map(|order| order.nonce);
    let owner = book
        .zip(nonce)
        .and_then(|(book, nonce)| book.owner(nonce))
        .filter(|owner| *owner != entry.id.0)
        .and_then(|owner| state.request(owner));
    let is_mined = |other: &Entry| {
        let mined = other
            .outcome
            .is_some_and(|outcome| outcome != SettleOutcome::Dropped);
        mined && current(other).map(|order| order.nonce) == nonce
    };
    entry.stage == Stage::Denied && owner.is_some_and(is_mined)
}

/// The bytes of this hash, or the newest.
pub(in crate::guard) fn mined(
    entry: &Entry,
    hash: Option<B256>,
) -> Result<&SignedBytes, FoldError> {
    let mut all = entry.signed.iter().chain(&entry.earlier);
    let found = all.find(|bytes| hash.is_none_or(|hash| bytes.hash == hash));
    found.ok_or(FoldError::Unfit("it has no such transaction"))
}

/// From now on the request shows the bytes that were mined.
fn show_mined(entry: &mut Entry, hash: B256) {
    let Some(place) = entry.earlier.iter().position(|bytes| bytes.hash == hash) else {
        return;
    };
    let mined = entry.earlier.swap_remove(place);
    entry.earlier.extend(entry.signed.replace(mined));
}

pub(in crate::guard) fn freeze_ends(state: &mut State, at: u64, seq: u64) -> Result<(), FoldError> {
    end_unsigned(
        state,
        at,
        Id(seq),
        Stage::Frozen,
        vec![Reason::new(Code::Frozen)],
    )
}

pub(in crate::guard) fn freeze_holds(state: &mut State, at: u64, seq: u64) {
    if let Some(entry) = state.requests.get_mut(&seq) {
        // Approvals from before the freeze do not send anything after it.
        entry.approvals.clear();
    }
    enter(state, seq, at, Stage::Held);
}
