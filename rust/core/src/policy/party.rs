//! Who the operator knows: the addresses the policy names as somebody to deal with.

use std::collections::BTreeSet;

use alloy_primitives::map::{AddressMap, AddressSet, HashMap};

use crate::chain::Account;
use crate::policy::model::{ContractEntry, Forbid, FunctionEntry, Rule, Wallet};
use crate::policy::Policy;

/// Addresses that are written outside of lists, with the operator's name where there is one.
#[derive(Clone, Debug, Default)]
pub(in crate::policy) struct Parties {
    wallets: AddressMap<String>,
    contracts: HashMap<Account, String>,
    /// In `to` of a rule.
    granted: AddressSet,
    /// In `to` of a forbid: named, but nobody to deal with.
    forbidden: AddressSet,
    forbidden_lists: BTreeSet<u32>,
}

impl Parties {
    pub fn new(
        wallets: &[Wallet],
        contracts: &[ContractEntry],
        functions: &[FunctionEntry],
        rules: &[Rule],
        forbids: &[Forbid],
    ) -> Self {
        let mut parties = Self::default();
        for wallet in wallets {
            parties.wallets.insert(wallet.address, wallet.id.clone());
        }
        for entry in functions {
            let function = &entry.function;
            parties
                .contracts
                .insert(function.contract, function.id.clone());
        }
        for contract in contracts {
            parties
                .contracts
                .insert(contract.account, contract.id.clone());
        }
        for to in rules.iter().filter_map(|rule| rule.matcher.to.as_ref()) {
            parties.granted.extend(to.addresses.iter().copied());
        }
        // One about large amounts, or some hours, is no word against the party.
        let whole = |one: &&Forbid| !one.matcher.range.is_set() && one.matcher.is_at_any_time();
        let against = forbids.iter().filter(whole);
        for to in against.filter_map(|one| one.matcher.to.as_ref()) {
            parties.forbidden.extend(to.addresses.iter().copied());
            parties.forbidden_lists.extend(to.lists.iter().copied());
        }
        parties
    }

    /// Contracts and functions with the operator's name for them.
    pub fn contracts(&self) -> impl Iterator<Item = (Account, &str)> {
        let named = self.contracts.iter();
        named.map(|(at, name)| (*at, name.as_str()))
    }
}

impl Policy {
    /// Whether the operator wrote this account down as somebody to deal with: on a list that counts
    /// now, as a contract, a wallet, or in `to` of a rule. What a forbid names is not.
    pub fn is_listed(&self, account: Account, now_ms: u64) -> bool {
        let Account { chain_id, address } = account;
        let parties = &self.parties;
        if parties.forbidden.contains(&address) {
            return false;
        }
        let mut listed = parties.wallets.contains_key(&address)
            || parties.contracts.contains_key(&account)
            || parties.granted.contains(&address);
        for hit in self.lists.of(address) {
            if hit.counts(chain_id, now_ms) {
                if parties.forbidden_lists.contains(&hit.list) {
                    return false;
                }
                listed = true;
            }
        }
        listed
    }

    /// What the operator calls this account: the label of a list entry, or the id of a contract or a
    /// wallet.
    pub fn label(&self, account: Account, now_ms: u64) -> Option<&str> {
        let Account { chain_id, address } = account;
        let hits = self.lists.of(address).iter();
        let hits = hits.filter(|hit| hit.counts(chain_id, now_ms));
        let entries = hits.filter_map(|hit| {
            let list = self.list_tables.get(hit.list as usize)?;
            list.entries.get(hit.entry as usize)
        });
        let labels = entries.map(|entry| entry.label.as_str());
        let contract = self.parties.contracts.get(&account);
        let wallet = self.parties.wallets.get(&address);
        let ids = contract.into_iter().chain(wallet).map(String::as_str);
        labels.chain(ids).find(|label| !label.is_empty())
    }
}
