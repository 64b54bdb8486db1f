//! Finds the few tables that can match an effect among very many.
//!
//! Per effect kind, tables are grouped by which of agent, wallet, chain, asset and target they
//! name. All tables of a group name the same dimensions, so each table is found under its value of
//! *any* of them, and the dimension with the fewest candidates for the effect at hand is enough.
//! Small groups are scanned.

use std::collections::BTreeMap;

use alloy_primitives::map::HashMap;
use alloy_primitives::{Address, U256};

use crate::amount::{format_units, Usd};
use crate::asset::Asset;
use crate::chain::ChainId;
use crate::effects::EffectKind;
use crate::policy::decide::sums::{Figure, Sums};
use crate::policy::lists::Hit;
use crate::policy::model::{Matcher, Targets};
use crate::request::Method;

/// An effect as tables see it.
pub(in crate::policy) struct Query<'a> {
    /// Index of the agent; `None` if the policy does not know it (any more).
    pub agent: Option<u32>,
    pub wallet: Address,
    pub chain_id: ChainId,
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
pub(in crate::policy) enum Fit {
    Yes,
    /// All but the amount in USD, which cannot be known.
    PriceUnknown,
}

/// How a table takes an effect: with the effect's own amount, and with the sum of everything in the
/// request that the table is about. Both are the same where no amount is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::policy) struct Fits {
    pub alone: Option<Fit>,
    pub together: Option<Fit>,
}

impl Fits {
    const YES: Self = Self {
        alone: Some(Fit::Yes),
        together: Some(Fit::Yes),
    };

    /// The effect is matched by its own amount, by the sum, or by both.
    pub fn either(self) -> bool {
        self.alone.is_some() || self.together.is_some()
    }

    /// One of the two cannot be judged for want of a price.
    pub fn price_unknown(self) -> bool {
        [self.alone, self.together].contains(&Some(Fit::PriceUnknown))
    }

    /// The sum is matched and the effect by itself is not.
    pub fn only_together(self) -> bool {
        self.alone.is_none() && self.together.is_some()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Key {
    Agent(u32),
    Wallet(Address),
    Chain(ChainId),
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
pub(in crate::policy) struct Slot {
    /// The number `Sums` knows its matcher by.
    pub matcher: u32,
    pub payload: u32,
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
pub(in crate::policy) struct Index {
    matchers: Vec<Matcher>,
    /// One of them compares amounts.
    ranged: bool,
    kinds: [Vec<Group>; EffectKind::ALL.len()],
}

impl Index {
    /// Entries are (kind, matcher, payload). The kinds inside a matcher only say what its amounts
    /// add up.
    pub fn new<'m>(entries: impl IntoIterator<Item = (EffectKind, &'m Matcher, u32)>) -> Self {
        let mut index = Self::default();
        let mut interned: HashMap<Matcher, u32> = HashMap::default();
        let mut groups: BTreeMap<(usize, u8), Group> = BTreeMap::new();
        for (kind, matcher, payload) in entries {
            let bare = matcher.bare();
            index.ranged |= bare.is_ranged();
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

    /// Visits every table that matches the effect, by its own amount or by `sums`; some may be
    /// visited twice.
    pub fn find(&self, query: &Query<'_>, sums: &Sums, mut visit: impl FnMut(Slot, Fits)) {
        self.candidates(query, |slot| {
            let matcher = self.matchers.get(slot.matcher as usize);
            let fits = matcher.and_then(|matcher| fits(matcher, query, sums.of(slot.matcher)));
            if let Some(fits) = fits {
                visit(slot, fits);
            }
        });
    }

    /// Adds an effect to the sum of every table with amounts that is about it.
    pub fn add_up(&self, query: &Query<'_>, ordinal: u32, sums: &mut Sums) {
        if !self.ranged {
            return;
        }
        self.candidates(query, |slot| {
            let matcher = self.matchers.get(slot.matcher as usize);
            let meant = |matcher: &&Matcher| matcher.is_ranged() && in_scope(matcher, query);
            if matcher.filter(meant).is_some() {
                sums.add(slot.matcher, ordinal, figure(query));
            }
        });
    }

    /// The sum under the matcher of a slot in words, and the most it may be.
    pub fn explain(
        &self,
        slot: Slot,
        sums: &Sums,
        asset: Option<&Asset>,
    ) -> Option<(String, Option<String>)> {
        let matcher = self.matchers.get(slot.matcher as usize)?;
        let sum = sums.of(slot.matcher)?;
        Some((sum.words(matcher, asset), most(matcher, asset)))
    }

    /// The tables an effect may be matched by.
    fn candidates(&self, query: &Query<'_>, mut test: impl FnMut(Slot)) {
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

fn dimensions(matcher: &Matcher) -> u8 {
    let bit = |named: bool, bit: u8| if named { bit } else { 0 };
    bit(matcher.agents.is_some(), AGENT)
        | bit(matcher.wallets.is_some(), WALLET)
        | bit(matcher.chains.is_some(), CHAIN)
        | bit(matcher.assets.is_some(), ASSET)
        | bit(matcher.to.is_some(), TO)
}

/// The most a matcher grants, in its own unit.
fn most(matcher: &Matcher, asset: Option<&Asset>) -> Option<String> {
    if let Some(max) = matcher.usd_max {
        return Some(format!("{max} USD"));
    }
    let (max, asset) = (matcher.amount_max?, asset?);
    let units = format_units(max, asset.decimals);
    Some(format!("{units} {}", asset.id))
}

/// What an effect comes to by itself.
fn figure(query: &Query<'_>) -> Figure {
    Figure::one(query.amount, query.usd.map(|usd| usd.0))
}

/// How the matcher takes the effect, alone and with everything it is added up with; kinds were
/// looked at before.
fn fits(matcher: &Matcher, query: &Query<'_>, sum: Option<&Figure>) -> Option<Fits> {
    if !in_scope(matcher, query) {
        return None;
    }
    if !matcher.is_ranged() {
        return Some(Fits::YES);
    }
    let alone = in_range(matcher, &figure(query));
    let together = sum.map_or(alone, |sum| in_range(matcher, sum));
    Some(Fits { alone, together }).filter(|fits| fits.either())
}

/// Whether a figure is in the ranges of the matcher. What is known of a sum may be enough.
fn in_range(matcher: &Matcher, figure: &Figure) -> Option<Fit> {
    let amount = figure.amount;
    if matcher.amount_max.is_some_and(|max| amount > max)
        || matcher.amount_above.is_some_and(|above| amount <= above)
        || matcher.usd_max.is_some_and(|max| figure.usd > max.0)
    {
        return None;
    }
    let above = matcher.usd_above.is_none_or(|above| figure.usd > above.0);
    let decided = !figure.usd_unknown || (matcher.usd_max.is_none() && above);
    match (decided, above) {
        (false, _) => Some(Fit::PriceUnknown),
        (true, above) => above.then_some(Fit::Yes),
    }
}

/// Whether the effect is in the scope of the matcher, whatever its amount.
fn in_scope(matcher: &Matcher, query: &Query<'_>) -> bool {
    has(&matcher.agents, query.agent)
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
        && (matcher.not_functions.is_none() || !has(&matcher.not_functions, query.function))
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
