//! What can leave without a person: rule by rule, kind by kind, asset by asset.
//!
//! Rules that the same limits count come together, so that many rules are a few groups.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use alloy_primitives::{Address, U256};

use crate::effects::EffectKind;
use crate::policy::conditions::{Conditions, To, Wallets};
use crate::policy::model::{Agent, AssetEntry, Bits, Chain, Matcher, Measure, Per, Rule};
use crate::policy::worst_case::limits::Counted;
use crate::policy::worst_case::parts::{apart, Met, Named, Part};
use crate::policy::worst_case::tables::Tables;
use crate::policy::worst_case::units::Most;
use crate::policy::worst_case::walls::{Above, Wall};
use crate::policy::Policy;
use crate::request::Method;

/// What costs the wallet an amount besides the fee.
pub(super) const LEAVING: [EffectKind; 6] = [
    EffectKind::Transfer,
    EffectKind::Allowance,
    EffectKind::Swap,
    EffectKind::Deposit,
    EffectKind::Order,
    EffectKind::Debt,
];

/// Kinds of which a transaction may consist without a person; a call only of a function that is
/// vouched for.
pub(super) const SENT: [EffectKind; 9] = [
    EffectKind::Transfer,
    EffectKind::Allowance,
    EffectKind::Revoke,
    EffectKind::Swap,
    EffectKind::Deposit,
    EffectKind::Order,
    EffectKind::Debt,
    EffectKind::Convert,
    EffectKind::Call,
];

/// Rules below approval that are about the same assets and that the same limits and walls are about.
pub(super) struct Group {
    pub kinds: Bits,
    /// Indexes of assets; `None` for any, registered or not.
    pub assets: Option<Vec<u32>>,
    /// Positions of the limits and of the walls whose conditions besides kind and asset hold for all
    /// of it.
    met: Met,
    /// The most of one effect, and of one request.
    each: Most,
    request: Most,
    /// Everybody it can be paid to; `None` for anybody.
    pub recipients: Option<BTreeSet<Address>>,
    pub wallets: BTreeSet<Address>,
    /// It can be part of a transaction.
    sent: bool,
    pub rules: Vec<u32>,
}

/// What the rules of one group have in common: kinds, assets, the tables they meet, and which bounds
/// there are at all.
type Alike = (Bits, Option<Vec<u32>>, Met, [bool; 4]);

/// All that may leave of one asset and that the same limits count.
pub(super) struct Cell {
    /// `None` for what is not registered.
    pub asset: Option<u32>,
    pub kinds: Bits,
    /// Positions of the limits that count every effect of it.
    pub limits: Vec<u32>,
    pub groups: Vec<u32>,
    pub each: Most,
    pub request: Most,
    /// The group that was added last, and the walls that bound one request of it.
    last: Option<(u32, Vec<u32>)>,
}

/// Groups while rules are added.
#[derive(Default)]
struct Groups {
    all: Vec<Group>,
    places: HashMap<Alike, usize>,
}

impl Groups {
    fn add(
        &mut self,
        (place, rule): (u32, &Rule),
        rest: &Conditions,
        assets: &Option<Vec<u32>>,
        part: &Part,
        sent: bool,
    ) {
        let range = &rule.matcher.range;
        let each = Most {
            base: range.amount_max,
            usd: range.usd_max.map(|usd| U256::from(usd.0)),
        };
        let marks = [
            each.base.is_some(),
            each.usd.is_some(),
            part.recipients.is_some(),
            sent,
        ];
        let kinds = rule.matcher.kinds;
        let alike = (kinds, assets.clone(), part.met.clone(), marks);
        let next = self.all.len();
        let at = *self.places.entry(alike).or_insert(next);
        let wallets = rest.wallets.iter().flat_map(|all| all.iter().copied());
        let Some(group) = self.all.get_mut(at) else {
            self.all.push(Group {
                kinds,
                assets: assets.clone(),
                met: part.met.clone(),
                each,
                request: each,
                recipients: part.recipients.clone(),
                wallets: wallets.collect(),
                sent,
                rules: vec![place],
            });
            return;
        };
        // Parts of one rule share what it lets pass in one request.
        if group.rules.last() != Some(&place) {
            group.each = group.each.or(each);
            group.request = group.request.plus(each);
            group.rules.push(place);
        }
        if let (Some(all), Some(more)) = (&mut group.recipients, &part.recipients) {
            all.extend(more.iter().copied());
        }
        group.wallets.extend(wallets);
    }
}

/// One agent, and the tables that are about it.
pub(super) struct Scene<'p> {
    pub policy: &'p Policy,
    pub agent: &'p Agent,
    pub counts: Vec<Counted<'p>>,
    walls: Vec<Wall<'p>>,
    /// Indexes of rules below approval.
    rules: Vec<u32>,
    now_ms: Option<u64>,
    /// Filled by `flows`.
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

    /// Everything that can leave, and the fees it may cost.
    pub fn flows(&mut self) -> (Vec<Cell>, Option<Cell>) {
        self.groups = self.grouped();
        (self.cells(), self.fees())
    }

    fn grouped(&self) -> Vec<Group> {
        let chain_id = self.agent.chain_id;
        let limits = (0u32..).zip(&self.counts).map(|(at, one)| (at, &one.rest));
        let walls = (0u32..).zip(&self.walls).map(|(at, one)| (at, &one.rest));
        let named = (
            &Named::new(self.policy, chain_id, limits),
            &Named::new(self.policy, chain_id, walls),
        );
        let mut known: HashMap<Conditions, Vec<Part>> = HashMap::new();
        let mut groups = Groups::default();
        for place in &self.rules {
            let Some(rule) = self.rule(*place) else {
                continue;
            };
            let Some(assets) = self.assets_of(&rule.matcher) else {
                continue;
            };
            let rest = self.narrowed(rule, assets.as_deref());
            if !known.contains_key(&rest) {
                let whole = Part {
                    met: self.met(&rest),
                    recipients: self.recipients(&rest),
                };
                known.insert(rest.clone(), apart(&rest, whole, named));
            }
            for part in known.get(&rest).into_iter().flatten() {
                let sent = self.is_sent(rule, &part.met);
                groups.add((*place, rule), &rest, &assets, part, sent);
            }
        }
        groups.all
    }

    /// The assets of a matcher on the agent's chain: `Some(None)` for any, `None` if it names others
    /// alone.
    fn assets_of(&self, matcher: &Matcher) -> Option<Option<Vec<u32>>> {
        let Some(named) = &matcher.assets else {
            return Some(None);
        };
        let here = named.iter().copied().filter(|number| self.is_here(*number));
        let here: Vec<u32> = here.collect();
        (!here.is_empty()).then_some(Some(here))
    }

    fn is_here(&self, asset: u32) -> bool {
        let entry = self.policy.assets().get(asset as usize);
        entry.is_some_and(|entry| entry.asset.chain_id == self.agent.chain_id)
    }

    /// What an effect of the rule must be besides kind and asset. A forbid that spares only some
    /// recipients says who they are.
    fn narrowed(&self, rule: &Rule, assets: Option<&[u32]>) -> Conditions {
        let own = &self.agent.wallets;
        let wallets = match &rule.matcher.wallets {
            None => Wallets::of(own),
            Some(named) => {
                let both = own.iter().copied().filter(|one| named.contains(one));
                Wallets::of(&both.collect::<Vec<_>>())
            }
        };
        let mut narrowed = Conditions {
            wallets: Some(wallets),
            ..rest(&rule.matcher.conditions)
        };
        if narrowed.to.is_none() {
            let mut walls = self.walls.iter();
            let fence = walls.find_map(|wall| wall.fence(rule.matcher.kinds, assets, &narrowed));
            narrowed.to = fence.map(To::spared_by);
        }
        narrowed
    }

    fn met(&self, rest: &Conditions) -> Met {
        let limits = self.counts.iter().zip(0u32..);
        let limits = limits.filter(|(counted, _)| rest.within(&counted.rest));
        let walls = self.walls.iter().zip(0u32..);
        let walls = walls.filter(|(wall, _)| rest.within(&wall.rest));
        Met {
            limits: limits.map(|(_, place)| place).collect(),
            walls: walls.map(|(_, place)| place).collect(),
        }
    }

    /// Everybody that `to` names, on the agent's chain and not expired.
    fn recipients(&self, rest: &Conditions) -> Option<BTreeSet<Address>> {
        let to = rest.to.as_ref()?;
        let mut all: BTreeSet<Address> = to.addresses.iter().copied().collect();
        let lists = to.lists.iter();
        let lists = lists.filter_map(|list| self.policy.lists().get(*list as usize));
        for entry in lists.flat_map(|list| &list.entries) {
            let here = entry.chain_id.is_none_or(|id| id == self.agent.chain_id);
            let over = (entry.expires_ms.zip(self.now_ms)).is_some_and(|(end, now)| end <= now);
            if here && !over {
                all.insert(entry.address);
            }
        }
        Some(all)
    }

    /// Whether a transaction may consist of what the rule lets pass.
    fn is_sent(&self, rule: &Rule, met: &Met) -> bool {
        let matcher = &rule.matcher;
        let open = |kind: &EffectKind| {
            let vouched = *kind != EffectKind::Call || matcher.functions.is_some();
            let shut = self.walls_of(met).any(|(wall, _)| {
                wall.above.is_none() && wall.assets.is_none() && wall.kinds.has(*kind as u8)
            });
            matcher.kinds.has(*kind as u8) && vouched && !shut
        };
        matcher.methods.is_none_or(|methods| methods.send()) && SENT.iter().any(open)
    }

    fn walls_of<'s>(&'s self, met: &'s Met) -> impl Iterator<Item = (&'s Wall<'p>, u32)> {
        let found = met.walls.iter();
        found.filter_map(|place| Some((self.walls.get(*place as usize)?, *place)))
    }

    fn cells(&self) -> Vec<Cell> {
        let mut cells: BTreeMap<(Option<u32>, Vec<u32>), Cell> = BTreeMap::new();
        let all = (0u32..).zip(self.policy.assets()).map(|(number, _)| number);
        let mut any: Vec<Option<u32>> = all.filter(|one| self.is_here(*one)).map(Some).collect();
        // What is not registered.
        any.push(None);
        for (group, place) in self.groups.iter().zip(0u32..) {
            let named: Option<Vec<Option<u32>>> = group
                .assets
                .as_ref()
                .map(|named| named.iter().copied().map(Some).collect());
            for asset in named.as_ref().unwrap_or(&any) {
                for kind in LEAVING {
                    self.add(&mut cells, (group, place), kind, *asset);
                }
            }
        }
        cells.into_values().collect()
    }

    fn add(
        &self,
        cells: &mut BTreeMap<(Option<u32>, Vec<u32>), Cell>,
        (group, place): (&Group, u32),
        kind: EffectKind,
        asset: Option<u32>,
    ) {
        if !group.kinds.has(kind as u8) {
            return;
        }
        let (mut each, mut request) = (group.each, group.request);
        let mut by = Vec::new();
        let walls = self.walls_of(&group.met);
        for (wall, number) in walls.filter(|(wall, _)| wall.is_about(kind, asset)) {
            let Some(above) = wall.above else { return };
            let most = match above {
                Above::Base(base) => Most {
                    base: Some(base),
                    usd: None,
                },
                Above::Usd(usd) => Most {
                    base: None,
                    usd: Some(usd),
                },
            };
            each = each.and(most);
            let walled = request.and(most);
            if walled != request {
                request = walled;
                by.push(number);
            }
        }
        let limits = group.met.limits.iter().copied();
        let limits = limits.filter(|number| self.counts_asset(*number, kind, asset));
        let limits: Vec<u32> = limits.collect();
        // An amount in USD without a price needs a person.
        let known = group.recipients.is_some();
        let priced = |number: &u32| self.is_in_usd(*number, known);
        let in_usd = each.usd.is_some() || limits.iter().any(priced);
        if asset.is_none() && in_usd {
            return;
        }
        let entry = asset.and_then(|number| self.policy.assets().get(number as usize));
        let (each, request) = (each.priced(entry), request.priced(entry));
        let bound_by = (place, by);
        match cells.get_mut(&(asset, limits.clone())) {
            None => {
                let cell = Cell {
                    asset,
                    kinds: Bits::kinds(&[kind]),
                    limits: limits.clone(),
                    groups: vec![place],
                    each,
                    request,
                    last: Some(bound_by),
                };
                cells.insert((asset, limits), cell);
            }
            Some(cell) => {
                cell.kinds = cell.kinds.with(kind as u8);
                cell.each = cell.each.or(each);
                // Kinds of one rule share what it lets pass in one request.
                if cell.last.as_ref() != Some(&bound_by) {
                    cell.request = cell.request.plus(request);
                    cell.last = Some(bound_by);
                }
                if cell.groups.last() != Some(&place) {
                    cell.groups.push(place);
                }
            }
        }
    }

    /// Whether a limit counts every effect of this kind and asset, if it counts the rest.
    fn counts_asset(&self, number: u32, kind: EffectKind, asset: Option<u32>) -> bool {
        self.counts.get(number as usize).is_some_and(|counted| {
            let matcher = &counted.limit.matcher;
            let named = |all: &[u32]| asset.is_some_and(|asset| all.contains(&asset));
            !counted.limit.is_standing()
                && counted.limit.stops()
                && matcher.kinds.has(kind as u8)
                && matcher.assets.as_ref().is_none_or(|all| named(all))
        })
    }

    /// Whether a limit asks for the price of every effect that it counts; one per recipient does not of
    /// those without a recipient.
    fn is_in_usd(&self, number: u32, has_recipient: bool) -> bool {
        self.counts.get(number as usize).is_some_and(|counted| {
            let limit = counted.limit;
            limit.measure == Measure::Usd && (has_recipient || limit.per != Per::Recipient)
        })
    }
    /// The fees of all transactions that may go without a person: one for each request, at the caps
    /// of the chain.
    fn fees(&self) -> Option<Cell> {
        let chain = self.chain()?;
        let sent = (0u32..).zip(&self.groups).filter(|(_, group)| group.sent);
        let groups: Vec<u32> = sent.map(|(place, _)| place).collect();
        if groups.is_empty() {
            return None;
        }
        let wallets = groups
            .iter()
            .filter_map(|place| self.groups.get(*place as usize));
        let wallets = wallets.flat_map(|group| group.wallets.iter().copied());
        let rest = Conditions {
            wallets: Some(Wallets::of(&wallets.collect::<Vec<_>>())),
            ..Conditions::default()
        };
        let asset = self.coin();
        let counted = self.counts.iter().zip(0u32..).filter(|(counted, number)| {
            let sends = |methods: &crate::policy::conditions::Methods| {
                methods.has(Method::SendTransaction) && methods.has(Method::SignTransaction)
            };
            // A fee has no recipient, so it is none of those that are spared.
            let outer = Conditions {
                methods: None,
                not_to: None,
                ..counted.rest.clone()
            };
            self.counts_asset(*number, EffectKind::Fee, asset)
                && counted.limit.per != Per::Recipient
                && matches!(counted.limit.measure, Measure::Usd | Measure::Amount(_))
                && counted.limit.matcher.methods.as_ref().is_none_or(sends)
                && rest.within(&outer)
        });
        let limits: Vec<u32> = counted.map(|(_, number)| number).collect();
        if asset.is_none() && limits.iter().any(|number| self.is_in_usd(*number, false)) {
            return None;
        }
        let gas = U256::from(chain.gas_max).saturating_mul(U256::from(chain.fee_per_gas_max));
        let wei = gas.saturating_add(U256::from(chain.l1_fee_max.unwrap_or_default()));
        let most = Most {
            base: Some(wei),
            usd: None,
        };
        let most = most.priced(asset.and_then(|one| self.policy.assets().get(one as usize)));
        Some(Cell {
            asset,
            kinds: Bits::kinds(&[EffectKind::Fee]),
            limits,
            groups,
            each: most,
            request: most,
            last: None,
        })
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
