//! `deadline_within`, `deadline_beyond`: how long what is signed can be used.
//!
//! A deadline that is not known is one that never comes.

use toml::Value as Document;

use super::Condition;
use crate::policy::compare::samples::Samples;
use crate::policy::index::Query;
use crate::policy::parse::reader::{Reader, Value};
use crate::policy::parse::File;
use crate::policy::time::{duration_ms, duration_words};
use crate::policy::Policy;

/// The longest time: a year beyond the longest that is usual for a permit.
const LIFE_MS_MAX: u64 = 2 * 366 * 86_400_000;

/// It has a deadline, at most so many ms from now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::policy) struct DeadlineWithin(pub(in crate::policy) u64);

/// It has none, or a later one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::policy) struct DeadlineBeyond(pub(in crate::policy) u64);

fn read(reader: &mut Reader<'_>, value: Value<'_>, key: &'static str) -> Option<u64> {
    reader.duration(value, key, 1000..=LIFE_MS_MAX)
}

/// Both as durations, if they are.
fn both(old: &Document, new: &Document) -> Option<(u64, u64)> {
    let ms = |value: &Document| value.as_str().and_then(|text| duration_ms(text).ok());
    ms(old).zip(ms(new))
}

/// Whether the deadline is at most so many ms from a time.
fn is_within(query: &Query<'_>, life_ms: u64, at_ms: u64) -> bool {
    let end = at_ms.saturating_add(life_ms);
    query.deadline_ms.is_some_and(|deadline| deadline <= end)
}

/// Documents carry whole seconds: the last that is within, and the first that is not.
fn samples(life_ms: u64, into: &mut Samples) {
    into.lives_ms.also([life_ms, life_ms.saturating_add(1000)]);
}

impl Condition for DeadlineWithin {
    const KEY: &'static str = "deadline_within";

    fn read(_file: &File, reader: &mut Reader<'_>, value: Value<'_>) -> Option<Self> {
        read(reader, value, Self::KEY).map(Self)
    }

    fn fits(&self, query: &Query<'_>) -> bool {
        let within = |at_ms| is_within(query, self.0, at_ms);
        query.at_both_times([query.earlier_ms, query.now_ms].map(within))
    }

    fn said(&self, _policy: &Policy) -> String {
        format!("its deadline is within {}", duration_words(self.0))
    }

    fn within(&self, outer: &Self) -> bool {
        self.0 <= outer.0
    }

    fn narrowed(old: &Document, new: &Document) -> bool {
        both(old, new).is_some_and(|(old, new)| new <= old)
    }

    fn samples(&self, _policy: &Policy, into: &mut Samples) {
        samples(self.0, into);
    }
}

impl Condition for DeadlineBeyond {
    const KEY: &'static str = "deadline_beyond";

    fn read(_file: &File, reader: &mut Reader<'_>, value: Value<'_>) -> Option<Self> {
        read(reader, value, Self::KEY).map(Self)
    }

    fn fits(&self, query: &Query<'_>) -> bool {
        let beyond = |at_ms| !is_within(query, self.0, at_ms);
        query.at_both_times([query.earlier_ms, query.now_ms].map(beyond))
    }

    fn said(&self, _policy: &Policy) -> String {
        let life = duration_words(self.0);
        format!("it has no deadline, or one that is more than {life} away")
    }

    fn within(&self, outer: &Self) -> bool {
        self.0 >= outer.0
    }

    fn narrowed(old: &Document, new: &Document) -> bool {
        both(old, new).is_some_and(|(old, new)| new >= old)
    }

    fn samples(&self, _policy: &Policy, into: &mut Samples) {
        samples(self.0, into);
    }
}
