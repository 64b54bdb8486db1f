//! How much an event matters to an operator: alerts and pushes say this word and no other.

use super::{Body, Decided, SendOutcome, SettleOutcome, Stage};
use crate::code::Code;
use crate::policy::Verdict;

/// How much an event matters, the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Good to know.
    Info,
    /// Something was stopped, or went another way than it was asked for.
    Warning,
    /// An operator has to decide.
    Action,
    /// The guardian's own rules or state changed, or something is wrong.
    Critical,
}

impl Severity {
    /// Every severity, the least first.
    pub const ALL: [Self; 4] = [Self::Info, Self::Warning, Self::Action, Self::Critical];

    /// The word in pushes and in `min_severity` of an alert route.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Action => "action",
            Self::Critical => "critical",
        }
    }
}

impl Body {
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
            | Self::ConfigLoaded(_)
            | Self::RequestRefused(_)
            | Self::RequestDenied(_)
            | Self::RequestExpired(_)
            | Self::RequestFailed(_)
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
}

fn decided(data: &Decided) -> Option<Severity> {
    match (data.state, data.verdict) {
        (Stage::WaitingApproval | Stage::WaitingDelay, _) => Some(Severity::Action),
        (Stage::Denied, _) | (_, Verdict::Notify) => Some(Severity::Warning),
        _ => None,
    }
}
