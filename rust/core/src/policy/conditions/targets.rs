//! `to` and `not_to`: who gets it, by address or by list. What has no recipient is to no one.

use std::ops::Deref;

use alloy_primitives::Address;

use super::{has_all, ids, once, one_of, Condition};
use crate::code::PolicyCode;
use crate::policy::compare::samples::Samples;
use crate::policy::index::{Key, Query};
use crate::policy::lists::Hit;
use crate::policy::parse::reader::{Reader, Value};
use crate::policy::parse::File;
use crate::policy::Policy;

/// Addresses and lists, both sorted; lists by their index.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::policy) struct Targets {
    pub addresses: Vec<Address>,
    pub lists: Vec<u32>,
}

/// The recipient is one of these.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::policy) struct To(Targets);

/// The recipient is none of these.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::policy) struct NotTo(Targets);

impl To {
    /// One list, by its number.
    pub fn list(number: u32) -> Self {
        Self(Targets {
            addresses: Vec::new(),
            lists: vec![number],
        })
    }

    /// One address.
    pub fn address(address: Address) -> Self {
        Self(Targets {
            addresses: vec![address],
            lists: Vec::new(),
        })
    }
}

impl Deref for To {
    type Target = Targets;

    fn deref(&self) -> &Targets {
        &self.0
    }
}

impl Deref for NotTo {
    type Target = Targets;

    fn deref(&self) -> &Targets {
        &self.0
    }
}

impl To {
    /// One of those that another condition spares: for a table that all others are kept from.
    pub fn spared_by(spared: &NotTo) -> Self {
        Self(spared.0.clone())
    }
}

impl Targets {
    fn read(file: &File, reader: &mut Reader<'_>, value: Value<'_>, key: &str) -> Option<Self> {
        let mut targets = Self::default();
        let mut all = true;
        for element in reader.elements(value, key)? {
            let at = element.span().start;
            let Some(text) = reader.string(element, key) else {
                all = false;
                continue;
            };
            if let Some(list) = text.strip_prefix('@') {
                match reader.refer(at, list, "list", &file.list_names) {
                    Some(index) => once(reader, &mut targets.lists, index, element, key),
                    None => all = false,
                }
            } else if file.list_names.get(text).is_some() {
                let (text, hint) = (format!("`{text}` is a list"), format!("write \"@{text}\""));
                reader.fault(at, PolicyCode::BadAddress, text, hint);
                all = false;
            } else {
                match reader.address_text(at, text) {
                    Some(address) => once(reader, &mut targets.addresses, address, element, key),
                    None => all = false,
                }
            }
        }
        targets.lists.sort_unstable();
        targets.addresses.sort_unstable();
        all.then_some(targets)
    }

    /// Address by address and list by list.
    fn has_all(&self, inner: &Self) -> bool {
        has_all(&self.addresses, &inner.addresses) && has_all(&self.lists, &inner.lists)
    }

    /// `on @vendors`, and addresses.
    fn named(&self, policy: &Policy) -> Vec<String> {
        let lists = ids(policy.lists(), &self.lists, |list| &list.id);
        let lists = lists.into_iter().map(|id| format!("on @{id}"));
        let addresses = self.addresses.iter();
        lists
            .chain(addresses.map(|address| address.to_checksum(None)))
            .collect()
    }

    /// The ids of its lists.
    fn names<'p>(&'p self, policy: &'p Policy) -> impl Iterator<Item = String> + 'p {
        let lists = self.lists.iter();
        let lists = lists.filter_map(|number| policy.list_tables.get(*number as usize));
        lists.map(|list| list.id.clone())
    }

    fn has(&self, query: &Query<'_>, at_ms: u64) -> bool {
        let Some(to) = query.to else { return false };
        let listed = |hit: &Hit| {
            hit.counts(query.chain_id, at_ms) && self.lists.binary_search(&hit.list).is_ok()
        };
        self.addresses.binary_search(&to).is_ok() || query.hits.iter().any(listed)
    }
}

impl Condition for To {
    const KEY: &'static str = "to";
    const DIMENSION: u8 = 16;

    fn read(file: &File, reader: &mut Reader<'_>, value: Value<'_>) -> Option<Self> {
        Targets::read(file, reader, value, Self::KEY).map(Self)
    }

    fn fits(&self, query: &Query<'_>) -> bool {
        self.has(query, query.held_ms())
    }

    fn said(&self, policy: &Policy) -> String {
        format!("the recipient is {}", one_of(self.named(policy)))
    }

    fn within(&self, outer: &Self) -> bool {
        outer.has_all(self)
    }

    fn keys(&self, mut add: impl FnMut(Key)) {
        self.addresses
            .iter()
            .for_each(|address| add(Key::Address(*address)));
        self.lists.iter().for_each(|list| add(Key::List(*list)));
    }

    fn sought(query: &Query<'_>, mut look: impl FnMut(Key)) {
        query.to.into_iter().for_each(|to| look(Key::Address(to)));
        let hits = query.hits.iter();
        hits.filter(|hit| hit.counts(query.chain_id, query.held_ms()))
            .for_each(|hit| look(Key::List(hit.list)));
    }

    fn samples(&self, policy: &Policy, into: &mut Samples) {
        into.payees.only(self.addresses.iter().copied());
        into.lists.also(self.names(policy));
    }
}

impl Condition for NotTo {
    const KEY: &'static str = "not_to";
    const EXCLUDES: bool = true;

    fn read(file: &File, reader: &mut Reader<'_>, value: Value<'_>) -> Option<Self> {
        Targets::read(file, reader, value, Self::KEY).map(Self)
    }

    fn fits(&self, query: &Query<'_>) -> bool {
        !self.has(query, query.over_ms())
    }

    fn said(&self, policy: &Policy) -> String {
        format!("the recipient is not {}", one_of(self.named(policy)))
    }

    fn within(&self, outer: &Self) -> bool {
        self.has_all(outer)
    }

    fn samples(&self, policy: &Policy, into: &mut Samples) {
        into.payees.also(self.addresses.iter().copied());
        into.lists.also(self.names(policy));
    }
}
