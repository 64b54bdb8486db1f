//! Rights over the wallet's value that stand: allowances, orders, and payments signed as documents.
//! Each counts from the decision until it ends, is taken back or is replaced; age alone frees
//! nothing.
//!
//! `Claims` are the facts, whatever the policy says. `Standing` is what they come to under one key
//! of a limit.

use std::collections::BTreeMap;

use alloy_primitives::{Address, U256};
use serde::{Deserialize, Serialize};

use crate::chain::Account;
use crate::effects::EffectKind;
use crate::request::Method;
use crate::spend::{Spend, SpendAsset, Spends};

/// A right counts this much longer than it says: blocks may carry an earlier time than our clock.
pub const GRACE_MS: u64 = 10 * 60 * 1000;

/// A right that stands, as the one effect of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claimed {
    /// Who gave it, with exactly one item.
    pub spends: Spends,
    /// First moment at which it does not count, ms; `u64::MAX` for one that does not end by itself.
    pub ends_ms: u64,
    /// It was signed as a document and may not be on the chain yet until then, ms.
    submit_until_ms: u64,
    /// Transactions of the wallet with this nonce or a higher one came after it.
    before_nonce: u64,
}

/// Where a request that happened stands among others of its wallet, and what that proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Happened {
    /// Of a transaction; `None` for a signature.
    pub nonce: Option<u64>,
    /// What it ends of the rights at the places it sets.
    pub ends: Ends,
}

/// Which rights a request ends that sets another one in their place, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends {
    /// All: nothing happened after it.
    All,
    /// What stood before its nonce, and signatures that nobody could hand in any more when it was
    /// decided: it was mined later than that.
    Earlier,
    /// None: nothing proves that it happened.
    Nothing,
}

impl Happened {
    /// A signature was made: what stands goes on.
    pub const SIGNED: Self = Self {
        nonce: None,
        ends: Ends::Nothing,
    };
    /// Everything that happened before is known.
    pub const LAST: Self = Self {
        nonce: None,
        ends: Ends::All,
    };
}

/// Where a right is kept and about what, so that it can be found again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Place {
    wallet: Account,
    at: Address,
    to: Option<Address>,
    asset: Option<Address>,
}

/// Every right that stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Those that can be taken back on the chain, by their place.
    placed: BTreeMap<Place, Vec<Claimed>>,
    /// All others, by their end.
    others: BTreeMap<u64, Vec<Claimed>>,
}

/// What a settled request changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Rights that stand from now on.
    pub added: Vec<Claimed>,
    /// Rights that are over.
    pub ended: Vec<Claimed>,
}

impl Claims {
    /// Takes over what a request leaves behind and takes away. A signature only adds: whether it ever
    /// reaches the chain nobody can say. Ends become known in any order, so what a transaction takes
    /// away goes by its nonce. Times are those by which rights end.
    pub fn take(
        &mut self,
        spends: &Spends,
        happened: Happened,
        (decided_ms, now_ms): (u64, u64),
    ) -> Change {
        let mut change = Change::default();
        self.forget_first(now_ms);
        let signed = spends.method == Method::SignTypedData;
        let before_nonce = happened.nonce.map_or(0, |nonce| nonce.saturating_add(1));
        for item in &spends.items {
            let Some(claim) = item.claim else {
                continue;
            };
            let place = claim.at.and_then(|at| Place::of(spends, item, at));
            if let Some(place) = place.as_ref().filter(|_| !signed && !claim.adds) {
                let over = |one: &Claimed| match (happened.ends, happened.nonce) {
                    (Ends::All, _) => one.handed_in(now_ms),
                    (Ends::Earlier, Some(nonce)) => {
                        one.before_nonce <= nonce && one.handed_in(decided_ms.min(now_ms))
                    }
                    (Ends::Earlier, None) | (Ends::Nothing, _) => false,
                };
                change.ended.append(&mut self.end(place, over));
            }
            if !item.stands() {
                continue;
            }
            let ends_ms = claim
                .ends
                .map_or(u64::MAX, |ends| ends.saturating_add(GRACE_MS));
            let claimed = Claimed {
                spends: Spends {
                    items: vec![item.clone()],
                    ..spends.clone()
                },
                ends_ms,
                submit_until_ms: claim.submit_until.unwrap_or_default(),
                before_nonce,
            };
            change.added.push(claimed.clone());
            match place {
                Some(place) => {
                    let here = self.placed.entry(place).or_default();
                    here.retain(|one| one.ends_ms > now_ms);
                    here.push(claimed);
                }
                None => self.others.entry(ends_ms).or_default().push(claimed),
            }
        }
        change
    }

    /// Forgets what is over among those found by their end: each is paid for once.
    fn forget_first(&mut self, now_ms: u64) {
        while let Some(first) = self.others.first_entry() {
            if *first.key() > now_ms {
                break;
            }
            first.remove();
        }
    }

    /// Ends what stands at a place and is over.
    fn end(&mut self, place: &Place, over: impl Fn(&Claimed) -> bool) -> Vec<Claimed> {
        let Some(all) = self.placed.get_mut(place) else {
            return Vec::new();
        };
        let (ended, left) = std::mem::take(all).into_iter().partition(over);
        *all = left;
        if all.is_empty() {
            self.placed.remove(place);
        }
        ended
    }

    /// An operator said that the wallet's nonces go on from here: what stands came before them.
    pub fn nonces_go_on(&mut self, wallet: Account, next: u64) {
        let places = self.placed.iter_mut();
        let its = places.filter(|(at, _)| at.wallet == wallet);
        for one in its.flat_map(|(_, all)| all) {
            one.before_nonce = one.before_nonce.min(next);
        }
    }

    /// Every right that still counts at `now_ms`.
    pub fn each(&self, now_ms: u64) -> impl Iterator<Item = &Claimed> {
        let later = self.others.range(now_ms.saturating_add(1)..);
        let placed = self.placed.values().flatten();
        placed
            .filter(move |one| one.ends_ms > now_ms)
            .chain(later.flat_map(|(_, all)| all))
    }

    /// How many there are, ended ones that are not forgotten included.
    pub fn len(&self) -> usize {
        let others = self.others.values().map(Vec::len).sum::<usize>();
        let placed = self.placed.values().map(Vec::len).sum::<usize>();
        others.saturating_add(placed)
    }

    /// Whether nothing stands.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets what is over.
    pub fn evict(&mut self, now_ms: u64) {
        self.others = self.others.split_off(&now_ms.saturating_add(1));
        self.placed.retain(|_, all| {
            all.retain(|one| one.ends_ms > now_ms);
            !all.is_empty()
        });
    }
}

impl Claimed {
    /// Nobody can hand the signature in any more at this time; no signature is needed of others.
    fn handed_in(&self, at_ms: u64) -> bool {
        match self.submit_until_ms {
            0 => true,
            until => until.saturating_add(GRACE_MS) <= at_ms,
        }
    }
}

impl Place {
    /// `None` for an asset nobody named: then rights cannot be told apart.
    fn of(spends: &Spends, item: &Spend, at: Address) -> Option<Self> {
        let asset = match item.asset {
            SpendAsset::Token(address) => Some(address),
            SpendAsset::Native => None,
            SpendAsset::None => return None,
        };
        let kept = matches!(item.kind, EffectKind::Allowance | EffectKind::Revoke);
        kept.then_some(Self {
            wallet: spends.chain_id.at(spends.wallet),
            at,
            to: item.to,
            asset,
        })
    }
}

/// What stands under one key of a limit: a sum, and when which part of it ends.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Standing {
    total: U256,
    ends: BTreeMap<u64, U256>,
}

impl Standing {
    pub fn add(&mut self, amount: u128, ends_ms: u64, now_ms: u64) {
        self.evict(now_ms);
        let amount = U256::from(amount);
        self.total = self.total.saturating_add(amount);
        let part = self.ends.entry(ends_ms).or_default();
        *part = part.saturating_add(amount);
    }

    pub fn remove(&mut self, amount: u128, ends_ms: u64) {
        let Some(part) = self.ends.get_mut(&ends_ms) else {
            return;
        };
        let amount = U256::from(amount).min(*part);
        *part = part.saturating_sub(amount);
        self.total = self.total.saturating_sub(amount);
        if part.is_zero() {
            self.ends.remove(&ends_ms);
        }
    }

    pub fn used(&self, now_ms: u64) -> u128 {
        let over = self.ends.range(..=now_ms);
        let over = over.fold(U256::ZERO, |sum, (_, part)| sum.saturating_add(*part));
        u128::try_from(self.total.saturating_sub(over)).unwrap_or(u128::MAX)
    }

    /// The first moment at which `excess` less stands by itself.
    pub fn frees_at(&self, excess: u128, now_ms: u64) -> Option<u64> {
        let excess = U256::from(excess);
        let mut freed = U256::ZERO;
        for (ends_ms, part) in self.ends.range(now_ms.saturating_add(1)..u64::MAX) {
            freed = freed.saturating_add(*part);
            if freed >= excess {
                return Some(*ends_ms);
            }
        }
        None
    }

    pub fn evict(&mut self, now_ms: u64) {
        while let Some(first) = self.ends.first_entry() {
            if *first.key() > now_ms {
                break;
            }
            self.total = self.total.saturating_sub(first.remove());
        }
    }

    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }
}
