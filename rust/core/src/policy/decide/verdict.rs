//! The answer of a decision: how strict, and why.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};

use crate::code::{Code, Recorded};
use crate::policy::model::{Released, Route};
use crate::spend::{Reservation, Spends};

/// How a request may go on. Ordered: the later, the stricter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "tier")]
pub enum Verdict {
    /// Go on, say nothing.
    Instant,
    /// Go on, tell the operator.
    Notify,
    /// Go on after this many milliseconds, if the policy and the freezes of that moment still allow
    /// it.
    Delay {
        /// Milliseconds from the decision.
        delay_ms: u64,
    },
    /// Go on after this many different approvers have signed for it, within the time.
    Approval {
        /// How many different approver keys.
        quorum: u8,
        /// Milliseconds until it expires unanswered. A shorter time is stricter but is not
        /// compared.
        timeout_ms: u64,
    },
    /// Never; an approval does not change it.
    Deny,
}

impl Verdict {
    /// The word of the tier.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Instant => "instant",
            Self::Notify => "notify",
            Self::Delay { .. } => "delay",
            Self::Approval { .. } => "approval",
            Self::Deny => "deny",
        }
    }

    /// Whether nothing goes on without a person.
    pub const fn needs_person(self) -> bool {
        match self {
            Self::Instant | Self::Notify | Self::Delay { .. } => false,
            Self::Approval { .. } | Self::Deny => true,
        }
    }

    /// The stricter of two. Of two approvals the larger quorum and the shorter timeout win, of two
    /// delays the longer, so the result does not depend on the order.
    #[must_use]
    pub fn strictest(self, other: Self) -> Self {
        match (self, other) {
            (
                Self::Approval {
                    quorum: a,
                    timeout_ms: s,
                },
                Self::Approval {
                    quorum: b,
                    timeout_ms: t,
                },
            ) => Self::Approval {
                quorum: a.max(b),
                timeout_ms: s.min(t),
            },
            (a, b) => a.max(b),
        }
    }

    /// The greater, the stricter, the timeout of an approval included: which of two rules is named.
    pub(in crate::policy) const fn order(self) -> (u8, u64, Reverse<u64>) {
        match self {
            Self::Instant => (0, 0, Reverse(0)),
            Self::Notify => (1, 0, Reverse(0)),
            Self::Delay { delay_ms } => (2, delay_ms, Reverse(0)),
            Self::Approval { quorum, timeout_ms } => (3, quorum as u64, Reverse(timeout_ms)),
            Self::Deny => (4, 0, Reverse(0)),
        }
    }
}

/// Why a verdict is what it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// What it is.
    pub code: Recorded<Code>,
    /// The rule, forbid or limit that says so, if one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// What was seen (amount, count, address), in words a person and a program can read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed: Option<String>,
    /// What is allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<String>,
    /// When the same request would pass this limit again, in ms since the epoch, if that can be
    /// known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_at_ms: Option<u64>,
}

impl Reason {
    /// A reason with this code and nothing else.
    pub fn new(code: impl Into<Recorded<Code>>) -> Self {
        Self {
            code: code.into(),
            rule: None,
            observed: None,
            limit: None,
            retry_at_ms: None,
        }
    }

    /// The same, said by this rule, forbid or limit.
    #[must_use]
    pub fn by(mut self, rule: impl Into<String>) -> Self {
        self.rule = Some(rule.into());
        self
    }

    /// The same, with what was seen.
    #[must_use]
    pub fn found(mut self, observed: impl Into<String>) -> Self {
        self.observed = Some(observed.into());
        self
    }

    /// The same, with what is allowed.
    #[must_use]
    pub fn allowed(mut self, limit: impl Into<String>) -> Self {
        self.limit = Some(limit.into());
        self
    }

    /// Whether it says that a rule grants something.
    pub fn is_grant(&self) -> bool {
        self.code == Code::Granted
    }

    /// Whether it lets the request go on: no reason for a denial.
    pub fn lets_go_on(&self) -> bool {
        self.is_grant() || self.code == Code::LimitNotice
    }

    /// Whether one of `others` says the same of the same rule or limit, whatever the figures.
    pub fn is_among(&self, others: &[Self]) -> bool {
        let same = |other: &Self| other.code == self.code && other.rule == self.rule;
        others.iter().any(same)
    }
}

/// Verdict, reasons (most severe first, then by code and rule: never by file order) and what to set
/// aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// How the request may go on.
    pub verdict: Verdict,
    /// Why. For a grant, code `granted` with the rule that granted each effect.
    pub reasons: Vec<Reason>,
    /// Empty when the verdict is deny.
    pub reservations: Vec<Reservation>,
    /// How what is signed is sent: private if any rule that grants a part of it says so.
    pub route: Route,
    /// Who sends what is signed by `eth_signTransaction`: its agent alone if any rule that grants a
    /// part of it says so.
    pub released: Released,
    /// What the reservations were computed from; `None` when the verdict is deny.
    pub spends: Option<Spends>,
}
