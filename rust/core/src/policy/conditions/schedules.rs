//! `during`, `not_during`: when it is asked for.

use super::{each, has_all, ids, one_of, sorted, Condition};
use crate::policy::compare::samples::Samples;
use crate::policy::index::Query;
use crate::policy::parse::reader::{Reader, Value};
use crate::policy::parse::File;
use crate::policy::Policy;

/// Numbers of schedules, sorted.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::policy) struct During(pub(in crate::policy) Vec<u32>);

/// The same, for times at which none of them is open.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::policy) struct NotDuring(pub(in crate::policy) Vec<u32>);

fn read(
    file: &File,
    reader: &mut Reader<'_>,
    value: Value<'_>,
    key: &'static str,
) -> Option<Vec<u32>> {
    let found = each(reader, value, key, |reader, element| {
        let id = reader.string(element, key)?;
        reader.refer(element.span().start, id, "schedule", &file.schedule_names)
    });
    found.map(sorted)
}

fn names<'p>(numbers: &'p [u32], policy: &'p Policy) -> impl Iterator<Item = String> + 'p {
    let named = numbers.iter();
    let named = named.filter_map(|number| policy.schedules.get(*number as usize));
    named.map(|schedule| schedule.id.clone())
}

impl Condition for During {
    const KEY: &'static str = "during";

    fn read(file: &File, reader: &mut Reader<'_>, value: Value<'_>) -> Option<Self> {
        read(file, reader, value, Self::KEY).map(Self)
    }

    fn fits(&self, query: &Query<'_>) -> bool {
        query.at_both_times(query.open.any(&self.0))
    }

    fn said(&self, policy: &Policy) -> String {
        let named = ids(policy.schedules(), &self.0, |schedule| &schedule.id);
        format!("it is decided during {}", one_of(named))
    }

    fn within(&self, outer: &Self) -> bool {
        has_all(&outer.0, &self.0)
    }

    fn samples(&self, policy: &Policy, into: &mut Samples) {
        into.schedules.also(names(&self.0, policy));
    }
}

impl Condition for NotDuring {
    const KEY: &'static str = "not_during";
    const EXCLUDES: bool = true;

    fn read(file: &File, reader: &mut Reader<'_>, value: Value<'_>) -> Option<Self> {
        read(file, reader, value, Self::KEY).map(Self)
    }

    fn fits(&self, query: &Query<'_>) -> bool {
        query.at_both_times(query.open.any(&self.0).map(|open| !open))
    }

    fn said(&self, policy: &Policy) -> String {
        let named = ids(policy.schedules(), &self.0, |schedule| &schedule.id);
        format!("it is not decided during {}", one_of(named))
    }

    fn within(&self, outer: &Self) -> bool {
        has_all(&self.0, &outer.0)
    }

    fn samples(&self, policy: &Policy, into: &mut Samples) {
        into.schedules.also(names(&self.0, policy));
    }
}
