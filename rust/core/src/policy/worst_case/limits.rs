//! How much a limit lets pass in a span.

use std::collections::BTreeSet;

use alloy_primitives::{Address, U256};

use crate::calendar::{Period, Zone};
use crate::policy::conditions::Conditions;
use crate::policy::model::{Limit, Measure, OnExceed, Per};
use crate::policy::worst_case::cells::Cell;
use crate::policy::worst_case::scene::Scene;
use crate::policy::worst_case::units::{base_of, usd_of, Unit};
use crate::policy::Policy;
use crate::window::Span;

/// A limit that may count something of the agent.
pub(super) struct Counted<'p> {
    pub limit: &'p Limit,
    /// Which one of the policy it is.
    pub place: u32,
    /// What an effect must be besides its kind and asset; who asks and where was looked at before.
    pub rest: Conditions,
}

/// How often a limit can be filled in a span: so many whole windows, and what is left of the span, ms.
/// `None` for any number.
///
/// What a request can cost is held from its decision until it is settled, and is posted then. So at a
/// decision everything counts that was decided before it and within the same window, and the sum of
/// what is decided in one window without a person is at most `max`.
///
/// - Rolling: what was decided at `t` counts at least while `now < t + window`, so any half-open interval
///   as long as the window is one. A span `[s, s + T)` is `T / window` of them, one after the other, and
///   a remainder. Both edges are reached: one request at `s`, the next at `s + window`.
/// - Calendar: a day, week or month is one. A span that touches `n` of them has `n - 2` whole ones, a
///   millisecond before and a millisecond after them at the least. Where clocks are still set forward,
///   the whole ones together can be shorter than they are named by as much.
/// - Ever: there is one.
/// - What stands: a right that ends, is taken back or replaced makes room for another one at once.
pub(super) fn fills(limit: &Limit, span_ms: u64, now_ms: u64) -> Option<(u64, u64)> {
    match limit.on_exceed {
        // Beyond it nothing passes without a person.
        OnExceed::Approval | OnExceed::Deny | OnExceed::Freeze => {}
        OnExceed::Notify | OnExceed::Delay(_) => return None,
    }
    match &limit.window {
        Span::Standing => None,
        Span::Rolling(window_ms) => Some((
            span_ms.checked_div(*window_ms)?,
            span_ms.checked_rem(*window_ms)?,
        )),
        Span::Calendar(period, zone) => Some((touched(*period, zone, span_ms, now_ms), 0)),
        Span::Lifetime => Some((1, 0)),
    }
}

/// How many days, weeks or months a span touches at most, if it begins at `now_ms` or later.
fn touched(period: Period, zone: &Zone, span_ms: u64, now_ms: u64) -> u64 {
    let skipped = match zone.is_set_after(now_ms) {
        true => SKIPPED_MS_MAX,
        false => 0,
    };
    let room = span_ms.saturating_add(skipped).saturating_sub(2);
    let whole = room.checked_div(shortest_ms(period)).unwrap_or_default();
    whole.saturating_add(2)
}

/// The most by which clocks are set forward within a span: an hour, and two in Antarctica.
const SKIPPED_MS_MAX: u64 = 2 * 3_600_000;

/// How short a part of the calendar is, as clocks count it.
const fn shortest_ms(period: Period) -> u64 {
    const DAY_MS: u64 = 24 * 3_600_000;
    match period {
        Period::Day => DAY_MS,
        Period::Week => 7 * DAY_MS,
        Period::Month => 28 * DAY_MS,
    }
}

/// How long the window of a limit rolls, ms; those that do not are no shorter than any.
pub(super) fn rolls(limit: &Limit) -> u64 {
    match limit.window {
        Span::Rolling(window_ms) => window_ms,
        Span::Standing | Span::Calendar(..) | Span::Lifetime => u64::MAX,
    }
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
    /// The most that all `cells` together can be while one window of each key of the limit is filled,
    /// in a span; `None` if it bounds them not, or not in this unit. It counts every effect of each cell.
    pub(super) fn window(
        &self,
        counted: &Counted<'_>,
        cells: &[&Cell],
        unit: Unit,
        span_ms: u64,
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
            // Any number of payments to each of them.
            (Measure::Recipients, _) => return None,
        };
        Some(one.saturating_mul(U256::from(self.keys(limit.per, cells, span_ms)?)))
    }

    /// How many keys of a limit these cells can fill in a span; `None` for any number.
    pub(super) fn keys(&self, per: Per, cells: &[&Cell], span_ms: u64) -> Option<u64> {
        match per {
            Per::Agent | Per::Global => Some(1),
            Per::Wallet => {
                let mut all: BTreeSet<Address> = BTreeSet::new();
                for group in self.groups_of(cells) {
                    all.extend(group.wallets.iter().copied());
                }
                u64::try_from(all.len()).ok()
            }
            Per::Recipient => {
                // What has no recipient is counted by none of these limits.
                let known = self.known_recipients(cells)?;
                let different = self.different(cells, span_ms);
                Some(different.map_or(known, |different| different.min(known)))
            }
        }
    }

    fn known_recipients(&self, cells: &[&Cell]) -> Option<u64> {
        let mut all: BTreeSet<Address> = BTreeSet::new();
        for group in self.groups_of(cells) {
            all.extend(group.recipients.as_ref()?.iter().copied());
        }
        u64::try_from(all.len()).ok()
    }

    /// How many different recipients there can be in a span, by the limits on their number. Whoever
    /// counts in one window may be another one than in the next.
    fn different(&self, cells: &[&Cell], span_ms: u64) -> Option<u64> {
        let (first, others) = cells.split_first()?;
        let counted = first.limits.iter().filter(|number| {
            others
                .iter()
                .all(|cell| cell.limits.binary_search(number).is_ok())
        });
        let limits = counted.filter_map(|number| self.counts.get(*number as usize));
        let limits = limits.filter(|counted| counted.limit.measure == Measure::Recipients);
        let most = limits.filter_map(|counted| {
            let (whole, rest_ms) = fills(counted.limit, span_ms, self.time())?;
            let windows = whole.saturating_add(u64::from(rest_ms > 0));
            let keys = match counted.limit.per {
                Per::Agent | Per::Global => 1,
                Per::Wallet => self.keys(Per::Wallet, cells, span_ms)?,
                Per::Recipient => return None,
            };
            let max = u64::try_from(counted.limit.max).ok()?;
            Some(windows.saturating_mul(keys).saturating_mul(max))
        });
        most.min()
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
        let (whole, rest_ms) = fills(limit.limit, span_ms, self.time())?;
        let window = self.window(limit, cells, unit, span_ms)?;
        let all = window.saturating_mul(U256::from(whole));
        if rest_ms == 0 {
            return Some(all);
        }
        let shorter = common.iter().filter(|other| {
            let other = self.counts.get(**other as usize);
            other.is_some_and(|other| rolls(other.limit) < rolls(limit.limit))
        });
        let rests = shorter.filter_map(|other| self.allowed(*other, common, cells, unit, rest_ms));
        Some(all.saturating_add(rests.fold(window, U256::min)))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::policy::worst_case::SPANS;

    /// 2026-11-30.
    const NOW_MS: u64 = 1_796_000_000_000;
    const END_MS: u64 = NOW_MS + 400 * 86_400_000;

    /// The most days, weeks or months that any of these spans touches: those that begin just before
    /// one of them ends.
    fn found(period: Period, zone: &Zone, span_ms: u64) -> u64 {
        let mut ends = vec![period.end_ms(zone, NOW_MS)];
        while let Some(last) = ends.last().filter(|last| **last < END_MS) {
            ends.push(period.end_ms(zone, *last));
        }
        let touched = |start: u64| {
            let within = ends
                .iter()
                .filter(|end| start < **end && **end < start.saturating_add(span_ms));
            (within.count() as u64).saturating_add(1)
        };
        let starts = ends
            .iter()
            .filter(|end| end.saturating_add(span_ms) < END_MS);
        starts
            .map(|end| touched(end.saturating_sub(1)))
            .max()
            .unwrap()
    }

    #[test]
    fn no_span_touches_more_of_the_calendar_than_is_said_in_any_zone() {
        for zone in Zone::names().filter_map(Zone::find) {
            if !zone.is_set_after(NOW_MS) && zone.name() != "UTC" {
                continue;
            }
            for period in [Period::Day, Period::Week, Period::Month] {
                for span in SPANS {
                    let (found, said) = (
                        found(period, &zone, span.ms),
                        touched(period, &zone, span.ms, NOW_MS),
                    );
                    assert!(
                        found <= said,
                        "{zone:?} {period:?} {span:?}: {found}, {said}"
                    );
                    assert!(
                        said <= found.saturating_add(1),
                        "{zone:?} {period:?} {span:?}: {found}, {said}"
                    );
                }
            }
        }
    }
}
