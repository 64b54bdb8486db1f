//! Rules, compiled: of rules that match the same effects only the strictest outcome is kept.

use std::cmp::Reverse;
use std::collections::HashMap;

use crate::amount::Percent;
use crate::effects::EffectKind;
use crate::policy::decide::verdict::Verdict;
use crate::policy::index::Index;
use crate::policy::model::{Matcher, Released, Route, Rule};

/// What an effect is granted by one or more rules with the same matchers.
#[derive(Clone, Debug)]
pub(in crate::policy) struct Grant {
    /// The strictest of them.
    pub tier: Verdict,
    /// The rule that is named for it: the strictest one, of equal ones that with the smallest id.
    pub rule: String,
    /// The tier of that rule alone.
    pub rule_tier: Verdict,
    /// Percent of what leaves that must come back: the most any of them asks for, and the rule that
    /// does, of equal ones that with the smallest id.
    pub return_min: Option<(Percent, String)>,
    /// Private if any of them is.
    pub route: Route,
    /// The agent if any of them says so.
    pub released: Released,
    /// Whether they name functions: others grant what the operator vouches for as an opaque call.
    pub names_functions: bool,
    /// What must hold, or nothing is granted: numbers of checks.
    pub checks: Vec<u32>,
}

/// Rules that differ only in their id, their tier and, where they compare no amounts, the effects
/// they list fold into one grant per effect kind; those with other checks do not.
pub(in crate::policy) fn compile(rules: &[Rule]) -> (Vec<Grant>, Index) {
    let mut alike: HashMap<(EffectKind, Matcher, &[u32]), usize> = HashMap::new();
    let mut members: Vec<(EffectKind, &Matcher, Vec<&Rule>)> = Vec::new();
    for rule in rules {
        let bare = rule.matcher.bare();
        for kind in rule.matcher.kinds.of_kinds() {
            let next = members.len();
            let place = *alike
                .entry((kind, bare.clone(), rule.checks.as_slice()))
                .or_insert(next);
            match members.get_mut(place) {
                Some((_, _, same)) => same.push(rule),
                None => members.push((kind, &rule.matcher, vec![rule])),
            }
        }
    }
    let grants = members.iter().map(|(_, _, same)| merge(same)).collect();
    let entries = members.iter().zip(0u32..);
    let index = Index::new(entries.map(|((kind, matcher, _), number)| (*kind, *matcher, number)));
    (grants, index)
}

fn merge(rules: &[&Rule]) -> Grant {
    let tiers = rules.iter().map(|rule| rule.tier);
    let tier = tiers.fold(Verdict::Instant, Verdict::strictest);
    let named = rules
        .iter()
        .max_by_key(|rule| (rule.tier.order(), Reverse(rule.id.as_str())));
    let return_min = rules
        .iter()
        .filter_map(|rule| Some((rule.return_min_percent?, Reverse(rule.id.as_str()))))
        .max();
    Grant {
        tier,
        rule: named.map(|rule| rule.id.clone()).unwrap_or_default(),
        rule_tier: named.map_or(tier, |rule| rule.tier),
        route: rules
            .iter()
            .map(|rule| rule.route)
            .max()
            .unwrap_or_default(),
        released: rules
            .iter()
            .map(|rule| rule.released)
            .max()
            .unwrap_or_default(),
        return_min: return_min.map(|(percent, Reverse(id))| (percent, id.to_owned())),
        checks: rules
            .first()
            .map(|rule| rule.checks.clone())
            .unwrap_or_default(),
        names_functions: named.is_some_and(|rule| rule.matcher.functions.is_some()),
    }
}

/// An index whose payloads are the positions of the matchers.
pub(in crate::policy) fn index<'m>(matchers: impl Iterator<Item = &'m Matcher>) -> Index {
    let numbered = matchers.zip(0u32..);
    Index::new(numbered.flat_map(|(matcher, number)| {
        matcher
            .kinds
            .of_kinds()
            .map(move |kind| (kind, matcher, number))
    }))
}
