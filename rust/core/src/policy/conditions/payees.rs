//! `new_payee`, `known_payee`: whether the agent paid the recipient from this wallet before.

use toml::Value as Document;

use super::Condition;
use crate::policy::compare::samples::Samples;
use crate::policy::index::Query;
use crate::policy::parse::reader::{Reader, Value};
use crate::policy::parse::File;
use crate::policy::time::{duration_ms, duration_words};
use crate::policy::Policy;

/// The longest trust.
const TRUST_MS_MAX: u64 = 10 * 366 * 86_400_000;

/// Not paid for so many ms, or never. A recipient that is not known is new.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::policy) struct NewPayee(pub(in crate::policy) u64);

/// Paid less than so many ms ago.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::policy) struct KnownPayee(pub(in crate::policy) u64);

fn read(reader: &mut Reader<'_>, value: Value<'_>, key: &'static str) -> Option<u64> {
    reader.duration(value, key, 1000..=TRUST_MS_MAX)
}

/// Both as durations, if they are.
fn both(old: &Document, new: &Document) -> Option<(u64, u64)> {
    let ms = |value: &Document| value.as_str().and_then(|text| duration_ms(text).ok());
    ms(old).zip(ms(new))
}

impl Condition for NewPayee {
    const KEY: &'static str = "new_payee";

    fn read(_file: &File, reader: &mut Reader<'_>, value: Value<'_>) -> Option<Self> {
        read(reader, value, Self::KEY).map(Self)
    }

    fn fits(&self, query: &Query<'_>) -> bool {
        !query.was_paid_within(self.0, query.over_ms())
    }

    fn said(&self, _policy: &Policy) -> String {
        format!(
            "the recipient was not paid in the last {}",
            duration_words(self.0)
        )
    }

    fn within(&self, outer: &Self) -> bool {
        self.0 >= outer.0
    }

    fn narrowed(old: &Document, new: &Document) -> bool {
        both(old, new).is_some_and(|(old, new)| new >= old)
    }

    fn samples(&self, _policy: &Policy, into: &mut Samples) {
        into.trusts_ms.also([self.0]);
    }
}

impl Condition for KnownPayee {
    const KEY: &'static str = "known_payee";

    fn read(_file: &File, reader: &mut Reader<'_>, value: Value<'_>) -> Option<Self> {
        read(reader, value, Self::KEY).map(Self)
    }

    fn fits(&self, query: &Query<'_>) -> bool {
        query.was_paid_within(self.0, query.held_ms())
    }

    fn said(&self, _policy: &Policy) -> String {
        format!(
            "the recipient was paid in the last {}",
            duration_words(self.0)
        )
    }

    fn within(&self, outer: &Self) -> bool {
        self.0 <= outer.0
    }

    fn narrowed(old: &Document, new: &Document) -> bool {
        both(old, new).is_some_and(|(old, new)| new <= old)
    }

    fn samples(&self, _policy: &Policy, into: &mut Samples) {
        into.trusts_ms.also([self.0]);
    }
}
