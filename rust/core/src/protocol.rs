//! What a contract speaks: the operator says it in the policy by (chain, address), or it is pinned
//! in `addresses.tsv`. A selector, a name or a symbol alone never decides it.
//!
//! Here a protocol is a word and nothing else; what is known of each is in `effects`, beside its
//! decoder.

mod addresses;
mod code;

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256};

use crate::chain::{Account, ChainId};

/// A protocol, by the word that policies use. Two are the same if their words are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Protocol(&'static str);

impl Protocol {
    /// Not known after all: takes back what is pinned.
    pub const UNKNOWN: Self = Self::named("unknown");
    /// The chain's coin as a token, one to one.
    pub const WETH: Self = Self::named("weth");

    /// The protocol with this word: once in its decoder, and read from the table of addresses.
    pub(crate) const fn named(word: &'static str) -> Self {
        Self(word)
    }

    /// The word of this protocol.
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

/// The pinned contract of the chain's wrapped coin.
pub fn pinned_wrapped_coin(chain_id: ChainId) -> Option<Address> {
    addresses::wrapped_coin(chain_id)
}

/// What is pinned for this address, if anything.
pub fn pinned(contract: Account) -> Option<Protocol> {
    addresses::protocol(contract)
}

/// Every pinned contract: protocol, chain (`None`: at the same address on all of them) and address.
pub fn all_pinned() -> impl Iterator<Item = (Protocol, Option<ChainId>, Address)> {
    addresses::rows()
}

/// Every contract that is pinned on this chain, with the hash of its code where that is known.
pub(crate) fn pinned_on(chain_id: ChainId) -> BTreeMap<Address, Option<B256>> {
    let all = addresses::on(chain_id);
    let mut found: BTreeMap<Address, Option<B256>> = all.map(|address| (address, None)).collect();
    for (address, chain, hash) in code::known() {
        if chain.is_none_or(|chain| chain == chain_id) {
            if let Some(known) = found.get_mut(&address) {
                *known = Some(hash);
            }
        }
    }
    found
}
