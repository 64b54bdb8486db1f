//! One-off grants: single payments that operators allowed ahead, each with what was used of it.
//!
//! What a grant pays counts under the grant and under no limit; its fee counts under limits like any
//! other.

use std::collections::BTreeMap;

use alloy_primitives::Address;
use serde::{Deserialize, Serialize};

use crate::chain::Account;
use crate::spend::SpendAsset;

/// What a grant is for. Nothing in it is a pattern: one agent, wallet, asset and recipient.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// Agent id.
    pub agent: String,
    /// Whose value it is, and on which chain.
    pub wallet: Account,
    /// What may be paid.
    pub asset: SpendAsset,
    /// To whom.
    pub to: Address,
    /// Base units, at most `AMOUNT_MAX`: of one payment, or of all together.
    pub most: u128,
    /// First ms since the epoch at which it does not count any more.
    pub until_ms: u64,
    /// For one payment alone.
    pub once: bool,
}

/// A payment that may be paid under a grant.
#[derive(Clone, Copy, Debug)]
pub struct Payment<'a> {
    /// Agent id.
    pub agent: &'a str,
    /// Whose value it is, and on which chain.
    pub wallet: Account,
    /// What is paid.
    pub asset: SpendAsset,
    /// To whom.
    pub to: Address,
    /// Base units.
    pub amount: u128,
}

/// A grant and what was used of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Given {
    /// What it is for.
    pub terms: Terms,
    /// Base units that were paid.
    pub spent: u128,
    /// Payments.
    pub times: u32,
    /// What requests hold of it that are not at an end, by their name.
    pub held: BTreeMap<String, u128>,
    /// An operator took it back.
    pub revoked: bool,
}

impl Given {
    /// Base units that may still be paid, by another request than this one.
    pub fn left(&self, except: &str) -> u128 {
        let others = self.held.iter().filter(|(name, _)| *name != except);
        let mut used = (self.spent, self.times > 0);
        for (_, amount) in others {
            used = (used.0.saturating_add(*amount), true);
        }
        match (self.terms.once, used.1) {
            (true, true) => 0,
            _ => self.terms.most.saturating_sub(used.0),
        }
    }

    /// Whether it counts at a time at all.
    pub const fn counts(&self, now_ms: u64) -> bool {
        !self.revoked && now_ms < self.terms.until_ms
    }

    fn covers(&self, payment: &Payment<'_>, request: &str, now_ms: u64) -> bool {
        let Terms {
            agent,
            wallet,
            asset,
            to,
            ..
        } = &self.terms;
        self.counts(now_ms)
            && (agent.as_str(), *wallet, *asset, *to)
                == (payment.agent, payment.wallet, payment.asset, payment.to)
            && payment.amount > 0
            && payment.amount <= self.left(request)
    }
}

/// All grants, by the seq of their event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grants {
    given: BTreeMap<u64, Given>,
}

impl Grants {
    /// An operator gives a grant.
    pub fn give(&mut self, seq: u64, terms: Terms) {
        let given = Given {
            terms,
            spent: 0,
            times: 0,
            held: BTreeMap::new(),
            revoked: false,
        };
        self.given.insert(seq, given);
    }

    /// An operator takes it back: what is held of it stays so. `false` where there is none that
    /// counts.
    pub fn revoke(&mut self, seq: u64) -> bool {
        let given = self.given.get_mut(&seq).filter(|given| !given.revoked);
        given.map(|given| given.revoked = true).is_some()
    }

    /// Every grant that is known, by its seq.
    pub fn all(&self) -> impl Iterator<Item = (u64, &Given)> {
        self.given.iter().map(|(seq, given)| (*seq, given))
    }

    /// The grant with this seq.
    pub fn get(&self, seq: u64) -> Option<&Given> {
        self.given.get(&seq)
    }

    /// The grant that covers a new payment; of several the one that ends first.
    pub fn covering(&self, payment: &Payment<'_>, now_ms: u64) -> Option<u64> {
        let covering = self
            .all()
            .filter(|(_, given)| given.covers(payment, "", now_ms));
        let first = covering.min_by_key(|(seq, given)| (given.terms.until_ms, *seq));
        first.map(|(seq, _)| seq)
    }

    /// Whether the grant under which this request is held still covers its payment.
    pub fn still_covers(
        &self,
        seq: u64,
        payment: &Payment<'_>,
        request: &str,
        now_ms: u64,
    ) -> bool {
        let given = self.given.get(&seq);
        given.is_some_and(|given| given.covers(payment, request, now_ms))
    }

    /// Sets aside what a request would use. `false`, and nothing is changed, where it does not fit.
    pub(super) fn hold(&mut self, seq: u64, request: &str, amount: u128) -> bool {
        let given = self.given.get_mut(&seq);
        let Some(given) = given.filter(|given| amount <= given.left(request)) else {
            return false;
        };
        given.held.insert(request.to_owned(), amount);
        true
    }

    /// Nothing of it was paid.
    pub(super) fn free(&mut self, seq: u64, request: &str) {
        if let Some(given) = self.given.get_mut(&seq) {
            given.held.remove(request);
        }
    }

    /// It was paid.
    pub(super) fn pay(&mut self, seq: u64, request: &str) {
        if let Some(given) = self.given.get_mut(&seq) {
            if let Some(amount) = given.held.remove(request) {
                given.spent = given.spent.saturating_add(amount);
                given.times = given.times.saturating_add(1);
            }
        }
    }

    /// Forgets what ended more than so long ago; only for memory.
    pub(super) fn evict(&mut self, kept_ms: u64, now_ms: u64) {
        self.given.retain(|_, given| {
            !given.held.is_empty() || now_ms < given.terms.until_ms.saturating_add(kept_ms)
        });
    }
}
