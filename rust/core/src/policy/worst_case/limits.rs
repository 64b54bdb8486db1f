//! How much a limit lets pass in a span.

use std::collections::BTreeSet;

use alloy_primitives::{Address, U256};

use crate::policy::conditions::Conditions;
use crate::policy::model::{Limit, Measure, OnExceed, Per};
use crate::policy::worst_case::flows::{Cell, Scene};
use crate::policy::worst_case::units::{base_of, usd_of, Unit};
use crate::policy::Policy;

/// A limit that may count something of the agent.
pub(super) struct Counted<'p> {
    pub limit: &'p Limit,
    /// Which one of the policy it is.
    pub place: u32,
    /// What an effect must be besides its kind and asset; who asks and where was looked at before.
    pub rest: Conditions,
}

/// How often a limit can be filled in a span: whole windows, and what is left of the span, ms.
///
/// Rolling: what is decided at `t` is held at once and counts until it is settled, and then for the
/// window, so at every decision before `t + window`. Of any decisions in a half-open interval as long
/// as the window, the last one therefore sees all others, and their sum is at most `max`. A span
/// `[s, s + T)` is `T / window` such intervals, one after the other, and one more for a remainder.
/// Both edges are reached: one request at `s`, the next at `s + window`.
///
/// What stands: a right that ends, is taken back or replaced makes room for another one at once, so it
/// can be filled any number of times: `None`.
pub(super) fn fills(limit: &Limit, span_ms: u64) -> Option<(u64, u64)> {
    // Every field is named, so that a new sort of window asks for its line here.
    let Limit {
        id: _,
        per: _,
        measure: _,
        max: _,
        window_ms,
        on_exceed,
        matcher: _,
        at: _,
    } = limit;
    match on_exceed {
        // Both let nothing more pass without a person.
        OnExceed::Deny | OnExceed::Approval => {}
    }
    let whole = span_ms.checked_div(*window_ms)?;
    let rest = span_ms.checked_rem(*window_ms)?;
    Some((whole, rest))
}

impl Policy {
    /// Whether the limit spares recipients that a list names for a time: by one clock they may be on it
    /// and by another no more, so it is not certain what it counts.
    pub(super) fn spares_for_a_time(&self, limit: &Limit) -> bool {
        let spared = limit.matcher.not_to.as_ref();
        let mut lists = spared.into_iter().flat_map(|spared| spared.lists.iter());
        lists.any(|list| {
            let list = self.lists().get(*list as usize);
            let mut entries = list.into_iter().flat_map(|list| &list.entries);
            entries.any(|entry| entry.expires_ms.is_some())
        })
    }
}

impl Scene<'_> {
    /// The most that all `cells` together can be while one window of each key of the limit is filled;
    /// `None` if it bounds them not, or not in this unit. It counts every effect of each cell.
    pub(super) fn window(
        &self,
        counted: &Counted<'_>,
        cells: &[&Cell],
        unit: Unit,
    ) -> Option<U256> {
        let limit = counted.limit;
        let max = U256::from(limit.max);
        let each = |of: &dyn Fn(&Cell) -> Option<U256>| -> Option<U256> {
            let mut most = U256::ZERO;
            for cell in cells {
                most = most.max(of(cell)?);
            }
            Some(most)
        };
        let one = match (&limit.measure, unit) {
            (Measure::Usd, Unit::Usd) | (Measure::Amount(_), Unit::Base) => max,
            // The dearest of the assets that add up, the cheapest of those that are worth it.
            (Measure::Amount(_), Unit::Usd) => each(&|cell| usd_of(max, self.entry(cell)?))?,
            (Measure::Usd, Unit::Base) => each(&|cell| base_of(max, self.entry(cell)?))?,
            // Every effect counts at least once.
            (Measure::Count, unit) => max.saturating_mul(each(&|cell| cell.each.in_unit(unit))?),
        };
        Some(one.saturating_mul(U256::from(self.keys(limit.per, cells)?)))
    }

    /// How many keys of a limit these cells can fill; `None` for any number.
    pub(super) fn keys(&self, per: Per, cells: &[&Cell]) -> Option<usize> {
        match per {
            Per::Agent | Per::Global => Some(1),
            Per::Wallet => {
                let mut all: BTreeSet<Address> = BTreeSet::new();
                for group in self.groups_of(cells) {
                    all.extend(group.wallets.iter().copied());
                }
                Some(all.len())
            }
            Per::Recipient => {
                let mut all: BTreeSet<Address> = BTreeSet::new();
                for group in self.groups_of(cells) {
                    all.extend(group.recipients.as_ref()?.iter().copied());
                }
                Some(all.len())
            }
        }
    }

    /// The most that all `cells` together can be in a span, by one limit that counts every effect of
    /// each of them; for the remainder of the span by whichever of `common` allows least, which do so
    /// too.
    pub(super) fn allowed(
        &self,
        counted: u32,
        common: &[u32],
        cells: &[&Cell],
        unit: Unit,
        span_ms: u64,
    ) -> Option<U256> {
        let limit = self.counts.get(counted as usize)?;
        let (whole, rest_ms) = fills(limit.limit, span_ms)?;
        let window = self.window(limit, cells, unit)?;
        let all = window.saturating_mul(U256::from(whole));
        if rest_ms == 0 {
            return Some(all);
        }
        let shorter = common.iter().filter(|other| {
            let other = self.counts.get(**other as usize);
            other.is_some_and(|other| other.limit.window_ms < limit.limit.window_ms)
        });
        let rests = shorter.filter_map(|other| self.allowed(*other, common, cells, unit, rest_ms));
        Some(all.saturating_add(rests.fold(window, U256::min)))
    }
}
