//! `assets`: what it is about. `#group` stands for all assets of a group.

use std::ops::Deref;

use super::{has_all, ids, once, one_of, share, sorted, Condition};
use crate::code::PolicyCode;
use crate::policy::compare::samples::Samples;
use crate::policy::index::{Key, Query};
use crate::policy::parse::reader::{Reader, Value};
use crate::policy::parse::File;
use crate::policy::Policy;
use crate::text::display_safe;

/// Indexes of registered assets, sorted.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::policy) struct Assets(Vec<u32>);

impl Assets {
    /// One asset, for questions about a part of a table.
    pub fn one(asset: u32) -> Self {
        Self(vec![asset])
    }
}

impl Deref for Assets {
    type Target = [u32];

    fn deref(&self) -> &[u32] {
        &self.0
    }
}

impl Condition for Assets {
    const KEY: &'static str = "assets";
    const DIMENSION: u8 = 8;

    fn read(file: &File, reader: &mut Reader<'_>, value: Value<'_>) -> Option<Self> {
        let mut found = Vec::new();
        let mut all = true;
        for element in reader.elements(value, Self::KEY)? {
            let at = element.span().start;
            let Some(name) = reader.string(element, Self::KEY) else {
                all = false;
                continue;
            };
            let numbers = match name.strip_prefix('#') {
                Some(group) => file.group(group),
                None => {
                    let number = reader.refer(at, name, "asset", &file.asset_names);
                    number.into_iter().collect()
                }
            };
            if numbers.is_empty() {
                all = false;
                if name.starts_with('#') {
                    let text = format!("no asset is in group `{}`", display_safe(name, 64));
                    let hint = "write `group` in the tables of its assets";
                    reader.fault(at, PolicyCode::UnknownReference, text, hint);
                }
            }
            for number in numbers {
                once(reader, &mut found, number, element, Self::KEY);
            }
        }
        all.then(|| Self(sorted(found)))
    }

    fn fits(&self, query: &Query<'_>) -> bool {
        query
            .asset
            .is_some_and(|asset| self.binary_search(&asset).is_ok())
    }

    fn said(&self, policy: &Policy) -> String {
        let named = ids(policy.assets(), self, |entry| &entry.asset.id);
        format!("the asset is {}", one_of(named))
    }

    fn within(&self, outer: &Self) -> bool {
        has_all(outer, self)
    }

    fn meets(&self, other: &Self) -> bool {
        share(self, other)
    }

    fn keys(&self, mut add: impl FnMut(Key)) {
        self.iter().for_each(|asset| add(Key::Asset(*asset)));
    }

    fn sought(query: &Query<'_>, mut look: impl FnMut(Key)) {
        query
            .asset
            .into_iter()
            .for_each(|asset| look(Key::Asset(asset)));
    }

    fn samples(&self, policy: &Policy, into: &mut Samples) {
        let named = self
            .iter()
            .filter_map(|number| policy.assets.get(*number as usize));
        into.assets.only(named.map(|entry| entry.asset.identity()));
    }
}
