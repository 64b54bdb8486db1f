//! Over which time a limit counts.

use serde::{Deserialize, Serialize};

use crate::calendar::{Period, Zone};

/// What of the past counts under a limit. What is held counts in any case.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Span {
    /// What stands: from the decision until it is spent, taken back or over.
    Standing,
    /// What was posted less than so many ms ago.
    Rolling(u64),
    /// What was posted in this day, week or month of a time zone.
    Calendar(Period, Zone),
    /// What was ever posted.
    Lifetime,
}

impl From<u64> for Span {
    /// A rolling window of so many ms; 0 for what stands.
    fn from(window_ms: u64) -> Self {
        match window_ms {
            0 => Self::Standing,
            _ => Self::Rolling(window_ms),
        }
    }
}

impl Span {
    /// Whether it counts what stands, not what happened.
    pub const fn is_standing(&self) -> bool {
        matches!(self, Self::Standing)
    }

    /// What was posted at this time or later counts at `now_ms`. For a rolling window: posted at `t`
    /// counts while `now < t + window`.
    pub(super) fn start_ms(&self, now_ms: u64) -> u64 {
        match self {
            Self::Standing | Self::Lifetime => 0,
            Self::Rolling(window_ms) => now_ms
                .checked_sub(*window_ms)
                .map_or(0, |before| before.saturating_add(1)),
            Self::Calendar(period, zone) => period.start_ms(zone, now_ms),
        }
    }

    /// The first moment at which what was posted at `at_ms` does not count any more; `None` for one
    /// that never comes.
    pub(super) fn leaves_ms(&self, at_ms: u64) -> Option<u64> {
        match self {
            Self::Standing | Self::Lifetime => None,
            Self::Rolling(window_ms) => Some(at_ms.saturating_add(*window_ms)),
            Self::Calendar(period, zone) => {
                Some(period.end_ms(zone, at_ms)).filter(|end| *end < u64::MAX)
            }
        }
    }

    /// When something is noted as posted: times that make no difference to what counts are one, so
    /// that a total is one entry.
    pub(super) fn noted_ms(&self, at_ms: u64) -> u64 {
        match self {
            Self::Lifetime => 0,
            Self::Standing | Self::Rolling(_) | Self::Calendar(..) => at_ms,
        }
    }
}
