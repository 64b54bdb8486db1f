//! Warnings about what an agent can spend without anything that stops it.

use crate::code::PolicyCode;
use crate::effects::EffectKind;
use crate::policy::conditions::{Agents, Assets, Chains, Conditions, Methods, Wallets};
use crate::policy::decide::verdict::Verdict;
use crate::policy::fault::Fault;
use crate::policy::model::{Agent, Bits, Limit, Matcher, Measure, Per, Rule};
use crate::policy::Policy;
use crate::request::Method;

/// Chains of the OP Stack, and Scroll: besides gas a transaction pays for its data on Ethereum.
/// Arbitrum and the chains made of it have that inside of the gas.
const L1_FEE_CHAINS: [u64; 18] = [
    10,          // OP Mainnet
    130,         // Unichain
    252,         // Fraxtal
    291,         // Orderly
    480,         // World Chain
    690,         // Redstone
    1_135,       // Lisk
    1_868,       // Soneium
    8_453,       // Base
    34_443,      // Mode
    57_073,      // Ink
    81_457,      // Blast
    84_532,      // Base Sepolia
    534_351,     // Scroll Sepolia
    534_352,     // Scroll
    7_777_777,   // Zora
    11_155_420,  // OP Sepolia
    168_587_773, // Blast Sepolia
];

impl Policy {
    /// A rule below approval that no limit in USD, or of an amount, counts in full.
    pub(in crate::policy) fn lint_spending(
        &self,
        agent: &Agent,
        number: u32,
        rules: &[&Rule],
        found: &mut Vec<Fault>,
    ) {
        let free = rules
            .iter()
            .filter(|rule| !matches!(rule.tier, Verdict::Approval { .. }));
        let mut unlimited = free.filter(|rule| !self.limits_all_of(agent, number, rule));
        if let Some(rule) = unlimited.next() {
            let text = format!(
                "rule `{}` lets agent `{}` spend without a person, and no limit counts all of it",
                rule.id, agent.id,
            );
            let hint = "write a [[limit]] with measure = \"usd\" for this agent, or one of an \
                        amount for each asset of the rule";
            found.push(Fault::new(agent.at, PolicyCode::NoLimit, text, hint));
        }
    }

    /// Whether limits count everything the rule lets this agent spend, kind by kind and asset by
    /// asset. Errs on the side of no.
    fn limits_all_of(&self, agent: &Agent, number: u32, rule: &Rule) -> bool {
        let matcher = &rule.matcher;
        let kinds = EffectKind::COSTLY.into_iter();
        let mut kinds = kinds.filter(|kind| matcher.kinds.has(*kind as u8));
        kinds.all(|kind| {
            let part = |assets: Option<Assets>| Matcher {
                kinds: Bits::kinds(&[kind]),
                conditions: Conditions {
                    agents: Some(Agents::one(number)),
                    wallets: (matcher.wallets.clone()).or(Some(Wallets::of(&agent.wallets))),
                    chains: Some(Chains::one(agent.chain_id)),
                    assets,
                    ..matcher.conditions.clone()
                },
                range: matcher.range.clone(),
            };
            if self.is_limited(&part(matcher.assets.clone())) {
                return true;
            }
            let all = matcher.assets.is_none();
            let named = |one: &u32| {
                matcher
                    .assets
                    .as_ref()
                    .is_none_or(|some| some.contains(one))
            };
            let here = (0u32..).zip(&self.assets);
            let here = here.filter(|(_, entry)| entry.asset.chain_id == agent.chain_id);
            let mut here = here.map(|(asset, _)| asset).filter(named);
            // A coin that is not registered is counted by no limit that names assets.
            let coin = !all || self.registry.native(agent.chain_id).is_some();
            coin && here.all(|asset| self.is_limited(&part(Some(Assets::one(asset)))))
        })
    }

    /// Whether one limit counts everything of a matcher. One per recipient ends nothing where anybody
    /// can be the next recipient.
    fn is_limited(&self, part: &Matcher) -> bool {
        self.limits.iter().any(|limit| {
            let ends = limit.per != Per::Recipient || part.to.is_some();
            ends && adds_up(limit) && self.covers(&limit.matcher, part)
        })
    }

    /// An agent that can send transactions, and no limit counts what they cost in fees.
    pub(in crate::policy) fn lint_uncounted_fees(
        &self,
        agent: &Agent,
        number: u32,
        rules: &[&Rule],
        found: &mut Vec<Fault>,
    ) {
        let signed = Bits::kinds(&[EffectKind::TypedData, EffectKind::Message]);
        let is_sent = |rule: &&&Rule| {
            let matcher = &rule.matcher;
            matcher.methods.is_none_or(Methods::send) && matcher.kinds.0 & !signed.0 != 0
        };
        let Some(rule) = rules.iter().find(is_sent) else {
            return;
        };
        let coin = self.asset_index((agent.chain_id, None));
        let both = [Method::SendTransaction, Method::SignTransaction];
        let counted = self.limits.iter().any(|limit| {
            let matcher = &limit.matcher;
            let named = |all: &Assets| coin.is_some_and(|coin| all.contains(&coin));
            adds_up(limit)
                && limit.per != Per::Recipient
                && matcher.to.is_none()
                && matcher.kinds.has(EffectKind::Fee as u8)
                && matcher.assets.as_ref().is_none_or(named)
                && matcher
                    .agents
                    .as_ref()
                    .is_none_or(|all| all.contains(&number))
                && matcher
                    .chains
                    .as_ref()
                    .is_none_or(|all| all.contains(&agent.chain_id))
                && matcher
                    .wallets
                    .as_ref()
                    .is_none_or(|all| agent.wallets.iter().all(|wallet| all.contains(wallet)))
                && matcher
                    .methods
                    .is_none_or(|all| both.iter().all(|method| all.has(*method)))
        });
        if !counted {
            let text = format!(
                "rule `{}` lets agent `{}` send transactions, and no limit counts their fees",
                rule.id, agent.id,
            );
            let hint = "name `fee` in the `effects` of a [[limit]] in USD, or of an amount of the \
                        chain's coin, without `to`";
            found.push(Fault::new(agent.at, PolicyCode::NoFeeLimit, text, hint));
        }
    }

    /// Chains where a transaction costs more than gas, and the policy does not say how much.
    pub(in crate::policy) fn lint_l1_fees(&self, found: &mut Vec<Fault>) {
        for chain in &self.chains {
            if chain.l1_fee_max.is_some() || !L1_FEE_CHAINS.contains(&chain.id.get()) {
                continue;
            }
            let text = format!(
                "on chain {} a transaction also pays for its data on Ethereum, which no limit counts",
                chain.id,
            );
            let hint =
                "write l1_fee_max = \"0.001 ether\": the most that may be for one transaction";
            found.push(Fault::new(chain.at, PolicyCode::NoL1Fee, text, hint));
        }
    }
}

/// Whether a limit ends what can be spent: neither a number of payments nor what stands does.
const fn adds_up(limit: &Limit) -> bool {
    limit.stops()
        && !limit.is_standing()
        && matches!(limit.measure, Measure::Usd | Measure::Amount(_))
}
