//! What happened: one variant for each kind of event, and what every kind must say of itself.

use super::{
    AnswersDelivered, Approved, Attached, Authorised, Cancelled, ClockJumped, ClockSet,
    ConfigLoaded, Decided, Denied, Failed, FreezeLifted, FreezeSet, Genesis, GrantGiven,
    GrantRevoked, Held, Id, NonceSet, Nothing, PolicyLoaded, PolicyRejected, PolicyScheduled,
    Record, RecordError, Refused, Reopened, Replaced, RequestRef, SendOutcome, Sent, SettleOutcome,
    Settled, Severity, Signed, Stage, Started,
};
use crate::code::Code;
use crate::policy::Verdict;

macro_rules! bodies {
    ($($variant:ident($data:ty) = $kind:literal,)*) => {
        /// What happened: one variant for each kind of docs/architecture.md.
        #[derive(Clone, Debug, PartialEq)]
        #[allow(missing_docs)]
        pub enum Body {
            $($variant($data),)*
        }

        impl Body {
            /// Every kind there is.
            pub const KINDS: &'static [&'static str] = &[$($kind,)*];

            /// The word of this kind.
            pub const fn kind(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => $kind,)*
                }
            }

            pub(super) fn read(kind: &str, data: &str) -> Result<Self, RecordError> {
                match kind {
                    $($kind => serde_json::from_str(data)
                        .map(Self::$variant)
                        .map_err(|_| RecordError::Malformed),)*
                    _ => Err(RecordError::Kind),
                }
            }

            pub(super) fn write(
                &self,
                out: &mut Vec<u8>,
                (at, seq, v): (u64, u64, u64),
            ) -> serde_json::Result<()> {
                match self {
                    $(Self::$variant(data) => serde_json::to_writer(
                        out,
                        &Record { at, data, kind: $kind, seq, v },
                    ),)*
                }
            }
        }
    };
}

bodies! {
    GuardianCreated(Genesis) = "guardian.created",
    GuardianStarted(Started) = "guardian.started",
    GuardianStopped(Nothing) = "guardian.stopped",
    PolicyLoaded(PolicyLoaded) = "policy.loaded",
    PolicyScheduled(PolicyScheduled) = "policy.scheduled",
    PolicyRejected(PolicyRejected) = "policy.rejected",
    ConfigLoaded(ConfigLoaded) = "config.loaded",
    RequestRefused(Refused) = "request.refused",
    RequestDecided(Box<Decided>) = "request.decided",
    RequestAttached(Attached) = "request.attached",
    RequestApproved(Approved) = "request.approved",
    RequestDenied(Denied) = "request.denied",
    RequestExpired(RequestRef) = "request.expired",
    RequestCancelled(Cancelled) = "request.cancelled",
    RequestMatured(RequestRef) = "request.matured",
    RequestAuthorised(Box<Authorised>) = "request.authorised",
    RequestReopened(Reopened) = "request.reopened",
    RequestFailed(Failed) = "request.failed",
    RequestSigned(Signed) = "request.signed",
    RequestSent(Sent) = "request.sent",
    RequestSettled(Settled) = "request.settled",
    RequestReplaced(Box<Replaced>) = "request.replaced",
    RequestHeld(Held) = "request.held",
    RequestPending(RequestRef) = "request.pending",
    RequestDelivered(RequestRef) = "request.delivered",
    AnswersDelivered(AnswersDelivered) = "answers.delivered",
    NonceSet(NonceSet) = "nonce.set",
    FreezeSet(FreezeSet) = "freeze.set",
    FreezeLifted(FreezeLifted) = "freeze.lifted",
    ClockJumped(ClockJumped) = "clock.jumped",
    ClockSet(ClockSet) = "clock.set",
    GrantGiven(GrantGiven) = "grant.given",
    GrantRevoked(GrantRevoked) = "grant.revoked",
}

impl Body {
    /// The requests it is about: its own, or those a freeze ended or held. What only counts answers
    /// is about none.
    pub fn requests(&self) -> Vec<Id> {
        let id = match self {
            Self::RequestDecided(data) => data.id,
            Self::RequestAttached(data) => data.id,
            Self::RequestApproved(data) => data.id,
            Self::RequestDenied(data) => data.id,
            Self::RequestCancelled(data) => data.id,
            Self::RequestAuthorised(data) => data.id,
            Self::RequestReopened(data) => data.id,
            Self::RequestFailed(data) => data.id,
            Self::RequestSigned(data) => data.id,
            Self::RequestSent(data) => data.id,
            Self::RequestSettled(data) => data.id,
            Self::RequestReplaced(data) => data.id,
            Self::RequestHeld(data) => data.id,
            Self::RequestExpired(data)
            | Self::RequestMatured(data)
            | Self::RequestPending(data)
            | Self::RequestDelivered(data) => data.id,
            Self::FreezeSet(data) => return [&data.ended[..], &data.held[..]].concat(),
            Self::GuardianCreated(_)
            | Self::GuardianStarted(_)
            | Self::GuardianStopped(_)
            | Self::PolicyLoaded(_)
            | Self::PolicyScheduled(_)
            | Self::PolicyRejected(_)
            | Self::ConfigLoaded(_)
            | Self::RequestRefused(_)
            | Self::AnswersDelivered(_)
            | Self::NonceSet(_)
            | Self::FreezeLifted(_)
            | Self::ClockJumped(_)
            | Self::ClockSet(_)
            | Self::GrantGiven(_)
            | Self::GrantRevoked(_) => return Vec::new(),
        };
        vec![id]
    }

    /// How much it matters; `None` for what is only a step on the way.
    pub fn severity(&self) -> Option<Severity> {
        Some(match self {
            Self::RequestDecided(data) => return decided(data),
            Self::RequestDenied(data) if data.command.is_some() => Severity::Info,
            Self::RequestFailed(data) if data.code == Code::WouldDiffer => Severity::Critical,
            Self::RequestSent(data) => match data.outcome {
                SendOutcome::Accepted | SendOutcome::Known => return None,
                SendOutcome::Rejected | SendOutcome::Unknown => Severity::Warning,
            },
            Self::RequestSettled(data) => match data.outcome {
                SettleOutcome::Confirmed | SettleOutcome::Cancelled => Severity::Info,
                SettleOutcome::Reverted | SettleOutcome::Dropped => Severity::Warning,
            },
            // What the guardian and agents replace by themselves is a step on the way.
            Self::RequestReplaced(data) if data.command.is_none() => return None,
            Self::GuardianStarted(_)
            | Self::RequestApproved(_)
            | Self::RequestCancelled(_)
            | Self::RequestReplaced(_)
            | Self::ClockJumped(_) => Severity::Info,
            Self::GuardianStopped(_)
            | Self::PolicyLoaded(_)
            | Self::PolicyScheduled(_)
            | Self::ConfigLoaded(_)
            | Self::RequestRefused(_)
            | Self::RequestDenied(_)
            | Self::RequestExpired(_)
            | Self::RequestFailed(_)
            | Self::GrantGiven(_)
            | Self::GrantRevoked(_)
            | Self::NonceSet(_) => Severity::Warning,
            Self::RequestHeld(_) => Severity::Action,
            Self::PolicyRejected(_)
            | Self::FreezeSet(_)
            | Self::FreezeLifted(_)
            | Self::ClockSet(_) => Severity::Critical,
            Self::GuardianCreated(_)
            | Self::RequestAttached(_)
            | Self::RequestMatured(_)
            | Self::RequestAuthorised(_)
            | Self::RequestReopened(_)
            | Self::RequestSigned(_)
            | Self::RequestPending(_)
            | Self::RequestDelivered(_)
            | Self::AnswersDelivered(_) => return None,
        })
    }

    /// Whether records of this version have this shape.
    pub(super) fn fits(&self, version: u64) -> Result<(), RecordError> {
        match (self, version) {
            (Self::ConfigLoaded(_) | Self::RequestReopened(_), 1)
            | (
                Self::RequestReplaced(_)
                | Self::RequestHeld(_)
                | Self::AnswersDelivered(_)
                | Self::NonceSet(_)
                | Self::ClockSet(_),
                1 | 2,
            )
            | (Self::GrantGiven(_) | Self::GrantRevoked(_) | Self::PolicyScheduled(_), 1..=4) => {
                Err(RecordError::Kind)
            }
            (Self::RequestSettled(data), 1 | 2)
                if data.proved.is_some()
                    || data.hash.is_some()
                    || data.outcome == SettleOutcome::Cancelled =>
            {
                Err(RecordError::Malformed)
            }
            (Self::RequestDecided(data), 1 | 2)
                if !data.route.is_public() || !data.released.is_guardian() =>
            {
                Err(RecordError::Malformed)
            }
            (Self::RequestDecided(data), 1..=4) if data.merchant.is_some() => {
                Err(RecordError::Malformed)
            }
            (Self::RequestSettled(data), 3..) if data.proved.is_none() => {
                Err(RecordError::Malformed)
            }
            (Self::PolicyLoaded(data), 1) if data.revision.is_some() || data.command.is_some() => {
                Err(RecordError::Malformed)
            }
            (Self::PolicyLoaded(data), 2..) if data.revision.is_none() => {
                Err(RecordError::Malformed)
            }
            (Self::PolicyLoaded(data), _) if data.command.is_some() != data.signature.is_some() => {
                Err(RecordError::Malformed)
            }
            _ => Ok(()),
        }
    }
}

fn decided(data: &Decided) -> Option<Severity> {
    match (data.state, data.verdict) {
        (Stage::WaitingApproval | Stage::WaitingDelay, _) => Some(Severity::Action),
        (Stage::Denied, _) | (_, Verdict::Notify) => Some(Severity::Warning),
        _ => None,
    }
}
