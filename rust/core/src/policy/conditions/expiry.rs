//! `expires`: until when the table counts.

use toml::Value as Document;

use super::Condition;
use crate::policy::compare::samples::Samples;
use crate::policy::index::Query;
use crate::policy::parse::reader::{Reader, Value};
use crate::policy::parse::File;
use crate::policy::time::{date_words, epoch_ms};
use crate::policy::Policy;

/// First ms since the epoch at which the table does not count any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::policy) struct Expires(pub(in crate::policy) u64);

impl Condition for Expires {
    const KEY: &'static str = "expires";

    fn read(_file: &File, reader: &mut Reader<'_>, value: Value<'_>) -> Option<Self> {
        reader.datetime(value, Self::KEY).map(Self)
    }

    fn fits(&self, query: &Query<'_>) -> bool {
        query.at_both_times([query.earlier_ms, query.now_ms].map(|at_ms| at_ms < self.0))
    }

    fn said(&self, _policy: &Policy) -> String {
        format!("it is decided before {}", date_words(self.0))
    }

    fn within(&self, outer: &Self) -> bool {
        self.0 <= outer.0
    }

    fn narrowed(old: &Document, new: &Document) -> bool {
        let at = |value: &Document| value.as_datetime().and_then(epoch_ms);
        at(old).zip(at(new)).is_some_and(|(old, new)| new <= old)
    }

    fn samples(&self, _policy: &Policy, into: &mut Samples) {
        into.times_ms.also([self.0.saturating_sub(1), self.0]);
    }
}
