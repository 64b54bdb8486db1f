//! The nonce ledger of one wallet on one chain.
//!
//! The guardian gives out nonces itself. One that was given to an order that was never signed is
//! given back and used first, so that no gap is left for later transactions to wait behind.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// Nonces given out so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NonceBook {
    /// The lowest nonce never given out.
    next: u64,
    /// Below `next`, given back.
    free: BTreeSet<u64>,
}

impl NonceBook {
    /// The nonce to give out next. `chain` is the number of transactions the chain has mined from
    /// this wallet: lower nonces are gone, whoever used them.
    pub fn peek(&self, chain: Option<u64>) -> u64 {
        let chain = chain.unwrap_or_default();
        let free = self.free.range(chain..).next();
        free.copied().unwrap_or_else(|| self.next.max(chain))
    }

    /// Gives out `nonce`; false if it is out already or can never be used (EIP-2681).
    pub fn take(&mut self, nonce: u64) -> bool {
        if self.free.contains(&nonce) {
            // Lower ones were passed over because the chain has them.
            self.free = self.free.split_off(&nonce);
            return self.free.remove(&nonce);
        }
        if nonce < self.next {
            return false;
        }
        match nonce.checked_add(1) {
            Some(next) => {
                // All that were given back were passed over: the chain has them.
                self.free.clear();
                self.next = next;
                true
            }
            None => false,
        }
    }

    /// Takes back a nonce whose order was never signed.
    pub fn give_back(&mut self, nonce: u64) {
        if nonce >= self.next {
            return;
        }
        self.free.insert(nonce);
        // Those at the end were never out.
        while let Some(last) = self.next.checked_sub(1) {
            if !self.free.remove(&last) {
                break;
            }
            self.next = last;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonces_count_up_from_what_the_chain_has() {
        let mut book = NonceBook::default();
        assert_eq!(book.peek(Some(7)), 7);
        assert!(book.take(7));
        assert_eq!(book.peek(Some(7)), 8);
        assert_eq!(book.peek(None), 8);
        assert!(!book.take(7), "given out once only");
    }

    #[test]
    fn what_was_given_back_is_used_first_and_lowest_first() {
        let mut book = NonceBook::default();
        for nonce in 0..5 {
            assert!(book.take(nonce));
        }
        book.give_back(3);
        book.give_back(1);
        assert_eq!(book.peek(Some(0)), 1);
        assert!(book.take(1));
        assert_eq!(book.peek(Some(0)), 3);
        assert_eq!(book.peek(Some(4)), 5, "the chain has 3 already");
        assert!(book.take(5));
        assert_eq!(book.peek(Some(0)), 6, "3 is forgotten");
    }

    #[test]
    fn giving_back_the_last_ones_leaves_no_trace() {
        let mut book = NonceBook::default();
        assert!(book.take(0) && book.take(1) && book.take(2));
        book.give_back(1);
        book.give_back(2);
        assert_eq!(
            book,
            NonceBook {
                next: 1,
                free: BTreeSet::new()
            }
        );
        assert!(!book.take(u64::MAX));
    }
}
