//! The nonce ledger of one wallet on one chain.
//!
//! The guardian gives out nonces itself. One that was given to an order that was never signed is
//! given back and used first, so that no gap is left for later transactions to wait behind.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

/// Of so many nonces it is known who has them.
const OWNERS_MAX: usize = 1024;

/// Nonces given out so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NonceBook {
    /// The lowest nonce never given out.
    next: u64,
    /// Below `next`, given back, each with the request that had it.
    free: BTreeMap<u64, u64>,
    /// The last that were given out, and to which request.
    owners: VecDeque<(u64, u64)>,
    /// An operator said that it goes on from here: lower ones are not given out again.
    from: u64,
}

impl NonceBook {
    /// The nonce to give out next. `chain` is the number of transactions the chain has mined from
    /// this wallet: lower nonces are gone, whoever used them.
    pub fn peek(&self, chain: Option<u64>) -> u64 {
        let chain = chain.unwrap_or_default();
        let free = self.free.keys().copied().find(|nonce| *nonce >= chain);
        free.unwrap_or_else(|| self.next.max(chain))
    }

    /// The lowest nonce that was never given out.
    pub const fn next(&self) -> u64 {
        self.next
    }

    /// Nonces that were given back, each with the request that had it.
    pub fn free(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.free.iter().map(|(nonce, owner)| (*nonce, *owner))
    }

    /// The request that has this nonce, while that is known.
    pub fn owner(&self, nonce: u64) -> Option<u64> {
        let newest = self.owners.iter().rev();
        let mut owners = newest.filter(|(taken, _)| *taken == nonce);
        owners.next().map(|(_, owner)| *owner)
    }

    /// Gives out `nonce` to a request; false if it is out already or can never be used (EIP-2681).
    pub fn take(&mut self, nonce: u64, owner: u64) -> bool {
        if self.free.contains_key(&nonce) {
            // Lower ones were passed over because the chain has them.
            self.free = self.free.split_off(&nonce);
            self.free.remove(&nonce);
        } else if nonce < self.next {
            return false;
        } else if let Some(next) = nonce.checked_add(1) {
            // All that were given back were passed over: the chain has them.
            self.free.clear();
            self.next = next;
        } else {
            return false;
        }
        self.own(nonce, owner);
        true
    }

    /// Gives out a nonce that was given back, to close the gap it left; those below it stay. False
    /// unless it is free.
    pub fn take_back(&mut self, nonce: u64, owner: u64) -> bool {
        let was_free = self.free.remove(&nonce).is_some();
        if was_free {
            self.own(nonce, owner);
        }
        was_free
    }

    /// The chain used it for these bytes of ours: nobody else gets it. What is free below stays, since one
    /// node's word closes no gap.
    pub fn mined(&mut self, nonce: u64, owner: u64) {
        self.free.remove(&nonce);
        if nonce >= self.next {
            self.next = nonce.saturating_add(1);
        }
        if self.owner(nonce) != Some(owner) {
            self.own(nonce, owner);
        }
    }

    fn own(&mut self, nonce: u64, owner: u64) {
        self.owners.push_back((nonce, owner));
        if self.owners.len() > OWNERS_MAX {
            self.owners.pop_front();
        }
    }

    /// Takes back a nonce whose order was never signed, unless it is another's by now.
    pub fn give_back(&mut self, nonce: u64, owner: u64) {
        if nonce >= self.next || self.owner(nonce).is_some_and(|other| other != owner) {
            return;
        }
        self.owners.retain(|(taken, _)| *taken != nonce);
        if nonce < self.from {
            return;
        }
        self.free.insert(nonce, owner);
        // Those at the end were never out.
        while let Some(last) = self.next.checked_sub(1) {
            if self.free.remove(&last).is_none() {
                break;
            }
            self.next = last;
        }
    }

    /// Goes on from `next`, as an operator says: it is given out next, and whoever had it or a higher
    /// one has it no more.
    pub fn set(&mut self, next: u64) {
        self.free.clear();
        self.from = next;
        self.pass_on(next);
    }

    /// The same as records before version 4 mean it: lower ones that were given back come first.
    pub fn set_above_free(&mut self, next: u64) {
        self.free.split_off(&next);
        self.pass_on(next);
    }

    fn pass_on(&mut self, next: u64) {
        self.next = next;
        self.owners.retain(|(taken, _)| *taken < next);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonces_count_up_from_what_the_chain_has() {
        let mut book = NonceBook::default();
        assert_eq!(book.peek(Some(7)), 7);
        assert!(book.take(7, 1));
        assert_eq!(book.peek(Some(7)), 8);
        assert_eq!(book.peek(None), 8);
        assert!(!book.take(7, 2), "given out once only");
        assert_eq!(book.owner(7), Some(1));
    }

    #[test]
    fn what_was_given_back_is_used_first_and_lowest_first() {
        let mut book = NonceBook::default();
        for nonce in 0..5 {
            assert!(book.take(nonce, nonce + 10));
        }
        book.give_back(3, 13);
        book.give_back(1, 11);
        assert_eq!(book.peek(Some(0)), 1);
        assert_eq!(book.free().collect::<Vec<_>>(), [(1, 11), (3, 13)]);
        assert_eq!(book.owner(1), None);
        assert!(book.take(1, 20));
        assert_eq!(book.peek(Some(0)), 3);
        assert_eq!(book.peek(Some(4)), 5, "the chain has 3 already");
        assert!(book.take(5, 21));
        assert_eq!(book.peek(Some(0)), 6, "3 is forgotten");
    }

    #[test]
    fn a_gap_is_closed_without_passing_over_those_below() {
        let mut book = NonceBook::default();
        for nonce in 0..4 {
            assert!(book.take(nonce, nonce));
        }
        book.give_back(0, 0);
        book.give_back(2, 2);
        assert!(book.take_back(2, 9) && !book.take_back(2, 9) && !book.take_back(3, 9));
        assert_eq!((book.peek(None), book.owner(2)), (0, Some(9)));
    }

    #[test]
    fn giving_back_the_last_ones_leaves_no_trace() {
        let mut book = NonceBook::default();
        assert!(book.take(0, 4) && book.take(1, 5) && book.take(2, 6));
        book.give_back(1, 5);
        book.give_back(2, 6);
        let mut one = NonceBook::default();
        assert!(one.take(0, 4));
        assert_eq!(book, one);
        assert!(!book.take(u64::MAX, 7));
    }

    #[test]
    fn what_was_mined_is_out_also_if_it_was_given_back() {
        let mut book = NonceBook::default();
        for nonce in 0..4 {
            assert!(book.take(nonce, nonce));
        }
        book.give_back(1, 1);
        book.give_back(3, 3);
        book.mined(3, 3);
        assert_eq!(
            (book.next(), book.owner(3), book.peek(None)),
            (4, Some(3), 1)
        );
        book.mined(1, 1);
        assert_eq!((book.peek(None), book.owner(1)), (4, Some(1)));
        let before = book.clone();
        book.mined(2, 2);
        assert_eq!(book, before, "nothing changes for who has it");
    }

    #[test]
    fn only_who_has_a_nonce_gives_it_back() {
        let mut book = NonceBook::default();
        assert!(book.take(0, 1) && book.take(1, 2));
        book.set(0);
        assert!(book.take(0, 3) && book.take(1, 4));
        book.give_back(0, 1);
        assert_eq!((book.peek(None), book.owner(0)), (2, Some(3)));
    }

    #[test]
    fn an_operator_may_set_it_to_what_the_chain_says() {
        let mut book = NonceBook::default();
        assert!(book.take(0x0010_0000, 1));
        book.set(3);
        assert_eq!((book.peek(Some(3)), book.owner(0x0010_0000)), (3, None));
        assert!(book.take(3, 2) && book.take(4, 3));
    }

    #[test]
    fn an_operator_may_set_it_above_what_was_given_back_then_or_later() {
        let mut book = NonceBook::default();
        for nonce in 0..4 {
            assert!(book.take(nonce, nonce));
        }
        book.give_back(1, 1);
        book.set(6);
        assert_eq!((book.peek(None), book.free().count()), (6, 0));
        book.give_back(2, 2);
        assert_eq!((book.peek(None), book.owner(2)), (6, None));
        book.set(2);
        assert_eq!(book.peek(None), 2, "or back again");
    }
}
