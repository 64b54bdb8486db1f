//! Windows, ledger and what is held, changed together: the one place a guardian keeps its limits.

use std::borrow::Cow;
use std::collections::BTreeMap;

use alloy_primitives::Address;
use serde::{Deserialize, Serialize};

use super::ledger::LEDGER_MS;
use super::{Claims, Grants, Happened, Ledger, Limits, Terms, WindowError, Windows};
use crate::chain::Account;
use crate::effects::EffectKind;
use crate::spend::{Reservation, Spends};

/// Why a change of the book was refused. Nothing is changed then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BookError {
    /// The request holds something already.
    #[error("request `{0}` holds already")]
    HeldAlready(String),
    /// The request holds nothing.
    #[error("request `{0}` holds nothing")]
    NotHeld(String),
    /// The grant it would be paid under has no room for it.
    #[error("grant {0} has no room for request `{1}`")]
    NotGranted(u64, String),
    /// The windows refused.
    #[error(transparent)]
    Window(#[from] WindowError),
}

/// What one request has set aside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Held {
    spends: Spends,
    /// Under every limit it falls under.
    reservations: Vec<Reservation>,
    /// It waits for people: only what no other agent can use is set aside.
    waits: bool,
}

impl Held {
    /// What the windows hold of it.
    fn counted(&self) -> Cow<'_, [Reservation]> {
        if !self.waits {
            return Cow::Borrowed(&self.reservations);
        }
        let own = self.reservations.iter().filter(|part| !part.is_shared());
        Cow::Owned(own.cloned().collect())
    }
}

/// The limits of a guardian: every request is held once, and then posted, posted in part, or
/// voided, once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Book {
    windows: Windows,
    ledger: Ledger,
    claims: Claims,
    grants: Grants,
    held: BTreeMap<String, Held>,
}

impl Book {
    /// An empty book without limits: `load` gives it some.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty book with the limits of a policy.
    pub fn for_policy(policy: &impl Limits) -> Self {
        Self {
            windows: Windows::for_policy(policy),
            ..Self::default()
        }
    }

    /// The windows `decide` reads.
    pub fn windows(&self) -> &Windows {
        &self.windows
    }

    /// How far the time that is given is ahead of the wall clock from now on, ms.
    pub fn clock_ahead(&mut self, ms: u64) {
        self.windows.ahead_ms = ms;
    }

    /// What was posted.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// What stands.
    pub fn claims(&self) -> &Claims {
        &self.claims
    }

    /// One-off grants.
    pub fn grants(&self) -> &Grants {
        &self.grants
    }

    /// An operator gives a grant, which is named by its seq.
    pub fn give(&mut self, seq: u64, terms: Terms) {
        self.grants.give(seq, terms);
    }

    /// An operator takes a grant back; `false` where there is none to take back.
    pub fn revoke(&mut self, seq: u64) -> bool {
        self.grants.revoke(seq)
    }

    /// What this request holds under the limits of the policy loaded last, or holds once people have
    /// approved it; empty if nothing.
    pub fn reservations(&self, request: &str) -> &[Reservation] {
        self.held
            .get(request)
            .map_or(&[], |held| held.reservations.as_slice())
    }

    /// Whether something may still come to this wallet for what it gave before: an order that stands
    /// or is on its way, or value that is on its way through a bridge. `except` is a request that is
    /// left out. What a bridge took in a request that is settled is not known here.
    pub fn owes(
        &self,
        wallet: Address,
        except: &str,
        is_bridge: impl Fn(Account) -> bool,
        now_ms: u64,
    ) -> bool {
        let others = self.held.iter().filter(|(name, _)| *name != except);
        let held = others.map(|(_, held)| &held.spends);
        let standing = self
            .claims
            .each(self.windows.early(now_ms))
            .map(|claimed| &claimed.spends);
        let mut all = held
            .chain(standing)
            .filter(|spends| spends.wallet == wallet);
        all.any(|spends| {
            let bridge = |to: Address| is_bridge(spends.chain_id.at(to));
            let mut items = spends.items.iter();
            items.any(|item| item.kind == EffectKind::Order || item.to.is_some_and(bridge))
        })
    }

    /// What this request may cost, while it is held.
    pub fn spends(&self, request: &str) -> Option<&Spends> {
        self.held.get(request).map(|held| &held.spends)
    }

    /// Takes over another policy: its limits count what was spent before it came.
    pub fn load(&mut self, policy: &impl Limits, now_ms: u64) -> Result<(), BookError> {
        let (nothing, early) = (std::iter::empty(), self.windows.early(now_ms));
        let mut windows = Windows::rebuild(policy, &self.ledger, &self.claims, nothing, early)?;
        windows.ahead_ms = self.windows.ahead_ms;
        let mut all = self.held.clone();
        for held in all.values_mut() {
            held.reservations = policy.reservations(&held.spends);
            windows.reserve(&held.counted(), now_ms)?;
        }
        (self.windows, self.held) = (windows, all);
        self.windows.evict(now_ms);
        Ok(())
    }

    /// Sets aside what a decision asks for (its `spends` and `reservations`).
    pub fn hold(
        &mut self,
        request: &str,
        spends: Spends,
        reservations: Vec<Reservation>,
        now_ms: u64,
    ) -> Result<(), BookError> {
        let held = Held {
            spends,
            reservations,
            waits: false,
        };
        self.set_aside(request, held, now_ms)
    }

    /// The same for a request that waits for people: what it would take of a limit that others share
    /// is set aside by `approve`, so what nobody answers stops nobody else.
    pub fn hold_waiting(
        &mut self,
        request: &str,
        spends: Spends,
        reservations: Vec<Reservation>,
        now_ms: u64,
    ) -> Result<(), BookError> {
        let held = Held {
            spends,
            reservations,
            waits: true,
        };
        self.set_aside(request, held, now_ms)
    }

    /// Holds less than before: the rest is given back.
    pub fn hold_less(
        &mut self,
        request: &str,
        spends: Spends,
        reservations: Vec<Reservation>,
        now_ms: u64,
    ) -> Result<(), BookError> {
        let parts = at_most(reservations, &self.one(request)?.reservations);
        self.hold_anew(request, spends, parts, now_ms)
    }

    /// Sets more aside than before, or for a request that holds nothing; within the limits or not.
    /// Whoever asks for it looks at them first.
    pub fn hold_anew(
        &mut self,
        request: &str,
        spends: Spends,
        reservations: Vec<Reservation>,
        now_ms: u64,
    ) -> Result<(), BookError> {
        let waits = match self.held.get(request).cloned() {
            Some(before) => {
                self.windows.void(&before.counted())?;
                self.held.remove(request);
                if let Some(grant) = before.spends.grant {
                    self.grants.free(grant, request);
                }
                before.waits
            }
            None => false,
        };
        let held = Held {
            spends,
            reservations,
            waits,
        };
        self.set_aside(request, held, now_ms)
    }

    fn set_aside(&mut self, request: &str, held: Held, now_ms: u64) -> Result<(), BookError> {
        if self.held.contains_key(request) {
            return Err(BookError::HeldAlready(request.to_owned()));
        }
        if let Some(grant) = held.spends.grant {
            if !self.grants.hold(grant, request, held.spends.paid()) {
                return Err(BookError::NotGranted(grant, request.to_owned()));
            }
        }
        if let Err(error) = self.windows.reserve(&held.counted(), now_ms) {
            if let Some(grant) = held.spends.grant {
                self.grants.free(grant, request);
            }
            return Err(error.into());
        }
        self.held.insert(request.to_owned(), held);
        Ok(())
    }

    /// People have approved it: it holds what others share too, whether that is still within the
    /// limits or not. Whoever lets it go on looks at them again.
    pub fn approve(&mut self, request: &str, now_ms: u64) -> Result<(), BookError> {
        let held = self.held.get_mut(request);
        let held = held.ok_or_else(|| BookError::NotHeld(request.to_owned()))?;
        if held.waits {
            let shared = held.reservations.iter().filter(|part| part.is_shared());
            let shared: Vec<Reservation> = shared.cloned().collect();
            self.windows.reserve(&shared, now_ms)?;
            held.waits = false;
        }
        Ok(())
    }

    /// All of it counts from `now_ms` on. Without a policy nothing is decided until one is loaded,
    /// which counts what stands anew.
    pub fn post(
        &mut self,
        policy: Option<&impl Limits>,
        request: &str,
        happened: Happened,
        now_ms: u64,
    ) -> Result<(), BookError> {
        let held = self.one(request)?.clone();
        self.windows.post(&held.counted(), now_ms)?;
        self.use_grant(request, &held.spends, &held.spends);
        self.settle(policy, &held.spends, happened, now_ms);
        self.held.remove(request);
        Ok(())
    }

    /// What is kept of a request was paid under its grant; what is not goes back to it.
    fn use_grant(&mut self, request: &str, held: &Spends, kept: &Spends) {
        let Some(grant) = held.grant else { return };
        if kept.paid() > 0 {
            self.grants.pay(grant, request);
        } else {
            self.grants.free(grant, request);
        }
    }

    /// It happened: it is written in the ledger, and what stands changes.
    fn settle(
        &mut self,
        policy: Option<&impl Limits>,
        spends: &Spends,
        happened: Happened,
        now_ms: u64,
    ) {
        self.ledger.post(spends, now_ms);
        let times = (spends.decided_ms, now_ms);
        let early = (self.windows.early(times.0), self.windows.early(times.1));
        let change = self.claims.take(spends, happened, early);
        let Some(policy) = policy else { return };
        for claimed in &change.ended {
            self.windows.stand_no_more(policy, claimed);
        }
        for claimed in &change.added {
            self.windows.stand(policy, claimed, now_ms);
        }
    }

    /// `kept` counts from `now_ms` on and the rest is void: `kept` is made by `Spends::fee_only`
    /// after a revert, or by `Spends::with_fee` when the fee that was paid is known.
    pub fn post_partial(
        &mut self,
        policy: &impl Limits,
        request: &str,
        (kept, happened): (&Spends, Happened),
        now_ms: u64,
    ) -> Result<(), BookError> {
        let held = self.one(request)?.clone();
        let counted = held.counted();
        let parts = at_most(policy.reservations(kept), &counted);
        self.windows.post_partial(&counted, &parts, now_ms)?;
        self.use_grant(request, &held.spends, kept);
        self.settle(Some(policy), kept, happened, now_ms);
        self.held.remove(request);
        Ok(())
    }

    /// An operator said that the wallet's nonces go on from here.
    pub fn nonces_go_on(&mut self, wallet: Account, next: u64) {
        self.claims.nonces_go_on(wallet, next);
    }

    /// Nothing of it counts: only with proof that the money cannot move any more.
    pub fn void(&mut self, request: &str) -> Result<(), BookError> {
        let held = self.one(request)?.clone();
        self.windows.void(&held.counted())?;
        if let Some(grant) = held.spends.grant {
            self.grants.free(grant, request);
        }
        self.held.remove(request);
        Ok(())
    }

    /// Forgets what no longer counts anywhere. Only for memory: right answers never need it.
    pub fn evict(&mut self, now_ms: u64) {
        self.windows.evict(now_ms);
        self.ledger.evict(now_ms);
        self.grants.evict(LEDGER_MS, now_ms);
        self.claims.evict(self.windows.early(now_ms));
    }

    fn one(&self, request: &str) -> Result<&Held, BookError> {
        self.held
            .get(request)
            .ok_or_else(|| BookError::NotHeld(request.to_owned()))
    }
}

/// Never more than was set aside: a record of an earlier version may have counted several payments of
/// one request as one.
fn at_most(mut kept: Vec<Reservation>, held: &[Reservation]) -> Vec<Reservation> {
    for part in &mut kept {
        part.amount = part.amount.min(super::total(held, part));
    }
    kept.retain(|part| part.amount != 0);
    kept
}
