//! The search: walks through the places of every touched table and keeps what both policies decide
//! differently.

use std::collections::BTreeSet;

use alloy_primitives::U256;

use crate::policy::compare::amounts::amounts;
use crate::policy::compare::ask::{Bench, Outcomes, Question};
use crate::policy::compare::history;
use crate::policy::compare::place::Place;
use crate::policy::compare::row::{key, row, Key, Row, Span};
use crate::policy::compare::touched::{limits, touched};
use crate::policy::compare::walk::walk;
use crate::policy::compare::world::World;

/// Places that are looked at in all, and for one touched table.
const PLACES_MAX: usize = 6_000;
const PLACES_OF_TABLE_MAX: usize = 1_500;
/// Rows that are kept.
const ROWS_MAX: usize = 20_000;

/// Everything that was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub rows: Vec<Row>,
    keys: BTreeSet<Key>,
}

impl Found {
    /// Adds a row unless there is one that says the same.
    pub fn add(&mut self, key: Key, row: impl FnOnce() -> Row) {
        if self.rows.len() < ROWS_MAX && self.keys.insert(key) {
            self.rows.push(row());
        }
    }
}

/// Requests that the policies decide differently, found by the tables that changed.
pub(super) fn search(world: &World<'_>, causes: &[String]) -> Vec<Row> {
    let tables = touched(world, causes);
    let share = PLACES_MAX.checked_div(tables.len()).unwrap_or(0);
    let most = share.clamp(1, PLACES_OF_TABLE_MAX);
    let bench = Bench::new(world);
    let mut found = Found::default();
    for table in &tables {
        let Some(cause) = causes.get(table.cause) else {
            continue;
        };
        walk(world, table, most, |place| {
            compare(world, &bench, place, cause, &mut found);
            found.rows.len() < ROWS_MAX
        });
        if let Some(limits) = limits(world, cause) {
            history::search(world, table, limits, cause, &mut found);
        }
    }
    found.rows
}

/// One amount with what both policies make of it.
struct At {
    amount: U256,
    outcomes: Outcomes,
}

/// Compares all amounts of one place.
fn compare(
    world: &World<'_>,
    bench: &Bench<'_>,
    place: &Place<'_>,
    cause: &str,
    found: &mut Found,
) {
    let Some(question) = Question::new(world, place, U256::ONE) else {
        return;
    };
    let at = |amount: U256| {
        let question = question.with(world, place, amount)?;
        let answers = bench.ask(&question, place)?;
        let outcomes = Outcomes::of(&answers);
        Some(At { amount, outcomes })
    };
    let all: Vec<At> = amounts(world, place).into_iter().filter_map(at).collect();
    for looser in [true, false] {
        let differs = |one: &At| match looser {
            true => one.outcomes.looser(),
            false => one.outcomes.tighter(),
        };
        let same = |a: &At, b: &At| {
            (&a.outcomes.old, &a.outcomes.new) == (&b.outcomes.old, &b.outcomes.new)
        };
        for run in all.chunk_by(same) {
            let (Some(first), Some(last)) = (run.first(), run.last()) else {
                continue;
            };
            if !differs(first) {
                continue;
            }
            let is_last = all.last().is_some_and(|end| end.amount == last.amount);
            let span = Span {
                from: first.amount,
                to: (!is_last).then_some(last.amount),
            };
            let key = key(world, place, &first.outcomes, looser);
            // The least amount over a bound says most; where there is no bound, nothing says least.
            let told = if first.amount > U256::ONE {
                first
            } else {
                last
            };
            found.add(key, || {
                let mut row = row(world, place, &told.outcomes, looser, span, cause);
                row.ask(place, told.amount);
                let question = question.with(world, place, told.amount);
                row.cases
                    .extend(question.map(|question| question.case("witness", 1)));
                row
            });
        }
    }
}
