//! How many calls an agent made in the last minute, counted from events and so the same after a
//! restart.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

const WINDOW_S: u64 = 60;

/// Calls in whole seconds, oldest first; at most 61 entries.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rate {
    seconds: VecDeque<(u64, u32)>,
    total: u64,
    /// When a call over the rate was last put on record, ms.
    flooded_at: Option<u64>,
}

impl Rate {
    /// Counts one call.
    pub fn count(&mut self, now_ms: u64) {
        let second = now_ms / 1000;
        self.forget(second);
        match self.seconds.back_mut() {
            Some((last, calls)) if *last == second => *calls = calls.saturating_add(1),
            _ => self.seconds.push_back((second, 1)),
        }
        self.total = self.total.saturating_add(1);
    }

    /// Calls in the last minute.
    pub fn calls(&self, now_ms: u64) -> u64 {
        let second = now_ms / 1000;
        let old = self
            .seconds
            .iter()
            .take_while(|(at, _)| at.saturating_add(WINDOW_S) <= second);
        let old: u64 = old.map(|(_, calls)| u64::from(*calls)).sum();
        self.total.saturating_sub(old)
    }

    /// Whether a call was put on record in this second.
    pub fn called_this_second(&self, now_ms: u64) -> bool {
        self.seconds
            .back()
            .is_some_and(|(second, _)| *second == now_ms / 1000)
    }

    /// Notes that a call over the rate was put on record.
    pub fn flooded(&mut self, now_ms: u64) {
        self.flooded_at = Some(now_ms);
    }

    /// Whether another call over the rate may be put on record: once a second, so that a flood does
    /// not fill the disk.
    pub fn may_record_flood(&self, now_ms: u64) -> bool {
        self.flooded_at
            .is_none_or(|at| now_ms >= at.saturating_add(1000))
    }

    /// The time went from `before_ms` back to `to_ms`: what was counted since then counts as of now.
    pub fn turn_back(&mut self, before_ms: u64, to_ms: u64) {
        self.forget(before_ms / 1000);
        let second = to_ms / 1000;
        let from = self.seconds.partition_point(|(at, _)| *at < second);
        let late = self.seconds.split_off(from);
        let late = late
            .iter()
            .fold(0_u32, |sum, (_, calls)| sum.saturating_add(*calls));
        if late > 0 {
            self.seconds.push_back((second, late));
        }
        self.flooded_at = self.flooded_at.map(|at| at.min(to_ms));
    }

    fn forget(&mut self, second: u64) {
        while let Some((at, calls)) = self.seconds.front() {
            if at.saturating_add(WINDOW_S) > second {
                break;
            }
            self.total = self.total.saturating_sub(u64::from(*calls));
            self.seconds.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_counts_for_a_minute_and_no_longer() {
        let mut rate = Rate::default();
        rate.count(500);
        rate.count(999);
        rate.count(30_000);
        assert_eq!(rate.calls(59_999), 3);
        assert_eq!(rate.calls(60_000), 1);
        rate.count(90_000);
        assert_eq!(rate.calls(90_000), 1);
    }

    #[test]
    fn a_flood_is_recorded_once_a_second() {
        let mut rate = Rate::default();
        assert!(rate.may_record_flood(0));
        rate.flooded(5);
        assert!(!rate.may_record_flood(1004));
        assert!(rate.may_record_flood(1005));
    }
}
