//! Finds the few tables that can match an effect among very many.
//!
//! Per effect kind, tables are grouped by which of agent, wallet, chain, asset and target they
//! name. All tables of a group name the same dimensions, so each table is found under its value of
//! *any* of them, and the dimension with the fewest candidates for the effect at hand is enough.
//! Small groups are scanned.

use std::collections::BTreeMap;

use alloy_primitives::map::HashMap;
use alloy_primitives::{Address, U256};

use crate::amount::Usd;
use crate::asset::Asset;
use crate::chain::ChainId;
use crate::effects::EffectKind;
use crate::policy::conditions::range::Fit;
use crate::policy::conditions::{Agents, Assets, Chains, Condition, Conditions, To, Wallets};
use crate::policy::decide::sums::{Figure, Sums};
use crate::policy::lists::Hit;
use crate::policy::model::Matcher;
use crate::policy::schedule::Open;
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
    /// The later of the guardian's time and the wall clock.
    pub now_ms: u64,
    /// The earlier of them.
    pub earlier_ms: u64,
    /// Schedules that are open.
    pub open: &'a Open,
    /// When the agent last paid `to` from the wallet.
    pub paid_ms: Option<u64>,
    /// Until when it can be used, if that is known.
    pub deadline_ms: Option<u64>,
    /// The table makes a request stricter, so that one of the two times is enough.
    pub stricter: bool,
    pub amount: U256,
    /// Index of the function the operator vouches for.
    pub function: Option<u32>,
    /// `None` if the price is unknown.
    pub usd: Option<Usd>,
}

impl Query<'_> {
    /// Whether something that is so by the earlier and by the later time counts.
    pub fn at_both_times(&self, is_so: [bool; 2]) -> bool {
        match self.stricter {
            true => is_so.contains(&true),
            false => !is_so.contains(&false),
        }
    }

    /// The time before which something must not end: a forbid or a review applies while it lasts by
    /// one of both times.
    pub fn held_ms(&self) -> u64 {
        match self.stricter {
            true => self.earlier_ms,
            false => self.now_ms,
        }
    }

    /// The time by which something must have ended: by both, or by one for a forbid or a review.
    pub fn over_ms(&self) -> u64 {
        match self.stricter {
            true => self.now_ms,
            false => self.earlier_ms,
        }
    }

    /// Whether the recipient was paid less than so many ms before this time.
    pub fn was_paid_within(&self, trust_ms: u64, at_ms: u64) -> bool {
        let ends = self.paid_ms.map(|paid| paid.saturating_add(trust_ms));
        ends.is_some_and(|ends| at_ms < ends)
    }
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
pub(in crate::policy) enum Key {
    Agent(u32),
    Wallet(Address),
    Chain(ChainId),
    Asset(u32),
    Address(Address),
    List(u32),
}

/// The most selective ones come first.
const DIMENSIONS: [u8; 5] = [
    To::DIMENSION,
    Assets::DIMENSION,
    Agents::DIMENSION,
    Wallets::DIMENSION,
    Chains::DIMENSION,
];

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
            index.ranged |= bare.range.is_set();
            let next = u32::try_from(index.matchers.len()).unwrap_or(u32::MAX);
            let number = *interned.entry(bare.clone()).or_insert(next);
            if number == next {
                index.matchers.push(bare);
            }
            let dimensions = matcher.dimensions();
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

    /// Visits every table that is about an effect, whatever its amount; some may be visited twice.
    pub fn about(&self, query: &Query<'_>, mut visit: impl FnMut(&Matcher, u32)) {
        self.candidates(query, |slot| {
            let matcher = self.matchers.get(slot.matcher as usize);
            if let Some(matcher) = matcher.filter(|matcher| matcher.fit(query)) {
                visit(matcher, slot.payload);
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
            let meant = |matcher: &&Matcher| matcher.range.is_set() && matcher.fit(query);
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
        Some((sum.words(&matcher.range, asset), matcher.range.most(asset)))
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
            matcher.keys(|key| self.postings.entry(key).or_default().push(number));
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
        Conditions::sought(dimension, query, |key| {
            if let Some(numbers) = self.postings.get(&key) {
                visit(numbers);
            }
        });
    }
}

/// What an effect comes to by itself.
pub(in crate::policy) fn figure(query: &Query<'_>) -> Figure {
    Figure::one(query.amount, query.usd.map(|usd| usd.0))
}

/// How the matcher takes the effect, alone and with everything it is added up with; kinds were
/// looked at before.
fn fits(matcher: &Matcher, query: &Query<'_>, sum: Option<&Figure>) -> Option<Fits> {
    if !matcher.fit(query) {
        return None;
    }
    if !matcher.range.is_set() {
        return Some(Fits::YES);
    }
    let alone = matcher.range.fits(&figure(query));
    let together = sum.map_or(alone, |sum| matcher.range.fits(sum));
    Some(Fits { alone, together }).filter(|fits| fits.either())
}
