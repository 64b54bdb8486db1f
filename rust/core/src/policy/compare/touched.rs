//! Where two policies can differ: the tables that a change is about, and how far it reaches.

use std::collections::{BTreeMap, BTreeSet};

use crate::amount::Percent;
use crate::effects::EffectKind;
use crate::policy::compare::samples::Samples;
use crate::policy::compare::world::World;
use crate::policy::model::{Bits, Matcher};
use crate::policy::strictness::Change;
use crate::policy::Policy;

/// Sections whose tables match effects.
const DECISIVE: [&str; 4] = ["rule", "forbid", "review", "limit"];
/// Tables that are looked at for a change that is not about one of them.
const TABLES_MAX: usize = 48;

/// One table of both policies, and the part of it that a change is about.
#[derive(Debug)]
pub(super) struct Touched<'p> {
    /// The number of the change among the causes.
    pub cause: usize,
    pub old: Option<&'p Matcher>,
    pub new: Option<&'p Matcher>,
    pub samples: Samples,
    /// Hundredths of a percent that rules ask to come back.
    pub returns: Vec<u16>,
    /// What is told of prices and code may make the difference.
    pub by_facts: bool,
    /// The caps of a chain may.
    pub by_fees: bool,
    /// The limit that changed, if it is one.
    pub limit: Option<&'p str>,
}

impl Touched<'_> {
    /// The kinds of effects it is about.
    pub fn kinds(&self) -> Bits {
        let tables = self.old.into_iter().chain(self.new);
        tables.fold(Bits::default(), |all, table| Bits(all.0 | table.kinds.0))
    }
}

/// The tables that a cause is about: `rule.small`, `list.vendors`.
pub(super) fn causes<'c>(changes: impl Iterator<Item = &'c Change>) -> Vec<String> {
    let mut causes = Vec::new();
    let mut seen = BTreeSet::new();
    for change in changes {
        let cause = cause(&change.path);
        if cause.contains('.') && seen.insert(cause) {
            causes.push(cause.to_owned());
        }
    }
    // What a table of its own says is said of that table.
    causes.sort_by_key(|cause: &String| !matches_effects(cause));
    causes
}

/// Whether a cause is a table that matches effects itself.
pub(super) fn matches_effects(cause: &str) -> bool {
    let section = cause.split('.').next().unwrap_or_default();
    DECISIVE.contains(&section)
}

/// The table of a path: `rule.small` of `rule.small.amount_max`.
pub(super) fn cause(path: &str) -> &str {
    let second = path.match_indices('.').nth(1);
    second.map_or(path, |(at, _)| path.get(..at).unwrap_or(path))
}

/// A rule, forbid or limit of both policies.
#[derive(Clone, Copy, Default)]
struct Pair<'p> {
    old: Option<&'p Matcher>,
    new: Option<&'p Matcher>,
    returns: [Option<Percent>; 2],
}

type Pairs<'p> = BTreeMap<(&'static str, &'p str), Pair<'p>>;

/// What each cause touches.
pub(super) fn touched<'p>(world: &World<'p>, causes: &'p [String]) -> Vec<Touched<'p>> {
    let pairs = pairs(world);
    let mut all = Vec::new();
    for (cause, path) in causes.iter().enumerate() {
        let Some((section, id)) = path.split_once('.') else {
            continue;
        };
        let own = DECISIVE.into_iter().find(|name| *name == section);
        let table = own.and_then(|name| pairs.get_key_value(&(name, id)));
        if let Some(((section, id), pair)) = table {
            all.push(Touched {
                limit: (*section == "limit").then_some(*id),
                ..one(world, cause, pair, &Samples::default())
            });
            continue;
        }
        if section == "list" {
            all.extend(caps(world, cause, &pairs, id));
        }
        let reach = Reach::of(world, section, id);
        let tables = pairs.values().filter(|pair| reach.meets(world, pair));
        all.extend(tables.take(TABLES_MAX).map(|pair| Touched {
            by_facts: reach.by_facts,
            by_fees: section == "chain",
            ..one(world, cause, pair, &reach.narrow)
        }));
    }
    all
}

/// What caps of a list and its entries forbid and limit, where that differs.
fn caps<'p>(world: &World<'p>, cause: usize, pairs: &Pairs<'p>, list: &str) -> Vec<Touched<'p>> {
    let prefix = format!("@{list}/");
    let own = pairs
        .iter()
        .filter(|((_, id), pair)| id.starts_with(&prefix) && differs(world, id, pair));
    own.take(TABLES_MAX)
        .map(|((section, id), pair)| Touched {
            limit: (*section == "limit").then_some(*id),
            ..one(world, cause, pair, &Samples::default())
        })
        .collect()
}

fn differs(world: &World<'_>, id: &str, pair: &Pair<'_>) -> bool {
    let max = |policy: &Policy| policy.limit_by_id(id).map(|limit| limit.max);
    match (pair.old, pair.new) {
        (Some(old), Some(new)) => old.range != new.range || max(world.old) != max(world.new),
        _ => true,
    }
}

fn one<'p>(world: &World<'p>, cause: usize, pair: &Pair<'p>, narrow: &Samples) -> Touched<'p> {
    let returns = pair.returns.into_iter().flatten().map(Percent::hundredths);
    let below = |percent: u16| percent.saturating_sub(1);
    Touched {
        cause,
        old: pair.old,
        new: pair.new,
        samples: samples(world, pair).and(narrow),
        returns: returns
            .flat_map(|percent| [percent, below(percent)])
            .collect(),
        by_facts: false,
        by_fees: false,
        limit: None,
    }
}

fn samples(world: &World<'_>, pair: &Pair<'_>) -> Samples {
    let old = pair.old.map(|matcher| Samples::of(world.old, matcher));
    let new = pair.new.map(|matcher| Samples::of(world.new, matcher));
    match (old, new) {
        (Some(old), Some(new)) => old.or(new),
        (one, other) => one.or(other).unwrap_or_default(),
    }
}

fn pairs<'p>(world: &World<'p>) -> Pairs<'p> {
    let mut pairs = Pairs::new();
    for (number, policy) in world.both().into_iter().enumerate() {
        let rules = policy.rules().iter();
        let rules = rules.map(|rule| {
            (
                ("rule", rule.id.as_str()),
                &rule.matcher,
                rule.return_min_percent,
            )
        });
        let forbids = policy.forbids().iter();
        let forbids = forbids.map(|one| (("forbid", one.id.as_str()), &one.matcher, None));
        let reviews = policy.reviews().iter();
        let reviews = reviews.map(|one| (("review", one.id.as_str()), &one.matcher, None));
        let limits = policy.limits().iter();
        let limits = limits.map(|one| (("limit", one.id.as_str()), &one.matcher, None));
        for (key, matcher, percent) in rules.chain(forbids).chain(reviews).chain(limits) {
            let pair: &mut Pair<'_> = pairs.entry(key).or_default();
            if number == 0 {
                pair.old = Some(matcher);
                pair.returns = [percent, None];
            } else {
                pair.new = Some(matcher);
                let [old, _] = pair.returns;
                pair.returns = [old, percent];
            }
        }
    }
    pairs
}

/// How far a change of a list, an agent, an asset, … reaches.
#[derive(Default)]
struct Reach<'c> {
    narrow: Samples,
    /// Only tables that name this list.
    list: Option<&'c str>,
    /// Only tables that name this schedule.
    schedule: Option<&'c str>,
    /// Only tables about one of these kinds.
    kinds: Bits,
    by_facts: bool,
}

impl<'c> Reach<'c> {
    fn of(world: &World<'_>, section: &str, id: &'c str) -> Self {
        let mut reach = Self {
            kinds: Bits::kinds(&EffectKind::ALL),
            ..Self::default()
        };
        let narrow = &mut reach.narrow;
        let both = world.both().into_iter();
        match section {
            "agent" => narrow.agents.only([id.to_owned()]),
            "wallet" => narrow.wallets.only(both.flat_map(|policy| {
                let wallets = policy.wallets().iter().filter(|wallet| wallet.id == id);
                wallets.map(|wallet| wallet.address)
            })),
            "asset" => {
                narrow.assets.only(both.flat_map(|policy| {
                    let assets = policy.assets().iter().filter(|one| one.asset.id == id);
                    assets.map(|one| one.asset.identity())
                }));
                reach.by_facts = true;
            }
            "contract" => {
                narrow.payees.only(both.flat_map(|policy| {
                    let named = policy.parties.contracts();
                    named
                        .filter(|(_, name)| *name == id)
                        .map(|(at, _)| at.address)
                }));
                reach.by_facts = true;
            }
            "function" => {
                narrow.functions.only([id.to_owned()]);
                reach.kinds = Bits::kinds(&[EffectKind::Call]);
            }
            "list" => {
                narrow.payees.only(world.of_list(id));
                narrow.times_ms.also(moments(world, id));
                reach.list = Some(id);
            }
            "schedule" => reach.schedule = Some(id),
            "chain" => narrow.chains.only(id.parse()),
            _ => {}
        }
        reach
    }

    fn meets(&self, world: &World<'_>, pair: &Pair<'_>) -> bool {
        let tables = || [(world.old, pair.old), (world.new, pair.new)].into_iter();
        let kinds = tables().filter_map(|(_, table)| Some(table?.kinds.0));
        let kinds = kinds.fold(0, |all, kinds| all | kinds);
        let has = |ids: &[String], wanted: Option<&str>| {
            wanted.is_none_or(|wanted| ids.iter().any(|id| id == wanted))
        };
        let names = |(policy, table): (&Policy, Option<&Matcher>)| {
            table.is_some_and(|table| {
                let samples = Samples::of(policy, table);
                has(samples.lists.named(), self.list)
                    && has(samples.schedules.named(), self.schedule)
            })
        };
        let is_named = self.list.is_some() || self.schedule.is_some();
        kinds & self.kinds.0 != 0
            && (!is_named || tables().any(names))
            && !samples(world, pair).and(&self.narrow).is_empty()
    }
}

/// Just before and just after entries of a list end that are in only one of the policies.
fn moments(world: &World<'_>, id: &str) -> Vec<u64> {
    let lists = world.both().into_iter().flat_map(|policy| policy.lists());
    let entries = lists
        .filter(|list| list.id == id)
        .flat_map(|list| &list.entries);
    let changed = world.of_list(id);
    let ends = entries.filter(|entry| changed.contains(&entry.address));
    let ends = ends.filter_map(|entry| entry.expires_ms).take(8);
    ends.flat_map(|end| [end.saturating_sub(1), end]).collect()
}
