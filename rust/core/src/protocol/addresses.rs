//! Contracts everybody uses, by address: the rows of `addresses.tsv`.

use std::sync::LazyLock;

use alloy_primitives::map::HashMap;
use alloy_primitives::Address;

use super::Protocol;
use crate::chain::{Account, ChainId};

/// Protocol, chain id (or `*`) and address, with a tab between them; comments and empty lines.
const ROWS: &str = include_str!("addresses.tsv");

/// Read once: every decode asks.
static ADDRESSES: LazyLock<Addresses> = LazyLock::new(Addresses::read);

struct Addresses {
    on_chains: HashMap<Account, Protocol>,
    anywhere: HashMap<Address, Protocol>,
    wrapped_coins: HashMap<ChainId, Address>,
}

impl Addresses {
    fn read() -> Self {
        let mut all = Self {
            on_chains: HashMap::default(),
            anywhere: HashMap::default(),
            wrapped_coins: HashMap::default(),
        };
        for (protocol, chain, address) in ROWS.lines().filter_map(row) {
            let Some(chain) = chain else {
                all.anywhere.insert(address, protocol);
                continue;
            };
            all.on_chains.insert(chain.at(address), protocol);
            if protocol == Protocol::WETH {
                all.wrapped_coins.insert(chain, address);
            }
        }
        all
    }
}

/// The chain is `None` where the address is the same on all of them.
fn row(line: &'static str) -> Option<(Protocol, Option<ChainId>, Address)> {
    let mut cells = line.split('\t').filter(|_| !line.starts_with('#'));
    let protocol = Protocol::named(cells.next()?);
    let chain = match cells.next()? {
        "*" => None,
        chain => Some(chain.parse().ok()?),
    };
    Some((protocol, chain, cells.next()?.parse().ok()?))
}

/// What is pinned for this address, if anything.
pub(super) fn protocol(contract: Account) -> Option<Protocol> {
    let here = ADDRESSES.on_chains.get(&contract);
    here.or_else(|| ADDRESSES.anywhere.get(&contract.address))
        .copied()
}

/// The chain's coin as a token.
pub(super) fn wrapped_coin(chain_id: ChainId) -> Option<Address> {
    ADDRESSES.wrapped_coins.get(&chain_id).copied()
}

/// Every contract of this chain.
pub(super) fn on(chain_id: ChainId) -> impl Iterator<Item = Address> {
    let contracts = ADDRESSES.on_chains.keys();
    let here = contracts.filter(move |contract| contract.chain_id == chain_id);
    let here = here.map(|contract| contract.address);
    here.chain(ADDRESSES.anywhere.keys().copied())
}

/// Every row.
pub(super) fn rows() -> impl Iterator<Item = (Protocol, Option<ChainId>, Address)> {
    ROWS.lines().filter_map(row)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written() -> impl Iterator<Item = &'static str> {
        ROWS.lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
    }

    #[test]
    fn every_line_is_read_and_written_in_one_way() {
        for line in written() {
            let again = row(line).map(|(protocol, chain, address)| {
                let chain = chain.map_or_else(|| "*".to_owned(), |chain| chain.to_string());
                let address = address.to_checksum(None);
                format!("{}\t{chain}\t{address}", protocol.as_str())
            });
            assert_eq!(again.as_deref(), Some(line));
        }
        assert!(written().count() > 250);
    }

    #[test]
    fn an_address_stands_for_one_protocol_and_a_chain_has_one_wrapped_coin() {
        let all = &*ADDRESSES;
        let count = all.on_chains.len() + all.anywhere.len();
        assert_eq!(count, written().count());
        let twice = |contract: &&Account| all.anywhere.contains_key(&contract.address);
        assert_eq!(all.on_chains.keys().find(twice), None);
        let coins = rows().filter(|(protocol, ..)| *protocol == Protocol::WETH);
        assert_eq!(all.wrapped_coins.len(), coins.count());
    }
}
