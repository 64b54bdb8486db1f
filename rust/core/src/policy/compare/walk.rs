//! Every place that a touched table is about, as far as the work for it goes.

use std::collections::BTreeSet;

use alloy_primitives::{Address, U256};

use crate::asset::{Asset, Standard};
use crate::effects::EffectKind;
use crate::function::Function;
use crate::policy::compare::place::{Fees, Place, Seen, Told};
use crate::policy::compare::request::{has_no_payee, protocols};
use crate::policy::compare::touched::Touched;
use crate::policy::compare::world::{Who, World};
use crate::policy::model::Matcher;
use crate::policy::Policy;
use crate::request::Method;

/// Of each dimension, so many values at most.
const WHO_MAX: usize = 24;
const ASSETS_MAX: usize = 16;
const PAYEES_MAX: usize = 64;
const TIMES_MAX: usize = 12;
/// How long a document can be used, s: short enough to need no approval for that alone.
const LIFE_S: u64 = 600;
/// Places that are passed over for each that is looked at.
const PASSED_MAX: usize = 64;
/// A step through all combinations that comes to each once, far from the one before: where not all of
/// them can be looked at, those that are differ in everything.
const STRIDE: usize = 1_000_003;

/// What is done, by which method.
#[derive(Clone, Copy)]
struct What<'w> {
    method: Method,
    kind: EffectKind,
    asset: Option<&'w Asset>,
    function: Option<&'w Function>,
}

/// The values of every dimension.
struct Dimensions<'w> {
    who: Vec<&'w Who>,
    what: Vec<What<'w>>,
    payees: Vec<Address>,
    times_ms: Vec<u64>,
    told: Vec<Told>,
    back: Vec<u16>,
    fees: Vec<Fees>,
    lives_s: Vec<u64>,
}

/// Visits the places, at most `most` of them, until `visit` says that it is enough.
pub(super) fn walk<'w>(
    world: &'w World<'_>,
    touched: &Touched<'_>,
    most: usize,
    mut visit: impl FnMut(&Place<'w>) -> bool,
) {
    let dimensions = Dimensions::of(world, touched);
    let total = dimensions.total();
    let step = if total > most && !total.is_multiple_of(STRIDE) {
        STRIDE
    } else {
        1
    };
    let mut left = most;
    let mut at = 0usize;
    for _ in 0..total.min(most.saturating_mul(PASSED_MAX)) {
        if let Some(place) = dimensions.place(world, at) {
            if is_about(world, touched, &place) {
                if left == 0 || !visit(&place) {
                    return;
                }
                left = left.saturating_sub(1);
            }
        }
        at = at.saturating_add(step).checked_rem(total).unwrap_or(0);
    }
}

/// Whether the table is about the place in either policy.
fn is_about(world: &World<'_>, touched: &Touched<'_>, place: &Place<'_>) -> bool {
    let is_about = |policy: &Policy, matcher: Option<&Matcher>| {
        matcher.is_some_and(|matcher| {
            matcher.kinds.has(place.kind as u8)
                && Seen::ways(policy, place)
                    .any(|seen| matcher.fit(&place.query(policy, U256::ONE, &seen)))
        })
    };
    is_about(world.old, touched.old) || is_about(world.new, touched.new)
}

impl<'w> Dimensions<'w> {
    fn of(world: &'w World<'_>, touched: &Touched<'_>) -> Self {
        let samples = &touched.samples;
        let who = world.who.iter().filter(|who| {
            samples.agents.may_be(&who.agent)
                && samples.wallets.may_be(&who.wallet)
                && samples.chains.may_be(&who.chain_id)
        });
        let mut dimensions = Self {
            who: who.take(WHO_MAX).collect(),
            what: what(world, touched),
            payees: payees(world, touched),
            times_ms: Vec::new(),
            told: vec![Told::All],
            back: vec![u16::MAX],
            fees: vec![Fees::Least],
            lives_s: lives(touched),
        };
        dimensions.times_ms = times(world, touched, &dimensions.payees);
        if touched.by_facts {
            dimensions.told.push(Told::NewCode);
            dimensions.told.push(Told::OneSource);
            dimensions.told.push(Told::OldPrices);
        }
        let is_open = |asset: &Asset| world.entries(asset).any(|entry| entry.price.is_none());
        if touched.by_facts || world.assets.iter().any(|asset| is_open(asset)) {
            dimensions.told.push(Told::Nothing);
        }
        if touched.by_fees {
            let fees = [Fees::MostGas, Fees::MostFee, Fees::MostTip];
            dimensions.fees.extend(fees);
        }
        dimensions.back.extend(&touched.returns);
        dimensions
    }

    fn total(&self) -> usize {
        let sizes = [
            self.who.len(),
            self.what.len(),
            self.payees.len(),
            self.times_ms.len(),
            self.told.len(),
            self.back.len(),
            self.fees.len(),
            self.lives_s.len(),
        ];
        sizes.into_iter().fold(1, usize::saturating_mul)
    }

    /// The place with this number; `None` where the values do not go together.
    fn place(&self, world: &World<'_>, number: usize) -> Option<Place<'w>> {
        let mut rest = number;
        // What is named first in a dimension comes first: the last dimension changes slowest.
        let payee = pick(&self.payees, &mut rest)?;
        let what = pick(&self.what, &mut rest)?;
        let who = pick(&self.who, &mut rest)?;
        let told = pick(&self.told, &mut rest)?;
        let now_ms = pick(&self.times_ms, &mut rest)?;
        let back = pick(&self.back, &mut rest)?;
        let fees = pick(&self.fees, &mut rest)?;
        let life_s = pick(&self.lives_s, &mut rest)?;
        let chain_id = who.chain_id;
        let first = self.payees.first() == Some(&payee);
        if what.asset.is_some_and(|asset| asset.chain_id != chain_id) {
            return None;
        }
        let payee = match (what.function, protocols(what.kind)) {
            // These name their contract, so that other payees would only repeat them.
            (Some(function), _) => {
                let at = function.contract;
                (first && at.chain_id == chain_id).then_some(Some(at.address))?
            }
            (None, _) if has_no_payee(what.kind) => first.then_some(None)?,
            (None, []) => Some(payee),
            (None, _) => {
                let contracts = world.contracts(chain_id, what.kind);
                let place = self.payees.iter().position(|one| *one == payee)?;
                let named = contracts.iter().find(|one| **one == payee);
                Some(*named.or_else(|| contracts.get(place))?)
            }
        };
        let place = Place {
            who,
            method: what.method,
            kind: what.kind,
            asset: what.asset,
            payee,
            function: what.function,
            told,
            now_ms,
            back,
            fees,
            life_s,
        };
        let signs = matches!(what.method, Method::SignMessage | Method::SignTypedData);
        // What has no return, no fee or no deadline would only be repeated.
        let repeats = (back != u16::MAX && !place.is_exchange())
            || (fees != Fees::Least && signs)
            || (life_s != LIFE_S && !place.is_dated());
        (!repeats).then_some(place)
    }
}

fn pick<T: Copy>(values: &[T], rest: &mut usize) -> Option<T> {
    let place = rest.checked_rem(values.len())?;
    *rest = rest.checked_div(values.len())?;
    values.get(place).copied()
}

/// Everything that can be done of these kinds.
fn what<'w>(world: &'w World<'_>, touched: &Touched<'_>) -> Vec<What<'w>> {
    let samples = &touched.samples;
    let mut found = Vec::new();
    let all = world.assets.iter().map(|asset| asset.identity());
    let assets = samples.assets.among(all, ASSETS_MAX);
    let assets: Vec<&Asset> = assets
        .into_iter()
        .filter_map(|id| world.asset(id))
        .collect();
    for kind in touched.kinds().of_kinds() {
        let methods = methods(kind)
            .iter()
            .filter(|one| samples.methods.may_be(one));
        for method in methods.copied() {
            let one = |asset, function| What {
                method,
                kind,
                asset,
                function,
            };
            if kind == EffectKind::Fee {
                let coins = world
                    .assets
                    .iter()
                    .filter(|asset| asset.standard == Standard::Native);
                found.extend(coins.map(|coin| one(Some(*coin), None)));
            } else if kind.is_measured() {
                found.extend(assets.iter().map(|asset| one(Some(*asset), None)));
            } else {
                let of_id =
                    |function: &&&'w Function| samples.functions.named().contains(&function.id);
                if kind == EffectKind::Call {
                    let functions = world.functions.iter();
                    let named = functions.clone().filter(of_id);
                    let others =
                        functions.filter(|one| !samples.functions.is_closed() && !of_id(one));
                    found.extend(
                        named
                            .chain(others)
                            .map(|function| one(None, Some(*function))),
                    );
                }
                if !(kind == EffectKind::Call && samples.functions.is_closed()) {
                    found.push(one(None, None));
                }
            }
        }
    }
    found
}

/// How an effect of this kind is asked for.
const fn methods(kind: EffectKind) -> &'static [Method] {
    use Method::{SendTransaction, SignMessage, SignTransaction, SignTypedData};
    match kind {
        EffectKind::Message => &[SignMessage],
        EffectKind::Order | EffectKind::TypedData => &[SignTypedData],
        EffectKind::Transfer | EffectKind::Allowance | EffectKind::Revoke => {
            &[SendTransaction, SignTransaction, SignTypedData]
        }
        _ => &[SendTransaction, SignTransaction],
    }
}

fn payees(world: &World<'_>, touched: &Touched<'_>) -> Vec<Address> {
    let samples = &touched.samples.payees;
    let lists = touched.samples.lists.named();
    let mut found: Vec<Address> = samples.named().to_vec();
    found.extend(lists.iter().flat_map(|id| world.of_list(id)));
    if !samples.is_closed() {
        found.extend(&world.payees);
    }
    let mut seen = BTreeSet::new();
    found.retain(|address| seen.insert(*address));
    if found.is_empty() {
        found.push(world.stranger);
    }
    found.truncate(PAYEES_MAX);
    found
}

/// How long documents can be used, s: the usual time first.
fn lives(touched: &Touched<'_>) -> Vec<u64> {
    let named = touched.samples.lives_ms.named().iter();
    let mut found = vec![LIFE_S];
    found.extend(named.map(|life_ms| life_ms / 1000));
    let mut seen = BTreeSet::new();
    found.retain(|life_s| seen.insert(*life_s));
    found.truncate(TIMES_MAX);
    found
}

/// Now, the moments that conditions name, and those at which entries of the payees end.
fn times(world: &World<'_>, touched: &Touched<'_>, payees: &[Address]) -> Vec<u64> {
    let mut found = vec![world.now_ms];
    found.extend(touched.samples.times_ms.named());
    let schedules = touched.samples.schedules.named().iter();
    found.extend(schedules.flat_map(|id| world.moments(id)));
    for policy in world.both() {
        let hits = payees.iter().flat_map(|payee| policy.lists.of(*payee));
        let ends = hits.filter_map(|hit| {
            let list = policy.list_tables.get(hit.list as usize)?;
            list.entries.get(hit.entry as usize)?.expires_ms
        });
        found.extend(ends.flat_map(|end| [end.saturating_sub(1), end]));
    }
    let mut seen = BTreeSet::new();
    found.retain(|time| seen.insert(*time));
    found.truncate(TIMES_MAX);
    found
}
