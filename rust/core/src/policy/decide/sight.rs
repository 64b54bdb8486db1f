//! Whether the code of a contract was seen where a request relies on it.
//!
//! An address says nothing by itself: on a chain where nothing is there, whoever puts code there
//! takes what was sent. So a known contract counts only where its code was seen, and where the code
//! is the one that is pinned, known, or was there the first time.

use std::collections::BTreeMap;

use alloy_primitives::{B256, KECCAK256_EMPTY};

use crate::chain::{Account, ChainId};
use crate::policy::decide::facts::{Facts, FUTURE_MS_MAX};
use crate::policy::model::{CodePin, Rule};
use crate::policy::Policy;

/// What was seen of a contract longer ago does not count.
pub const SIGHT_MS_MAX: u64 = 60 * 60 * 1000;

/// The code that contracts had when a request relied on them for the first time, by chain.
pub type FirstSeen = BTreeMap<Account, CodePin>;

/// Why a contract does not count as what it is known for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unseen {
    /// Nothing is known of its code, or only from too long ago.
    Unknown,
    /// There is no code at the address.
    Absent,
    /// The code is not what it must be.
    Other,
}

impl Unseen {
    /// In words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "its code was not seen in the last hour",
            Self::Absent => "there is no code at this address",
            Self::Other => "it has other code than it must have",
        }
    }
}

/// Says of a contract on a chain why it does not count; `None` if it does.
pub type Look<'l> = &'l dyn Fn(Account) -> Option<Unseen>;

/// What was last seen of contracts, kept between calls so that a call need not bring it along. No
/// part of the state: what a decision relied on is on its record.
#[derive(Clone, Debug, Default)]
pub struct CodeSeen(BTreeMap<Account, (CodePin, u64)>);

impl CodeSeen {
    /// Takes what these facts say of contracts of a chain in place of what was seen of it before.
    pub fn take(&mut self, chain_id: ChainId, facts: &Facts) {
        self.0.retain(|contract, _| contract.chain_id != chain_id);
        let seen = facts.all_code();
        self.0
            .extend(seen.map(|(at, code)| (chain_id.at(at), code)));
    }

    /// What was seen of a contract, and when.
    pub fn of(&self, contract: Account) -> Option<(CodePin, u64)> {
        self.0.get(&contract).copied()
    }
}

/// Everything that is known of code at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Sight<'s> {
    /// What came with the call.
    pub facts: &'s Facts,
    /// What was seen before it.
    pub held: Option<&'s CodeSeen>,
    /// What contracts were the first time.
    pub first: &'s FirstSeen,
    /// Now, ms.
    pub now_ms: u64,
}

impl Sight<'_> {
    /// The newest of what was seen of a contract.
    pub fn newest(&self, contract: Account) -> Option<(CodePin, u64)> {
        let held = self.held.and_then(|held| held.of(contract));
        let told = self.facts.code_at(contract.address);
        [held, told].into_iter().flatten().max_by_key(|(_, at)| *at)
    }

    /// Why a contract that a request relies on does not count; `None` if it does.
    pub fn unseen(&self, policy: &Policy, contract: Account) -> Option<Unseen> {
        let pin = policy.code_pin(contract);
        let age_max = pin.map_or(SIGHT_MS_MAX, |_| {
            crate::policy::decide::facts::CODE_AGE_MS_MAX
        });
        let found = self.newest(contract).filter(|(_, seen)| {
            let latest = self.now_ms.saturating_add(FUTURE_MS_MAX);
            *seen <= latest && self.now_ms.saturating_sub(*seen) <= age_max
        });
        let Some((code, _)) = found else {
            return Some(Unseen::Unknown);
        };
        if code.hash == KECCAK256_EMPTY {
            return Some(Unseen::Absent);
        }
        let is_right = match (pin, policy.known_code(contract)) {
            (Some(pin), _) => code == pin,
            (None, Some(known)) => code.hash == known,
            (None, None) => self.first.get(&contract).is_none_or(|one| *one == code),
        };
        (!is_right).then_some(Unseen::Other)
    }
}

impl Policy {
    /// The hash that the code of this contract is known to have, where the operator pins no other.
    pub fn known_code(&self, contract: Account) -> Option<B256> {
        *self.believed.get(&contract)?
    }

    /// Whether the policy names this account: as a contract, an asset, in a list, or in a rule.
    pub fn names(&self, account: Account) -> bool {
        let in_rule = |rule: &Rule| {
            let to = rule.matcher.to.as_ref();
            to.is_some_and(|to| to.addresses.contains(&account.address))
        };
        self.registry.is_named(account)
            || !self.lists.of(account.address).is_empty()
            || self.rules.iter().any(in_rule)
    }

    /// Every contract that requests on the agents' chains may rely on and whose code the operator
    /// did not pin, each with the hash that is known of it.
    pub fn believed(&self) -> Vec<(Account, Option<B256>)> {
        let used = |chain: ChainId| self.agents.iter().any(|agent| agent.chain_id == chain);
        let all = self.believed.iter();
        let open = all.filter(|(at, _)| used(at.chain_id) && !self.pins.contains_key(*at));
        let mut found: Vec<_> = open.map(|(&at, &hash)| (at, hash)).collect();
        found.sort_unstable();
        found
    }
}
