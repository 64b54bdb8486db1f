//! A request in one line: everything that can leave, and the party with the most of it that the
//! operator does not know. Lists, dialogs, alerts and the command line show this and nothing else,
//! so an order of calls or a small first payment cannot hide the large one.

use std::borrow::Cow;
use std::collections::BTreeMap;

use alloy_primitives::map::AddressMap;
use alloy_primitives::{Address, B256, U256};
use serde::Serialize;

use crate::address::checksum;
use crate::effects::EffectKind;
use crate::event::{AssetRecord, Decided, EffectRecord};
use crate::guard::decision::answer::bytes;
use crate::guard::Guard;
use crate::policy::Policy;
use crate::text::display_safe;

/// Sums that are written one by one; `assets` counts all of them.
const TOTALS_MAX: usize = 8;
const LABEL_CHARS_MAX: usize = 64;
/// Addresses that are named; a request with more of them names the first.
const LABELS_MAX: usize = 128;
/// Amounts without a price are compared in units of this many decimals.
const DECIMALS: u8 = 18;

/// `summary` of a request view.
#[derive(Serialize)]
pub(in crate::guard) struct Summary {
    /// Distinct assets in `total` before it was bounded.
    assets: usize,
    /// Effects, the fee not counted.
    effects: usize,
    /// Their kinds, in the order they first occur.
    kinds: Vec<EffectKind>,
    /// What the policy that decided it calls addresses that get something; empty once another policy
    /// is in force.
    labels: BTreeMap<String, String>,
    /// Recipients, spenders and contracts that get something.
    parties: usize,
    total: Vec<Total>,
    /// Of those, the ones the policy does not name.
    unlisted: usize,
    /// Micro-USD of all of it; null if any of it has no limit, no price, or is not understood.
    usd: Option<String>,
    worthiest: Option<Party>,
}

/// A sum of one asset.
#[derive(Clone, Serialize)]
struct Total {
    address: Option<String>,
    amount: String,
    asset: Option<String>,
    decimals: Option<u8>,
    /// The wallet owes it afterwards; otherwise it leaves, now or later.
    owed: bool,
    standard: Option<crate::asset::Standard>,
    symbol: Option<String>,
    unlimited: bool,
    #[serde(skip)]
    worth: Worth,
}

#[derive(Serialize)]
struct Party {
    address: String,
    /// How many assets it gets.
    assets: usize,
    /// What it gets.
    gets: Vec<Total>,
    kinds: Vec<EffectKind>,
    label: Option<String>,
    listed: bool,
    usd: Option<String>,
}

/// How much something can be worth, in the order of the members: an unknown worth is the largest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Worth {
    unlimited: bool,
    /// Nobody can say: not understood, or a change of who is in charge.
    opaque: bool,
    /// Without a price, scaled to `DECIMALS`.
    unpriced: U256,
    /// Micro-USD.
    usd: u128,
}

impl Worth {
    fn of(effect: &EffectRecord, usd: Option<u128>) -> Self {
        let opaque = (effect.effect.is_opaque() && effect.function.is_none())
            || effect.effect == EffectKind::Control;
        let moves = is_moving(effect);
        Self {
            unlimited: moves && effect.unlimited,
            opaque,
            unpriced: match usd {
                None if moves => scaled(effect).max(U256::ONE),
                _ => U256::ZERO,
            },
            usd: usd.filter(|_| moves).unwrap_or(0),
        }
    }

    fn add(&mut self, other: Self) {
        self.unlimited |= other.unlimited;
        self.opaque |= other.opaque;
        self.unpriced = self.unpriced.saturating_add(other.unpriced);
        self.usd = self.usd.saturating_add(other.usd);
    }

    fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    fn micro_usd(&self) -> Option<String> {
        let known = !self.unlimited && !self.opaque && self.unpriced.is_zero();
        known.then(|| self.usd.to_string())
    }
}

/// Whether it takes away something countable, now or later, or makes the wallet owe it.
fn is_moving(effect: &EffectRecord) -> bool {
    let moves = matches!(
        effect.effect,
        EffectKind::Transfer
            | EffectKind::Allowance
            | EffectKind::Swap
            | EffectKind::Deposit
            | EffectKind::Order
            | EffectKind::Debt
    );
    moves && (effect.unlimited || !effect.amount.is_zero())
}

/// The amount in units of `DECIMALS`; of a coin nobody registered, wei.
fn scaled(effect: &EffectRecord) -> U256 {
    let decimals = effect
        .asset
        .as_ref()
        .map_or(DECIMALS, |asset| asset.decimals);
    let power = |places: u8| U256::from(10).saturating_pow(U256::from(places));
    match decimals.checked_sub(DECIMALS) {
        None => effect
            .amount
            .saturating_mul(power(DECIMALS.saturating_sub(decimals))),
        Some(more) => effect.amount.checked_div(power(more)).unwrap_or(U256::ZERO),
    }
}

/// What one party gets, or all of them together.
#[derive(Default)]
struct Gathered {
    worth: Worth,
    kinds: Vec<EffectKind>,
    totals: Vec<(Key, Sum)>,
}

type Key = (Option<Option<Address>>, bool);

struct Sum {
    asset: Option<AssetRecord>,
    amount: U256,
    worth: Worth,
}

impl Gathered {
    fn add(&mut self, effect: &EffectRecord, worth: Worth) {
        self.worth.add(worth);
        if !self.kinds.contains(&effect.effect) {
            self.kinds.push(effect.effect);
        }
        if !is_moving(effect) {
            return;
        }
        let asset = effect.asset.as_ref();
        let key = (
            asset.map(|asset| asset.address),
            effect.effect == EffectKind::Debt,
        );
        match self.totals.iter_mut().find(|(known, _)| *known == key) {
            Some((_, sum)) => {
                sum.worth.unlimited |= sum.amount.checked_add(effect.amount).is_none();
                sum.amount = sum.amount.saturating_add(effect.amount);
                sum.worth.add(worth);
            }
            None => self.totals.push((
                key,
                Sum {
                    asset: asset.cloned(),
                    amount: effect.amount,
                    worth,
                },
            )),
        }
    }

    /// The sums, the worthiest first, and how many there are.
    fn totals(self) -> (Vec<Total>, usize) {
        let count = self.totals.len();
        let mut totals: Vec<Total> = self.totals.into_iter().map(total).collect();
        totals.sort_by_key(|total| std::cmp::Reverse(total.worth));
        totals.truncate(TOTALS_MAX);
        (totals, count)
    }
}

fn total(((_, owed), sum): (Key, Sum)) -> Total {
    let asset = sum.asset;
    Total {
        address: asset
            .as_ref()
            .and_then(|asset| asset.address)
            .map(|address| checksum(address).to_string()),
        amount: sum.amount.to_string(),
        decimals: asset.as_ref().map(|asset| asset.decimals),
        owed,
        standard: asset.as_ref().map(|asset| asset.standard),
        symbol: asset.as_ref().map(|asset| asset.symbol.clone()),
        unlimited: sum.worth.unlimited,
        worth: sum.worth,
        asset: asset.and_then(|asset| asset.id),
    }
}

/// The effect with what no other effect stands for: of a contract whose code was not seen, what it
/// keeps back.
fn once(effect: &EffectRecord) -> Cow<'_, EffectRecord> {
    match effect.doubted {
        Some(both) if !both.is_zero() => {
            let mut kept = effect.clone();
            kept.amount = kept.amount.saturating_sub(both);
            Cow::Owned(kept)
        }
        _ => Cow::Borrowed(effect),
    }
}

/// What of its worth belongs to what `once` leaves, rounded up.
fn share(usd: u128, effect: &EffectRecord) -> u128 {
    let kept = once(effect).amount;
    if kept == effect.amount {
        return usd;
    }
    let worth = U256::from(usd).saturating_mul(kept);
    let part = worth.saturating_add(effect.amount.saturating_sub(U256::ONE));
    let part = part.checked_div(effect.amount).unwrap_or(U256::ZERO);
    u128::try_from(part).unwrap_or(usd)
}

/// What the policy calls the parties. A reader proves it by the text of the policy that decided the
/// request, so no other policy may name them.
fn labels(
    decided: &Decided,
    policy: Option<&Policy>,
    parties: &[(Address, Gathered)],
    now_ms: u64,
) -> BTreeMap<String, String> {
    let same = |policy: &&Policy| policy.digest().parse::<B256>() == Ok(decided.policy);
    let Some(policy) = policy.filter(same) else {
        return BTreeMap::new();
    };
    let named = parties.iter().filter_map(|(address, _)| {
        let label = policy.label(decided.chain_id.at(*address), now_ms)?;
        let label = display_safe(label, LABEL_CHARS_MAX);
        Some((checksum(*address).to_string(), label))
    });
    named.take(LABELS_MAX).collect()
}

impl Summary {
    pub fn of(decided: &Decided, policy: Option<&Policy>, now_ms: u64) -> Self {
        let is_fee = |effect: &&EffectRecord| effect.effect == EffectKind::Fee;
        let effects = decided.effects.iter().filter(|effect| !is_fee(effect));
        // The ledger has one entry an effect, in their order, and the fee behind them.
        let items = decided.spends.iter().flat_map(|spends| &spends.items);
        let prices = items.map(|item| item.usd).chain(std::iter::repeat(None));
        let mut all = Gathered::default();
        let mut parties: Vec<(Address, Gathered)> = Vec::new();
        let mut places: AddressMap<usize> = AddressMap::default();
        let mut count: usize = 0;
        for (effect, usd) in effects.zip(prices) {
            count = count.saturating_add(1);
            let usd = usd.map(|usd| share(usd, effect));
            let effect = &*once(effect);
            let mut worth = Worth::of(effect, usd);
            all.add(effect, worth);
            // What it may do instead is warned about; here it is taken for what it is known for.
            if worth.opaque && effect.doubted.is_some() {
                worth = Worth::default();
            }
            let Some(to) = effect.to.filter(|to| *to != decided.wallet) else {
                continue;
            };
            let place = *places.entry(to).or_insert(parties.len());
            match parties.get_mut(place) {
                Some((_, party)) => party.add(effect, worth),
                None => {
                    let mut party = Gathered::default();
                    party.add(effect, worth);
                    parties.push((to, party));
                }
            }
        }
        let getting = parties
            .iter()
            .filter(|(_, party)| !party.worth.is_nothing());
        let getting = getting.count();
        let chain_id = decided.chain_id;
        let is_listed = |address: &Address| {
            policy.is_some_and(|policy| policy.is_listed(chain_id.at(*address), now_ms))
        };
        let (mut unlisted, mut best) = (0, None);
        for (place, (address, party)) in parties.iter().enumerate() {
            let something = !party.worth.is_nothing();
            let stranger = something && !is_listed(address);
            unlisted = usize::from(stranger).saturating_add(unlisted);
            let rank = (stranger, something, party.worth);
            if best.is_none_or(|(best, _)| rank > best) {
                best = Some((rank, place));
            }
        }
        let labels = labels(decided, policy, &parties, now_ms);
        let worthiest = best.and_then(|(_, place)| {
            let (address, party) = parties.into_iter().nth(place)?;
            let listed = is_listed(&address);
            let address = checksum(address).to_string();
            let label = labels.get(&address).cloned();
            let (kinds, usd) = (party.kinds.clone(), party.worth.micro_usd());
            let (gets, assets) = party.totals();
            Some(Party {
                address,
                assets,
                gets,
                kinds,
                label,
                listed,
                usd,
            })
        });
        let left_out = decided.left_out.as_ref().map_or(0, |left| left.effects);
        let count = count.saturating_add(usize::try_from(left_out).unwrap_or(usize::MAX));
        let (kinds, usd) = (all.kinds.clone(), all.worth.micro_usd());
        let (total, assets) = all.totals();
        Self {
            assets,
            effects: count,
            kinds,
            labels,
            parties: getting,
            total,
            unlisted,
            usd,
            worthiest,
        }
    }
}

impl Guard {
    /// `summary` of a request view alone; `None` once the details are forgotten.
    pub fn summary(&self, request_id: &str) -> Option<Vec<u8>> {
        let decided = self.entry(request_id).ok()?.decided.as_deref()?;
        Some(bytes(&self.summarise(decided)))
    }

    pub(in crate::guard) fn summarise(&self, decided: &Decided) -> Summary {
        Summary::of(decided, self.state.policy(), self.state.last_at)
    }
}
