//! `wallets`: whose key signs.

use std::ops::Deref;

use alloy_primitives::Address;

use super::{has_all, one_of, share, sorted, Condition};
use crate::policy::compare::samples::Samples;
use crate::policy::index::{Key, Query};
use crate::policy::parse::reader::{Reader, Value};
use crate::policy::parse::File;
use crate::policy::Policy;

/// Addresses of wallets, sorted.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::policy) struct Wallets(Vec<Address>);

impl Wallets {
    /// The wallets of an agent, for questions about a part of a table.
    pub fn of(addresses: &[Address]) -> Self {
        Self(sorted(addresses.to_vec()))
    }
}

impl Deref for Wallets {
    type Target = [Address];

    fn deref(&self) -> &[Address] {
        &self.0
    }
}

impl Condition for Wallets {
    const KEY: &'static str = "wallets";
    const DIMENSION: u8 = 2;

    fn read(file: &File, reader: &mut Reader<'_>, value: Value<'_>) -> Option<Self> {
        file.wallet_refs(reader, value, Self::KEY)
            .map(|found| Self(sorted(found)))
    }

    fn fits(&self, query: &Query<'_>) -> bool {
        self.binary_search(&query.wallet).is_ok()
    }

    fn said(&self, policy: &Policy) -> String {
        let named = self.iter().map(|address| match policy.wallet(*address) {
            Some(wallet) => wallet.id.clone(),
            None => address.to_checksum(None),
        });
        format!("the wallet is {}", one_of(named.collect()))
    }

    fn within(&self, outer: &Self) -> bool {
        has_all(outer, self)
    }

    fn meets(&self, other: &Self) -> bool {
        share(self, other)
    }

    fn keys(&self, mut add: impl FnMut(Key)) {
        self.iter().for_each(|wallet| add(Key::Wallet(*wallet)));
    }

    fn sought(query: &Query<'_>, mut look: impl FnMut(Key)) {
        look(Key::Wallet(query.wallet));
    }

    fn samples(&self, _policy: &Policy, into: &mut Samples) {
        into.wallets.only(self.iter().copied());
    }
}
