//! Warnings: things a policy may say but hardly means. They refuse nothing.

pub(in crate::policy) mod fees;
pub(in crate::policy) mod functions;
pub(in crate::policy) mod reach;
pub(in crate::policy) mod spending;
mod tiers;

use std::collections::{HashMap, HashSet};

use alloy_primitives::Address;
use serde::Serialize;

use crate::code::PolicyCode;
use crate::effects::EffectKind;
use crate::policy::conditions::Expires;
use crate::policy::decide::verdict::Verdict;
use crate::policy::fault::{Fault, Place, PolicyErrors};
use crate::policy::lint::reach::Reach;
use crate::policy::model::{Bits, Matcher, Measure, Per, Rule};
use crate::policy::Policy;

/// An entry that expires within this time is worth a word.
const EXPIRING_MS: u64 = 7 * 24 * 60 * 60 * 1000;
/// Comparing every rule with every forbid stops here; larger policies are written by programs.
const PAIRS_MAX: usize = 1_000_000;
/// No more warnings than this.
pub(in crate::policy) const WARNINGS_MAX: usize = 200;

/// What `policy check` prints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// The operator's name for the policy.
    pub name: String,
    /// SHA-256 of the source, hex.
    pub digest: String,
    /// Number of chains.
    pub chains: usize,
    /// Number of wallets.
    pub wallets: usize,
    /// Agent ids.
    pub agents: Vec<String>,
    /// Number of assets.
    pub assets: usize,
    /// Number of lists.
    pub lists: usize,
    /// Number of rules.
    pub rules: usize,
    /// Number of forbids.
    pub forbids: usize,
    /// Number of limits.
    pub limits: usize,
    /// Warnings.
    pub lint: Vec<Fault>,
}

/// Parses and lints.
///
/// With `held`, the wallets that a guardian has keys for, every other wallet is a fault.
///
/// # Errors
/// As `Policy::parse`.
pub fn check(
    source: &str,
    now_ms: Option<u64>,
    held: Option<&[Address]>,
) -> Result<Summary, PolicyErrors> {
    let policy = Policy::parse(source)?;
    if let Some(held) = held {
        policy.check_held(held)?;
    }
    Ok(Summary {
        name: policy.name().to_owned(),
        digest: policy.digest().to_owned(),
        chains: policy.chains().len(),
        wallets: policy.wallets().len(),
        agents: policy
            .agents()
            .iter()
            .map(|agent| agent.id.clone())
            .collect(),
        assets: policy.assets().len(),
        lists: policy.lists().len(),
        rules: policy.rules().len(),
        forbids: policy.forbids().len(),
        limits: policy.limits().len(),
        lint: policy.lint(now_ms),
    })
}

impl Policy {
    /// Warnings in the order of the file. Without `now_ms` nothing is said about list entries that
    /// expire.
    pub fn lint(&self, now_ms: Option<u64>) -> Vec<Fault> {
        let mut found = Vec::new();
        self.lint_rules(&mut found);
        self.lint_pairs(&mut found);
        self.lint_forbids(&mut found);
        self.lint_reviews(&mut found);
        self.lint_limits(&mut found);
        self.lint_tiers(&mut found);
        self.lint_limit_order(&mut found);
        self.lint_limit_below(&mut found);
        self.lint_agents(&mut found);
        self.lint_unused(&mut found);
        self.lint_functions(&mut found);
        self.lint_l1_fees(&mut found);
        if let Some(now_ms) = now_ms {
            self.lint_expiry(now_ms, &mut found);
            self.lint_entries(now_ms, &mut found);
        }
        found.sort();
        found.truncate(WARNINGS_MAX);
        found
    }

    fn lint_rules(&self, found: &mut Vec<Fault>) {
        for rule in &self.rules {
            if let Err(why) = Reach::of(self, &rule.matcher) {
                let text = format!("rule `{}` can never match: {why}", rule.id);
                let hint = "change the matcher, or leave the rule out";
                found.push(Fault::new(rule.at, PolicyCode::NeverMatches, text, hint));
            }
            let opaque: Vec<&str> = rule
                .matcher
                .kinds
                .of_kinds()
                .filter(|kind| kind.is_opaque() && rule.matcher.functions.is_none())
                .map(EffectKind::as_str)
                .collect();
            if !opaque.is_empty() && !matches!(rule.tier, Verdict::Approval { .. }) {
                let text = format!(
                    "rule `{}` says {}, but {} always needs an approval",
                    rule.id,
                    rule.tier.as_str(),
                    opaque.join(", "),
                );
                let hint = "write tier = \"approval\" in a rule of its own";
                found.push(Fault::new(rule.at, PolicyCode::Raised, text, hint));
            }
            self.lint_return(rule, found);
        }
    }

    /// Nobody looks at what a swap or an order brings.
    fn lint_return(&self, rule: &Rule, found: &mut Vec<Fault>) {
        let mut kinds = rule.matcher.kinds.of_kinds();
        let given = kinds.any(|kind| matches!(kind, EffectKind::Swap | EffectKind::Order));
        let seen = matches!(rule.tier, Verdict::Approval { .. });
        if !given || seen || rule.return_min_percent.is_some() {
            return;
        }
        let text = format!(
            "rule `{}` lets a swap or an order pass that brings next to nothing",
            rule.id
        );
        let hint = "say what must come back with return_min_percent, in a rule of its own";
        found.push(Fault::new(rule.at, PolicyCode::AnyReturn, text, hint));
    }

    /// Rules that do nothing because of a forbid or of another rule.
    fn lint_pairs(&self, found: &mut Vec<Fault>) {
        let mut alike: HashMap<&Matcher, &Rule> = HashMap::new();
        for rule in &self.rules {
            let Some(other) = alike.insert(&rule.matcher, rule) else {
                continue;
            };
            let (weaker, stricter) = if rule.tier > other.tier {
                (other, rule)
            } else {
                (rule, other)
            };
            alike.insert(&rule.matcher, stricter);
            let says_more = weaker.return_min_percent > stricter.return_min_percent
                || weaker.route > stricter.route
                || weaker.released > stricter.released
                // A rule that needs more to hold grants less.
                || !stricter.checks.iter().all(|one| weaker.checks.contains(one));
            if says_more {
                continue;
            }
            let text = format!("rules `{}` and `{}` match the same", weaker.id, stricter.id);
            let hint = format!("leave `{}` out: the stricter tier counts", weaker.id);
            found.push(Fault::new(weaker.at, PolicyCode::Redundant, text, hint));
        }
        if self.rules.len().saturating_mul(self.forbids.len()) > PAIRS_MAX {
            return;
        }
        for rule in &self.rules {
            let covers = |matcher: &Matcher| self.covers(matcher, &rule.matcher);
            if let Some(forbid) = self.forbids.iter().find(|forbid| covers(&forbid.matcher)) {
                let text = format!(
                    "all that rule `{}` grants is forbidden by `{}`",
                    rule.id, forbid.id
                );
                let hint = "narrow the forbid, or leave the rule out";
                found.push(Fault::new(rule.at, PolicyCode::Shadowed, text, hint));
            }
        }
    }

    fn lint_forbids(&self, found: &mut Vec<Fault>) {
        let everything = Matcher {
            kinds: Bits::kinds(&EffectKind::ALL),
            ..Matcher::default()
        };
        for forbid in &self.forbids {
            let any = Matcher {
                kinds: everything.kinds,
                ..forbid.matcher.clone()
            } == everything;
            let grantable = EffectKind::ALL
                .into_iter()
                .filter(|kind| *kind != EffectKind::Fee);
            let all_kinds = grantable
                .into_iter()
                .all(|kind| forbid.matcher.kinds.has(kind as u8));
            if any && all_kinds {
                let text = format!("forbid `{}` denies everything", forbid.id);
                let hint = "name what it is about, or use `holdfast freeze`";
                found.push(Fault::new(
                    forbid.at,
                    PolicyCode::DeniesEverything,
                    text,
                    hint,
                ));
            } else if let Err(why) = Reach::of(self, &forbid.matcher) {
                let text = format!("forbid `{}` can never match: {why}", forbid.id);
                let hint = "change the matcher: nothing is forbidden now";
                found.push(Fault::new(forbid.at, PolicyCode::NeverMatches, text, hint));
            }
        }
    }

    fn lint_reviews(&self, found: &mut Vec<Fault>) {
        for review in &self.reviews {
            if let Err(why) = Reach::of(self, &review.matcher) {
                let text = format!("review `{}` can never match: {why}", review.id);
                let hint = "change the matcher: nothing is reviewed now";
                found.push(Fault::new(review.at, PolicyCode::NeverMatches, text, hint));
            }
        }
    }

    fn lint_limits(&self, found: &mut Vec<Fault>) {
        for limit in &self.limits {
            let never = match Reach::of(self, &limit.matcher) {
                Err(why) => Some(why),
                Ok(reach) if limit.per == Per::Recipient && !reach.has_recipient => {
                    Some("none of its effects has a recipient")
                }
                Ok(reach) if limit.measure == Measure::Recipients && !reach.has_recipient => {
                    Some("none of its effects has a recipient")
                }
                Ok(reach) if limit.measure == Measure::Count && reach.only_fee => {
                    Some("the fee is not a request of its own")
                }
                Ok(_) => None,
            };
            if let Some(why) = never {
                let text = format!("limit `{}` never counts anything: {why}", limit.id);
                let hint = "change the matcher: nothing is limited now";
                found.push(Fault::new(limit.at, PolicyCode::NeverBinds, text, hint));
            }
            self.lint_limit_fees(limit, found);
        }
    }

    fn lint_agents(&self, found: &mut Vec<Fault>) {
        for (agent, number) in self.agents.iter().zip(0u32..) {
            let meant = |matcher: &Matcher| {
                matcher
                    .agents
                    .as_ref()
                    .is_none_or(|agents| agents.contains(&number))
                    && matcher
                        .chains
                        .as_ref()
                        .is_none_or(|ids| ids.contains(&agent.chain_id))
                    && matcher
                        .wallets
                        .as_ref()
                        .is_none_or(|all| agent.wallets.iter().any(|wallet| all.contains(wallet)))
            };
            let rules: Vec<&Rule> = self
                .rules
                .iter()
                .filter(|rule| meant(&rule.matcher))
                .collect();
            if rules.is_empty() {
                let text = format!("nothing is granted to agent `{}`", agent.id);
                let hint = "write a [[rule]] for it, or leave the agent out";
                found.push(Fault::new(
                    agent.at,
                    PolicyCode::AgentWithoutRule,
                    text,
                    hint,
                ));
                continue;
            }
            self.lint_spending(agent, number, &rules, found);
            self.lint_uncounted_fees(agent, number, &rules, found);
        }
    }

    fn lint_unused(&self, found: &mut Vec<Fault>) {
        let used: HashSet<Address> = self
            .agents
            .iter()
            .flat_map(|agent| agent.wallets.iter().copied())
            .collect();
        for wallet in self
            .wallets
            .iter()
            .filter(|wallet| !used.contains(&wallet.address))
        {
            let text = format!("no agent uses wallet `{}`", wallet.id);
            found.push(unused(wallet.at, text));
        }
        let mut named: HashSet<u32> = HashSet::new();
        let rules = self.rules.iter().map(|rule| &rule.matcher);
        let forbids = self.forbids.iter().map(|forbid| &forbid.matcher);
        let reviews = self.reviews.iter().map(|review| &review.matcher);
        let limits = self.limits.iter().map(|limit| &limit.matcher);
        let mut scheduled: HashSet<u32> = HashSet::new();
        for matcher in rules.chain(forbids).chain(reviews).chain(limits) {
            let during = matcher.during.iter().flat_map(|during| &during.0);
            let outside = matcher.not_during.iter().flat_map(|outside| &outside.0);
            scheduled.extend(during.chain(outside));
            let (to, not_to) = (matcher.to.as_deref(), matcher.not_to.as_deref());
            let targets = to.into_iter().chain(not_to);
            named.extend(targets.flat_map(|targets| targets.lists.iter().copied()));
        }
        for (schedule, number) in self.schedules.iter().zip(0u32..) {
            if !scheduled.contains(&number) {
                let text = format!("nothing names schedule `{}`", schedule.id);
                found.push(unused(schedule.at, text));
            }
        }
        let checked: HashSet<u32> = self
            .rules
            .iter()
            .flat_map(|rule| &rule.checks)
            .copied()
            .collect();
        for (check, number) in self.checks.iter().zip(0u32..) {
            if !checked.contains(&number) {
                let text = format!("no rule names check `{}`", check.id);
                found.push(unused(check.at, text));
            }
        }
        for (list, number) in self.list_tables.iter().zip(0u32..) {
            if !named.contains(&number) {
                found.push(unused(
                    list.at,
                    format!("nothing names list `@{}`", list.id),
                ));
            }
        }
    }

    /// Rules whose end is near, or over. A forbid or a review that ends is meant to.
    fn lint_expiry(&self, now_ms: u64, found: &mut Vec<Fault>) {
        for rule in &self.rules {
            let Some(Expires(expires_ms)) = rule.matcher.expires else {
                continue;
            };
            let (code, word) = if expires_ms <= now_ms {
                (PolicyCode::RuleExpired, "has expired")
            } else if expires_ms <= now_ms.saturating_add(EXPIRING_MS) {
                (PolicyCode::RuleExpiring, "expires within a week")
            } else {
                continue;
            };
            let text = format!("rule `{}` {word}", rule.id);
            found.push(Fault::new(rule.at, code, text, "renew it, or leave it out"));
        }
    }

    fn lint_entries(&self, now_ms: u64, found: &mut Vec<Fault>) {
        for list in &self.list_tables {
            for entry in &list.entries {
                let Some(expires_ms) = entry.expires_ms else {
                    continue;
                };
                let (code, word) = if expires_ms <= now_ms {
                    (PolicyCode::EntryExpired, "has expired")
                } else if expires_ms <= now_ms.saturating_add(EXPIRING_MS) {
                    (PolicyCode::EntryExpiring, "expires within a week")
                } else {
                    continue;
                };
                let text = format!("`{}` in list `@{}` {word}", entry.address, list.id);
                found.push(Fault::new(
                    entry.at,
                    code,
                    text,
                    "renew it, or leave it out",
                ));
            }
        }
    }

    /// Whether everything `inner` matches is matched by `outer`. Errs on the side of no.
    pub(in crate::policy) fn covers(&self, outer: &Matcher, inner: &Matcher) -> bool {
        // A call of one of these functions is of none of those.
        let apart = match (&outer.not_functions, &inner.functions) {
            (Some(spared), Some(called)) => !called.iter().any(|one| spared.contains(one)),
            _ => false,
        };
        let mut outer_conditions = outer.conditions.clone();
        if apart {
            outer_conditions.not_functions = None;
        }
        !outer.range.is_set()
            && inner.kinds.0 & !outer.kinds.0 == 0
            && inner.conditions.within(&outer_conditions)
    }
}

pub(in crate::policy) fn unused(at: Place, text: String) -> Fault {
    Fault::new(at, PolicyCode::Unused, text, "leave it out, or use it")
}
