//! Folding what takes the place of signed bytes: the same payment with a higher fee, or nothing at
//! all. All of them have one nonce, so one of them can be mined.

use crate::event::{
    Held, Id, NonceSet, ReplaceWhy, Replaced, Signed, SigningOrder, Stage, TransactionOrder,
};
use crate::guard::commands::operator::remember;
use crate::guard::commands::replace::{can_be_held, fee_max};
use crate::guard::fold::checks;
use crate::guard::fold::life::limits;
use crate::guard::fold::FoldError;
use crate::guard::retention::enter;
use crate::guard::state::{Entry, Ordered, Replacing, SignedBytes, State};
use crate::policy::Spends;

/// The order whose bytes were signed last.
pub(in crate::guard) fn current(entry: &Entry) -> Option<&TransactionOrder> {
    match entry.ordered.as_ref().map(|ordered| &ordered.order) {
        Some(SigningOrder::Transaction(order)) => Some(order),
        _ => None,
    }
}

/// What is set aside once this order counts; `None` where that is what is set aside already.
pub(in crate::guard) fn set_aside(state: &State, entry: &Entry, data: &Replaced) -> Option<Spends> {
    let held = state.book.spends(&entry.id.to_string());
    match (held, data.fee_wei_max) {
        (Some(held), Some(fee)) => Some(held.with_fee_raised(fee)),
        (Some(_), None) => None,
        // Its request ended unsigned and holds nothing any more: only the fee counts.
        (None, _) => {
            let decided = entry.decided.as_deref()?.spends.as_ref()?;
            Some(decided.fee_only(Some(fee_max(entry, &data.order))))
        }
    }
}

pub(in crate::guard) fn replaced(
    state: &mut State,
    seq: u64,
    at: u64,
    data: Replaced,
) -> Result<(), FoldError> {
    // Cheap, and the last look before an order counts: live code pays for it too.
    checks::replaced(state, &data, at)?;
    let entry = state.request(data.id.0).ok_or(FoldError::NoRequest)?;
    let wallet = entry.account();
    let name = data.id.to_string();
    if let Some(spends) = set_aside(state, entry, &data) {
        let policy = state.policy.as_ref();
        let policy = policy.and_then(|policy| policy.compiled.clone());
        let policy = policy.ok_or(FoldError::Unfit("there is no policy"))?;
        let parts = policy.reservations(&spends);
        state
            .book
            .hold_anew(&name, spends, parts, at)
            .map_err(limits)?;
    }
    // What a denied request gave back, or a gap, is its own again.
    let book = state.nonces.entry(wallet).or_default();
    let nonce = data.order.nonce;
    let fills_gap =
        book.take_back(nonce, data.id.0) || (nonce == book.next() && book.take(nonce, data.id.0));
    if data.why == ReplaceWhy::Gap {
        if !fills_gap {
            return Err(FoldError::Unfit("the nonce is not free"));
        }
        state.unsettled.insert(data.id.0);
    }
    if let Some(command) = &data.command {
        remember(state, command);
    }
    if let Some(entry) = state.requests.get_mut(&data.id.0) {
        let nothing = entry.signed.as_ref().filter(|bytes| bytes.moves_nothing);
        let was_commanded = nothing.is_some_and(|bytes| bytes.commanded);
        let before = entry.replacing.take();
        entry.replacing = Some(Replacing {
            seq,
            order: data.order,
            moves_nothing: data.why.moves_nothing() || nothing.is_some(),
            // A higher fee for what an operator commanded is still what the operator commanded.
            commanded: data.command.is_some() || was_commanded,
            fills_gap: fills_gap || before.is_some_and(|order| order.fills_gap),
            released: data.released,
        });
        // What is unsettled is kept.
        if let Some(until) = entry.kept_until.take() {
            state.forget.remove(&(until, data.id.0));
        }
    }
    crate::guard::retention::retain(state, data.id.0);
    Ok(())
}

/// The bytes of the order that was on its way.
pub(in crate::guard) fn signed(state: &mut State, at: u64, data: Signed) -> Result<(), FoldError> {
    let frozen = state
        .request(data.id.0)
        .is_some_and(|entry| state.frozen(&entry.agent, &entry.wallet).is_some());
    let entry = state.requests.get_mut(&data.id.0);
    let entry = entry.ok_or(FoldError::NoRequest)?;
    let Some(raw) = data.raw else {
        return Err(FoldError::Unfit("a transaction has bytes"));
    };
    let Some(replacing) = entry.replacing.take() else {
        return Err(FoldError::Stage(entry.stage.as_str()));
    };
    if frozen && !replacing.commanded {
        entry.replacing = Some(replacing);
        return Err(FoldError::Unfit("the scope is frozen"));
    }
    let bytes = SignedBytes {
        hash: data.hash,
        payload: raw,
        at,
        moves_nothing: replacing.moves_nothing,
        commanded: replacing.commanded,
        out: false,
    };
    entry.earlier.extend(entry.signed.replace(bytes));
    entry.stopped = false;
    entry.recalled = false;
    entry.released = replacing.released;
    entry.ordered = Some(Ordered {
        seq: replacing.seq,
        order: SigningOrder::Transaction(replacing.order),
    });
    Ok(())
}

/// An order that nobody signs is void. What closes a gap gives the nonce back, and what it held if
/// there never were other bytes.
pub(in crate::guard) fn void_order(state: &mut State, at: u64, seq: u64) {
    let Some(entry) = state.requests.get_mut(&seq) else {
        return;
    };
    let Some(replacing) = entry.replacing.take() else {
        return;
    };
    let wallet = entry.account();
    let never_signed = entry.signed.is_none();
    if replacing.fills_gap {
        let book = state.nonces.entry(wallet).or_default();
        book.give_back(replacing.order.nonce, seq);
    }
    if never_signed {
        state.unsettled.remove(&seq);
        // It holds what the order was to cost, and nothing else.
        let voided = state.book.void(&Id(seq).to_string());
        debug_assert!(voided.is_ok(), "{voided:?}");
        crate::guard::retention::retain(state, seq);
    } else {
        hold_no_more_than_it_costs(state, at, seq);
    }
}

/// What an order that came to nothing would have cost more is given back.
fn hold_no_more_than_it_costs(state: &mut State, at: u64, seq: u64) {
    let name = Id(seq).to_string();
    let policy = state.policy.as_ref();
    let policy = policy.and_then(|policy| policy.compiled.clone());
    let entry = state.request(seq);
    let cost = entry.and_then(|entry| Some(fee_max(entry, current(entry)?)));
    let held = state.book.spends(&name);
    let (Some(policy), Some(cost), Some(held)) = (policy, cost, held) else {
        return;
    };
    let spends = held.with_fee(Some(cost));
    let parts = policy.reservations(&spends);
    let less = state.book.hold_less(&name, spends, parts, at);
    debug_assert!(less.is_ok(), "{less:?}");
}

/// A freeze stops what the guardian and agents began; what an operator commanded goes on. What was
/// released to an agent is no longer the guardian's to send.
pub(in crate::guard) fn freeze_stops(state: &mut State, at: u64, scope: &crate::event::Scope) {
    for seq in &state.unsettled {
        let entry = state.requests.get_mut(seq);
        let released = entry.filter(|entry| entry.stage == Stage::Released);
        if let Some(entry) = released.filter(|entry| scope.covers(&entry.agent, &entry.wallet)) {
            entry.stopped = true;
        }
    }
    let unsettled = state.unsettled.iter().filter_map(|seq| state.request(*seq));
    let stopped = unsettled.filter(|entry| {
        let order = entry.replacing.as_ref();
        order.is_some_and(|order| !order.commanded) && scope.covers(&entry.agent, &entry.wallet)
    });
    for seq in stopped.map(|entry| entry.id.0).collect::<Vec<_>>() {
        void_order(state, at, seq);
    }
}

/// Signed bytes wait for a person.
pub(in crate::guard) fn held(state: &mut State, at: u64, data: &Held) -> Result<(), FoldError> {
    let entry = state.requests.get_mut(&data.id.0);
    let entry = entry.ok_or(FoldError::NoRequest)?;
    if !can_be_held(entry) {
        return Err(FoldError::Stage(entry.stage.as_str()));
    }
    entry.approvals.clear();
    enter(state, data.id.0, at, Stage::Held);
    Ok(())
}

pub(in crate::guard) fn nonce_set(state: &mut State, version: u64, data: &NonceSet) {
    remember(state, &data.command);
    let wallet = data.chain_id.at(data.wallet);
    let book = state.nonces.entry(wallet);
    match version {
        ..=3 => book.or_default().set_above_free(data.nonce),
        _ => book.or_default().set(data.nonce),
    }
    state.book.nonces_go_on(wallet, data.nonce);
}
