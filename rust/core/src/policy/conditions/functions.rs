//! `functions` and `not_functions`: which of the functions that the operator vouches for is called.

use std::ops::Deref;

use super::{has_all, ids, one_of, sorted, Condition};
use crate::policy::compare::samples::Samples;
use crate::policy::index::Query;
use crate::policy::parse::reader::{Reader, Value};
use crate::policy::parse::File;
use crate::policy::Policy;

/// The call is of one of these: indexes of functions, sorted.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::policy) struct Functions(Vec<u32>);

/// It is of none of these.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::policy) struct NotFunctions(Vec<u32>);

impl Deref for Functions {
    type Target = [u32];

    fn deref(&self) -> &[u32] {
        &self.0
    }
}

impl Deref for NotFunctions {
    type Target = [u32];

    fn deref(&self) -> &[u32] {
        &self.0
    }
}

fn read(file: &File, reader: &mut Reader<'_>, value: Value<'_>, key: &str) -> Option<Vec<u32>> {
    let found = reader.references(value, key, "function", &file.function_names);
    found.map(sorted)
}

fn has(functions: &[u32], query: &Query<'_>) -> bool {
    query
        .function
        .is_some_and(|function| functions.binary_search(&function).is_ok())
}

fn names<'p>(functions: &'p [u32], policy: &'p Policy) -> impl Iterator<Item = String> + 'p {
    let entries = functions
        .iter()
        .filter_map(|number| policy.functions.get(*number as usize));
    entries.map(|entry| entry.function.id.clone())
}

impl Condition for Functions {
    const KEY: &'static str = "functions";
    // A rule that names no functions asks for a person at each call.
    const ABSENT_IS_WIDER: bool = false;

    fn read(file: &File, reader: &mut Reader<'_>, value: Value<'_>) -> Option<Self> {
        read(file, reader, value, Self::KEY).map(Self)
    }

    fn fits(&self, query: &Query<'_>) -> bool {
        has(self, query)
    }

    fn said(&self, policy: &Policy) -> String {
        let named = ids(policy.functions(), self, |entry| &entry.function.id);
        format!(
            "it is a call of {}, as the operator vouches for it",
            one_of(named)
        )
    }

    fn within(&self, outer: &Self) -> bool {
        has_all(outer, self)
    }

    fn samples(&self, policy: &Policy, into: &mut Samples) {
        into.functions.only(names(self, policy));
    }
}

impl Condition for NotFunctions {
    const KEY: &'static str = "not_functions";
    const EXCLUDES: bool = true;

    fn read(file: &File, reader: &mut Reader<'_>, value: Value<'_>) -> Option<Self> {
        read(file, reader, value, Self::KEY).map(Self)
    }

    fn fits(&self, query: &Query<'_>) -> bool {
        !has(self, query)
    }

    fn said(&self, policy: &Policy) -> String {
        let named = ids(policy.functions(), self, |entry| &entry.function.id);
        format!("it is no call of {}", one_of(named))
    }

    fn within(&self, outer: &Self) -> bool {
        has_all(self, outer)
    }

    fn samples(&self, policy: &Policy, into: &mut Samples) {
        into.functions.also(names(self, policy));
    }
}
