//! How the bound is reached, in words.

use alloy_primitives::U256;
use serde::Serialize;

use crate::amount::{format_units, Usd};
use crate::policy::model::{Limit, Measure, Per};
use crate::policy::worst_case::cells::Cell;
use crate::policy::worst_case::cover::{Block, By, Cover};
use crate::policy::worst_case::limits::fills;
use crate::policy::worst_case::rate::requests;
use crate::policy::worst_case::scene::Scene;
use crate::policy::worst_case::units::Unit;
use crate::policy::worst_case::Span;
use crate::window::Span as Window;

/// So many names are written; of the others their number.
const NAMES_MAX: usize = 5;

/// What bounds a part of a figure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// The limit; `None` where only the number of requests bounds it.
    pub limit: Option<String>,
    /// The first rules that let it pass.
    pub rules: Vec<String>,
    /// How many there are.
    pub rules_count: usize,
    /// How it leaves.
    pub effects: Vec<&'static str>,
    /// What leaves: ids of assets.
    pub assets: Vec<String>,
    /// The most of it, in the unit of the figure.
    pub most: String,
    /// All of it as a sentence.
    pub text: String,
}

/// The steps of a figure; `unit` is what its amounts are written in.
pub(super) fn steps(
    scene: &Scene<'_>,
    cells: &[&Cell],
    cover: &Cover,
    unit: Unit,
    span: Span,
) -> Vec<Step> {
    let blocks = cover.blocks.iter().filter(|block| !block.most.is_zero());
    blocks
        .map(|block| step(scene, cells, block, unit, span))
        .collect()
}

fn step(scene: &Scene<'_>, cells: &[&Cell], block: &Block, unit: Unit, span: Span) -> Step {
    let own = block.cells.iter().filter_map(|at| cells.get(*at).copied());
    let own: Vec<&Cell> = own.collect();
    let (rules, rules_count) = rules(scene, &own);
    let (effects, assets) = (effects(&own), assets(scene, &own));
    let most = amount(scene, &own, block.most, unit);
    let what = format!(
        "{} of {} by {}",
        list(&effects),
        list(&assets),
        rule_words(&rules, rules_count)
    );
    let counted = match block.by {
        By::Limit(number) => scene.counts.get(number as usize),
        By::Rate => None,
    };
    let text = match counted {
        Some(counted) => {
            let how = limit_words(scene, counted.limit, &own, unit, span);
            format!("{what}: {how}: {most}")
        }
        None => {
            let many = requests(scene.agent, span.ms);
            format!("{what}: no limit, {many} requests in {}: {most}", span.name)
        }
    };
    Step {
        limit: counted.map(|counted| counted.limit.id.clone()),
        rules,
        rules_count,
        effects,
        assets,
        most,
        text,
    }
}

/// ``limit `day` (200 USD in any 24h), 30 times``
fn limit_words(
    scene: &Scene<'_>,
    limit: &Limit,
    cells: &[&Cell],
    unit: Unit,
    span: Span,
) -> String {
    let max = match limit.measure {
        Measure::Count => {
            let each = cells.iter().filter_map(|cell| cell.each.in_unit(unit));
            let each = each.fold(U256::ZERO, U256::max);
            let each = amount(scene, cells, each, unit);
            format!("{} payments of at most {each}", limit.max)
        }
        Measure::Usd | Measure::Amount(_) | Measure::Recipients => limit.measure.words(limit.max),
    };
    let times = match fills(limit, span.ms, scene.time()) {
        Some((0, _)) | Some((1, 0)) | None => String::new(),
        Some((whole, 0)) => format!(", {whole} times"),
        Some((whole, _)) => format!(", {whole} times and for the rest of {}", span.name),
    };
    let keys = scene.keys(limit.per, cells, span.ms).unwrap_or_default();
    let each = match limit.per {
        Per::Wallet | Per::Recipient if keys != 1 => {
            format!(", for each of {keys} {}s", limit.per.as_str())
        }
        Per::Agent | Per::Wallet | Per::Recipient | Per::Global => String::new(),
    };
    let window = match &limit.window {
        Window::Rolling(window_ms) => format!("in any {}", duration(*window_ms)),
        Window::Calendar(period, zone) => format!("a {} in {}", period.as_str(), zone.name()),
        Window::Lifetime => "ever".to_owned(),
        Window::Standing => "at one time".to_owned(),
    };
    format!("limit `{}` ({max} {window}{each}){times}", limit.id)
}

/// The first names of the rules of these cells, and how many rules there are.
pub(super) fn rules(scene: &Scene<'_>, cells: &[&Cell]) -> (Vec<String>, usize) {
    let places = scene
        .groups_of(cells)
        .flat_map(|group| group.rules.iter().copied());
    let mut places: Vec<u32> = places.collect();
    places.sort_unstable();
    places.dedup();
    let first = places.iter().take(NAMES_MAX);
    let names = first.filter_map(|place| Some(scene.rule(*place)?.id.clone()));
    (names.collect(), places.len())
}

/// ``rules `a`, `b` and 7 more``
pub(super) fn rule_words(rules: &[String], count: usize) -> String {
    let word = if count == 1 { "rule" } else { "rules" };
    let names: Vec<String> = rules.iter().map(|id| format!("`{id}`")).collect();
    match count.saturating_sub(rules.len()) {
        0 => format!("{word} {}", names.join(", ")),
        more => format!("{word} {} and {more} more", names.join(", ")),
    }
}

/// The kinds of effects of these cells.
pub(super) fn effects(cells: &[&Cell]) -> Vec<&'static str> {
    let bits = cells.iter().fold(0, |bits, cell| bits | cell.kinds.0);
    let kinds = crate::policy::model::Bits(bits);
    kinds.of_kinds().map(|kind| kind.as_str()).collect()
}

/// The assets of these cells.
pub(super) fn assets(scene: &Scene<'_>, cells: &[&Cell]) -> Vec<String> {
    let mut names: Vec<String> = cells
        .iter()
        .map(|cell| asset_name(scene, cell.asset))
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// What is not registered has no name of its own.
pub(super) const UNREGISTERED: &str = "(not registered)";

/// The id of an asset.
pub(super) fn asset_name(scene: &Scene<'_>, asset: Option<u32>) -> String {
    let entry = asset.and_then(|number| scene.policy.assets().get(number as usize));
    entry.map_or(UNREGISTERED.to_owned(), |entry| entry.asset.id.clone())
}

/// The first names, and the number of the others.
pub(super) fn list(names: &[impl AsRef<str>]) -> String {
    let first: Vec<&str> = names.iter().take(NAMES_MAX).map(AsRef::as_ref).collect();
    match names.len().saturating_sub(first.len()) {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}

/// `12.5 usdc` or `12.5 USD`: cells in base units are all of one asset.
fn amount(scene: &Scene<'_>, cells: &[&Cell], amount: U256, unit: Unit) -> String {
    match unit {
        Unit::Usd => format!("{} USD", usd(amount)),
        Unit::Base => {
            let asset = cells.first().and_then(|cell| cell.asset);
            format!(
                "{} {}",
                base(scene, asset, amount),
                asset_name(scene, asset)
            )
        }
    }
}

/// Base units as whole ones.
pub(super) fn base(scene: &Scene<'_>, asset: Option<u32>, amount: U256) -> String {
    let entry = asset.and_then(|number| scene.policy.assets().get(number as usize));
    format_units(amount, entry.map_or(0, |entry| entry.asset.decimals))
}

/// Micro-USD as USD.
pub(super) fn usd(amount: U256) -> String {
    match u128::try_from(amount) {
        Ok(micro) => Usd(micro).to_string(),
        Err(_) => format_units(amount, 6),
    }
}

/// `24h`, as people write it in a policy.
pub(super) fn duration(ms: u64) -> String {
    const UNITS: [(u64, &str); 4] = [
        (86_400_000, "d"),
        (3_600_000, "h"),
        (60_000, "m"),
        (1_000, "s"),
    ];
    // A day is written as 24h, as docs and policies do.
    let fits = |(length, word): &&(u64, &str)| {
        ms.is_multiple_of(*length) && (*word != "d" || ms > *length)
    };
    let (length, word) = UNITS.iter().find(fits).unwrap_or(&(1, "ms"));
    format!("{}{word}", ms.checked_div(*length).unwrap_or_default())
}
