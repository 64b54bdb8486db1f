//! What an effect that no rule grants would have to be: the rule that it misses by least.

use std::cmp::Reverse;

use crate::asset::Asset;
use crate::policy::index::{figure, Query};
use crate::policy::model::Rule;
use crate::policy::Policy;

/// Rules that are compared at most: a denial must not cost more than a payment.
const COMPARED_MAX: usize = 512;
/// Conditions that are named at most.
const NAMED_MAX: usize = 4;

impl Policy {
    /// `` `vendors-small` would grant it if the recipient is on @vendors ``; `None` if no rule is about
    /// such effects of this agent.
    pub(in crate::policy) fn nearest(&self, query: &Query<'_>) -> Option<String> {
        let is_about = |rule: &&Rule| {
            let matcher = &rule.matcher;
            let agents = matcher.agents.as_ref();
            matcher.kinds.has(query.kind as u8)
                && agents.is_none_or(|all| query.agent.is_some_and(|one| all.contains(&one)))
        };
        let compared = self.rules.iter().filter(is_about).take(COMPARED_MAX);
        let figure = figure(query);
        let missed = |rule: &Rule| {
            let range = usize::from(rule.matcher.range.unmet(&figure).is_set());
            rule.matcher.unmet_count(query).saturating_add(range)
        };
        let nearest = compared.min_by_key(|rule| (missed(rule), Reverse(rule.tier), &rule.id))?;
        let mut unmet = nearest.matcher.unmet(query, self);
        let asset = nearest.matcher.assets.as_ref();
        let asset = asset.and_then(|all| self.assets.get(*all.first()? as usize));
        let range = nearest.matcher.range.unmet(&figure);
        unmet.extend(range.said(asset.map(|entry| &entry.asset)));
        if unmet.is_empty() {
            return None;
        }
        let more = unmet.len().saturating_sub(NAMED_MAX);
        unmet.truncate(NAMED_MAX);
        if more > 0 {
            unmet.push(format!("{more} more conditions are met"));
        }
        let unmet = unmet.join(", and ");
        Some(format!("`{}` would grant it if {unmet}", nearest.id))
    }
}

/// An amount with the policy's name of its asset.
pub(in crate::policy) fn units(amount: alloy_primitives::U256, asset: Option<&Asset>) -> String {
    match asset {
        Some(asset) => {
            let units = crate::amount::format_units(amount, asset.decimals);
            format!("{units} {}", asset.id)
        }
        None => format!("{amount} base units"),
    }
}
