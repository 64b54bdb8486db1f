//! What differs only after something was spent: the same payment again and again, until one policy
//! stops what the other lets pass; different payees one after another; a payee that is known.

use alloy_primitives::{Address, U256};

use crate::policy::compare::amounts::{amounts, price};
use crate::policy::compare::ask::{Bench, Outcomes, Question};
use crate::policy::compare::place::Place;
use crate::policy::compare::row::{key, row, words, Row, Span as Amounts};
use crate::policy::compare::search::Found;
use crate::policy::compare::touched::Touched;
use crate::policy::compare::walk::walk;
use crate::policy::compare::world::World;
use crate::policy::model::{Limit, Measure};
use crate::policy::time::duration_words;
use crate::window::Span;

/// Payments before the witness, of one kind.
const TIMES_MAX: u32 = 2_000;
/// Places that payments come from.
const PLACES_MAX: usize = 24;
/// Of these, places that are paid first, and for each those that are paid then.
const FIRST_MAX: usize = 8;
const THEN_MAX: usize = 8;
/// Payments that are tried for one limit.
const WORK_MAX: u32 = 12_000;
/// Different payees before the witness.
const PAYEES_MAX: usize = 64;

/// A payment that both policies let pass while nothing was spent.
struct Paid<'w> {
    place: Place<'w>,
    question: Question,
    outcomes: Outcomes,
}

/// Adds what differs only after something was spent under a table that changed.
pub(super) fn search(world: &World<'_>, touched: &Touched<'_>, cause: &str, found: &mut Found) {
    let trusts_ms = touched.samples.trusts_ms.named();
    if touched.limit.is_none() && trusts_ms.is_empty() {
        return;
    }
    let limits = touched.limit.map(|id| {
        let both = world.both();
        both.map(|policy| policy.limit_by_id(id))
    });
    let limits: Vec<&Limit> = limits.into_iter().flatten().flatten().collect();
    let spreads = limits
        .iter()
        .any(|limit| limit.measure == Measure::Recipients);
    let most = if spreads { PAYEES_MAX } else { PLACES_MAX };
    let bench = Bench::new(world);
    let mut paid: Vec<Paid<'_>> = Vec::new();
    walk(world, touched, most.saturating_mul(4), |place| {
        paid.extend(largest(world, &bench, place));
        paid.len() < most
    });
    let mut search = Search {
        world,
        limits: &limits,
        cause,
        left: found.work.min(WORK_MAX),
        found,
    };
    let before = search.left;
    for first in paid.iter().take(FIRST_MAX) {
        for trust_ms in trusts_ms {
            search.know(first, *trust_ms);
        }
    }
    if spreads {
        search.spread(&paid);
    }
    for (number, first) in paid.iter().take(FIRST_MAX).enumerate() {
        if limits.is_empty() || search.left == 0 {
            break;
        }
        let others = paid.iter().enumerate();
        let others = others.filter(|(other, _)| *other != number);
        let then: Vec<&Paid<'_>> = others.map(|(_, one)| one).take(THEN_MAX).collect();
        search.fill(first, &then);
    }
    let used = before.saturating_sub(search.left);
    found.work = found.work.saturating_sub(used);
}

/// The largest payment of a place that both policies let pass.
fn largest<'w>(world: &World<'_>, bench: &Bench<'_>, place: &Place<'w>) -> Option<Paid<'w>> {
    let question = Question::new(world, place, U256::ONE)?;
    let mut all = amounts(world, place).into_iter().rev();
    all.find_map(|amount| {
        let question = question.with(world, place, amount)?;
        let outcomes = Outcomes::of(&bench.ask(&question, place)?);
        let passes = !outcomes.old.is_denied() && !outcomes.new.is_denied();
        passes.then_some(Paid {
            place: *place,
            question,
            outcomes,
        })
    })
}

/// What was paid before a witness: of each, how often.
type Before<'b, 'w> = &'b [(&'b Paid<'w>, u32)];

struct Search<'s, 'p> {
    world: &'s World<'p>,
    /// The limit that changed, as one or both policies have it.
    limits: &'s [&'s Limit],
    cause: &'s str,
    left: u32,
    found: &'s mut Found,
}

impl Search<'_, '_> {
    /// Pays the first again and again, and looks after each payment at what comes then.
    fn fill(&mut self, first: &Paid<'_>, then: &[&Paid<'_>]) {
        let mut bench = Bench::new(self.world);
        for times in 0..TIMES_MAX {
            self.left = self.left.saturating_sub(1);
            let Some(answers) = bench.ask(&first.question, &first.place) else {
                return;
            };
            let outcomes = Outcomes::of(&answers);
            let stops = outcomes != first.outcomes;
            let before = [(first, times)];
            if stops {
                self.look(&before, &first.place, &first.question, &bench);
                self.rest(&before, &bench);
                self.later(&before, &bench);
            }
            if stops || times == 1 {
                for other in then {
                    self.look(&before, &other.place, &other.question, &bench);
                }
            }
            let is_over = outcomes.old.is_denied() || outcomes.new.is_denied();
            if is_over || self.left == 0 {
                return;
            }
            if bench.count(&answers, first.question.at_ms).is_none() {
                return;
            }
        }
    }

    /// Pays one payee after another.
    fn spread(&mut self, paid: &[Paid<'_>]) {
        let mut bench = Bench::new(self.world);
        let mut before: Vec<(&Paid<'_>, u32)> = Vec::new();
        let mut payees: Vec<Option<Address>> = Vec::new();
        for next in paid {
            let first = before.first().map_or(next, |(first, _)| *first);
            if payees.contains(&next.place.payee) || next.place.who != first.place.who {
                continue;
            }
            self.left = self.left.saturating_sub(1);
            self.look(&before, &next.place, &next.question, &bench);
            let Some(answers) = bench.ask(&next.question, &next.place) else {
                return;
            };
            if bench.count(&answers, next.question.at_ms).is_none() {
                return;
            }
            payees.push(next.place.payee);
            before.push((next, 1));
        }
    }

    /// Pays once, and again while the payee is known and when it is not any more.
    fn know(&mut self, first: &Paid<'_>, trust_ms: u64) {
        let mut bench = Bench::new(self.world);
        let Some(answers) = bench.ask(&first.question, &first.place) else {
            return;
        };
        if bench.count(&answers, first.question.at_ms).is_none() {
            return;
        }
        let paid_ms = first.question.at_ms;
        let over_ms = paid_ms.saturating_add(trust_ms);
        for at_ms in [
            paid_ms.saturating_add(1),
            over_ms.saturating_sub(1),
            over_ms,
        ] {
            let place = Place {
                now_ms: at_ms,
                ..first.place
            };
            for amount in amounts(self.world, &place) {
                self.left = self.left.saturating_sub(1);
                if let Some(question) = Question::new(self.world, &place, amount) {
                    self.look(&[(first, 1)], &place, &question, &bench);
                }
            }
        }
    }

    /// What is left under either limit, and a base unit more.
    fn rest(&mut self, before: Before<'_, '_>, bench: &Bench<'_>) {
        let [(first, _)] = before else { return };
        let Some(asset) = first.place.asset.filter(|_| first.place.is_measured()) else {
            return;
        };
        let now_ms = first.question.at_ms;
        for limit in self.limits {
            for trial in bench.trials() {
                let usages = trial.book().windows().usages(now_ms);
                let used = usages.into_iter().filter(|one| one.limit == limit.id);
                let used = used.map(|one| one.posted.saturating_add(one.held)).max();
                let left = U256::from(limit.max.saturating_sub(used.unwrap_or(0)));
                let amount = match limit.measure {
                    Measure::Count | Measure::Recipients => continue,
                    Measure::Amount(_) => Some(left),
                    Measure::Usd => {
                        let exponent = U256::from(asset.decimals).saturating_add(U256::from(12));
                        let scale = U256::from(10).checked_pow(exponent);
                        let all = scale.and_then(|scale| left.checked_mul(scale));
                        all.and_then(|all| all.checked_div(price(self.world, asset)))
                    }
                };
                let Some(amount) = amount else { continue };
                for amount in [amount, amount.saturating_add(U256::ONE)] {
                    let question = first.question.with(self.world, &first.place, amount);
                    if let Some(question) = question {
                        self.look(before, &first.place, &question, bench);
                    }
                }
            }
        }
    }

    /// When what was spent counts under one limit and not under the other.
    fn later(&mut self, before: Before<'_, '_>, bench: &Bench<'_>) {
        let [(first, _)] = before else { return };
        let paid_ms = first.question.at_ms;
        let ends = self.limits.iter().filter_map(|limit| match &limit.window {
            Span::Standing | Span::Lifetime => None,
            Span::Rolling(window_ms) => Some(paid_ms.saturating_add(*window_ms)),
            Span::Calendar(period, zone) => Some(period.end_ms(zone, paid_ms)),
        });
        let ends: Vec<u64> = ends.filter(|end| *end < u64::MAX).collect();
        for end_ms in ends {
            for at_ms in [end_ms.saturating_sub(1), end_ms] {
                let place = Place {
                    now_ms: at_ms,
                    ..first.place
                };
                let question = Question::new(self.world, &place, first.question.amount);
                if let Some(question) = question {
                    self.look(before, &place, &question, bench);
                }
            }
        }
    }

    /// Keeps it if the policies decide it differently after what was paid.
    fn look(
        &mut self,
        before: Before<'_, '_>,
        place: &Place<'_>,
        question: &Question,
        bench: &Bench<'_>,
    ) {
        let Some(answers) = bench.ask(question, place) else {
            return;
        };
        let outcomes = Outcomes::of(&answers);
        for (looser, differs) in [(true, outcomes.looser()), (false, outcomes.tighter())] {
            if differs {
                let key = key(self.world, place, &outcomes, looser);
                let (world, cause) = (self.world, self.cause);
                self.found.add(key, cause, || {
                    let amounts = Amounts {
                        from: question.amount,
                        to: Some(question.amount),
                    };
                    let mut row = row(world, place, &outcomes, looser, amounts, cause);
                    row.ask(place, question.amount);
                    after(world, &mut row, before, (place, question));
                    row
                });
            }
        }
    }
}

/// Says what was paid before.
fn after(
    world: &World<'_>,
    row: &mut Row,
    before: Before<'_, '_>,
    (place, question): (&Place<'_>, &Question),
) {
    let mut parts: Vec<String> = Vec::new();
    let mut last_ms = question.at_ms;
    for (paid, times) in before.iter().filter(|(_, times)| *times > 0) {
        row.cases.push(paid.question.case("before", *times));
        let paid_for = words(world, &paid.place, paid.question.amount, place);
        parts.push(format!("{times} × {paid_for}"));
        last_ms = paid.question.at_ms;
    }
    if !parts.is_empty() {
        let mut said = format!("after {}", parts.join(", "));
        let later_ms = question.at_ms.saturating_sub(last_ms);
        if later_ms > 0 {
            said.push_str(&format!(", {} later", duration_words(later_ms)));
        } else if let Some(when) = row.when.take() {
            said.push_str(&format!(", {when}"));
        }
        row.when = Some(said);
    }
    row.cases.push(question.case("witness", 1));
}
