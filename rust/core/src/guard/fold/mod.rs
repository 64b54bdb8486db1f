//! The only thing that changes the state, live and in replay.
//!
//! Every arm checks that the event can follow the state before it changes anything, so a record
//! that cannot follow leaves the state as it was and is reported.

pub(in crate::guard) mod checks;
pub(in crate::guard) mod grants;
pub(in crate::guard) mod life;
pub(in crate::guard) mod replace;
pub(in crate::guard) mod request;

use std::sync::Arc;

use crate::canonical::sha256;
use crate::code::Code;
use crate::event::{
    Body, ConfigLoaded, Envelope, Event, FreezeLifted, FreezeSet, Genesis, PolicyLoaded, Stage,
};
use crate::guard::clock;
use crate::guard::commands::operator;
use crate::guard::retention;
use crate::guard::state::{Freeze, LoadedConfig, LoadedPolicy, State};
use crate::policy::Policy;

/// Why an event cannot follow the state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FoldError {
    /// Not the next number.
    #[error("the next event has another number")]
    Seq,
    /// Time runs backwards.
    #[error("the event is older than the one before it")]
    Time,
    /// Of an older version than the event before it.
    #[error("the event has an older version than the one before it")]
    Version,
    /// The first event, and only the first, creates the guardian.
    #[error("only the first event creates the guardian")]
    Genesis,
    /// The request is not in a stage this can follow.
    #[error("the request is not where this can follow: {0}")]
    Stage(&'static str),
    /// No such request.
    #[error("there is no such request")]
    NoRequest,
    /// Something in the event does not fit the state.
    #[error("{0}")]
    Unfit(&'static str),
    /// Live code would have refused what is on record.
    #[error("{0}")]
    Refused(String),
    /// The limits refuse.
    #[error("limits: {0}")]
    Limits(String),
}

impl FoldError {
    /// The code of this error.
    pub const fn code(&self) -> Code {
        match self {
            Self::Seq => Code::ReplaySeq,
            Self::Time => Code::ReplayTime,
            Self::Genesis => Code::ReplayGenesis,
            Self::Version
            | Self::Stage(_)
            | Self::NoRequest
            | Self::Unfit(_)
            | Self::Refused(_)
            | Self::Limits(_) => Code::ReplayTransition,
        }
    }
}

/// Where an event comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A method of the guardian made it a moment ago and checked everything it says.
    Live,
    /// It was read: it counts only if live code would have made it.
    Replay,
}

/// Takes the event over into the state.
///
/// # Errors
/// [`FoldError`], with the state unchanged.
pub fn fold(state: &mut State, event: Event, origin: Origin) -> Result<(), FoldError> {
    if event.seq != state.seq {
        return Err(FoldError::Seq);
    }
    if event.at < state.last_at {
        return Err(FoldError::Time);
    }
    // A later program wrote everything before: what it knew to check cannot be left out again.
    if event.version < state.version {
        return Err(FoldError::Version);
    }
    if matches!(event.body, Body::GuardianCreated(_)) != (event.seq == 0) {
        return Err(FoldError::Genesis);
    }
    match origin {
        Origin::Replay => checks::check(state, &event)?,
        Origin::Live => debug_assert_eq!(checks::check(state, &event), Ok(())),
    }
    let Event {
        seq,
        at,
        version,
        body,
    } = event;
    let now = clock::after(&body, at);
    step(state, (seq, at, version), body)?;
    state.version = version;
    state.seq = seq.saturating_add(1);
    state.last_at = now;
    retention::purge(state, now);
    Ok(())
}

fn step(
    state: &mut State,
    (seq, at, version): (u64, u64, u64),
    body: Body,
) -> Result<(), FoldError> {
    match body {
        Body::GuardianCreated(data) => created(state, data),
        Body::GuardianStarted(_) => {
            retention::started(state, (at, version));
            clock::started(state);
            Ok(())
        }
        Body::GuardianStopped(_) => Ok(()),
        Body::ClockJumped(data) => {
            clock::jumped(state, &data);
            Ok(())
        }
        Body::ClockSet(data) => clock::set(state, seq, at, &data),
        Body::PolicyLoaded(data) => policy_loaded(state, at, data),
        Body::ConfigLoaded(data) => {
            config_loaded(state, &data);
            Ok(())
        }
        Body::PolicyRejected(data) => {
            state.alarm = Some(data.error);
            Ok(())
        }
        Body::RequestRefused(data) => {
            request::refused(state, at, &data);
            Ok(())
        }
        Body::RequestDecided(data) => request::decided(state, seq, at, data),
        Body::RequestAttached(data) => request::attached(state, data),
        Body::RequestPending(data) => request::pending(state, data.id),
        Body::RequestDelivered(data) => request::delivered(state, at, data.id),
        Body::RequestApproved(data) => life::approved(state, at, data),
        Body::RequestDenied(data) => life::denied(state, (at, version), data),
        Body::RequestExpired(data) => life::expired(state, at, data.id),
        Body::RequestMatured(data) => life::matured(state, at, data.id),
        Body::RequestCancelled(data) => life::cancelled(state, at, data),
        Body::RequestAuthorised(data) => life::authorised(state, (seq, at, version), *data),
        Body::RequestReopened(data) => life::reopened(state, (at, version), data.id),
        Body::RequestFailed(data) => life::failed(state, at, data),
        Body::RequestSigned(data) => life::signed(state, at, data),
        Body::RequestSent(data) => life::sent(state, (at, version), &data),
        Body::RequestSettled(data) => life::settled(state, (at, version), &data),
        Body::RequestReplaced(data) => replace::replaced(state, seq, at, *data),
        Body::RequestHeld(data) => replace::held(state, at, &data),
        Body::AnswersDelivered(data) => {
            request::answers_delivered(state, at, &data.ids);
            Ok(())
        }
        Body::NonceSet(data) => {
            replace::nonce_set(state, version, &data);
            Ok(())
        }
        Body::PolicyScheduled(data) => {
            state.coming = Some(data);
            Ok(())
        }
        Body::GrantGiven(data) => grants::given(state, seq, data),
        Body::GrantRevoked(data) => grants::revoked(state, &data),
        Body::FreezeSet(data) => freeze_set(state, seq, at, data),
        Body::FreezeLifted(data) => freeze_lifted(state, &data),
    }
}

fn created(state: &mut State, data: Genesis) -> Result<(), FoldError> {
    if state.genesis.is_some() {
        return Err(FoldError::Genesis);
    }
    state.genesis = Some(data);
    Ok(())
}

fn policy_loaded(state: &mut State, at: u64, data: PolicyLoaded) -> Result<(), FoldError> {
    if sha256(data.source.as_bytes()) != data.digest {
        return Err(FoldError::Unfit("the digest is not that of the policy"));
    }
    // A file this version cannot read was read by the version that loaded it: nothing is allowed
    // under it any more.
    let prepared = state.prepared.take();
    let compiled = prepared
        .filter(|policy| policy.source() == data.source)
        .or_else(|| Policy::parse(&data.source).ok().map(Arc::new));
    if let Some(policy) = &compiled {
        state
            .book
            .load(&**policy, at)
            .map_err(|error| FoldError::Limits(error.to_string()))?;
    }
    state.alarm = None;
    // It was compared with the policy before this one, and signed for its revision.
    state.coming = None;
    state.policy = Some(LoadedPolicy {
        revision: state.next_policy(),
        digest: data.digest,
        name: data.name,
        source: data.source,
        loaded_at: at,
        compiled,
    });
    Ok(())
}

fn config_loaded(state: &mut State, data: &ConfigLoaded) {
    state.config = Some(LoadedConfig {
        revision: state.next_config(),
        digest: data.digest,
    });
}

/// Ids of requests in scope that a freeze ends, and of those it holds.
pub fn in_scope(state: &State, scope: &crate::event::Scope) -> (Vec<u64>, Vec<u64>) {
    let (mut ended, mut held) = (Vec::new(), Vec::new());
    for entry in state.open_entries() {
        if !scope.covers(&entry.agent, &entry.wallet) {
            continue;
        }
        if entry.stage.is_unsigned() {
            ended.push(entry.id.0);
        } else if entry.stage == Stage::Signed {
            held.push(entry.id.0);
        }
    }
    (ended, held)
}

fn freeze_set(state: &mut State, seq: u64, at: u64, data: FreezeSet) -> Result<(), FoldError> {
    if data.freeze != seq {
        return Err(FoldError::Unfit("a freeze is named by its own number"));
    }
    let (ended, held) = in_scope(state, &data.scope);
    let named = |ids: &[crate::event::Id]| ids.iter().map(|id| id.0).collect::<Vec<_>>();
    if named(&data.ended) != ended || named(&data.held) != held {
        return Err(FoldError::Unfit(
            "the freeze does not name exactly what it stops",
        ));
    }
    for seq in ended {
        life::freeze_ends(state, at, seq)?;
    }
    for seq in held {
        life::freeze_holds(state, at, seq);
    }
    replace::freeze_stops(state, at, &data.scope);
    let FreezeSet {
        scope,
        reason,
        actor,
        ..
    } = data;
    state.freezes.insert(
        seq,
        Freeze {
            scope,
            reason,
            actor,
            at,
        },
    );
    Ok(())
}

fn freeze_lifted(state: &mut State, data: &FreezeLifted) -> Result<(), FoldError> {
    match state.freezes.remove(&data.freeze) {
        Some(_) => {
            operator::remember(state, &data.command);
            Ok(())
        }
        None => Err(FoldError::Unfit("there is no such freeze")),
    }
}

/// Notes the nonce of a signed agent request as used up.
pub(in crate::guard) fn use_up(state: &mut State, agent: &str, envelope: &Envelope) {
    let nonce = envelope.nonce.0;
    state
        .agent_nonces
        .insert((agent.to_owned(), nonce), envelope.expires_at);
    state
        .nonce_expiry
        .insert((envelope.expires_at, agent.to_owned(), nonce));
}
