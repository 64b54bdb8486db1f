//! What changes from one policy to another, and whether any of it can loosen a verdict.
//!
//! Conservative: only an added forbid, review or limit, a forbid or review of more amounts, a removed or
//! narrowed grant that hides no stricter one, and a lowered cap count as at least as strict. Everything
//! else counts as looser, also where a person sees that it is not. Documents are compared, not their
//! text: comments, white space and the order of tables are no change.
//!
//! What is compared is the verdict on a request in one and the same state. What a stricter policy
//! refused is not spent, so that a later payment may find room, and be under the share at which a limit
//! warns: true of any refusal.
//!
//! A lowered cap of a chain's fees lowers what may be signed, and with it the worst case that limits
//! count: a payment that a limit refused because of its fee may then fit. What the limit allows in all
//! stays the same.

use std::collections::BTreeMap;

use serde::Serialize;
use toml::{Table, Value};

use crate::policy::conditions::{Conditions, Range};
use crate::policy::model::{Agent, Chain, Limit, Rule};
use crate::policy::Policy;
use crate::text::display_safe;

/// Characters of a value that are shown.
const SHOWN_MAX: usize = 160;

/// One difference between two policies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Whether it can make a verdict less strict.
    pub looser: bool,
    /// Where: `rule.small.amount_max`.
    pub path: String,
    /// What, in words.
    pub text: String,
}

/// Sections of tables and the key that names each of them.
const SECTIONS: [(&str, &str); 13] = [
    ("chain", "id"),
    ("wallet", "id"),
    ("agent", "id"),
    ("asset", "id"),
    ("contract", "id"),
    ("function", "id"),
    ("list", "id"),
    ("schedule", "id"),
    ("check", "id"),
    ("rule", "id"),
    ("forbid", "id"),
    ("review", "id"),
    ("limit", "id"),
];

/// Every difference, in the order of the sections and of their ids.
pub fn changes(old: &Policy, new: &Policy) -> Vec<Change> {
    let (Ok(before), Ok(after)) = (old.source().parse::<Table>(), new.source().parse::<Table>())
    else {
        // A policy was made of both, so this cannot be.
        return vec![Change {
            looser: true,
            path: String::new(),
            text: "the policies cannot be compared".to_owned(),
        }];
    };
    let mut comparison = Comparison {
        old,
        new,
        rules: Rules::new(old, new),
        changes: Vec::new(),
    };
    let head = |table: &Table| -> Table {
        let own = |(key, _): &(&String, &Value)| !SECTIONS.iter().any(|(name, _)| name == key);
        let own = table.iter().filter(own);
        own.map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    };
    comparison.tables("", &head(&before), &head(&after), |key| match key {
        // The name of a policy is shown, and decides nothing.
        "name" => Some(Some(false)),
        "loosen_delay" => Some(Some(new.loosen_delay_ms() < old.loosen_delay_ms())),
        "loosen_quorum" => Some(Some(new.loosen_quorum() < old.loosen_quorum())),
        _ => None,
    });
    for (section, key) in SECTIONS {
        let (before, after) = (named(&before, section, key), named(&after, section, key));
        match (before, after) {
            (Some(before), Some(after)) => comparison.section(section, &before, &after),
            _ => comparison.looser(section.to_owned(), "cannot be compared".to_owned()),
        }
    }
    comparison.changes
}

/// The first difference that can loosen a verdict, in words; `None` if there is none.
pub fn first_looser(old: &Policy, new: &Policy) -> Option<String> {
    let looser = changes(old, new).into_iter().find(|change| change.looser);
    looser.map(|change| match change.path.as_str() {
        "" => change.text,
        path => format!("`{path}` {}", change.text),
    })
}

/// The tables of a section by their id; `None` if two have the same, or one has none.
fn named<'t>(document: &'t Table, section: &str, key: &str) -> Option<BTreeMap<String, &'t Table>> {
    let mut named = BTreeMap::new();
    let Some(tables) = document.get(section) else {
        return Some(named);
    };
    for table in tables.as_array()? {
        let table = table.as_table()?;
        let id = match table.get(key)? {
            Value::String(id) => id.clone(),
            id => id.to_string(),
        };
        if named.insert(id, table).is_some() {
            return None;
        }
    }
    Some(named)
}

struct Comparison<'p> {
    old: &'p Policy,
    new: &'p Policy,
    rules: Rules<'p>,
    changes: Vec<Change>,
}

impl Comparison<'_> {
    fn note(&mut self, looser: bool, path: String, text: String) {
        let (path, text) = (display_safe(&path, SHOWN_MAX), display_safe(&text, 1024));
        self.changes.push(Change { looser, path, text });
    }

    fn looser(&mut self, path: String, text: String) {
        self.note(true, path, text);
    }

    fn section(
        &mut self,
        section: &str,
        before: &BTreeMap<String, &Table>,
        after: &BTreeMap<String, &Table>,
    ) {
        let (old, new) = (self.old, self.new);
        for (id, table) in before {
            let path = format!("{section}.{id}");
            let Some(now) = after.get(id) else {
                // A rule that named it would not be read.
                let safe = section == "check" || section == "rule" && self.rules.hides_none(id);
                let text = match section {
                    "rule" if !safe => "is removed, and may be the stricter of two rules",
                    _ => "is removed",
                };
                self.note(!safe, path, text.to_owned());
                continue;
            };
            let narrows = section == "rule" && table != now;
            let hides = narrows && !self.rules.hides_none(id);
            let rules = self.rules.pair(id);
            self.tables(&path, table, now, |key| {
                if section == "rule" && key == "checks" {
                    // A rule that a check holds back still asks for its tier.
                    return Some(Some(!all_checks(table.get(key), now.get(key))));
                }
                let lowered = match section {
                    "rule" => lowered_rule(rules?, key).or_else(|| {
                        let narrower = Conditions::narrower(key, table.get(key), now.get(key))?;
                        Some(if narrower { Lowered::Yes } else { Lowered::No })
                    }),
                    _ => lowered(old, new, section, id, key),
                };
                Some(match lowered? {
                    Lowered::Equal => None,
                    Lowered::No => Some(true),
                    Lowered::Yes => Some(hides),
                })
            });
        }
        for id in after.keys().filter(|id| !before.contains_key(*id)) {
            let looser = !matches!(section, "forbid" | "review" | "limit" | "check");
            self.note(looser, format!("{section}.{id}"), "is added".to_owned());
        }
    }

    /// The keys of two tables of the same name. `judge` says of a key whether it is looser, and that
    /// it is no change with `Some(None)`; keys it does not know are looser.
    fn tables(
        &mut self,
        path: &str,
        before: &Table,
        after: &Table,
        judge: impl Fn(&str) -> Option<Option<bool>>,
    ) {
        let mut keys: Vec<&String> = before.keys().chain(after.keys()).collect();
        keys.sort_unstable();
        keys.dedup();
        for key in keys {
            let (old, new) = (before.get(key), after.get(key));
            if old == new {
                continue;
            }
            let path = match path {
                "" => key.clone(),
                path => format!("{path}.{key}"),
            };
            if let (Some(Value::Array(old)), Some(Value::Array(new)), "entry") =
                (old, new, key.as_str())
            {
                self.entries(&path, old, new);
                continue;
            }
            let looser = match judge(key) {
                Some(None) => continue,
                Some(Some(looser)) => looser,
                None => true,
            };
            let shown = |value: &Value| display_safe(&value.to_string(), SHOWN_MAX);
            let text = match (old, new) {
                (Some(old), Some(new)) => format!("changes from {} to {}", shown(old), shown(new)),
                (Some(old), None) => format!("is removed; it was {}", shown(old)),
                (None, Some(new)) => format!("is added: {}", shown(new)),
                (None, None) => continue,
            };
            self.note(looser, path, text);
        }
    }

    /// Entries of a list: their order is no change; which ones there are is.
    fn entries(&mut self, path: &str, before: &[Value], after: &[Value]) {
        let mut counts: BTreeMap<String, i64> = BTreeMap::new();
        for entry in before {
            let count = counts.entry(entry.to_string()).or_default();
            *count = count.saturating_sub(1);
        }
        for entry in after {
            let count = counts.entry(entry.to_string()).or_default();
            *count = count.saturating_add(1);
        }
        for (entry, count) in counts {
            let what = match count {
                0 => continue,
                1.. => "is added",
                _ => "is removed",
            };
            let entry = display_safe(&entry, SHOWN_MAX);
            self.looser(path.to_owned(), format!("{what}: {entry}"));
        }
    }
}

/// How a number compares with what it was. No number at all is the largest.
enum Lowered {
    Yes,
    No,
    Equal,
}

fn compare<T: Ord>(old: T, new: T) -> Lowered {
    match new.cmp(&old) {
        std::cmp::Ordering::Less => Lowered::Yes,
        std::cmp::Ordering::Equal => Lowered::Equal,
        std::cmp::Ordering::Greater => Lowered::No,
    }
}

fn upper<T: Ord>(old: Option<T>, new: Option<T>) -> Lowered {
    match (old, new) {
        (None, None) => Lowered::Equal,
        (None, Some(_)) => Lowered::Yes,
        (Some(_), None) => Lowered::No,
        (Some(old), Some(new)) => compare(old, new),
    }
}

/// Of a number whose lower value can only deny more: how it changed. `None` for every other key.
fn lowered(old: &Policy, new: &Policy, section: &str, id: &str, key: &str) -> Option<Lowered> {
    match section {
        "chain" => {
            let find = |policy: &Policy| policy.chain(id.parse().ok()?).cloned();
            let of: fn(&Chain) -> u128 = match key {
                "gas_max" => |chain| chain.gas_max.into(),
                "fee_per_gas_max" => |chain| chain.fee_per_gas_max,
                "priority_fee_per_gas_max" => |chain| chain.priority_fee_per_gas_max,
                "fee_per_gas_min" => |chain| chain.fee_per_gas_min,
                "priority_fee_per_gas_min" => |chain| chain.priority_fee_per_gas_min,
                _ => return None,
            };
            Some(compare(of(&find(old)?), of(&find(new)?)))
        }
        "agent" => {
            let of: fn(&Agent) -> u32 = match key {
                "requests_per_minute" => |agent| agent.requests_per_minute,
                "connections_max" => |agent| agent.connections_max,
                "waiting_max" => |agent| agent.waiting_max,
                _ => return None,
            };
            Some(compare(of(old.agent(id)?), of(new.agent(id)?)))
        }
        "check" => {
            let find = |policy: &Policy| {
                let mut checks = policy.checks().iter();
                checks.find(|check| check.id == id).cloned()
            };
            let (old, new) = (find(old)?, find(new)?);
            match key {
                "max" => Some(upper(old.max, new.max)),
                // A larger minimum is what narrows.
                "min" => Some(compare(new.min, old.min)),
                "age_max" => Some(compare(old.age_ms_max, new.age_ms_max)),
                _ => None,
            }
        }
        // What matches more effects asks for more, or denies more.
        "forbid" => {
            let find = |policy: &Policy| {
                let found = policy.forbids().iter().find(|forbid| forbid.id == id)?;
                Some(found.matcher.range.clone())
            };
            widened(&find(old)?, &find(new)?, key)
        }
        "review" => {
            let find = |policy: &Policy| {
                let found = policy.reviews().iter().find(|review| review.id == id)?;
                Some(found.matcher.range.clone())
            };
            widened(&find(old)?, &find(new)?, key)
        }
        "limit" if key == "max" => {
            let of = |limit: &Limit| limit.max;
            Some(compare(of(old.limit_by_id(id)?), of(new.limit_by_id(id)?)))
        }
        _ => None,
    }
}

/// Whether a range of amounts takes in more than it did: of what denies or asks, that is stricter.
fn widened(old: &Range, new: &Range, key: &str) -> Option<Lowered> {
    match key {
        "amount_above" => Some(compare(old.amount_above, new.amount_above)),
        "usd_above" => Some(compare(old.usd_above, new.usd_above)),
        "amount_max" => Some(upper(new.amount_max, old.amount_max)),
        "usd_max" => Some(upper(new.usd_max, old.usd_max)),
        _ => None,
    }
}

/// The same of a rule.
fn lowered_rule((old, new): (&Rule, &Rule), key: &str) -> Option<Lowered> {
    let (old, new) = (&old.matcher.range, &new.matcher.range);
    match key {
        "amount_max" => Some(upper(old.amount_max, new.amount_max)),
        "usd_max" => Some(upper(old.usd_max, new.usd_max)),
        _ => None,
    }
}

/// Whether a rule names every check that it named.
fn all_checks(old: Option<&Value>, new: Option<&Value>) -> bool {
    let old = old.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let new = new.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    old.iter().all(|one| new.contains(one))
}

/// Pairs of rules that are compared at most: a file must not keep the guardian from its work.
const PAIRS_MAX: usize = 2_000_000;

/// The rules of both policies by their id.
struct Rules<'p> {
    old: BTreeMap<&'p str, &'p Rule>,
    new: BTreeMap<&'p str, &'p Rule>,
    pairs: usize,
}

impl<'p> Rules<'p> {
    fn new(old: &'p Policy, new: &'p Policy) -> Self {
        let by_id = |policy: &'p Policy| -> BTreeMap<&'p str, &'p Rule> {
            let rules = policy.rules().iter();
            rules.map(|rule| (rule.id.as_str(), rule)).collect()
        };
        Self {
            old: by_id(old),
            new: by_id(new),
            pairs: 0,
        }
    }

    fn pair(&self, id: &str) -> Option<(&'p Rule, &'p Rule)> {
        Some((self.old.get(id)?, self.new.get(id)?))
    }

    /// Whether an effect that this rule does not match any more is judged at least as strictly by
    /// every other rule that may still match it. Of all rules that match, the strictest counts.
    fn hides_none(&mut self, id: &str) -> bool {
        self.pairs = self.pairs.saturating_add(self.new.len());
        let Some(gone) = self.old.get(id) else {
            return false;
        };
        let mut others = self.new.iter().filter(|(other, _)| **other != id);
        self.pairs <= PAIRS_MAX
            && others.all(|(id, other)| {
                // What the other rule matched before is at least what it matches now.
                let apart = self.old.get(id).is_some_and(|old| !overlap(gone, old));
                apart || covers(other, gone)
            })
    }
}

/// Whether what both rules match is judged by `other` alone at least as strictly as by both.
fn covers(other: &Rule, gone: &Rule) -> bool {
    let ranged = |rule: &Rule| rule.matcher.range.in_usd();
    other.tier.strictest(gone.tier) == other.tier
        && other.return_min_percent >= gone.return_min_percent
        && other.route >= gone.route
        && other.released >= gone.released
        // Without a price such a rule asks for a person.
        && (!ranged(gone) || ranged(other))
        // Rules that name no functions grant an opaque call.
        && (gone.matcher.functions.is_some() || other.matcher.functions.is_none())
}

/// Whether both rules of one policy may match the same effect. Only what is sure says no.
fn overlap(one: &Rule, other: &Rule) -> bool {
    let (a, b) = (&one.matcher, &other.matcher);
    a.kinds.0 & b.kinds.0 != 0 && a.conditions.meet(&b.conditions)
}
