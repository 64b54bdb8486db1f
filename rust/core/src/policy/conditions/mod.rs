//! What a rule, a forbid or a limit can ask of an effect besides its kind, one file for each sort of
//! condition.
//!
//! A condition knows its key, how it is read, whether an effect fits, how it is found among very many
//! tables, and whether it is narrower than another. A new one is a file, a line in the list below,
//! and a word in docs/policy/matchers.md.

mod agents;
mod assets;
mod chains;
mod deadlines;
mod expiry;
mod functions;
mod methods;
mod payees;
pub(in crate::policy) mod range;
mod schedules;
mod targets;
mod wallets;

use std::fmt::Debug;
use std::hash::Hash;

use toml::Value as Document;

pub(in crate::policy) use agents::Agents;
pub(in crate::policy) use assets::Assets;
pub(in crate::policy) use chains::Chains;
pub(in crate::policy) use deadlines::{DeadlineBeyond, DeadlineWithin};
pub(in crate::policy) use expiry::Expires;
pub(in crate::policy) use functions::{Functions, NotFunctions};
pub(in crate::policy) use methods::Methods;
pub(in crate::policy) use payees::{KnownPayee, NewPayee};
pub(in crate::policy) use range::Range;
pub(in crate::policy) use schedules::{During, NotDuring};
pub(in crate::policy) use targets::{NotTo, Targets, To};
pub(in crate::policy) use wallets::Wallets;

use crate::policy::compare::samples::Samples;
use crate::policy::index::{Key, Query};
use crate::policy::parse::reader::{Reader, Section, Value};
use crate::policy::parse::tables::flip;
use crate::policy::parse::File;
use crate::policy::Policy;

/// One sort of condition.
pub(in crate::policy) trait Condition: Clone + Debug + Eq + Hash + Ord {
    /// Its key in the table.
    const KEY: &'static str;
    /// The bit that the index knows it by; 0 for one that is not looked up.
    const DIMENSION: u8 = 0;
    /// Without it a table lets pass at least as much, and is no stricter about it.
    const ABSENT_IS_WIDER: bool = true;
    /// It lets pass what it does not name.
    const EXCLUDES: bool = false;

    /// The condition that a value says; `None` after a fault was noted.
    fn read(file: &File, reader: &mut Reader<'_>, value: Value<'_>) -> Option<Self>;

    /// Whether an effect fits.
    fn fits(&self, query: &Query<'_>) -> bool;

    /// What it asks of an effect, as the end of "if …": `the agent is shopper`.
    fn said(&self, policy: &Policy) -> String;

    /// Whether everything that fits this fits the other too. Only what is sure says yes.
    fn within(&self, outer: &Self) -> bool;

    /// Whether an effect can fit both. Only what is sure says no.
    fn meets(&self, _other: &Self) -> bool {
        true
    }

    /// Whether what is written now lets pass no more than what was written. What lists name is compared
    /// as it is written: names mean the same in both files, and what they stand for is compared where
    /// it is declared.
    fn narrowed(old: &Document, new: &Document) -> bool {
        let (Some(old), Some(new)) = (old.as_array(), new.as_array()) else {
            return false;
        };
        let (fewer, more) = if Self::EXCLUDES {
            (old, new)
        } else {
            (new, old)
        };
        fewer.iter().all(|one| more.contains(one))
    }

    /// What its tables are found by.
    fn keys(&self, _add: impl FnMut(Key)) {}

    /// What an effect is looked up by.
    fn sought(_query: &Query<'_>, _look: impl FnMut(Key)) {}

    /// The points that it tells apart, at which `policy diff` compares two policies: what it names,
    /// and times just before and after it changes. Without any it is compared at the points of others.
    fn samples(&self, _policy: &Policy, _into: &mut Samples) {}
}

/// The struct of all conditions, and what is done with each of them.
macro_rules! conditions {
    (
        of_all { $($of_all:ident: $of_all_kind:ty,)* }
        of_verdicts { $($of_verdicts:ident: $of_verdicts_kind:ty,)* }
        of_calls { $($of_calls:ident: $of_calls_kind:ty,)* }
    ) => {
        /// The keys of every table that matches effects.
        pub(in crate::policy) const SCOPE_KEYS: &[&str] = &[$(<$of_all_kind>::KEY,)*];
        /// Of tables that say how a request may go on: what was spent is not matched by them later.
        pub(in crate::policy) const VERDICT_KEYS: &[&str] = &[$(<$of_verdicts_kind>::KEY,)*];
        /// Of tables that can match calls.
        pub(in crate::policy) const FUNCTION_KEYS: &[&str] = &[$(<$of_calls_kind>::KEY,)*];

        conditions! {
            $($of_all: $of_all_kind,)*
            $($of_verdicts: $of_verdicts_kind,)*
            $($of_calls: $of_calls_kind,)*
        }
    };
    ($($name:ident: $kind:ty,)*) => {
        /// What an effect must be, whatever its amount; `None` matches all.
        #[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub(in crate::policy) struct Conditions {
            $(pub $name: Option<$kind>,)*
        }

        impl Conditions {
            /// Every condition that a table has; those it must not have were noted as unknown keys.
            pub fn read(
                file: &File,
                reader: &mut Reader<'_>,
                section: Section<'_>,
            ) -> Option<Self> {
                $(
                    let value = section.table.get(<$kind>::KEY);
                    let $name = value.map(|value| <$kind>::read(file, reader, value));
                )*
                Some(Self { $($name: flip($name)?,)* })
            }

            /// Whether an effect fits them all.
            pub fn fit(&self, query: &Query<'_>) -> bool {
                $(self.$name.as_ref().is_none_or(|one| one.fits(query)))&&*
            }

            /// What they ask of an effect, each in words.
            pub fn said(&self, policy: &Policy) -> Vec<String> {
                let mut said = Vec::new();
                $(said.extend(self.$name.as_ref().map(|one| one.said(policy)));)*
                said
            }

            /// How many of them an effect does not fit.
            pub fn unmet_count(&self, query: &Query<'_>) -> usize {
                let unmet = [$(self.$name.as_ref().is_some_and(|one| !one.fits(query)),)*];
                unmet.into_iter().filter(|unmet| *unmet).count()
            }

            /// What they ask, and an effect does not fit, each in words.
            pub fn unmet(&self, query: &Query<'_>, policy: &Policy) -> Vec<String> {
                let mut unmet = Vec::new();
                $(if let Some(one) = self.$name.as_ref().filter(|one| !one.fits(query)) {
                    unmet.push(one.said(policy));
                })*
                unmet
            }

            /// Whether everything that fits these fits the others too. Only what is sure says yes.
            pub fn within(&self, outer: &Self) -> bool {
                $(inside(&self.$name, &outer.$name))&&*
            }

            /// Whether an effect can fit the conditions of both tables.
            pub fn meet(&self, other: &Self) -> bool {
                $(both(&self.$name, &other.$name, Condition::meets))&&*
            }

            /// The dimensions that its tables are found by.
            pub fn dimensions(&self) -> u8 {
                0 $(| if self.$name.is_some() { <$kind>::DIMENSION } else { 0 })*
            }

            /// What its tables are found by, in every dimension.
            pub fn keys(&self, mut add: impl FnMut(Key)) {
                $(if let Some(one) = &self.$name {
                    one.keys(&mut add);
                })*
            }

            /// What an effect is looked up by in one dimension.
            pub fn sought(dimension: u8, query: &Query<'_>, mut look: impl FnMut(Key)) {
                $(if dimension == <$kind>::DIMENSION {
                    <$kind>::sought(query, &mut look);
                })*
            }

            /// The points that they tell apart.
            pub fn samples(&self, policy: &Policy, into: &mut Samples) {
                $(if let Some(one) = &self.$name {
                    one.samples(policy, into);
                })*
            }

            /// Whether what is written under a key of a condition lets pass no more than what was.
            /// `None` for a key that is of no condition.
            pub fn narrower(
                key: &str,
                old: Option<&Document>,
                new: Option<&Document>,
            ) -> Option<bool> {
                match key {
                    $(<$kind>::KEY => Some(narrower::<$kind>(old, new)),)*
                    _ => None,
                }
            }
        }
    };
}

conditions! {
    of_all {
        agents: Agents,
        wallets: Wallets,
        chains: Chains,
        methods: Methods,
        assets: Assets,
        to: To,
        not_to: NotTo,
    }
    of_verdicts {
        during: During,
        not_during: NotDuring,
        expires: Expires,
        new_payee: NewPayee,
        known_payee: KnownPayee,
        deadline_within: DeadlineWithin,
        deadline_beyond: DeadlineBeyond,
    }
    of_calls {
        functions: Functions,
        not_functions: NotFunctions,
    }
}

impl Conditions {
    /// Whether it is the same at any hour.
    pub const fn is_at_any_time(&self) -> bool {
        self.during.is_none() && self.not_during.is_none()
    }
}

fn narrower<C: Condition>(old: Option<&Document>, new: Option<&Document>) -> bool {
    match (old, new) {
        (None, _) => C::ABSENT_IS_WIDER,
        (Some(_), None) => false,
        (Some(old), Some(new)) => C::narrowed(old, new),
    }
}

/// Whether what fits the inner table's condition fits the outer one's.
fn inside<C: Condition>(inner: &Option<C>, outer: &Option<C>) -> bool {
    match (inner, outer) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(inner), Some(outer)) => inner.within(outer),
    }
}

/// Whether both tables have the condition and it says no for the two.
fn both<C>(one: &Option<C>, other: &Option<C>, meets: impl Fn(&C, &C) -> bool) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => meets(one, other),
        _ => true,
    }
}

/// Whether a sorted list has all of another.
fn has_all<T: Ord>(outer: &[T], inner: &[T]) -> bool {
    inner.iter().all(|item| outer.binary_search(item).is_ok())
}

/// Whether sorted lists have something in common.
fn share<T: Ord>(one: &[T], other: &[T]) -> bool {
    one.iter().any(|item| other.binary_search(item).is_ok())
}

/// `a`, `a or b`, `a, b or c`; of very many the first.
fn one_of(mut names: Vec<String>) -> String {
    const SHOWN: usize = 6;
    let more = names.len().saturating_sub(SHOWN);
    if more > 0 {
        names.truncate(SHOWN);
        names.push(format!("one of {more} more"));
    }
    match names.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
    }
}

/// The ids that numbers stand for.
fn ids<'t, T: 't>(tables: &'t [T], numbers: &[u32], id: impl Fn(&'t T) -> &'t str) -> Vec<String> {
    let found = numbers
        .iter()
        .filter_map(|number| tables.get(*number as usize));
    // The order of tables in the file never matters, in words neither.
    let mut ids: Vec<String> = found.map(|table| id(table).to_owned()).collect();
    ids.sort_unstable();
    ids
}

/// Adds an item that must not be there yet.
pub(in crate::policy) fn once<T: PartialEq>(
    reader: &mut Reader<'_>,
    items: &mut Vec<T>,
    item: T,
    value: Value<'_>,
    key: &str,
) {
    if !items.contains(&item) {
        items.push(item);
        return;
    }
    let text = format!("the same entry twice in `{key}`");
    reader.fault(
        value.span().start,
        crate::code::PolicyCode::DuplicateEntry,
        text,
        "name it once",
    );
}

/// The values of all elements; `None` if one has a fault.
pub(in crate::policy) fn each<'t, T: PartialEq>(
    reader: &mut Reader<'_>,
    value: Value<'t>,
    key: &str,
    mut read: impl FnMut(&mut Reader<'_>, Value<'t>) -> Option<T>,
) -> Option<Vec<T>> {
    let mut items = Vec::new();
    let mut all = true;
    for element in reader.elements(value, key)? {
        match read(reader, element) {
            Some(item) => once(reader, &mut items, item, element, key),
            None => all = false,
        }
    }
    all.then_some(items)
}

/// Sorted, as look-ups need it.
fn sorted<T: Ord>(mut items: Vec<T>) -> Vec<T> {
    items.sort_unstable();
    items
}
