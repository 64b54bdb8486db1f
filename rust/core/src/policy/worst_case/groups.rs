//! What rules let pass without a person. Rules that the same limits count come together, so that many
//! rules are a few groups.

use std::collections::{BTreeSet, HashMap};

use alloy_primitives::{Address, U256};

use crate::effects::EffectKind;
use crate::policy::conditions::{Conditions, To, Wallets};
use crate::policy::model::{Bits, Matcher, Rule};
use crate::policy::worst_case::parts::{apart, Met, Named, Part};
use crate::policy::worst_case::scene::{rest, Scene};
use crate::policy::worst_case::units::Most;
use crate::policy::worst_case::walls::Wall;

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
    pub met: Met,
    /// The most of one effect, and of one request.
    pub each: Most,
    pub request: Most,
    /// Everybody it can be paid to; `None` for anybody.
    pub recipients: Option<BTreeSet<Address>>,
    pub wallets: BTreeSet<Address>,
    /// It can be part of a transaction.
    pub sent: bool,
    pub rules: Vec<u32>,
}

/// What the rules of one group have in common: kinds, assets, the tables they meet, and which bounds
/// there are at all.
type Alike = (Bits, Option<Vec<u32>>, Met, [bool; 4]);

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

impl<'p> Scene<'p> {
    /// Every rule of the agent below approval, in groups.
    pub fn grouped(&self) -> Vec<Group> {
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

    pub fn walls_of<'s>(&'s self, met: &'s Met) -> impl Iterator<Item = (&'s Wall<'p>, u32)> {
        let found = met.walls.iter();
        found.filter_map(|place| Some((self.walls.get(*place as usize)?, *place)))
    }
}
