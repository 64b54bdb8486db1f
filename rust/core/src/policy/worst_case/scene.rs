//! One agent, and the tables that are about it.

use alloy_primitives::Address;

use crate::policy::conditions::Conditions;
use crate::policy::model::{Agent, AssetEntry, Chain, Matcher, Rule};
use crate::policy::worst_case::cells::Cell;
use crate::policy::worst_case::groups::Group;
use crate::policy::worst_case::limits::Counted;
use crate::policy::worst_case::tables::Tables;
use crate::policy::worst_case::walls::Wall;
use crate::policy::Policy;

/// One agent, and the tables that are about it.
pub(super) struct Scene<'p> {
    pub policy: &'p Policy,
    pub agent: &'p Agent,
    pub counts: Vec<Counted<'p>>,
    pub walls: Vec<Wall<'p>>,
    /// Indexes of rules below approval.
    pub rules: Vec<u32>,
    pub now_ms: Option<u64>,
    /// What its rules let pass; filled by `flows`.
    pub groups: Vec<Group>,
}

impl<'p> Scene<'p> {
    pub fn new(
        policy: &'p Policy,
        tables: &Tables<'p>,
        (agent, number): (&'p Agent, u32),
        now_ms: Option<u64>,
    ) -> Self {
        let mut scene = Self {
            policy,
            agent,
            counts: Vec::new(),
            walls: Vec::new(),
            rules: Vec::new(),
            now_ms,
            groups: Vec::new(),
        };
        for (place, rule) in tables.rules.of(number) {
            if !scene.is_about(&rule.matcher) || scene.is_over(rule) {
                continue;
            }
            match rule.tier.needs_person() {
                true => scene.walls.extend(Wall::of(&rule.matcher, place)),
                false => scene.rules.push(place),
            }
        }
        for (place, matcher) in tables.stops.of(number) {
            if scene.is_about(matcher) {
                // Apart from every rule.
                scene.walls.extend(Wall::of(matcher, !place));
            }
        }
        for (place, limit) in tables.limits.of(number) {
            if scene.is_about(&limit.matcher) && !policy.spares_for_a_time(limit) {
                let rest = rest(&limit.matcher.conditions);
                scene.counts.push(Counted { limit, place, rest });
            }
        }
        scene
    }

    /// The tables it depends on: rules, walls and limits, by their places.
    pub fn tables(&self) -> [Vec<u32>; 3] {
        let walls = self.walls.iter().map(|wall| wall.place);
        let counts = self.counts.iter().map(|counted| counted.place);
        [self.rules.clone(), walls.collect(), counts.collect()]
    }

    /// Whether a table about the agent is about its chain, and one of its wallets.
    fn is_about(&self, matcher: &Matcher) -> bool {
        let chains = matcher.chains.as_ref();
        let wallets = matcher.wallets.as_ref();
        chains.is_none_or(|all| all.contains(&self.agent.chain_id))
            && wallets.is_none_or(|all| self.agent.wallets.iter().any(|one| all.contains(one)))
    }

    /// Whether the rule has expired.
    fn is_over(&self, rule: &Rule) -> bool {
        let end = rule.matcher.expires.as_ref().map(|expires| expires.0);
        end.is_some_and(|end| end <= self.time())
    }

    /// The earliest time at which a span may begin, ms.
    pub fn time(&self) -> u64 {
        self.now_ms.unwrap_or_default()
    }

    pub fn chain(&self) -> Option<&'p Chain> {
        self.policy.chain(self.agent.chain_id)
    }

    pub fn entry(&self, cell: &Cell) -> Option<&'p AssetEntry> {
        self.policy.assets().get(cell.asset? as usize)
    }

    pub fn groups_of<'s>(&'s self, cells: &[&'s Cell]) -> impl Iterator<Item = &'s Group> {
        let mut places: Vec<u32> = cells.iter().flat_map(|cell| cell.groups.clone()).collect();
        places.sort_unstable();
        places.dedup();
        places
            .into_iter()
            .filter_map(|place| self.groups.get(place as usize))
    }

    pub fn rule(&self, place: u32) -> Option<&'p Rule> {
        self.policy.rules().get(place as usize)
    }

    pub fn is_here(&self, asset: u32) -> bool {
        let entry = self.policy.assets().get(asset as usize);
        entry.is_some_and(|entry| entry.asset.chain_id == self.agent.chain_id)
    }

    /// The chain's coin, if it is registered.
    pub fn coin(&self) -> Option<u32> {
        let native = (self.agent.chain_id, None::<Address>);
        self.policy.asset_index(native)
    }
}

/// What is left of conditions once agent, chain and asset were looked at.
pub(super) fn rest(conditions: &Conditions) -> Conditions {
    Conditions {
        agents: None,
        chains: None,
        assets: None,
        ..conditions.clone()
    }
}
