//! What replay checks of a record beyond its place in the state: everything live code checked before
//! it made the event. Live code has just done so and does not pay twice; a debug build asserts that
//! both agree.
//!
//! Signatures, orders, signed bytes and hashes are checked in records of every version. What follows
//! from rules of deciding (which call joins which, what is set aside) is checked from version 2 on.

use alloy_primitives::{eip191_hash_message, Bytes, B256};

use crate::code::Code;
use crate::event::{
    approval_digest, match_key, Attached, Authorised, Body, Decided, Denied, Envelope, Event,
    Parts, Replaced, RequestKind, Signed, SignedContent, SigningOrder, Stage,
};
use crate::guard::check_genesis;
use crate::guard::commands::authorise::typed_data;
use crate::guard::commands::authority;
use crate::guard::commands::operator;
use crate::guard::commands::replace;
use crate::guard::commands::signing;
use crate::guard::commands::submit_signed;
use crate::guard::decision::decision_record::Start;
use crate::guard::decision::dedup::{find_match, Match};
use crate::guard::fold::{grants, FoldError};
use crate::guard::state::{Entry, State};
use crate::policy::{method_of, Policy, Verdict};
use crate::request::{self, Asked, Method};

/// The name under which the policy denies.
const BY_POLICY: &str = "policy";

fn unfit<T>(text: &'static str) -> Result<T, FoldError> {
    Err(FoldError::Unfit(text))
}

fn ensure(holds: bool, text: &'static str) -> Result<(), FoldError> {
    if holds {
        Ok(())
    } else {
        unfit(text)
    }
}

fn find(state: &State, id: crate::event::Id) -> Result<&Entry, FoldError> {
    state.request(id.0).ok_or(FoldError::NoRequest)
}

/// Whether live code in this state would have made this event.
///
/// # Errors
/// [`FoldError`], naming what does not hold.
pub(in crate::guard) fn check(state: &State, event: &Event) -> Result<(), FoldError> {
    let at = event.at;
    match &event.body {
        Body::GuardianCreated(genesis) => {
            check_genesis(genesis).map_err(|refusal| FoldError::Refused(refusal.to_string()))
        }
        Body::PolicyLoaded(data) => authority::check_policy(state, data, (at, event.version)),
        Body::PolicyScheduled(data) => authority::check_scheduled(state, data, at),
        Body::ConfigLoaded(data) => authority::check_config(state, data),
        Body::RequestDecided(data) => decided(state, event, data),
        Body::RequestAttached(data) => attached(state, event, data),
        Body::RequestPending(data) if event.version > 1 => ensure(
            !find(state, data.id)?.answered_pending,
            "the request was answered \"pending\" before",
        ),
        Body::RequestApproved(data) => commanded(state, event, (&data.command, &data.signature)),
        Body::FreezeLifted(data) => commanded(state, event, (&data.command, &data.signature)),
        Body::ClockSet(data) => commanded(state, event, (&data.command, &data.signature)),
        Body::RequestDenied(data) => denied(state, event, data),
        Body::RequestAuthorised(data) => authorised(state, data),
        Body::RequestReplaced(data) => match (&data.command, &data.signature) {
            (Some(command), Some(signature)) => commanded(state, event, (command, signature)),
            (None, None) => {
                let by = [replace::BY_AGENT, replace::BY_GUARDIAN];
                ensure(
                    by.contains(&data.by.as_str()),
                    "a replacement comes from an operator, the agent or the guardian",
                )?;
                replaced(state, data, at)
            }
            _ => unfit("a command has a signature"),
        },
        Body::NonceSet(data) => commanded(state, event, (&data.command, &data.signature)),
        Body::GrantGiven(data) => commanded(state, event, (&data.command, &data.signature)),
        Body::GrantRevoked(data) => commanded(state, event, (&data.command, &data.signature)),
        Body::RequestSigned(data) => signed(state, data),
        _ => Ok(()),
    }
}

/// The command on record, carried out again at that time, must give this very event.
fn commanded(
    state: &State,
    event: &Event,
    (command, signature): (&str, &Bytes),
) -> Result<(), FoldError> {
    let of = (event.at, event.version);
    let made = operator::carry_out(state, command.as_bytes(), signature, of)
        .map_err(|refusal| FoldError::Refused(refusal.to_string()))?;
    ensure(made == event.body, "the event is not what its command says")
}

fn denied(state: &State, event: &Event, data: &Denied) -> Result<(), FoldError> {
    if let (Some(command), Some(signature)) = (&data.command, &data.signature) {
        let code = data.reasons.first().map(|reason| &reason.code);
        ensure(
            code.is_some_and(|code| *code == Code::DeniedByOperator) && data.reasons.len() == 1,
            "an operator denies for one reason",
        )?;
        // Only the words may differ: how text is made safe for display is not part of the record.
        let of = (event.at, event.version);
        let made = operator::carry_out(state, command.as_bytes(), signature, of)
            .map_err(|refusal| FoldError::Refused(refusal.to_string()))?;
        return match made {
            Body::RequestDenied(made) => ensure(
                made.by == data.by && made.id == data.id,
                "the event is not what its command says",
            ),
            _ => unfit("the event is not what its command says"),
        };
    }
    ensure(
        data.command.is_none() && data.signature.is_none() && data.by == BY_POLICY,
        "a denial is signed by an operator, or made by the policy",
    )?;
    // The policy denies where the order would be fixed, and nowhere else.
    let entry = find(state, data.id)?;
    if entry.stage != Stage::Authorising {
        return Err(FoldError::Stage(entry.stage.as_str()));
    }
    ensure(
        state.frozen(&entry.agent, &entry.wallet).is_none(),
        "the scope is frozen",
    )?;
    ensure(!data.reasons.is_empty(), "a denial has a reason")
}

fn decided(state: &State, event: &Event, data: &Decided) -> Result<(), FoldError> {
    ensure(
        data.kind == data.request.kind() && kind_of(data.method) == data.kind,
        "the method does not ask for this kind of signature",
    )?;
    ensure(
        data.method == Method::SignTransaction || data.released.is_guardian(),
        "only what is signed by eth_signTransaction is an agent's alone to send",
    )?;
    let transaction = data.kind == RequestKind::Transaction;
    let caps = [
        data.gas_max.is_some(),
        data.fee_per_gas_max.is_some(),
        data.priority_fee_per_gas_max.is_some(),
    ];
    ensure(
        caps.iter().all(|cap| *cap == transaction),
        "a transaction has caps, and nothing else",
    )?;
    // Of a large request that was denied only the beginning is kept: nothing can come of it.
    match &data.left_out {
        None => hashes(data)?,
        Some(_) => ensure(
            data.state == Stage::Denied,
            "only what was denied is cut short",
        )?,
    }
    let start = Start::of(data.verdict, event.at);
    ensure(
        (start.stage, start.expires_at, start.matures_at)
            == (data.state, data.expires_at, data.matures_at),
        "the verdict does not lead to this state and these times",
    )?;
    if data.state != Stage::Denied {
        set_aside(state, event, data)?;
    }
    let loaded = state.policy.as_ref();
    ensure(
        loaded.is_some_and(|loaded| loaded.digest == data.policy),
        "the policy that decided is not the one in force",
    )?;
    match state.policy() {
        Some(policy) => under(state, event, data, policy),
        // This version cannot read the policy: only what needs none could be checked.
        None => Ok(()),
    }
}

/// The hashes are those of what the record says.
fn hashes(data: &Decided) -> Result<(), FoldError> {
    if let SignedContent::TypedData(typed) = &data.request {
        let digest = typed_data(&typed.json).map(|read| read.digest);
        ensure(
            digest == Some(typed.typed_data_digest),
            "the digest is not that of the document",
        )?;
    }
    let key = match_key(
        &data.agent,
        data.chain_id.at(data.wallet),
        data.method,
        &data.request,
    );
    ensure(key == data.match_key, "the match key is another one")?;
    let parts = Parts::of(&data.effects, &data.request);
    ensure(
        approval_digest(data, &parts) == data.digest,
        "the digest is not that of the request",
    )?;
    Ok(())
}

const fn kind_of(method: Method) -> RequestKind {
    match method {
        Method::SendTransaction | Method::SignTransaction => RequestKind::Transaction,
        Method::SignTypedData => RequestKind::TypedData,
        Method::SignMessage => RequestKind::Message,
    }
}

/// What goes on is not frozen, and holds what it can cost.
fn set_aside(state: &State, event: &Event, data: &Decided) -> Result<(), FoldError> {
    ensure(
        state.frozen(&data.agent, &data.wallet).is_none(),
        "the scope is frozen",
    )?;
    let held = data.spends.as_ref().is_some_and(|spends| {
        spends.agent == data.agent
            && spends.wallet == data.wallet
            && spends.chain_id == data.chain_id
            && spends.method == data.method
            && spends.decided_ms == event.at
    });
    ensure(held, "what is set aside is not that of the request")
}

/// What the policy in force says of the request's surroundings.
fn under(state: &State, event: &Event, data: &Decided, policy: &Policy) -> Result<(), FoldError> {
    let Some(agent) = policy.agent(&data.agent) else {
        return unfit("the policy knows no such agent");
    };
    ensure(
        agent.wallets.contains(&data.wallet) && agent.chain_id == data.chain_id,
        "the wallet or the chain is not the agent's",
    )?;
    match &data.envelope {
        _ if data.left_out.is_some() => {}
        Some(given) => enveloped(state, event, (&data.agent, given), |method, wanted| {
            method == data.method && *wanted == data.request
        })?,
        None => ensure(
            agent.public_key.is_none(),
            "the agent has a key and did not sign",
        )?,
    }
    if event.version < 2 {
        return Ok(());
    }
    if let Some(spends) = &data.spends {
        ensure(
            policy.reservations(spends) == data.reservations,
            "what is reserved is not what the limits count",
        )?;
        grants::used(state, spends, &data.id.to_string(), event.at)?;
    }
    if let Verdict::Approval { quorum, .. } = data.verdict {
        let genesis = state.genesis.as_ref();
        let operators = genesis.map_or(0, |genesis| genesis.operators.len());
        ensure(
            usize::from(quorum) <= operators && quorum > 0,
            "there are not so many operators",
        )?;
    }
    if data.state == Stage::Denied {
        return Ok(());
    }
    ensure(
        !data.state.is_waiting() || state.waiting_of(&data.agent) < agent.waiting_max as usize,
        "too many requests wait",
    )?;
    let key = data.idempotency_key.as_deref();
    ensure(
        find_match(state, &data.agent, &data.match_key, key, event.at) == Match::Nothing,
        "the call belongs to another request",
    )
}

/// The envelope is what the agent signed, in time, once, and for this call.
fn enveloped(
    state: &State,
    event: &Event,
    (agent, given): (&str, &Envelope),
    is_for: impl FnOnce(Method, &SignedContent) -> bool,
) -> Result<(), FoldError> {
    let payload = given.payload.as_bytes();
    let opened = submit_signed::open(state, agent, payload, &given.signature, event.at);
    let Ok((call, opened)) = opened else {
        return unfit("the call was not signed by the agent, in time and once");
    };
    ensure(
        opened == *given,
        "the envelope is not the one that was signed",
    )?;
    if event.version < 2 {
        return Ok(());
    }
    let asked = request::parse_any(&call.method, call.params.as_bytes());
    let (Some(method), Ok(Asked::One(request))) = (method_of(&call.method), asked) else {
        return unfit("what the agent signed is not a request");
    };
    ensure(
        is_for(method, &SignedContent::of(&request.body)),
        "the agent signed another request",
    )
}

fn attached(state: &State, event: &Event, data: &Attached) -> Result<(), FoldError> {
    let entry = find(state, data.id)?;
    if state.policy().is_none() {
        return Ok(());
    }
    let wallet = entry.account();
    enveloped(
        state,
        event,
        (&entry.agent, &data.envelope),
        |method, wanted| match_key(&entry.agent, wallet, method, wanted) == entry.match_key,
    )
}

/// The order is the decision's, within what was decided and with all that was asked for.
pub(in crate::guard) fn authorised(state: &State, data: &Authorised) -> Result<(), FoldError> {
    let entry = find(state, data.id)?;
    let Some(decided) = entry.decided.as_deref() else {
        return unfit("the decision is not known any more");
    };
    let ready = match decided.verdict {
        Verdict::Instant | Verdict::Notify => true,
        Verdict::Delay { .. } => entry.matures_at.is_some_and(|at| at <= state.last_at),
        Verdict::Approval { quorum, .. } => entry.approvals.len() >= usize::from(quorum.max(1)),
        Verdict::Deny => false,
    };
    ensure(ready, "the request needs more before it is ordered")?;
    within_chain(state, &data.order)?;
    order(entry, decided, &data.order)
}

/// The caps of the chain may have been lowered since the decision.
fn within_chain(state: &State, order: &SigningOrder) -> Result<(), FoldError> {
    let SigningOrder::Transaction(order) = order else {
        return Ok(());
    };
    let chain = state
        .policy()
        .and_then(|policy| policy.chain(order.chain_id));
    let within = chain.is_none_or(|chain| {
        order.gas <= chain.gas_max
            && order.max_fee_per_gas <= chain.fee_per_gas_max
            && order.max_priority_fee_per_gas <= chain.priority_fee_per_gas_max
    });
    // Programs that wrote version 1 may have looked at the decision alone.
    ensure(
        within || state.version < 2,
        "the order is over the caps of the chain",
    )
}

/// The order may take the place of what was signed.
pub(in crate::guard) fn replaced(state: &State, data: &Replaced, at: u64) -> Result<(), FoldError> {
    replace::fits(state, data, at).map_err(|no| match no {
        replace::ReplaceError::Fold(error) => error,
        replace::ReplaceError::Refused(refusal) => FoldError::Refused(refusal.to_string()),
    })
}

fn order(entry: &Entry, decided: &Decided, order: &SigningOrder) -> Result<(), FoldError> {
    let other = "the order is not what was decided";
    match (&decided.request, order) {
        (SignedContent::Transaction(tx), SigningOrder::Transaction(order)) => {
            let same = order.chain_id.at(order.wallet) == entry.account()
                && (order.to, order.value) == (tx.to, tx.value)
                && order.data == tx.data;
            ensure(same, other)?;
            let caps = decided.gas_max.is_some_and(|max| order.gas <= max)
                && decided
                    .fee_per_gas_max
                    .is_some_and(|max| order.max_fee_per_gas <= max)
                && decided
                    .priority_fee_per_gas_max
                    .is_some_and(|max| order.max_priority_fee_per_gas <= max)
                && order.max_priority_fee_per_gas <= order.max_fee_per_gas;
            ensure(caps, "the order is over the caps that were decided")
        }
        (SignedContent::TypedData(typed), SigningOrder::TypedData(order)) => ensure(
            order.chain_id.at(order.wallet) == entry.account()
                && order.json == typed.json
                && order.digest == typed.typed_data_digest,
            other,
        ),
        (SignedContent::Message(message), SigningOrder::Message(order)) => ensure(
            order.chain_id.at(order.wallet) == entry.account()
                && order.message == message.message
                && order.digest == eip191_hash_message(&message.message),
            other,
        ),
        _ => unfit(other),
    }
}

/// The bytes are the order's, signed by the wallet.
fn signed(state: &State, data: &Signed) -> Result<(), FoldError> {
    let entry = find(state, data.id)?;
    let Some(order) = signing::waiting(entry) else {
        return Err(FoldError::Stage(entry.stage.as_str()));
    };
    let payload = data.raw.as_ref().or(data.signature.as_ref());
    let hash: B256 = match payload {
        Some(payload) => signing::verify(&order, payload).map_err(FoldError::Unfit)?,
        None => return unfit("there are no signed bytes"),
    };
    ensure(hash == data.hash, "the hash is not that of what was signed")
}
