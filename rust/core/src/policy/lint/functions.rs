//! Warnings about functions the operator vouches for.

use std::collections::HashSet;

use crate::code::PolicyCode;
use crate::policy::decide::verdict::Verdict;
use crate::policy::fault::Fault;
use crate::policy::lint::{unused, WARNINGS_MAX};
use crate::policy::model::Rule;
use crate::policy::Policy;

impl Policy {
    /// What is vouched for and not used, or carries what nobody looked at; and rules that name it
    /// beside rules that do not.
    pub(in crate::policy) fn lint_functions(&self, found: &mut Vec<Fault>) {
        let rules = self.rules.iter().map(|rule| &rule.matcher);
        let forbids = self.forbids.iter().map(|forbid| &forbid.matcher);
        let matchers = rules.chain(forbids);
        let named: HashSet<u32> = matchers
            .flat_map(|matcher| {
                let spared = matcher.not_functions.iter().flat_map(|one| one.iter());
                matcher
                    .functions
                    .iter()
                    .flat_map(|one| one.iter())
                    .chain(spared)
            })
            .copied()
            .collect();
        for (entry, number) in self.functions.iter().zip(0u32..) {
            let id = &entry.function.id;
            if !named.contains(&number) {
                found.push(unused(entry.at, format!("nothing names function `{id}`")));
            }
            if entry.function.signature.carries_bytes() {
                let text = format!("function `{id}` takes bytes, which may be calls of anything");
                let hint = "make sure that the contract does nothing for you with them";
                found.push(Fault::new(entry.at, PolicyCode::CarriesBytes, text, hint));
            }
        }
        let approves = |rule: &Rule| matches!(rule.tier, Verdict::Approval { .. });
        let naming = self.rules.iter();
        let naming = naming.filter(|rule| rule.matcher.functions.is_some() && !approves(rule));
        for rule in naming.take(WARNINGS_MAX) {
            let mut others = self.rules.iter();
            let other = others.find(|other| {
                other.matcher.functions.is_none() && self.covers(&other.matcher, &rule.matcher)
            });
            if let Some(other) = other {
                let text = format!(
                    "rule `{}` says {}, but rule `{}` does not name its functions and matches them \
                     as well, which needs an approval",
                    rule.id,
                    rule.tier.as_str(),
                    other.id,
                );
                let hint = format!("write `not_functions` in `{}`", other.id);
                found.push(Fault::new(rule.at, PolicyCode::Raised, text, hint));
            }
        }
    }
}
