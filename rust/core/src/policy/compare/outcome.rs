//! What comes of a request, and whether one outcome is milder than another.

use crate::code::Code;
use crate::policy::model::{Released, Route};
use crate::policy::time::duration_words as duration;
use crate::policy::{Decision, Verdict};

/// What a policy makes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::policy) struct Outcome {
    pub verdict: Verdict,
    pub route: Route,
    pub released: Released,
}

impl Outcome {
    pub fn of(decision: &Decision) -> Self {
        Self {
            verdict: decision.verdict,
            route: decision.route,
            released: decision.released,
        }
    }

    /// Whether nothing is signed.
    pub fn is_denied(&self) -> bool {
        self.verdict == Verdict::Deny
    }

    /// Whether this is milder than `other` in anything. Two outcomes can be milder than each other,
    /// each in something else.
    pub fn is_milder_than(&self, other: &Self) -> bool {
        if self.is_denied() {
            return false;
        }
        other.is_denied()
            || other.verdict.strictest(self.verdict) != self.verdict
            || self.route < other.route
            || self.released < other.released
    }

    /// In words: `approval of 2 within 30m`.
    pub fn words(&self) -> String {
        let mut words = match self.verdict {
            Verdict::Instant | Verdict::Notify | Verdict::Deny => self.verdict.as_str().to_owned(),
            Verdict::Delay { delay_ms } => format!("delay of {}", duration(delay_ms)),
            Verdict::Approval { quorum, timeout_ms } => {
                let people = if quorum == 1 { "operator" } else { "operators" };
                let within = duration(timeout_ms);
                format!("approval by {quorum} {people} within {within}")
            }
        };
        if !self.route.is_public() {
            words.push_str(", private route");
        }
        if !self.released.is_guardian() {
            words.push_str(", sent by the agent alone");
        }
        words
    }
}

/// The rule, forbid or limit that says most, and the code where there is none.
pub(in crate::policy) fn said_by(decision: &Decision) -> String {
    let Some(reason) = decision.reasons.first() else {
        return String::new();
    };
    match (&reason.rule, reason.code == Code::Granted) {
        (Some(rule), true) => format!("`{rule}`"),
        (Some(rule), false) => format!("{} of `{rule}`", reason.code.as_str()),
        (None, _) => reason.code.as_str().to_owned(),
    }
}
