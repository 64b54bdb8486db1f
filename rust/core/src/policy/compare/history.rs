//! Limits: the same payment again and again, until one policy stops what the other lets pass.

use alloy_primitives::U256;

use crate::policy::compare::amounts::{amounts, price};
use crate::policy::compare::ask::{Bench, Outcomes, Question};
use crate::policy::compare::place::Place;
use crate::policy::compare::row::{key, row, words, Row, Span};
use crate::policy::compare::search::Found;
use crate::policy::compare::touched::Touched;
use crate::policy::compare::walk::walk;
use crate::policy::compare::world::World;
use crate::policy::model::{Limit, Measure};
use crate::policy::time::duration_words;

/// Payments before the witness, of one kind.
const TIMES_MAX: u32 = 2_000;
/// Places that payments come from.
const PLACES_MAX: usize = 24;
/// Of these, places that are paid first, and for each those that are paid then.
const FIRST_MAX: usize = 8;
const THEN_MAX: usize = 8;
/// Payments that are tried in all for one limit.
const WORK_MAX: u32 = 12_000;

type Limits<'p> = [Option<&'p Limit>; 2];

/// A payment that both policies let pass while nothing was spent.
struct Paid<'w> {
    place: Place<'w>,
    question: Question,
    outcomes: Outcomes,
}

/// Adds what differs only after something was spent.
pub(super) fn search(
    world: &World<'_>,
    touched: &Touched<'_>,
    limits: Limits<'_>,
    cause: &str,
    found: &mut Found,
) {
    let bench = Bench::new(world);
    let mut paid: Vec<Paid<'_>> = Vec::new();
    walk(world, touched, PLACES_MAX.saturating_mul(4), |place| {
        paid.extend(largest(world, &bench, place));
        paid.len() < PLACES_MAX
    });
    let mut work = WORK_MAX;
    for (number, first) in paid.iter().take(FIRST_MAX).enumerate() {
        let others = paid
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != number);
        let then: Vec<&Paid<'_>> = others.map(|(_, one)| one).take(THEN_MAX).collect();
        let mut search = Search {
            world,
            limits,
            cause,
            found,
        };
        search.fill(first, &then, &mut work);
        if work == 0 {
            return;
        }
    }
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

struct Search<'s, 'p> {
    world: &'s World<'p>,
    limits: Limits<'s>,
    cause: &'s str,
    found: &'s mut Found,
}

impl Search<'_, '_> {
    /// Pays the first again and again, and looks after each payment at what comes then.
    fn fill(&mut self, first: &Paid<'_>, then: &[&Paid<'_>], work: &mut u32) {
        let mut bench = Bench::new(self.world);
        for times in 0..TIMES_MAX {
            *work = work.saturating_sub(1);
            let Some(answers) = bench.ask(&first.question, &first.place) else {
                return;
            };
            let outcomes = Outcomes::of(&answers);
            let stops = outcomes != first.outcomes;
            if stops {
                self.look(first, times, &first.place, &first.question, &bench);
                self.rest(first, times, &bench);
                self.later(first, times, &bench);
            }
            if stops || times == 1 {
                for other in then {
                    self.look(first, times, &other.place, &other.question, &bench);
                }
            }
            let both = outcomes.old.is_denied() || outcomes.new.is_denied();
            if both || *work == 0 || bench.count(&answers, first.question.at_ms).is_none() {
                return;
            }
        }
    }

    /// What is left under either limit, and a base unit more.
    fn rest(&mut self, first: &Paid<'_>, times: u32, bench: &Bench<'_>) {
        let Some(asset) = first.place.asset.filter(|_| first.place.is_measured()) else {
            return;
        };
        let now_ms = first.question.at_ms;
        for (limit, trial) in self.limits.into_iter().zip(bench.trials()) {
            let Some(limit) = limit else { continue };
            let usages = trial.book().windows().usages(now_ms);
            let used = usages.into_iter().filter(|one| one.limit == limit.id);
            let used = used.map(|one| one.posted.saturating_add(one.held)).max();
            let left = U256::from(limit.max.saturating_sub(used.unwrap_or(0)));
            let amount = match limit.measure {
                Measure::Count => continue,
                Measure::Amount(_) => Some(left),
                Measure::Usd => {
                    let exponent = U256::from(asset.decimals).saturating_add(U256::from(12));
                    let scale = U256::from(10).checked_pow(exponent);
                    let all = scale.and_then(|scale| left.checked_mul(scale));
                    all.and_then(|all| all.checked_div(price(self.world, asset)))
                }
            };
            for amount in amount
                .into_iter()
                .flat_map(|left| [left, left.saturating_add(U256::ONE)])
            {
                let question = first.question.with(self.world, &first.place, amount);
                if let Some(question) = question {
                    self.look(first, times, &first.place, &question, bench);
                }
            }
        }
    }

    /// When one window is over and the other is not.
    fn later(&mut self, first: &Paid<'_>, times: u32, bench: &Bench<'_>) {
        let windows = self.limits.iter().flatten().map(|limit| limit.window_ms);
        let windows: Vec<u64> = windows.filter(|window| *window > 0).collect();
        for window in windows {
            let at_ms = first.question.at_ms.saturating_add(window);
            for at_ms in [at_ms.saturating_sub(1), at_ms] {
                let place = Place {
                    now_ms: at_ms,
                    ..first.place
                };
                let question = Question::new(self.world, &place, first.question.amount);
                if let Some(question) = question {
                    self.look(first, times, &place, &question, bench);
                }
            }
        }
    }

    /// Keeps it if the policies decide it differently after so many payments.
    fn look(
        &mut self,
        first: &Paid<'_>,
        times: u32,
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
                    let span = Span {
                        from: question.amount,
                        to: Some(question.amount),
                    };
                    let mut row = row(world, place, &outcomes, looser, span, cause);
                    row.ask(place, question.amount);
                    after(world, &mut row, first, times, (place, question));
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
    first: &Paid<'_>,
    times: u32,
    (place, question): (&Place<'_>, &Question),
) {
    if times > 0 {
        row.cases.push(first.question.case("before", times));
        let paid = words(world, &first.place, first.question.amount, place);
        let mut said = format!("after {times} × {paid}");
        let later_ms = question.at_ms.saturating_sub(first.question.at_ms);
        if later_ms > 0 {
            said.push_str(&format!(", {} later", duration_words(later_ms)));
        } else if let Some(when) = row.when.take() {
            said.push_str(&format!(", {when}"));
        }
        row.when = Some(said);
    }
    row.cases.push(question.case("witness", 1));
}
