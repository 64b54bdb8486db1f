//! Exact windows: what is held and posted under every limit of the policy.
//!
//! A reservation is *held* from the decision on and never leaves by age. It is *posted* at
//! settlement and then counts while its time is in the span of the limit. It is *voided* only by proof that
//! the money cannot move. Time is given. Where it runs backwards, because an operator set the clock, an
//! earlier time is taken as the latest one seen in that window: what was posted counts longer, never
//! less.

mod book;
mod grants;
mod ledger;
mod rolling;
mod span;
mod standing;

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize, Serializer};

pub use book::{Book, BookError};
pub use grants::{Given, Grants, Payment, Terms};
pub use ledger::{Ledger, LEDGER_MS};
pub use span::Span;
pub use standing::{Change, Claimed, Claims, Ends, Happened, GRACE_MS};

use crate::spend::{Reservation, Spends};
use rolling::Window;
use standing::Standing;

/// What a policy limits: all that the windows know of it.
pub trait Limits {
    /// Every limit by its id, with the span of what counts.
    fn windows(&self) -> impl Iterator<Item = (&str, Span)>;

    /// What `spends` reserve under these limits, sorted by limit and key.
    fn reservations(&self, spends: &Spends) -> Vec<Reservation>;
}

/// Why a change of the windows was refused. Nothing is changed then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    /// The reservation names a limit the windows were not built for.
    #[error("no limit `{0}`")]
    UnknownLimit(String),
    /// The sum of a window would not fit in 128 bits.
    #[error("the sum under limit `{0}` overflows")]
    Overflow(String),
    /// More would be posted or voided than is held.
    #[error("more than is held under limit `{0}`")]
    NotHeld(String),
}

/// What counts under one key of a limit right now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usage<'a> {
    /// Limit id.
    pub limit: &'a str,
    /// Scope instance, as in `Reservation`.
    pub key: &'a str,
    /// Posted and still in the window, or standing.
    pub posted: u128,
    /// Held.
    pub held: u128,
}

/// The state of all limits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Windows {
    limits: BTreeMap<String, LimitWindows>,
    /// How far the time that is given is ahead of the wall clock, ms: what stands ends by the earlier
    /// of them.
    ahead_ms: u64,
}

/// All keys of one limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct LimitWindows {
    span: Span,
    /// Posts until empty keys are looked for again: as many as there were keys, so each search is
    /// paid for.
    until_sweep: u64,
    #[serde(serialize_with = "sorted")]
    keys: HashMap<String, Window>,
    /// Of a limit on what stands: what does, by key.
    standing: BTreeMap<String, Standing>,
}

impl Windows {
    /// Empty windows for the limits of this policy.
    pub fn for_policy(policy: &impl Limits) -> Self {
        Self::with_limits(policy.windows())
    }

    /// Empty windows for limits given as (id, span).
    pub fn with_limits<'a, S: Into<Span>>(limits: impl IntoIterator<Item = (&'a str, S)>) -> Self {
        let fresh = |span: S| LimitWindows {
            span: span.into(),
            until_sweep: SWEEP_MIN,
            keys: HashMap::new(),
            standing: BTreeMap::new(),
        };
        let limits = limits
            .into_iter()
            .map(|(id, span)| (id.to_owned(), fresh(span)));
        Self {
            limits: limits.collect(),
            ahead_ms: 0,
        }
    }

    /// By when what stands has to be over, ms.
    fn early(&self, now_ms: u64) -> u64 {
        now_ms.saturating_sub(self.ahead_ms)
    }

    /// The windows as if the limits of `policy` had always existed: `ledger` is what was posted in
    /// the last 32 days and the sum of what ever was, `claims` what stands, `held` what is set aside now.
    pub fn rebuild<'a>(
        policy: &impl Limits,
        ledger: &Ledger,
        claims: &Claims,
        held: impl IntoIterator<Item = &'a Spends>,
        now_ms: u64,
    ) -> Result<Self, WindowError> {
        let mut windows = Self::for_policy(policy);
        ledger.each(|at_ms, spends| {
            let mut reservations = policy.reservations(spends);
            reservations.retain(|part| !windows.is_lifetime(&part.limit));
            windows.reserve(&reservations, at_ms)?;
            // Where the clock was set back, what was posted last is later than now.
            windows.post_at(&reservations, &reservations, (at_ms, at_ms.min(now_ms)))
        })?;
        if windows
            .limits
            .keys()
            .any(|limit| windows.is_lifetime(limit))
        {
            ledger.each_total(|spends| {
                for part in policy.reservations(spends) {
                    windows.add_total(part);
                }
            });
        }
        for claimed in claims.each(now_ms) {
            windows.stand(policy, claimed, now_ms);
        }
        for spends in held {
            windows.reserve(&policy.reservations(spends), now_ms)?;
        }
        Ok(windows)
    }

    fn is_lifetime(&self, limit: &str) -> bool {
        let limit = self.limits.get(limit);
        limit.is_some_and(|limit| limit.span == Span::Lifetime)
    }

    /// What was ever posted, under a limit that counts it.
    fn add_total(&mut self, part: Reservation) {
        let limit = self.limits.get_mut(&part.limit);
        if let Some(limit) = limit.filter(|limit| limit.span == Span::Lifetime) {
            let total = limit.keys.entry(part.key).or_default();
            // More than any limit is over each of them, however much more.
            let room = TOTAL_MAX.saturating_sub(total.posted_sum(0));
            total.post(part.amount.min(room), 0);
        }
    }

    /// A right stands from now on.
    pub fn stand(&mut self, policy: &impl Limits, claimed: &Claimed, now_ms: u64) {
        let early = self.early(now_ms);
        for part in policy.reservations(&claimed.spends) {
            let limit = self.limits.get_mut(&part.limit);
            if let Some(limit) = limit.filter(|limit| limit.span.is_standing()) {
                let standing = limit.standing.entry(part.key).or_default();
                standing.add(part.amount, claimed.ends_ms, early);
            }
        }
    }

    /// A right is over before its time.
    pub fn stand_no_more(&mut self, policy: &impl Limits, claimed: &Claimed) {
        for part in policy.reservations(&claimed.spends) {
            let limit = self.limits.get_mut(&part.limit);
            if let Some(limit) = limit.filter(|limit| limit.span.is_standing()) {
                if let Some(standing) = limit.standing.get_mut(&part.key) {
                    standing.remove(part.amount, claimed.ends_ms);
                    if standing.is_empty() {
                        limit.standing.remove(&part.key);
                    }
                }
            }
        }
    }

    /// Held plus what is posted and still counts at `now_ms`; zero for a limit or key never seen.
    /// O(1), and O(log entries) when entries have left the window since the last post.
    pub fn used(&self, limit: &str, key: &str, now_ms: u64) -> u128 {
        let rolling = self
            .find(limit, key)
            .map_or(0, |(window, span)| window.used(span.start_ms(now_ms)));
        rolling.saturating_add(self.standing(limit, key, now_ms))
    }

    /// What stands under this key of a limit on what stands.
    fn standing(&self, limit: &str, key: &str, now_ms: u64) -> u128 {
        let limit = self.limits.get(limit);
        let standing = limit.and_then(|limit| limit.standing.get(key));
        standing.map_or(0, |standing| standing.used(self.early(now_ms)))
    }

    /// What is held under this key.
    pub fn held(&self, limit: &str, key: &str) -> u128 {
        self.find(limit, key).map_or(0, |(window, _)| window.held)
    }

    /// The first moment at which `excess` less counts because posted entries have left; `None` if
    /// what is posted now is not as much.
    pub fn frees_at(&self, limit: &str, key: &str, excess: u128, now_ms: u64) -> Option<u64> {
        let found = self.limits.get(limit)?;
        if found.span.is_standing() {
            let standing = found.standing.get(key)?;
            let at = standing.frees_at(excess, self.early(now_ms))?;
            return Some(at.saturating_add(self.ahead_ms));
        }
        let (window, span) = self.find(limit, key)?;
        span.leaves_ms(window.frees_with(excess, span.start_ms(now_ms))?)
    }

    /// Of a limit that counts parties: those that count under this key, each with its own key and when
    /// it leaves; `None` for one that does not leave by age.
    pub fn parties<'w>(
        &'w self,
        limit: &str,
        key: &'w str,
        now_ms: u64,
    ) -> impl Iterator<Item = (&'w str, Option<u64>)> + use<'w> {
        let limit = self.limits.get(limit).into_iter();
        limit.flat_map(move |limit| {
            let from_ms = limit.span.start_ms(now_ms);
            limit.keys.iter().filter_map(move |(party, window)| {
                let is_of = party.split_once(PARTY).is_some_and(|(of, _)| of == key);
                if !is_of || window.used(from_ms) == 0 {
                    return None;
                }
                let posted = window.last_ms().filter(|_| window.held == 0);
                let leaves = posted.and_then(|last_ms| limit.span.leaves_ms(last_ms));
                Some((party.as_str(), leaves))
            })
        })
    }

    /// Sets amounts aside: all of them or none.
    pub fn reserve(
        &mut self,
        reservations: &[Reservation],
        now_ms: u64,
    ) -> Result<(), WindowError> {
        for (done, reservation) in reservations.iter().enumerate() {
            if let Err(error) = self.hold_one(reservation, now_ms) {
                self.void(reservations.get(..done).unwrap_or_default())?;
                return Err(error);
            }
        }
        Ok(())
    }

    /// Gives back what was held: all of it or nothing.
    pub fn void(&mut self, reservations: &[Reservation]) -> Result<(), WindowError> {
        self.free_all(reservations)?;
        for reservation in reservations {
            self.forget_if_empty(reservation);
        }
        Ok(())
    }

    /// What was held counts from `now_ms` on for the full window.
    pub fn post(&mut self, reservations: &[Reservation], now_ms: u64) -> Result<(), WindowError> {
        self.post_partial(reservations, reservations, now_ms)
    }

    /// Posts `kept` of what was `held` and voids the rest. Each amount of `kept` is at most that of
    /// `held` for the same limit and key.
    pub fn post_partial(
        &mut self,
        held: &[Reservation],
        kept: &[Reservation],
        now_ms: u64,
    ) -> Result<(), WindowError> {
        self.post_at(held, kept, (now_ms, now_ms))
    }

    /// The same at another time than now.
    fn post_at(
        &mut self,
        held: &[Reservation],
        kept: &[Reservation],
        times: (u64, u64),
    ) -> Result<(), WindowError> {
        for part in kept {
            if total(kept, part) > total(held, part) {
                return Err(WindowError::NotHeld(part.limit.clone()));
            }
        }
        self.free_all(held)?;
        for part in kept {
            self.post_one(part, times);
        }
        for reservation in held {
            self.forget_if_empty(reservation);
        }
        Ok(())
    }

    /// Forgets every entry that no longer counts. Never needed for a right answer, only for memory.
    pub fn evict(&mut self, now_ms: u64) {
        let early = self.early(now_ms);
        for limit in self.limits.values_mut() {
            limit.sweep(now_ms, early);
        }
    }

    /// Everything that counts at `now_ms`, by limit and key.
    pub fn usages(&self, now_ms: u64) -> Vec<Usage<'_>> {
        let mut usages = Vec::new();
        for (id, limit) in &self.limits {
            let from_ms = limit.span.start_ms(now_ms);
            let first = usages.len();
            let alone = limit.standing.keys();
            let alone = alone.filter(|key| !limit.keys.contains_key(*key));
            for key in limit.keys.keys().chain(alone) {
                let window = limit.keys.get(key);
                let posted = window.map_or(0, |one| one.posted_sum(from_ms));
                let standing = limit.standing.get(key);
                let standing = standing.map_or(0, |one| one.used(self.early(now_ms)));
                let usage = Usage {
                    limit: id,
                    key,
                    posted: posted.saturating_add(standing),
                    held: window.map_or(0, |one| one.held),
                };
                if usage.posted != 0 || usage.held != 0 {
                    usages.push(usage);
                }
            }
            if let Some(of_limit) = usages.get_mut(first..) {
                of_limit.sort_unstable_by_key(|usage| usage.key);
            }
        }
        usages
    }

    /// Number of posted entries that are kept.
    pub fn entries(&self) -> usize {
        let of_limit = |limit: &LimitWindows| -> usize {
            limit.keys.values().map(|window| window.len()).sum()
        };
        self.limits.values().map(of_limit).sum()
    }

    fn find(&self, limit: &str, key: &str) -> Option<(&Window, &Span)> {
        let limit = self.limits.get(limit)?;
        Some((limit.keys.get(key)?, &limit.span))
    }

    fn hold_one(&mut self, reservation: &Reservation, now_ms: u64) -> Result<(), WindowError> {
        let early = self.early(now_ms);
        let Some(limit) = self.limits.get_mut(&reservation.limit) else {
            return Err(WindowError::UnknownLimit(reservation.limit.clone()));
        };
        let overflow = || WindowError::Overflow(reservation.limit.clone());
        let Some(window) = limit.keys.get_mut(&reservation.key) else {
            let window = Window::holding(reservation.amount);
            limit.keys.insert(reservation.key.clone(), window);
            return Ok(());
        };
        // The whole sum must fit: then moving from held to posted cannot overflow, and differences
        // of running sums are exact although they wrap.
        let standing = limit.standing.get(&reservation.key);
        let sum = window
            .held
            .checked_add(window.posted_sum(limit.span.start_ms(now_ms)))
            .and_then(|sum| sum.checked_add(standing.map_or(0, |one| one.used(early))));
        sum.and_then(|sum| sum.checked_add(reservation.amount))
            .ok_or_else(overflow)?;
        window.held = window
            .held
            .checked_add(reservation.amount)
            .ok_or_else(overflow)?;
        Ok(())
    }

    /// Takes every amount off what is held, or none of them.
    fn free_all(&mut self, reservations: &[Reservation]) -> Result<(), WindowError> {
        for part in reservations {
            if !self.limits.contains_key(&part.limit) {
                return Err(WindowError::UnknownLimit(part.limit.clone()));
            }
            if total(reservations, part) > self.held(&part.limit, &part.key) {
                return Err(WindowError::NotHeld(part.limit.clone()));
            }
        }
        for part in reservations {
            let limit = self.limits.get_mut(&part.limit);
            if let Some(window) = limit.and_then(|limit| limit.keys.get_mut(&part.key)) {
                window.held = window.held.saturating_sub(part.amount);
            }
        }
        Ok(())
    }

    fn post_one(&mut self, reservation: &Reservation, (at_ms, now_ms): (u64, u64)) {
        let early = self.early(now_ms);
        let Some(limit) = self.limits.get_mut(&reservation.limit) else {
            return;
        };
        if limit.span.is_standing() {
            return;
        }
        if let Some(window) = limit.keys.get_mut(&reservation.key) {
            window.evict(limit.span.start_ms(now_ms));
            window.post(reservation.amount, limit.span.noted_ms(at_ms));
        }
        limit.until_sweep = limit.until_sweep.saturating_sub(1);
        if limit.until_sweep == 0 {
            limit.sweep(now_ms, early);
        }
    }

    fn forget_if_empty(&mut self, reservation: &Reservation) {
        if let Some(limit) = self.limits.get_mut(&reservation.limit) {
            if limit
                .keys
                .get(&reservation.key)
                .is_some_and(Window::is_empty)
            {
                limit.keys.remove(&reservation.key);
            }
        }
    }
}

/// The most that counts as ever posted when a policy is loaded.
const TOTAL_MAX: u128 = u128::MAX >> 1;

/// Between the key of a limit that counts parties and the party.
pub const PARTY: char = '>';

/// A limit is swept for empty keys after at least this many posts.
const SWEEP_MIN: u64 = 1024;

/// The sum `reservations` have for the limit and key of `like`.
fn total(reservations: &[Reservation], like: &Reservation) -> u128 {
    let same = reservations
        .iter()
        .filter(|one| one.limit == like.limit && one.key == like.key);
    same.fold(0, |sum, one| sum.saturating_add(one.amount))
}

/// Writes keys in their order, so that equal states have equal bytes.
fn sorted<S: Serializer>(keys: &HashMap<String, Window>, to: S) -> Result<S::Ok, S::Error> {
    keys.iter().collect::<BTreeMap<_, _>>().serialize(to)
}

impl LimitWindows {
    fn sweep(&mut self, now_ms: u64, early_ms: u64) {
        let from_ms = self.span.start_ms(now_ms);
        self.keys.retain(|_, window| {
            window.evict(from_ms);
            !window.is_empty()
        });
        self.standing.retain(|_, standing| {
            standing.evict(early_ms);
            !standing.is_empty()
        });
        self.until_sweep = (self.keys.len() as u64).saturating_add(SWEEP_MIN);
    }
}
