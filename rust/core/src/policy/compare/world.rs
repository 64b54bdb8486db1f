//! Who and what there is in either of two policies, and one address for each class of addresses.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::{keccak256, Address};

use crate::asset::Asset;
use crate::chain::ChainId;
use crate::effects::EffectKind;
use crate::function::Function;
use crate::policy::compare::request::protocols;
use crate::policy::compare::samples::Identity;
use crate::policy::model::{AssetEntry, List};
use crate::policy::Policy;
use crate::protocol::Protocol;

/// Entries of one list that are looked at.
const ENTRIES_MAX: usize = 4;
/// Addresses that rules and forbids name themselves, of those that a table does not name.
const NAMED_MAX: usize = 12;
/// How far a schedule is followed: a little more than a week, in steps of a quarter of an hour.
const STEP_MS: u64 = 15 * 60 * 1000;
const STEPS_MAX: u32 = 8 * 24 * 4;
/// Changes of one schedule that are looked at.
const CHANGES_MAX: u32 = 3;
/// Contracts of one chain for one kind of effect.
const CONTRACTS_MAX: usize = 6;

/// Who may ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Who {
    pub agent: String,
    pub wallet: Address,
    pub chain_id: ChainId,
}

/// Both policies, and everything that can be asked about.
#[derive(Debug)]
pub(super) struct World<'p> {
    pub old: &'p Policy,
    pub new: &'p Policy,
    pub now_ms: u64,
    pub who: Vec<Who>,
    /// Each identity once, as the old policy has it where both do.
    pub assets: Vec<&'p Asset>,
    /// In both versions where they differ.
    pub functions: Vec<&'p Function>,
    /// One address for each class that no table of its own asks about.
    pub payees: Vec<Address>,
    /// An address that neither policy knows.
    pub stranger: Address,
    /// By chain and kind of effect.
    contracts: BTreeMap<(ChainId, u8), Vec<Address>>,
    /// By the id of a schedule.
    moments: BTreeMap<String, Vec<u64>>,
}

impl<'p> World<'p> {
    pub fn new(old: &'p Policy, new: &'p Policy, now_ms: u64) -> Self {
        let mut world = Self {
            old,
            new,
            now_ms,
            who: Vec::new(),
            assets: Vec::new(),
            functions: Vec::new(),
            payees: Vec::new(),
            stranger: stranger(old, new),
            contracts: BTreeMap::new(),
            moments: moments(old, new, now_ms),
        };
        let mut seen = BTreeSet::new();
        let mut known = BTreeSet::new();
        for policy in [old, new] {
            for agent in policy.agents() {
                for wallet in &agent.wallets {
                    if seen.insert((agent.id.as_str(), *wallet, agent.chain_id)) {
                        world.who.push(Who {
                            agent: agent.id.clone(),
                            wallet: *wallet,
                            chain_id: agent.chain_id,
                        });
                    }
                }
            }
            for entry in policy.assets() {
                if known.insert(entry.asset.identity()) {
                    world.assets.push(&entry.asset);
                }
            }
            for entry in policy.functions() {
                if !world.functions.contains(&&entry.function) {
                    world.functions.push(&entry.function);
                }
            }
        }
        world.find_contracts();
        world.payees = world.classes();
        world
    }

    /// Both policies.
    pub const fn both(&self) -> [&'p Policy; 2] {
        [self.old, self.new]
    }

    /// The asset with this identity.
    pub fn asset(&self, identity: Identity) -> Option<&'p Asset> {
        let mut assets = self.assets.iter();
        assets.find(|asset| asset.identity() == identity).copied()
    }

    /// What both policies say of an asset.
    pub fn entries(&self, asset: &Asset) -> impl Iterator<Item = &'p AssetEntry> {
        let identity = asset.identity();
        self.both().into_iter().filter_map(move |policy| {
            let number = policy.asset_index(identity)?;
            policy.assets.get(number as usize)
        })
    }

    /// Addresses of a list: those that are in only one of the policies first, then some that are on
    /// no other list.
    pub fn of_list(&self, id: &str) -> Vec<Address> {
        let list = |policy: &'p Policy| policy.lists().iter().find(|list| list.id == id);
        let has = |list: Option<&List>, entry: &crate::policy::ListEntry| {
            let same = |one: &crate::policy::ListEntry| {
                (one.address, one.chain_id, one.expires_ms)
                    == (entry.address, entry.chain_id, entry.expires_ms)
            };
            list.is_some_and(|list| list.entries.iter().any(same))
        };
        let lists = self.both().map(list);
        let [old, new] = lists;
        let changed = old.map(|list| &list.entries) != new.map(|list| &list.entries);
        let mut found = Vec::new();
        if changed {
            for (one, other) in [(old, new), (new, old)] {
                let entries = one.into_iter().flat_map(|list| &list.entries);
                let apart = entries.filter(|entry| !has(other, entry));
                found.extend(apart.map(|entry| entry.address).take(ENTRIES_MAX));
            }
        }
        for list in lists.into_iter().flatten() {
            let alone = |address: &Address| {
                let hits = |policy: &Policy| policy.lists.of(*address).len();
                self.both().into_iter().all(|policy| hits(policy) < 2)
            };
            let all = || list.entries.iter().map(|entry| entry.address);
            found.extend(all().take(64).filter(alone).take(1));
            found.extend(all().take(ENTRIES_MAX));
            found.extend(all().next_back());
        }
        found
    }

    /// Moments at which a schedule opens or closes, and those just before.
    pub fn moments(&self, schedule: &str) -> &[u64] {
        let found = self.moments.get(schedule);
        found.map(Vec::as_slice).unwrap_or_default()
    }

    /// Contracts of a chain whose calls have effects of a kind that needs them.
    pub fn contracts(&self, chain_id: ChainId, kind: EffectKind) -> &[Address] {
        let found = self.contracts.get(&(chain_id, kind as u8));
        found.map(Vec::as_slice).unwrap_or_default()
    }

    fn find_contracts(&mut self) {
        for policy in self.both() {
            for at in policy.believed.keys() {
                let speaks = policy.registry().protocol(*at).map(Protocol::as_str);
                let Some(speaks) = speaks.filter(|_| self.is_used(at.chain_id)) else {
                    continue;
                };
                for kind in EffectKind::ALL {
                    if protocols(kind).contains(&speaks) {
                        let found = self.contracts.entry((at.chain_id, kind as u8)).or_default();
                        found.push(at.address);
                    }
                }
            }
        }
        for found in self.contracts.values_mut() {
            found.sort_unstable();
            found.dedup();
            found.truncate(CONTRACTS_MAX);
        }
    }

    fn is_used(&self, chain_id: ChainId) -> bool {
        self.who.iter().any(|who| who.chain_id == chain_id)
    }

    fn classes(&self) -> Vec<Address> {
        let mut found = vec![self.stranger];
        let ids: BTreeSet<&str> = self
            .both()
            .into_iter()
            .flat_map(|policy| policy.lists().iter().map(|list| list.id.as_str()))
            .collect();
        found.extend(ids.into_iter().flat_map(|id| self.of_list(id)));
        for policy in self.both() {
            let rules = policy.rules().iter().map(|rule| &rule.matcher);
            let forbids = policy.forbids().iter().map(|forbid| &forbid.matcher);
            let limits = policy.limits().iter().map(|limit| &limit.matcher);
            let named = rules.chain(forbids).chain(limits).flat_map(|matcher| {
                let to = matcher.to.as_ref().map(|to| &to.addresses);
                let not_to = matcher.not_to.as_ref().map(|to| &to.addresses);
                to.into_iter().chain(not_to).flatten()
            });
            found.extend(named.copied().take(NAMED_MAX));
        }
        let mut seen = BTreeSet::new();
        found.retain(|address| seen.insert(*address));
        found
    }
}

/// When schedules open and close from now on.
fn moments(old: &Policy, new: &Policy, now_ms: u64) -> BTreeMap<String, Vec<u64>> {
    let mut found: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for schedule in old.schedules().iter().chain(new.schedules()) {
        let of_id = found.entry(schedule.id.clone()).or_default();
        let (mut at_ms, mut is_open) = (now_ms, schedule.is_open(now_ms));
        let mut left = CHANGES_MAX;
        for _ in 0..STEPS_MAX {
            let next_ms = at_ms.saturating_add(STEP_MS);
            if schedule.is_open(next_ms) != is_open && left > 0 {
                let (mut before, mut after) = (at_ms, next_ms);
                while after.saturating_sub(before) > 1 {
                    let middle = before.midpoint(after);
                    match schedule.is_open(middle) == is_open {
                        true => before = middle,
                        false => after = middle,
                    }
                }
                of_id.extend([before, after]);
                is_open = !is_open;
                left = left.saturating_sub(1);
            }
            at_ms = next_ms;
        }
    }
    found
}

/// An address that no policy names, and that looks like none of theirs.
fn stranger(old: &Policy, new: &Policy) -> Address {
    let candidate = |number: u32| {
        let hash = keccak256(format!("holdfast: an address that is on no list, {number}"));
        Address::from_word(hash)
    };
    let is_free = |address: &Address| {
        [old, new].into_iter().all(|policy| {
            policy.imitated(*address).is_none() && policy.lists.of(*address).is_empty()
        })
    };
    (0..64).map(candidate).find(is_free).unwrap_or_default()
}
