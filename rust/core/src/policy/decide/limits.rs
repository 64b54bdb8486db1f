//! What a request costs under every limit it falls under.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::{Address, U256};
use serde::Serialize;

use crate::address::checksum;
use crate::chain::Account;
use crate::code::Code;
use crate::effects::EffectKind;
use crate::policy::decide::sums::Sums;
use crate::policy::decide::verdict::{Reason, Verdict};
use crate::policy::index::Query;
use crate::policy::model::{Limit, Measure, OnExceed, Per};
use crate::policy::schedule::Open;
use crate::policy::time::span_words;
use crate::policy::Policy;
use crate::spend::{clamp, Reservation, Spend, SpendAsset, Spends, TIME_UNKNOWN};
use crate::window::{Limits, Span, Windows, PARTY};

/// One limit and key with what the request adds to it.
pub(in crate::policy) struct Charge<'p> {
    pub limit: &'p Limit,
    pub key: String,
    /// At most `AMOUNT_MAX`.
    pub amount: u128,
    /// The part of it that is the network fee at its highest.
    pub fee: u128,
    /// Part of the amount is not known because a price is missing.
    pub price_unknown: bool,
}

/// The same while it is added up.
struct Sum {
    limit: u32,
    recipient: Option<Address>,
    amount: U256,
    fee: U256,
    price_unknown: bool,
}

impl Limits for Policy {
    fn windows(&self) -> impl Iterator<Item = (&str, Span)> {
        let limits = self.limits().iter();
        limits.map(|limit| (limit.id.as_str(), limit.window.clone()))
    }

    fn reservations(&self, spends: &Spends) -> Vec<Reservation> {
        Self::reservations(self, spends)
    }
}

impl Policy {
    /// What `spends` reserve under the limits of this policy, sorted by limit and key.
    pub fn reservations(&self, spends: &Spends) -> Vec<Reservation> {
        let charges = self
            .charges(spends)
            .into_iter()
            .filter(|charge| charge.amount != 0);
        let reservation = |charge: Charge<'_>| Reservation {
            limit: charge.limit.id.clone(),
            key: charge.key,
            amount: charge.amount,
        };
        charges.map(reservation).collect()
    }

    /// Limits shared with others that are over with what this request holds of them now, each with
    /// what it asks for; `shown` are the limits that people knew to be over when they approved.
    pub fn over_shared(
        &self,
        own: &[Reservation],
        shown: &[Reason],
        windows: &Windows,
        now_ms: u64,
    ) -> Vec<Reason> {
        let shared = own.iter().filter(|part| part.is_shared());
        let over = shared.filter_map(|part| {
            let limit = self.limit_by_id(&part.limit)?;
            let (verdict, reason) = over(limit, &part.key, part.amount, own, windows, now_ms)?;
            let known = verdict != Verdict::Deny && reason.is_among(shown);
            // Who approved it needs neither to be told nor to wait.
            let asks = matches!(verdict, Verdict::Approval { .. } | Verdict::Deny);
            Some(reason).filter(|_| asks && !known)
        });
        over.collect()
    }

    /// Limits that are over once a request that holds `own` holds `asked` in its place.
    pub fn over_raised(
        &self,
        asked: &[Reservation],
        own: &[Reservation],
        windows: &Windows,
        now_ms: u64,
    ) -> Vec<Reason> {
        let over = asked.iter().filter_map(|part| {
            let limit = self.limit_by_id(&part.limit)?;
            let (verdict, reason) = over(limit, &part.key, part.amount, own, windows, now_ms)?;
            (verdict > Verdict::Notify).then_some(reason)
        });
        over.collect()
    }

    /// Every limit and key the request adds to, sorted by limit id and key.
    pub(in crate::policy) fn charges(&self, spends: &Spends) -> Vec<Charge<'_>> {
        let mut sums: Vec<Sum> = Vec::new();
        let agent = self.agent_index(&spends.agent);
        let mut touched: Vec<u32> = Vec::new();
        let counts = |item: &&Spend| spends.grant.is_none() || item.kind == EffectKind::Fee;
        for item in spends.items.iter().filter(counts) {
            let query = self.spend_query(spends, item, agent);
            touched.clear();
            self.limit_index.find(&query, &Sums::default(), |slot, _| {
                touched.push(slot.payload)
            });
            touched.sort_unstable();
            touched.dedup();
            for number in &touched {
                if let Some(limit) = self.limits().get(*number as usize) {
                    add(&mut sums, *number, limit, item);
                }
            }
        }
        let mut charges: Vec<Charge<'_>> = sums
            .into_iter()
            .filter_map(|sum| self.charge(spends, &sum))
            .collect();
        charges.sort_unstable_by(|a, b| (&a.limit.id, &a.key).cmp(&(&b.limit.id, &b.key)));
        charges
    }

    fn spend_query(&self, spends: &Spends, item: &Spend, agent: Option<u32>) -> Query<'_> {
        let address = match item.asset {
            SpendAsset::None => None,
            SpendAsset::Native => Some(None),
            SpendAsset::Token(address) => Some(Some(address)),
        };
        // Of a total nobody knows when it was decided: it counts wherever it may have counted.
        let (earlier_ms, now_ms) = match spends.decided_ms {
            TIME_UNKNOWN => (0, u64::MAX),
            decided_ms => (decided_ms, decided_ms),
        };
        Query {
            agent,
            wallet: spends.wallet,
            chain_id: spends.chain_id,
            method: spends.method,
            kind: item.kind,
            asset: address.and_then(|address| self.asset_index((spends.chain_id, address))),
            to: item.to,
            hits: item.to.map(|to| self.lists.of(to)).unwrap_or_default(),
            // A limit counts at any time, whoever was paid before.
            now_ms,
            earlier_ms,
            open: Open::none(),
            paid_ms: None,
            deadline_ms: None,
            stricter: true,
            // Limits compare no amounts.
            amount: U256::ZERO,
            function: None,
            usd: None,
        }
    }

    fn charge(&self, spends: &Spends, sum: &Sum) -> Option<Charge<'_>> {
        let limit = self.limits().get(sum.limit as usize)?;
        let mut key = match limit.per {
            Per::Agent => ["agent:", &spends.agent].concat(),
            Per::Wallet => self.wallet_key(spends.wallet),
            Per::Recipient => recipient_key(spends.chain_id.at(sum.recipient?)),
            Per::Global => "global".to_owned(),
        };
        if limit.measure == Measure::Recipients {
            let to = spends.chain_id.at(sum.recipient?);
            key = format!("{key}{PARTY}{}:{}", to.chain_id, checksum(to.address));
        }
        let price_unknown = sum.price_unknown;
        Some(Charge {
            limit,
            key,
            amount: clamp(sum.amount),
            fee: clamp(sum.fee),
            price_unknown,
        })
    }
}

/// What a limit asks for when `amount` comes on top of what counts without `own`; `None` within it.
pub(in crate::policy) fn over(
    limit: &Limit,
    key: &str,
    amount: u128,
    own: &[Reservation],
    windows: &Windows,
    now_ms: u64,
) -> Option<(Verdict, Reason)> {
    if let Some((base, _)) = key.split_once(PARTY) {
        let own_keys = own.iter().filter(|part| part.limit == limit.id);
        let asked = own_keys.map(|part| part.key.as_str()).chain([key]);
        let asked = asked.filter(|party| is_party_of(party, base));
        return over_parties(limit, base, asked, own, windows, now_ms);
    }
    let mine = own
        .iter()
        .filter(|part| part.limit == limit.id && part.key == key);
    let mine = mine.fold(0u128, |sum, part| sum.saturating_add(part.amount));
    let used = windows.used(&limit.id, key, now_ms).saturating_sub(mine);
    let reason = |code| Reason::new(code).by(limit.id.as_str());
    let Some(total) = used.checked_add(amount) else {
        return Some((Verdict::Deny, reason(Code::AmountOverflow).found(key)));
    };
    let frees_at = |excess| windows.frees_at(&limit.id, key, excess, now_ms);
    judge(limit, (used, total), frees_at)
}

/// The key under which a party counts; any other key as it is.
fn base_of(key: &str) -> &str {
    key.split_once(PARTY).map_or(key, |(base, _)| base)
}

/// Whether a key is that of a party that counts under another.
fn is_party_of(party: &str, base: &str) -> bool {
    party.split_once(PARTY).is_some_and(|(of, _)| of == base)
}

/// What one of the limits that a request adds to asks for, with everything it adds to that limit.
pub(in crate::policy) fn over_with(
    charge: &Charge<'_>,
    all: &[Charge<'_>],
    own: &[Reservation],
    windows: &Windows,
    now_ms: u64,
) -> Option<(Verdict, Reason)> {
    let (limit, key) = (charge.limit, charge.key.as_str());
    let Some((base, _)) = key.split_once(PARTY) else {
        return over(limit, key, charge.amount, own, windows, now_ms);
    };
    let mut asked = all
        .iter()
        .filter(|other| other.limit.id == limit.id && is_party_of(&other.key, base))
        .map(|other| other.key.as_str());
    // Once for all of them.
    if asked.clone().next() != Some(key) {
        return None;
    }
    over_parties(limit, base, asked.by_ref(), own, windows, now_ms)
}

/// What a limit on recipients asks for when these come on top of those that count without `own`.
fn over_parties<'k>(
    limit: &Limit,
    base: &str,
    asked: impl Iterator<Item = &'k str>,
    own: &[Reservation],
    windows: &Windows,
    now_ms: u64,
) -> Option<(Verdict, Reason)> {
    let is_mine = |party: &str| {
        let mut mine = own
            .iter()
            .filter(|part| part.limit == limit.id && part.key == party);
        // Only this request holds it: nothing else counts under its key.
        mine.any(|part| windows.used(&limit.id, party, now_ms) <= part.amount)
    };
    let others = windows.parties(&limit.id, base, now_ms);
    let others: BTreeMap<&str, Option<u64>> = others.filter(|(key, _)| !is_mine(key)).collect();
    let asked: BTreeSet<&str> = asked.collect();
    let added = asked.iter().filter(|key| !others.contains_key(*key));
    let added = added.count();
    let count = |number: usize| u128::try_from(number).unwrap_or(u128::MAX);
    let used = count(others.len());
    let total = used.saturating_add(count(added));
    if added == 0 {
        return None;
    }
    let frees_at = |excess: u128| {
        // A party that is paid again stays.
        let leaving = others.iter().filter(|(key, _)| !asked.contains(*key));
        let mut leaving: Vec<u64> = leaving.filter_map(|(_, at_ms)| *at_ms).collect();
        leaving.sort_unstable();
        let last = usize::try_from(excess).ok()?.checked_sub(1)?;
        leaving.get(last).copied()
    };
    judge(limit, (used, total), frees_at)
}

/// What a limit asks for when what counts goes from one figure to the other.
fn judge(
    limit: &Limit,
    (used, total): (u128, u128),
    frees_at: impl Fn(u128) -> Option<u64>,
) -> Option<(Verdict, Reason)> {
    let told = |code| {
        Reason::new(code)
            .by(limit.id.as_str())
            .found(limit.measure.words(total))
            .allowed(limit.measure.words(limit.max))
    };
    let Some(excess) = total.checked_sub(limit.max).filter(|excess| *excess > 0) else {
        let passes = limit
            .warns_above()
            .is_some_and(|share| used <= share && share < total);
        return passes.then(|| (Verdict::Notify, told(Code::LimitNotice)));
    };
    if limit.on_exceed == OnExceed::Notify {
        return Some((Verdict::Notify, told(Code::LimitNotice)));
    }
    let mut reason = told(Code::LimitExceeded);
    let passes = total.saturating_sub(used) <= limit.max;
    reason.retry_at_ms = passes.then(|| frees_at(excess)).flatten();
    Some((limit.on_exceed.verdict(), reason))
}

/// Adds what one effect costs under one limit. Without a recipient nothing is added to a limit per
/// recipient.
fn add(sums: &mut Vec<Sum>, number: u32, limit: &Limit, item: &Spend) {
    if limit.is_standing() && !item.stands() {
        return;
    }
    let recipient = match limit.per {
        Per::Recipient => item.to,
        Per::Agent | Per::Wallet | Per::Global if limit.measure == Measure::Recipients => item.to,
        Per::Agent | Per::Wallet | Per::Global => None,
    };
    let counts_recipients = limit.per == Per::Recipient || limit.measure == Measure::Recipients;
    if counts_recipients && item.to.is_none() {
        return;
    }
    let (amount, price_unknown) = match limit.measure {
        Measure::Count | Measure::Recipients if item.kind == EffectKind::Fee => return,
        Measure::Count => (u128::from(item.times), false),
        // One of each, however often.
        Measure::Recipients => (1, false),
        Measure::Usd => (item.usd.unwrap_or(0), item.usd.is_none()),
        Measure::Amount(_) => (item.amount, false),
    };
    let amount = U256::from(amount);
    let fee = match item.kind {
        EffectKind::Fee => amount,
        _ => U256::ZERO,
    };
    let same = |sum: &&mut Sum| sum.limit == number && sum.recipient == recipient;
    match sums.iter_mut().find(same) {
        None => sums.push(Sum {
            limit: number,
            recipient,
            amount,
            fee,
            price_unknown,
        }),
        Some(_) if limit.measure == Measure::Recipients => {}
        Some(sum) => {
            sum.price_unknown |= price_unknown;
            sum.amount = sum.amount.saturating_add(amount);
            sum.fee = sum.fee.saturating_add(fee);
        }
    }
}

pub(in crate::policy) fn wallet_key(address: Address) -> String {
    ["wallet:", &checksum(address)].concat()
}

fn recipient_key(to: Account) -> String {
    let (chain_id, address) = (to.chain_id.to_string(), checksum(to.address));
    ["recipient:", &chain_id, ":", &address].concat()
}

/// A limit and one of its keys, as the console shows it. Amounts are decimal strings in the unit of
/// the measure: requests, micro-USD or base units.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LimitView {
    /// Limit id.
    pub limit: String,
    /// Scope instance.
    pub key: String,
    /// `count`, `usd` or `amount`.
    pub measure: &'static str,
    /// The asset's symbol, for `amount`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub symbol: Option<String>,
    /// The asset's places after the point, for `amount`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decimals: Option<u8>,
    /// Posted and still in the window.
    pub used: String,
    /// Held.
    pub reserved: String,
    /// The most both together may be.
    pub max: String,
    /// What of the past counts, in words: `24h`, `day in Europe/Berlin`, `lifetime`, `standing`.
    pub window: String,
    /// What is left; "0" when over.
    pub left: String,
    /// What happens over it.
    pub on_exceed: OnExceed,
    /// What one request holds of it, in a view of that request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adds: Option<String>,
    /// The part of `adds` that is the network fee at its highest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fee: Option<String>,
}

impl Policy {
    /// Every limit with what counts under it at `now_ms`, by limit and key. With `agent` only what
    /// that agent can meet: its own key, its wallets, recipients and global ones. A limit per agent
    /// or global nobody used yet is shown too.
    pub fn limit_views(
        &self,
        windows: &Windows,
        agent: Option<&str>,
        now_ms: u64,
    ) -> Vec<LimitView> {
        let mut views = Vec::new();
        let mut parties: BTreeMap<(&str, &str), (u128, u128)> = BTreeMap::new();
        for usage in windows.usages(now_ms) {
            let limit = self.limit_by_id(usage.limit);
            let key = base_of(usage.key);
            let Some(limit) = limit.filter(|_| self.concerns(agent, key)) else {
                continue;
            };
            if limit.measure == Measure::Recipients {
                // Each party is one, however often it was paid.
                let (posted, held) = parties.entry((&limit.id, key)).or_default();
                let count = if usage.posted > 0 { posted } else { held };
                *count = count.saturating_add(1);
                continue;
            }
            views.push(view(limit, key, usage.posted, usage.held));
        }
        for ((limit, key), (posted, held)) in parties {
            let limit = self.limit_by_id(limit);
            views.extend(limit.map(|limit| view(limit, key, posted, held)));
        }
        for limit in self.limits() {
            for key in self.standing_keys(limit) {
                let shown = views
                    .iter()
                    .any(|view| view.limit == limit.id && view.key == key);
                if !shown && self.concerns(agent, &key) {
                    views.push(view(limit, &key, 0, 0));
                }
            }
        }
        views.sort_unstable_by(|a, b| (&a.limit, &a.key).cmp(&(&b.limit, &b.key)));
        views
    }

    /// The limits of one request, from its reservations and those of its fee alone.
    pub fn reserved_views(
        &self,
        windows: &Windows,
        reservations: &[Reservation],
        fee: &[Reservation],
        now_ms: u64,
    ) -> Vec<LimitView> {
        let mut views = Vec::new();
        for part in reservations {
            let Some(limit) = self.limit_by_id(&part.limit) else {
                continue;
            };
            let (held, used) = if limit.measure == Measure::Recipients {
                let parties = windows.parties(&part.limit, base_of(&part.key), now_ms);
                let count = parties.filter(|(key, _)| *key != part.key).count();
                (part.amount, u128::try_from(count).unwrap_or(u128::MAX))
            } else {
                let held = windows.held(&part.limit, &part.key);
                let used = windows.used(&part.limit, &part.key, now_ms);
                (held, used.saturating_sub(held))
            };
            let fee = fee
                .iter()
                .find(|fee| (&fee.limit, &fee.key) == (&part.limit, &part.key));
            views.push(LimitView {
                adds: Some(part.amount.to_string()),
                fee: fee.map(|fee| fee.amount.to_string()),
                ..view(limit, base_of(&part.key), used, held)
            });
        }
        views
    }

    /// Keys a limit has whether anything was spent or not; recipients are known only by what they
    /// got.
    fn standing_keys(&self, limit: &Limit) -> Vec<String> {
        match limit.per {
            Per::Agent => {
                let named = limit.matcher.agents.as_ref();
                let meant = |number: &u32| named.is_none_or(|named| named.contains(number));
                let numbered = self.agents().iter().zip(0u32..);
                let agents = numbered.filter(|(_, number)| meant(number));
                agents
                    .map(|(agent, _)| format!("agent:{}", agent.id))
                    .collect()
            }
            Per::Wallet => {
                let named = limit.matcher.wallets.as_ref();
                let meant = |address: &Address| named.is_none_or(|named| named.contains(address));
                let wallets = self
                    .wallets()
                    .iter()
                    .filter(|wallet| meant(&wallet.address));
                wallets
                    .map(|wallet| self.wallet_key(wallet.address))
                    .collect()
            }
            Per::Recipient => Vec::new(),
            Per::Global => vec!["global".to_owned()],
        }
    }

    /// Whether a key can be met by this agent.
    fn concerns(&self, agent: Option<&str>, key: &str) -> bool {
        let Some(id) = agent else { return true };
        if let Some(owner) = key.strip_prefix("agent:") {
            return owner == id;
        }
        if key.starts_with("wallet:") {
            let wallets = self
                .agent(id)
                .map(|agent| agent.wallets.as_slice())
                .unwrap_or_default();
            return wallets.iter().any(|wallet| self.wallet_key(*wallet) == key);
        }
        true
    }
}

fn view(limit: &Limit, key: &str, used: u128, reserved: u128) -> LimitView {
    let asset = match &limit.measure {
        Measure::Count | Measure::Recipients | Measure::Usd => None,
        Measure::Amount(asset) => Some(asset),
    };
    LimitView {
        limit: limit.id.clone(),
        key: key.to_owned(),
        measure: limit.measure.as_str(),
        symbol: asset.map(|asset| asset.symbol.clone()),
        decimals: asset.map(|asset| asset.decimals),
        used: used.to_string(),
        reserved: reserved.to_string(),
        max: limit.max.to_string(),
        window: span_words(&limit.window),
        left: limit
            .max
            .saturating_sub(used.saturating_add(reserved))
            .to_string(),
        on_exceed: limit.on_exceed,
        adds: None,
        fee: None,
    }
}
