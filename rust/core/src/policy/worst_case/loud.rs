//! What nothing bounds, or nothing but the number of requests, said first and in words.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::effects::EffectKind;
use crate::policy::model::{Limit, Measure, Per};
use crate::policy::worst_case::cells::Cell;
use crate::policy::worst_case::path::{assets, effects, list, rule_words, rules};
use crate::policy::worst_case::scene::Scene;
use crate::policy::worst_case::units::Unit;
use crate::policy::worst_case::SPANS;

/// What an operator must not miss.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// `unbounded`: no figure exists; `rate`: only the number of requests bounds it.
    pub kind: &'static str,
    /// Which rule, and why no limit is one.
    pub text: String,
}

/// How a cell is bounded, whatever the unit.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Bounded {
    Not,
    ByRate,
    ByLimit,
}

/// Every flow without a limit, those that nothing bounds first.
pub(super) fn warnings(scene: &Scene<'_>, cells: &[Cell], fees: Option<&Cell>) -> Vec<Warning> {
    // By how they are bounded, whether they are fees, their groups and their limits.
    type Alike<'c> = (Bounded, bool, &'c [u32], &'c [u32]);
    let mut alike: BTreeMap<Alike<'_>, Vec<&Cell>> = BTreeMap::new();
    for cell in cells.iter().chain(fees) {
        let bounded = bounded(scene, cell);
        if bounded != Bounded::ByLimit {
            let is_fee = cell.kinds.has(EffectKind::Fee as u8);
            let key: Alike<'_> = (bounded, is_fee, &cell.groups, &cell.limits);
            alike.entry(key).or_default().push(cell);
        }
    }
    let said = alike.into_iter().map(|((bounded, ..), cells)| {
        let (names, count) = rules(scene, &cells);
        let what = format!(
            "{} of {} by {}",
            list(&effects(&cells)),
            list(&assets(scene, &cells)),
            rule_words(&names, count),
        );
        let why = near(scene, &cells);
        let (kind, text) = match bounded {
            Bounded::Not => ("unbounded", format!("{what}: no limit bounds it{why}")),
            _ => {
                let rate = scene.agent.requests_per_minute;
                let only = format!("only {rate} requests a minute do");
                ("rate", format!("{what}: no limit bounds it, {only}{why}"))
            }
        };
        Warning { kind, text }
    });
    said.collect()
}

fn bounded(scene: &Scene<'_>, cell: &Cell) -> Bounded {
    let units = [Unit::Base, Unit::Usd];
    let bounds = |number: &u32| {
        let counted = scene.counts.get(*number as usize);
        let window =
            |unit: &Unit| counted.and_then(|one| scene.window(one, &[cell], *unit, SPANS[0].ms));
        units.iter().any(|unit| window(unit).is_some())
    };
    if cell.limits.iter().any(bounds) {
        return Bounded::ByLimit;
    }
    match units
        .iter()
        .any(|unit| cell.request.in_unit(*unit).is_some())
    {
        true => Bounded::ByRate,
        false => Bounded::Not,
    }
}

/// Limits that look as if they bounded it, and why they do not.
fn near(scene: &Scene<'_>, cells: &[&Cell]) -> String {
    let mut reasons: Vec<String> = Vec::new();
    let Some(cell) = cells.first() else {
        return String::new();
    };
    let counted = cell
        .limits
        .iter()
        .filter_map(|one| scene.counts.get(*one as usize));
    reasons.extend(counted.filter_map(|one| why_not(one.limit)));
    let standing = scene.counts.iter().filter(|one| one.limit.is_standing());
    let named = standing.filter(|one| {
        let kinds = EffectKind::STANDING.into_iter();
        let mut kinds = kinds.filter(|kind| one.limit.matcher.kinds.has(*kind as u8));
        kinds.any(|kind| cell.kinds.has(kind as u8))
    });
    reasons.extend(named.filter_map(|one| why_not(one.limit)));
    match reasons.is_empty() {
        true => String::new(),
        false => format!(" ({})", list(&reasons)),
    }
}

fn why_not(limit: &Limit) -> Option<String> {
    let id = &limit.id;
    if !limit.stops() {
        return Some(format!("what is over `{id}` goes on"));
    }
    if limit.measure == Measure::Recipients {
        return Some(format!("`{id}` counts recipients, and not what they get"));
    }
    if limit.is_standing() {
        return Some(format!("`{id}` counts what stands, and not what was taken"));
    }
    if limit.per == Per::Recipient {
        return Some(format!(
            "`{id}` counts each recipient, and anybody can be the next"
        ));
    }
    let counts = limit.measure == Measure::Count;
    counts.then(|| format!("`{id}` counts payments, and one can be of any amount"))
}
