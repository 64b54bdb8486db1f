//! The search: walks through the places of every touched table and keeps what both policies decide
//! differently.

use std::collections::BTreeMap;

use alloy_primitives::U256;

use crate::policy::compare::amounts::amounts;
use crate::policy::compare::ask::{Bench, Outcomes, Question};
use crate::policy::compare::history;
use crate::policy::compare::place::Place;
use crate::policy::compare::row::{key, row, Key, Row, Span};
use crate::policy::compare::touched::touched;
use crate::policy::compare::walk::walk;
use crate::policy::compare::world::World;

/// Places that are looked at in all, and for one touched table.
const PLACES_MAX: usize = 6_000;
const PLACES_OF_TABLE_MAX: usize = 600;
/// Bounds that no table names and that are looked for exactly: those of a limit together with a fee.
const EXACT_MAX: u32 = 200;
/// Payments that are tried before witnesses in all.
const WORK_MAX: u32 = 60_000;
/// Rows that are kept.
const ROWS_MAX: usize = 20_000;

/// Everything that was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub rows: Vec<Row>,
    /// The row of each.
    keys: BTreeMap<Key, usize>,
    /// Bounds that may still be looked for exactly.
    exact: u32,
    /// Payments that may still be tried before a witness.
    pub work: u32,
}

impl Found {
    /// Adds a row, or the cause to the row that says the same.
    pub fn add(&mut self, key: Key, cause: &str, row: impl FnOnce() -> Row) {
        let there = self.keys.get(&key).and_then(|at| self.rows.get_mut(*at));
        if let Some(there) = there {
            if !there.causes.iter().any(|one| one == cause) {
                there.causes.push(cause.to_owned());
            }
        } else if self.rows.len() < ROWS_MAX {
            self.keys.insert(key, self.rows.len());
            self.rows.push(row());
        }
    }

    fn has(&self, key: &Key) -> bool {
        self.keys.contains_key(key)
    }
}

/// Requests that the policies decide differently, found by the tables that changed.
pub(super) fn search(world: &World<'_>, causes: &[String]) -> Vec<Row> {
    let tables = touched(world, causes);
    let share = PLACES_MAX.checked_div(tables.len()).unwrap_or(0);
    let most = share.clamp(1, PLACES_OF_TABLE_MAX);
    let bench = Bench::new(world);
    let mut found = Found {
        exact: EXACT_MAX,
        work: WORK_MAX,
        ..Found::default()
    };
    for table in &tables {
        let Some(cause) = causes.get(table.cause) else {
            continue;
        };
        walk(world, table, most, |place| {
            compare(world, &bench, place, cause, &mut found);
            found.rows.len() < ROWS_MAX
        });
        history::search(world, table, cause, &mut found);
    }
    found.rows
}

/// One amount with what both policies make of it.
struct At {
    amount: U256,
    outcomes: Outcomes,
}

/// Amounts next to each other of which both policies make the same.
struct Run<'a> {
    before: Option<&'a At>,
    first: &'a At,
    last: &'a At,
    after: Option<&'a At>,
}

fn same(one: &At, other: &At) -> bool {
    let made = |at: &At| (at.outcomes.old.clone(), at.outcomes.new.clone());
    made(one) == made(other)
}

fn runs(all: &[At]) -> Vec<Run<'_>> {
    let mut end = 0usize;
    let chunks = all.chunk_by(same).filter_map(|chunk| {
        let start = end;
        end = start.saturating_add(chunk.len());
        Some(Run {
            before: start.checked_sub(1).and_then(|before| all.get(before)),
            first: chunk.first()?,
            last: chunk.last()?,
            after: all.get(end),
        })
    });
    chunks.collect()
}

/// One place, and how it is asked about.
struct Asked<'s, 'w> {
    world: &'s World<'w>,
    bench: &'s Bench<'s>,
    place: &'s Place<'s>,
    question: Question,
}

impl Asked<'_, '_> {
    fn at(&self, amount: U256) -> Option<At> {
        let question = self.question.with(self.world, self.place, amount)?;
        let answers = self.bench.ask(&question, self.place)?;
        let outcomes = Outcomes::of(&answers);
        Some(At { amount, outcomes })
    }

    /// The last amount on the way to `other` of which both policies make the same as of `inside`.
    fn edge(&self, inside: &At, other: Option<&At>) -> Option<U256> {
        let (mut is, mut not) = (inside.amount, other?.amount);
        while is.abs_diff(not) > U256::ONE {
            let middle = is.min(not).saturating_add(is.abs_diff(not).wrapping_shr(1));
            match self.at(middle) {
                Some(at) if same(&at, inside) => is = middle,
                _ => not = middle,
            }
        }
        Some(is)
    }

    fn span(&self, run: &Run<'_>, exactly: bool) -> Span {
        let (from, to) = (run.first.amount, run.after.map(|_| run.last.amount));
        if !exactly {
            return Span { from, to };
        }
        Span {
            from: self.edge(run.first, run.before).unwrap_or(from),
            to: self.edge(run.last, run.after),
        }
    }

    fn keep(&self, run: &Run<'_>, cause: &str, found: &mut Found) {
        let outcomes = &run.first.outcomes;
        for (looser, differs) in [(true, outcomes.looser()), (false, outcomes.tighter())] {
            if !differs {
                continue;
            }
            let key = key(self.world, self.place, outcomes, looser);
            let exactly = !found.has(&key) && found.exact > 0;
            found.exact = found.exact.saturating_sub(u32::from(exactly));
            found.add(key, cause, || {
                let span = self.span(run, exactly);
                // The least amount over a bound says most; where there is none, nothing says least.
                let amount = match span.from > U256::ONE {
                    true => span.from,
                    false => run.last.amount,
                };
                let mut row = row(self.world, self.place, outcomes, looser, span, cause);
                row.ask(self.place, amount);
                let question = self.question.with(self.world, self.place, amount);
                row.cases.extend(question.map(|one| one.case("witness", 1)));
                row
            });
        }
    }
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
    let asked = Asked {
        world,
        bench,
        place,
        question,
    };
    let amounts = amounts(world, place).into_iter();
    let all: Vec<At> = amounts.filter_map(|amount| asked.at(amount)).collect();
    for run in runs(&all) {
        asked.keep(&run, cause, found);
    }
}
