//! A policy in words: who may do what, what always needs more, what never happens, and how much.

use serde::Serialize;

use crate::effects::EffectKind;
use crate::policy::decide::verdict::Verdict;
use crate::policy::model::{Agent, Limit, Matcher, OnExceed, Per};
use crate::policy::time::{duration_words, span_words};
use crate::policy::Policy;
use crate::window::Span;

/// Lines of one sort for one agent at most.
const LINES_MAX: usize = 200;

/// What one table says, in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Said {
    /// Its id.
    pub id: String,
    /// A sentence without its end.
    pub text: String,
}

/// Everything a policy says about one agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explained {
    /// Its id.
    pub agent: String,
    /// Wallet ids and the chain, in words.
    pub uses: String,
    /// What rules let happen without a person: at once, with a notice or after a delay.
    pub may: Vec<Said>,
    /// What a person has to approve: by a rule.
    pub asks: Vec<Said>,
    /// What needs more than its rule says.
    pub reviews: Vec<Said>,
    /// What never happens.
    pub never: Vec<Said>,
    /// How much of it, and what then.
    pub limits: Vec<Said>,
}

impl Policy {
    /// The policy in words, agent by agent in the order of the file.
    pub fn explained(&self) -> Vec<Explained> {
        let agents = self.agents().iter().zip(0u32..);
        agents
            .map(|(agent, number)| self.explained_of(agent, number))
            .collect()
    }

    fn explained_of(&self, agent: &Agent, number: u32) -> Explained {
        let meant = |matcher: &Matcher| {
            let agents = matcher.agents.as_ref();
            let wallets = matcher.wallets.as_ref();
            let chains = matcher.chains.as_ref();
            agents.is_none_or(|all| all.contains(&number))
                && wallets.is_none_or(|all| agent.wallets.iter().any(|one| all.contains(one)))
                && chains.is_none_or(|all| all.contains(&agent.chain_id))
        };
        let rules = self.rules().iter().filter(|rule| meant(&rule.matcher));
        let (asks, may): (Vec<_>, Vec<_>) =
            rules.partition(|rule| matches!(rule.tier, Verdict::Approval { .. }));
        let rule = |rule: &&crate::policy::Rule| Said {
            id: rule.id.clone(),
            text: format!(
                "{}{}: {}",
                self.matched(&rule.matcher),
                self.checked(&rule.checks),
                tier_words(rule.tier)
            ),
        };
        let reviews = self.reviews().iter().filter(|one| meant(&one.matcher));
        let forbids = self.forbids().iter().filter(|one| meant(&one.matcher));
        let limits = self.limits().iter().filter(|one| meant(&one.matcher));
        let wallets = agent.wallets.iter().map(|address| {
            self.wallet(*address)
                .map_or_else(|| address.to_string(), |wallet| wallet.id.clone())
        });
        let wallets = wallets.collect::<Vec<_>>().join(", ");
        Explained {
            agent: agent.id.clone(),
            uses: format!("wallet {wallets}, on chain {}", agent.chain_id),
            may: may.iter().take(LINES_MAX).map(rule).collect(),
            asks: asks.iter().take(LINES_MAX).map(rule).collect(),
            reviews: reviews
                .take(LINES_MAX)
                .map(|review| Said {
                    id: review.id.clone(),
                    text: format!(
                        "{}: at least {}",
                        self.matched(&review.matcher),
                        tier_words(review.tier)
                    ),
                })
                .collect(),
            never: forbids
                .take(LINES_MAX)
                .map(|forbid| Said {
                    id: forbid.id.clone(),
                    text: self.matched(&forbid.matcher),
                })
                .collect(),
            limits: limits
                .take(LINES_MAX)
                .map(|limit| Said {
                    id: limit.id.clone(),
                    text: self.limited(limit),
                })
                .collect(),
        }
    }

    /// `transfer, if the asset is usdc, and the recipient is on @vendors`.
    fn matched(&self, matcher: &Matcher) -> String {
        let all = EffectKind::ALL
            .into_iter()
            .filter(|kind| *kind != EffectKind::Fee);
        let kinds: Vec<&str> = matcher.kinds.of_kinds().map(EffectKind::as_str).collect();
        let kinds = match kinds.len() == all.count() {
            true => "everything".to_owned(),
            false => kinds.join(", "),
        };
        let mut conditions = matcher.conditions.clone();
        // Whose it is stands above it.
        conditions.agents = None;
        let mut said = conditions.said(self);
        let asset = matcher.assets.as_ref();
        let asset = asset.and_then(|all| self.assets().get(*all.first()? as usize));
        said.extend(matcher.range.said(asset.map(|entry| &entry.asset)));
        match said.is_empty() {
            true => kinds,
            false => format!("{kinds}, if {}", said.join(", and ")),
        }
    }

    /// `, only while \`healthy\` holds (healthFactor after the transaction is at least 1.5)`.
    fn checked(&self, checks: &[u32]) -> String {
        let named = checks
            .iter()
            .filter_map(|one| self.checks().get(*one as usize));
        let said = named.map(|check| {
            let (subject, range) = (check.subject(), check.range());
            format!("`{}` holds ({subject} is {range})", check.id)
        });
        let said: Vec<String> = said.collect();
        match said.is_empty() {
            true => String::new(),
            false => format!(", only while {}", said.join(", and ")),
        }
    }

    /// `200 USD in any 24h, for each agent, of transfer, fee: more is denied`.
    fn limited(&self, limit: &Limit) -> String {
        let most = limit.measure.words(limit.max);
        let when = match &limit.window {
            Span::Standing => "standing at any time".to_owned(),
            Span::Rolling(_) => format!("in any {}", span_words(&limit.window)),
            Span::Calendar(..) => format!("in each {}", span_words(&limit.window)),
            Span::Lifetime => "ever".to_owned(),
        };
        let per = match limit.per {
            Per::Agent => "for each agent",
            Per::Wallet => "for each wallet",
            Per::Recipient => "for each recipient",
            Per::Global => "for all together",
        };
        let beyond = match limit.on_exceed {
            OnExceed::Notify => "more is only reported".to_owned(),
            OnExceed::Delay(delay_ms) => format!("more waits for {}", duration_words(delay_ms)),
            OnExceed::Approval => "more requires approval".to_owned(),
            OnExceed::Deny => "more is denied".to_owned(),
            OnExceed::Freeze => "more is denied, and the agent is frozen".to_owned(),
        };
        let warn = match limit.warn_percent {
            Some(percent) => format!("; reported from {percent} % on"),
            None => String::new(),
        };
        format!(
            "{most} {when}, {per}, of {}: {beyond}{warn}",
            self.matched(&limit.matcher)
        )
    }
}

fn tier_words(tier: Verdict) -> String {
    match tier {
        Verdict::Instant => "at once".to_owned(),
        Verdict::Notify => "at once, with a notice".to_owned(),
        Verdict::Delay { delay_ms } => format!("after {}", duration_words(delay_ms)),
        Verdict::Approval { quorum, timeout_ms } => {
            let operators = match quorum {
                1 => "an operator approves".to_owned(),
                _ => format!("{quorum} operators approve"),
            };
            format!("if {operators} within {}", duration_words(timeout_ms))
        }
        Verdict::Deny => "never".to_owned(),
    }
}
