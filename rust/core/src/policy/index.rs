//! Finds the few tables that can match an effect among very many.
//!
//! Per effect kind, tables are grouped by which of agent, wallet, chain, asset and target they
//! name. All tables of a group name the same dimensions, so each table is found under its value of
//! *any* of them, and the dimension with the fewest candidates for the effect at hand is enough.
//! Small groups are scanned.

use std::collections::BTreeMap;

use alloy_primitives::map::HashMap;
use alloy_primitives::{Address, U256};

use super::lists::Hit;
use super::model::{Bits, Matcher, Targets};
use crate::amount::Usd;
use crate::effects::EffectKind;
use crate::request::Method;

/// An effect as tables see it.
pub(super) struct Query<'a> {
    /// Index of the agent; `None` if the policy does not know it (any more).
    pub agent: Option<u32>,
    pub wallet: Address,
    pub chain_id: u64,
    pub method: Method,
    pub kind: EffectKind,
    /// Index of the asset; `None` if it is not registered.
    pub asset: Option<u32>,
    pub to: Option<Address>,
    /// List entries of `to`.
    pub hits: &'a [Hit],
    pub now_ms: u64,
    pub amount: U256,
    /// Index of the function the operator vouches for.
    pub function: Option<u32>,
    /// `None` if the price is unknown.
    pub usd: Option<Usd>,
}

/// Whether a table matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    Yes,
    /// All but the amount in USD, which cannot be known.
    PriceUnknown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Key {
    Agent(u32),
    Wallet(Address),
    Chain(u64),
    Asset(u32),
    Address(Address),
    List(u32),
}

const AGENT: u8 = 1;
const WALLET: u8 = 2;
const CHAIN: u8 = 4;
const ASSET: u8 = 8;
const TO: u8 = 16;
/// The most selective ones come first.
const DIMENSIONS: [u8; 5] = [TO, ASSET, AGENT, WALLET, CHAIN];

/// Groups up to this size are scanned: that is faster than hashing.
const SCAN_MAX: usize = 24;
/// With so few candidates no other dimension is looked at.
const FEW: usize = 8;

#[derive(Clone, Copy, Debug)]
struct Slot {
    matcher: u32,
    payload: u32,
}

#[derive(Clone, Debug, Default)]
struct Group {
    dimensions: u8,
    slots: Vec<Slot>,
    /// Indexes into `slots`.
    postings: HashMap<Key, Vec<u32>>,
}

/// Tables of one sort. A payload is what the caller knows a table by.
#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    matchers: Vec<Matcher>,
    kinds: [Vec<Group>; EffectKind::ALL.len()],
}

impl Index {
    /// Entries are (kind, matcher, payload); the kinds inside the matcher are not looked at.
    pub fn new<'m>(entries: impl IntoIterator<Item = (EffectKind, &'m Matcher, u32)>) -> Self {
        let mut index = Self::default();
        let mut interned: HashMap<Matcher, u32> = HashMap::default();
        let mut groups: BTreeMap<(usize, u8), Group> = BTreeMap::new();
        for (kind, matcher, payload) in entries {
            let bare = without_kinds(matcher);
            let next = u32::try_from(index.matchers.len()).unwrap_or(u32::MAX);
            let number = *interned.entry(bare.clone()).or_insert(next);
            if number == next {
                index.matchers.push(bare);
            }
            let dimensions = dimensions(matcher);
            let group = groups.entry((kind as usize, dimensions)).or_default();
            group.dimensions = dimensions;
            group.slots.push(Slot {
                matcher: number,
                payload,
            });
        }
        for ((kind, _), mut group) in groups {
            if group.slots.len() > SCAN_MAX {
                group.post(&index.matchers);
            }
            if let Some(of_kind) = index.kinds.get_mut(kind) {
                of_kind.push(group);
            }
        }
        index
    }

    /// Visits the payload of every table that matches; some may be visited twice.
    pub fn find(&self, query: &Query<'_>, mut visit: impl FnMut(u32, Fit)) {
        let mut test = |slot: Slot| {
            let matcher = self.matchers.get(slot.matcher as usize);
            if let Some(fit) = matcher.and_then(|matcher| fits(matcher, query)) {
                visit(slot.payload, fit);
            }
        };
        for group in self.kinds.get(query.kind as usize).into_iter().flatten() {
            if group.dimensions == 0 || group.slots.len() <= SCAN_MAX {
                group.slots.iter().copied().for_each(&mut test);
                continue;
            }
            let Some(dimension) = group.narrowest(query) else {
                continue;
            };
            group.candidates(dimension, query, |numbers| {
                let slots = numbers
                    .iter()
                    .filter_map(|number| group.slots.get(*number as usize));
                slots.copied().for_each(&mut test);
            });
        }
    }
}

impl Group {
    fn post(&mut self, matchers: &[Matcher]) {
        for (slot, number) in self.slots.iter().zip(0u32..) {
            let Some(matcher) = matchers.get(slot.matcher as usize) else {
                continue;
            };
            let mut add = |key| self.postings.entry(key).or_default().push(number);
            matcher
                .agents
                .iter()
                .flatten()
                .for_each(|agent| add(Key::Agent(*agent)));
            matcher
                .wallets
                .iter()
                .flatten()
                .for_each(|wallet| add(Key::Wallet(*wallet)));
            matcher
                .chains
                .iter()
                .flatten()
                .for_each(|chain| add(Key::Chain(*chain)));
            matcher
                .assets
                .iter()
                .flatten()
                .for_each(|asset| add(Key::Asset(*asset)));
            if let Some(to) = &matcher.to {
                to.addresses
                    .iter()
                    .for_each(|address| add(Key::Address(*address)));
                to.lists.iter().for_each(|list| add(Key::List(*list)));
            }
        }
    }

    /// The dimension with the fewest candidates; `None` if one has none.
    fn narrowest(&self, query: &Query<'_>) -> Option<u8> {
        let mut best: Option<(usize, u8)> = None;
        for dimension in DIMENSIONS
            .into_iter()
            .filter(|one| self.dimensions & one != 0)
        {
            let mut count = 0usize;
            self.candidates(dimension, query, |numbers| {
                count = count.saturating_add(numbers.len());
            });
            if count == 0 {
                return None;
            }
            if best.is_none_or(|(fewest, _)| count < fewest) {
                best = Some((count, dimension));
            }
            if count <= FEW {
                break;
            }
        }
        best.map(|(_, dimension)| dimension)
    }

    fn candidates(&self, dimension: u8, query: &Query<'_>, mut visit: impl FnMut(&[u32])) {
        let mut look = |key: Key| {
            if let Some(numbers) = self.postings.get(&key) {
                visit(numbers);
            }
        };
        match dimension {
            AGENT => query
                .agent
                .into_iter()
                .for_each(|agent| look(Key::Agent(agent))),
            WALLET => look(Key::Wallet(query.wallet)),
            CHAIN => look(Key::Chain(query.chain_id)),
            ASSET => query
                .asset
                .into_iter()
                .for_each(|asset| look(Key::Asset(asset))),
            _ => {
                query.to.into_iter().for_each(|to| look(Key::Address(to)));
                let counting = |hit: &&Hit| hit.counts(query.chain_id, query.now_ms);
                query
                    .hits
                    .iter()
                    .filter(counting)
                    .for_each(|hit| look(Key::List(hit.list)));
            }
        }
    }
}

fn without_kinds(matcher: &Matcher) -> Matcher {
    Matcher {
        kinds: Bits::default(),
        ..matcher.clone()
    }
}

fn dimensions(matcher: &Matcher) -> u8 {
    let bit = |named: bool, bit: u8| if named { bit } else { 0 };
    bit(matcher.agents.is_some(), AGENT)
        | bit(matcher.wallets.is_some(), WALLET)
        | bit(matcher.chains.is_some(), CHAIN)
        | bit(matcher.assets.is_some(), ASSET)
        | bit(matcher.to.is_some(), TO)
}

/// Whether the effect is in the scope and the ranges of the matcher; kinds were looked at before.
fn fits(matcher: &Matcher, query: &Query<'_>) -> Option<Fit> {
    let in_scope = has(&matcher.agents, query.agent)
        && has(&matcher.wallets, Some(query.wallet))
        && has(&matcher.chains, Some(query.chain_id))
        && matcher
            .methods
            .is_none_or(|methods| methods.has(query.method as u8))
        && has(&matcher.assets, query.asset)
        && matcher.to.as_ref().is_none_or(|to| is_target(to, query))
        && !matcher
            .not_to
            .as_ref()
            .is_some_and(|not_to| is_target(not_to, query))
        && has(&matcher.functions, query.function)
        && (matcher.not_functions.is_none() || !has(&matcher.not_functions, query.function));
    if !in_scope
        || matcher.amount_max.is_some_and(|max| query.amount > max)
        || matcher
            .amount_above
            .is_some_and(|above| query.amount <= above)
    {
        return None;
    }
    if matcher.usd_max.is_none() && matcher.usd_above.is_none() {
        return Some(Fit::Yes);
    }
    let Some(usd) = query.usd else {
        return Some(Fit::PriceUnknown);
    };
    let in_range = matcher.usd_max.is_none_or(|max| usd <= max)
        && matcher.usd_above.is_none_or(|above| usd > above);
    in_range.then_some(Fit::Yes)
}

/// `None` names all; an unknown value is in no list of names.
fn has<T: Ord>(named: &Option<Vec<T>>, value: Option<T>) -> bool {
    match (named, value) {
        (None, _) => true,
        (Some(named), Some(value)) => named.binary_search(&value).is_ok(),
        (Some(_), None) => false,
    }
}

/// An effect without recipient is nobody's target.
fn is_target(targets: &Targets, query: &Query<'_>) -> bool {
    let Some(to) = query.to else { return false };
    let listed = |hit: &Hit| {
        hit.counts(query.chain_id, query.now_ms) && targets.lists.binary_search(&hit.list).is_ok()
    };
    targets.addresses.binary_search(&to).is_ok() || query.hits.iter().any(listed)
}
