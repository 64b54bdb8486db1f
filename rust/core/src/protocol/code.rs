//! The code of contracts whose code is known: Keccak-256 of what runs at the address.

use alloy_primitives::{Address, B256};

use crate::chain::ChainId;

/// Comments, empty lines, and lines of an address, a chain id (or `*`) and a hash.
const KNOWN: &str = include_str!("known_code.txt");

/// Every hash that is known; the chain is `None` where the code is the same on all of them.
pub(super) fn known() -> impl Iterator<Item = (Address, Option<ChainId>, B256)> {
    KNOWN.lines().filter_map(read)
}

fn read(line: &str) -> Option<(Address, Option<ChainId>, B256)> {
    let mut words = line.split(' ').filter(|_| !line.starts_with('#'));
    let address = words.next()?.parse().ok()?;
    let chain = match words.next()? {
        "*" => None,
        chain => Some(chain.parse().ok()?),
    };
    Some((address, chain, words.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_read() {
        let lines = KNOWN.lines();
        let written = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        assert_eq!(known().count(), written.count());
    }

    #[test]
    fn a_contract_is_known_once_on_a_chain() {
        let mut places: Vec<_> = known().map(|(at, chain, _)| (at, chain)).collect();
        let count = places.len();
        places.sort_unstable();
        places.dedup();
        assert_eq!(places.len(), count);
    }
}
