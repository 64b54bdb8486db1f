//! Which lists an address is on: one look-up, however many lists and entries there are.

use alloy_primitives::map::AddressMap;
use alloy_primitives::Address;

use crate::chain::ChainId;
use crate::policy::model::List;

/// One entry of a list, seen from its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::policy) struct Hit {
    pub list: u32,
    /// Its place in the list.
    pub entry: u32,
    /// `None` means every chain.
    chain_id: Option<ChainId>,
    /// `None` means never: at any time, also one that is not known.
    expires_ms: Option<u64>,
}

impl Hit {
    /// Whether the entry counts for this chain at this time.
    pub fn counts(&self, chain_id: ChainId, now_ms: u64) -> bool {
        self.chain_id.is_none_or(|chain| chain == chain_id)
            && self.expires_ms.is_none_or(|end| now_ms < end)
    }
}

/// All lists, by address.
#[derive(Clone, Debug, Default)]
pub(in crate::policy) struct ListIndex {
    /// Range of `hits` for each address.
    ranges: AddressMap<(u32, u32)>,
    hits: Vec<Hit>,
}

impl ListIndex {
    pub fn new(lists: &[List]) -> Self {
        let mut entries: Vec<(Address, Hit)> = Vec::new();
        for (list, index) in lists.iter().zip(0u32..) {
            for (entry, place) in list.entries.iter().zip(0u32..) {
                let hit = Hit {
                    list: index,
                    entry: place,
                    chain_id: entry.chain_id,
                    expires_ms: entry.expires_ms,
                };
                entries.push((entry.address, hit));
            }
        }
        entries
            .sort_unstable_by_key(|(address, hit)| (*address, hit.list, hit.chain_id, hit.entry));
        let mut index = Self::default();
        index.hits.reserve_exact(entries.len());
        for ((address, hit), position) in entries.into_iter().zip(0u32..) {
            let after = position.saturating_add(1);
            index.ranges.entry(address).or_insert((position, after)).1 = after;
            index.hits.push(hit);
        }
        index
    }

    /// Every entry for this address, whatever its chain and age.
    pub fn of(&self, address: Address) -> &[Hit] {
        let range = self.ranges.get(&address);
        range
            .and_then(|(from, to)| self.hits.get(*from as usize..*to as usize))
            .unwrap_or_default()
    }
}
