//! Amounts that do not fit together: tiers with a gap or an overlap, and limits that never decide
//! because of a rule or of another limit.

use std::collections::BTreeMap;

use crate::amount::Usd;
use crate::code::PolicyCode;
use crate::policy::conditions::{Conditions, Range};
use crate::policy::fault::Fault;
use crate::policy::model::{Bits, Limit, Matcher, Measure, OnExceed, Per, Rule};
use crate::policy::time::span_words;
use crate::policy::Policy;
use crate::window::Span;

/// Pairs that are compared at most.
const PAIRS_MAX: usize = 1_000_000;

/// Where a tier begins, exclusive, and ends, inclusive; `None`: without an end.
type Bounds<'p> = (u128, Option<u128>, &'p Rule);

/// What rules have in common that differ in their amounts alone.
type Alike<'p> = (Bits, &'p Conditions, &'p [u32], bool);

impl Policy {
    pub(in crate::policy) fn lint_tiers(&self, found: &mut Vec<Fault>) {
        let mut alike: BTreeMap<Alike<'_>, Vec<Bounds<'_>>> = BTreeMap::new();
        for rule in self.rules() {
            if let Some((in_usd, above, max)) = bounds(&rule.matcher.range) {
                let (kinds, checks) = (rule.matcher.kinds, rule.checks.as_slice());
                let place = (kinds, &rule.matcher.conditions, checks, in_usd);
                alike.entry(place).or_default().push((above, max, rule));
            }
        }
        for ((_, _, _, in_usd), mut tiers) in alike {
            tiers.sort_by_key(|(above, max, rule)| (*above, max.is_none(), *max, &rule.id));
            for pair in tiers.windows(2) {
                if let [(_, Some(ends), lower), (begins, _, upper)] = pair {
                    self.lint_pair((lower, *ends), (upper, *begins), in_usd, found);
                }
            }
        }
    }

    fn lint_pair(
        &self,
        (lower, ends): (&Rule, u128),
        (upper, begins): (&Rule, u128),
        in_usd: bool,
        found: &mut Vec<Fault>,
    ) {
        let words = |amount: u128| self.amount_words(&lower.matcher, amount, in_usd);
        let (code, what) = match begins.cmp(&ends) {
            std::cmp::Ordering::Equal => return,
            std::cmp::Ordering::Greater => (PolicyCode::TierGap, "nothing is granted between"),
            std::cmp::Ordering::Less => (PolicyCode::TierOverlap, "both grant between"),
        };
        let (least, most) = (ends.min(begins), ends.max(begins));
        let text = format!(
            "rules `{}` and `{}` are the same but for amounts, and {what} {} and {}",
            lower.id,
            upper.id,
            words(least),
            words(most),
        );
        let hint = format!(
            "let `{}` begin where `{}` ends: lower its most, or begin above {} if that is meant",
            upper.id,
            lower.id,
            words(ends)
        );
        found.push(Fault::new(upper.at, code, text, hint));
    }

    fn amount_words(&self, matcher: &Matcher, amount: u128, in_usd: bool) -> String {
        let asset = matcher.assets.as_ref().and_then(|all| all.first());
        let asset = asset.and_then(|number| self.assets().get(*number as usize));
        match (in_usd, asset) {
            (false, Some(entry)) => Measure::Amount(entry.asset.clone()).words(amount),
            _ => format!("{} USD", Usd(amount)),
        }
    }

    /// A limit of a short time that allows no less than one of a longer time over the same effects.
    pub(in crate::policy) fn lint_limit_order(&self, found: &mut Vec<Fault>) {
        let mut alike: BTreeMap<_, Vec<&Limit>> = BTreeMap::new();
        for limit in self.limits().iter().filter(|limit| limit.stops()) {
            let per = match limit.per {
                Per::Agent => 0u8,
                Per::Wallet => 1,
                Per::Recipient => 2,
                Per::Global => 3,
            };
            let matcher = &limit.matcher;
            let place = (
                per,
                limit.measure.as_str(),
                matcher.kinds,
                &matcher.conditions,
            );
            alike.entry(place).or_default().push(limit);
        }
        for limits in alike.into_values() {
            for short in &limits {
                let longer = limits.iter().find(|long| {
                    is_longer(&long.window, &short.window)
                        && long.max <= short.max
                        && long.on_exceed.verdict() >= short.on_exceed.verdict()
                        && short.on_exceed != OnExceed::Freeze
                });
                let Some(long) = longer else { continue };
                let text = format!(
                    "limit `{}` never decides: `{}` allows no more, over a longer time ({})",
                    short.id,
                    long.id,
                    span_words(&long.window),
                );
                let hint = "let the limit of the longer time allow more, or leave this one out";
                found.push(Fault::new(short.at, PolicyCode::LimitOrder, text, hint));
            }
        }
    }

    /// A rule that grants more at once than a limit over all of it ever lets pass.
    pub(in crate::policy) fn lint_limit_below(&self, found: &mut Vec<Fault>) {
        if self.rules().len().saturating_mul(self.limits().len()) > PAIRS_MAX {
            return;
        }
        for rule in self.rules() {
            let range = &rule.matcher.range;
            // What a person may still approve passes.
            let denies =
                |limit: &&Limit| matches!(limit.on_exceed, OnExceed::Deny | OnExceed::Freeze);
            for limit in self.limits().iter().filter(denies) {
                let most = match &limit.measure {
                    Measure::Usd => range.usd_max.map(|max| max.0),
                    Measure::Amount(_) => range.amount_max.map(crate::spend::clamp),
                    Measure::Count | Measure::Recipients => None,
                };
                let Some(most) = most.filter(|most| *most > limit.max) else {
                    continue;
                };
                if limit.is_standing() || !self.covers(&limit.matcher, &rule.matcher) {
                    continue;
                }
                let text = format!(
                    "rule `{}` is about up to {}, and limit `{}` lets {} pass",
                    rule.id,
                    limit.measure.words(most),
                    limit.id,
                    limit.measure.words(limit.max),
                );
                let hint = "raise the limit, or lower the maximum of the rule";
                found.push(Fault::new(rule.at, PolicyCode::LimitBelow, text, hint));
            }
        }
    }
}

/// Whether it is in USD, and its ends, for a range in one unit alone.
fn bounds(range: &Range) -> Option<(bool, u128, Option<u128>)> {
    let amount = range.amount_max.is_some() || range.amount_above.is_some();
    match (amount, range.in_usd()) {
        (true, false) => {
            let above = range.amount_above.map(crate::spend::clamp);
            let max = range.amount_max.map(crate::spend::clamp);
            Some((false, above.unwrap_or_default(), max))
        }
        (false, true) => {
            let above = range.usd_above.map(|above| above.0);
            Some((
                true,
                above.unwrap_or_default(),
                range.usd_max.map(|max| max.0),
            ))
        }
        _ => None,
    }
}

/// Whether everything that counts in the second window counts in the first, which is another one.
fn is_longer(long: &Span, short: &Span) -> bool {
    match (long, short) {
        (Span::Rolling(long_ms), Span::Rolling(short_ms)) => long_ms > short_ms,
        (Span::Calendar(long, at), Span::Calendar(short, there)) => {
            // A week is in no month.
            at == there && long > short && *short == crate::calendar::Period::Day
        }
        (Span::Lifetime, Span::Rolling(_) | Span::Calendar(..)) => true,
        _ => false,
    }
}
