//! `chains`: where it happens.

use std::ops::Deref;

use super::{each, has_all, one_of, share, sorted, Condition};
use crate::chain::ChainId;
use crate::policy::compare::samples::Samples;
use crate::policy::index::{Key, Query};
use crate::policy::parse::reader::{Reader, Value};
use crate::policy::parse::File;
use crate::policy::Policy;

/// Chain ids, sorted.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::policy) struct Chains(Vec<ChainId>);

impl Chains {
    /// One chain, for questions about a part of a table.
    pub fn one(chain: ChainId) -> Self {
        Self(vec![chain])
    }
}

impl Deref for Chains {
    type Target = [ChainId];

    fn deref(&self) -> &[ChainId] {
        &self.0
    }
}

impl Condition for Chains {
    const KEY: &'static str = "chains";
    const DIMENSION: u8 = 4;

    fn read(file: &File, reader: &mut Reader<'_>, value: Value<'_>) -> Option<Self> {
        each(reader, value, Self::KEY, |reader, element| {
            file.chain_ref(reader, element, Self::KEY)
        })
        .map(|found| Self(sorted(found)))
    }

    fn fits(&self, query: &Query<'_>) -> bool {
        self.binary_search(&query.chain_id).is_ok()
    }

    fn said(&self, _policy: &Policy) -> String {
        let named = self.iter().map(ToString::to_string).collect();
        format!("the chain is {}", one_of(named))
    }

    fn within(&self, outer: &Self) -> bool {
        has_all(outer, self)
    }

    fn meets(&self, other: &Self) -> bool {
        share(self, other)
    }

    fn keys(&self, mut add: impl FnMut(Key)) {
        self.iter().for_each(|chain| add(Key::Chain(*chain)));
    }

    fn sought(query: &Query<'_>, mut look: impl FnMut(Key)) {
        look(Key::Chain(query.chain_id));
    }

    fn samples(&self, _policy: &Policy, into: &mut Samples) {
        into.chains.only(self.iter().copied());
    }
}
