//! What can leave without a person, kind by kind and asset by asset, and the fees that it may cost.

use std::collections::BTreeMap;

use alloy_primitives::U256;

use crate::effects::EffectKind;
use crate::policy::conditions::{Conditions, Methods, Wallets};
use crate::policy::model::{Bits, Measure, Per};
use crate::policy::worst_case::groups::Group;
use crate::policy::worst_case::scene::Scene;
use crate::policy::worst_case::units::Most;
use crate::policy::worst_case::walls::Above;
use crate::request::Method;

/// What costs the wallet an amount besides the fee.
const LEAVING: [EffectKind; 6] = [
    EffectKind::Transfer,
    EffectKind::Allowance,
    EffectKind::Swap,
    EffectKind::Deposit,
    EffectKind::Order,
    EffectKind::Debt,
];

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

impl Scene<'_> {
    /// Everything that can leave, and the fees it may cost.
    pub fn flows(&mut self) -> (Vec<Cell>, Option<Cell>) {
        self.groups = self.grouped();
        (self.cells(), self.fees())
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
            let sends = |methods: &Methods| {
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
}
