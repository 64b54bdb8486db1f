//! One window: what is held, and posted amounts in the order of time.

use std::collections::VecDeque;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One entry that counts by age: 24 bytes. `through` is the running sum up to and with this entry,
/// modulo 2^128, so any range is one subtraction; two words, because a `u128` would align the entry
/// to 32 bytes.
#[derive(Clone, Copy, Debug)]
struct Posted {
    at_ms: u64,
    through: [u64; 2],
}

/// One window: its held sum and its posted entries in the order of time.
#[derive(Clone, Debug, Default)]
pub(super) struct Window {
    pub held: u128,
    /// Running sum of everything that was evicted.
    evicted: u128,
    posted: VecDeque<Posted>,
}

impl Posted {
    fn new(at_ms: u64, through: u128) -> Self {
        Self {
            at_ms,
            through: [(through >> 64) as u64, through as u64],
        }
    }

    fn through(self) -> u128 {
        let [high, low] = self.through;
        (u128::from(high) << 64) | u128::from(low)
    }

    /// `from_ms` is the first time that counts (`Span::start_ms`).
    fn counts(self, from_ms: u64) -> bool {
        self.at_ms >= from_ms
    }
}

impl Window {
    /// A window that holds this and nothing else.
    pub fn holding(amount: u128) -> Self {
        Self {
            held: amount,
            ..Self::default()
        }
    }

    pub fn is_empty(&self) -> bool {
        self.held == 0 && self.posted.is_empty()
    }

    /// When it was posted to last.
    pub fn last_ms(&self) -> Option<u64> {
        self.posted.back().map(|entry| entry.at_ms)
    }

    /// Number of posted entries that are kept.
    pub fn len(&self) -> usize {
        self.posted.len()
    }

    fn last_through(&self) -> u128 {
        self.posted
            .back()
            .map_or(self.evicted, |entry| entry.through())
    }

    /// The running sum just before the first entry that counts.
    fn base(&self, from_ms: u64) -> u128 {
        if self
            .posted
            .front()
            .is_none_or(|entry| entry.counts(from_ms))
        {
            return self.evicted;
        }
        let aged = self.posted.partition_point(|entry| !entry.counts(from_ms));
        let last_aged = aged.checked_sub(1).and_then(|index| self.posted.get(index));
        last_aged.map_or(self.evicted, |entry| entry.through())
    }

    pub fn posted_sum(&self, from_ms: u64) -> u128 {
        self.last_through().wrapping_sub(self.base(from_ms))
    }

    pub fn used(&self, from_ms: u64) -> u128 {
        self.held.saturating_add(self.posted_sum(from_ms))
    }

    /// When the entry was posted with which, once it has left, `excess` less counts; `None` if what
    /// is posted is not as much.
    pub fn frees_with(&self, excess: u128, from_ms: u64) -> Option<u64> {
        let base = self.base(from_ms);
        if excess == 0 || excess > self.posted_sum(from_ms) {
            return None;
        }
        let enough =
            |entry: &Posted| entry.counts(from_ms) && entry.through().wrapping_sub(base) >= excess;
        let index = self.posted.partition_point(|entry| !enough(entry));
        self.posted.get(index).map(|entry| entry.at_ms)
    }

    pub fn evict(&mut self, from_ms: u64) {
        while let Some(front) = self.posted.front() {
            if front.counts(from_ms) {
                break;
            }
            self.evicted = front.through();
            self.posted.pop_front();
        }
        if self.posted.is_empty() {
            self.evicted = 0;
        }
        if self.posted.len() < self.posted.capacity() / 4 {
            self.posted.shrink_to(self.posted.len().saturating_mul(2));
        }
    }

    pub fn post(&mut self, amount: u128, at_ms: u64) {
        if amount == 0 {
            return;
        }
        let through = self.last_through().wrapping_add(amount);
        match self.posted.back_mut() {
            Some(last) if last.at_ms >= at_ms => *last = Posted::new(last.at_ms, through),
            _ => self.posted.push_back(Posted::new(at_ms, through)),
        }
    }

    /// (time, amount) of every entry.
    fn amounts(&self) -> impl Iterator<Item = (u64, u128)> + '_ {
        let mut before = self.evicted;
        self.posted.iter().map(move |entry| {
            let amount = entry.through().wrapping_sub(before);
            before = entry.through();
            (entry.at_ms, amount)
        })
    }
}

impl PartialEq for Window {
    fn eq(&self, other: &Self) -> bool {
        self.held == other.held && self.amounts().eq(other.amounts())
    }
}

impl Eq for Window {}

/// The form of a snapshot: amounts rather than running sums, so that equal windows have equal
/// bytes.
#[derive(Serialize, Deserialize)]
struct Saved {
    held: Amount,
    posted: Vec<(u64, Amount)>,
}

#[derive(Serialize, Deserialize)]
struct Amount(#[serde(with = "crate::spend::wire::decimal")] u128);

impl Serialize for Window {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let posted = self
            .amounts()
            .map(|(at_ms, amount)| (at_ms, Amount(amount)))
            .collect();
        Saved {
            held: Amount(self.held),
            posted,
        }
        .serialize(to)
    }
}

impl<'de> Deserialize<'de> for Window {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let saved = Saved::deserialize(from)?;
        let mut window = Self {
            held: saved.held.0,
            ..Self::default()
        };
        let mut sum = window.held;
        for (at_ms, Amount(amount)) in saved.posted {
            let ordered = window.posted.back().is_none_or(|last| last.at_ms < at_ms);
            let Some(next) = sum.checked_add(amount).filter(|_| ordered && amount != 0) else {
                return Err(serde::de::Error::custom("a window that cannot be"));
            };
            sum = next;
            let through = window.last_through().wrapping_add(amount);
            window.posted.push_back(Posted::new(at_ms, through));
        }
        Ok(window)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_24_bytes() {
        assert_eq!(std::mem::size_of::<Posted>(), 24);
    }
}
