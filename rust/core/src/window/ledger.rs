//! What was posted in the last 32 days, kept so that a policy that changes can count it under its
//! own limits; and what was ever posted, in one sum for each party, asset and kind.
//!
//! One entry is 80 bytes, whatever the length of ids: who spends is written once and referred to by
//! number. A million entries are 80 MB. A party that was ever paid costs about as much.

use std::collections::{BTreeMap, VecDeque};

use alloy_primitives::Address;
use serde::{Deserialize, Serialize};

use crate::chain::{Account, ChainId};
use crate::effects::EffectKind;
use crate::request::Method;
use crate::spend::{Spend, SpendAsset, Spends, AMOUNT_MAX, TIME_UNKNOWN};

/// How long posted spends are kept: longer than the longest window of a limit, and than the longest
/// month of any time zone, which has 31 days and an hour.
pub const LEDGER_MS: u64 = 32 * 24 * 60 * 60 * 1000;

/// Posted spends in the order of time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    spenders: Vec<Spender>,
    assets: Vec<SpendAsset>,
    entries: VecDeque<Entry>,
    totals: BTreeMap<Party, Total>,
}

/// What a total is the sum of. The party comes first: it is what totals are looked up by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Party {
    to: Option<Address>,
    spender: u32,
    asset: u32,
    kind: EffectKind,
}

/// What was ever posted to one party.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Total {
    /// At most `AMOUNT_MAX`.
    amount: u128,
    /// What of it had a price; at most `AMOUNT_MAX`.
    usd: Option<u128>,
    times: u32,
    /// When anything of value was paid last.
    paid_ms: Option<u64>,
}

/// Who spends and how; there are few of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Spender {
    agent: String,
    wallet: Address,
    chain_id: ChainId,
    method: Method,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    posted_ms: u64,
    decided_ms: u64,
    amount: [u64; 2],
    usd: [u64; 2],
    to: Address,
    /// Payments in it; more than there is room for count as many as there is.
    times: u16,
    spender: u32,
    asset: u32,
    kind: EffectKind,
    /// Bits: the first of its request; has a recipient; has a value in USD; paid under a grant.
    flags: u8,
}

const FIRST: u8 = 1;
const HAS_TO: u8 = 2;
const HAS_USD: u8 = 4;
/// Paid under a grant: which one is not kept.
const GRANTED: u8 = 8;

const fn words(value: u128) -> [u64; 2] {
    [(value >> 64) as u64, value as u64]
}

const fn value(words: [u64; 2]) -> u128 {
    let [high, low] = words;
    ((high as u128) << 64) | low as u128
}

impl Total {
    fn add(&mut self, item: &Spend) {
        self.amount = self.amount.saturating_add(item.amount).min(AMOUNT_MAX);
        if let Some(usd) = item.usd {
            let sum = self.usd.unwrap_or_default().saturating_add(usd);
            self.usd = Some(sum.min(AMOUNT_MAX));
        }
        self.times = self.times.saturating_add(item.times);
    }
}

impl Ledger {
    /// Adds what one request has cost, and forgets what is older than 32 days. An
    /// earlier time than that of the last entry is taken as that.
    pub fn post(&mut self, spends: &Spends, posted_ms: u64) {
        let last_ms = self.entries.back().map_or(0, |entry| entry.posted_ms);
        let posted_ms = posted_ms.max(last_ms);
        self.evict(posted_ms);
        let spender = self.spender(spends);
        for (index, item) in spends.items.iter().enumerate() {
            let flags = if index == 0 { FIRST } else { 0 }
                | if item.to.is_some() { HAS_TO } else { 0 }
                | if item.usd.is_some() { HAS_USD } else { 0 }
                | if spends.grant.is_some() { GRANTED } else { 0 };
            let entry = Entry {
                posted_ms,
                decided_ms: spends.decided_ms,
                amount: words(item.amount),
                usd: words(item.usd.unwrap_or_default()),
                to: item.to.unwrap_or_default(),
                times: u16::try_from(item.times).unwrap_or(u16::MAX),
                spender,
                asset: self.asset(item.asset),
                kind: item.kind,
                flags,
            };
            self.entries.push_back(entry);
            let of = Party {
                to: item.to,
                spender,
                asset: entry.asset,
                kind: item.kind,
            };
            let total = self.totals.entry(of).or_default();
            total.paid_ms = Some(posted_ms)
                .filter(|_| item.amount > 0)
                .or(total.paid_ms);
            // No limit counts what a grant pays.
            if spends.grant.is_none() || item.kind == EffectKind::Fee {
                total.add(item);
            }
        }
    }

    /// When this agent last paid this party from this wallet, ms; `None`: never. A party that was
    /// never given anything of value is not paid.
    pub fn last_paid(&self, agent: &str, wallet: Address, at: Account) -> Option<u64> {
        let first = |to| Party {
            to,
            spender: 0,
            asset: 0,
            kind: EffectKind::ALL[0],
        };
        let party = self.totals.range(first(Some(at.address))..);
        let party = party.take_while(|(of, _)| of.to == Some(at.address));
        let paid = party.filter(|(of, _)| {
            let spender = self.spenders.get(of.spender as usize);
            let same = |one: &Spender| {
                one.agent == agent && one.wallet == wallet && one.chain_id == at.chain_id
            };
            EffectKind::COSTLY.contains(&of.kind) && spender.is_some_and(same)
        });
        paid.filter_map(|(_, total)| total.paid_ms).max()
    }

    /// Gives what was ever posted, as requests of one item each that were decided at no known time.
    pub fn each_total(&self, mut visit: impl FnMut(&Spends)) {
        for (of, total) in &self.totals {
            let Some(spender) = self.spenders.get(of.spender as usize) else {
                continue;
            };
            visit(&Spends {
                agent: spender.agent.clone(),
                wallet: spender.wallet,
                chain_id: spender.chain_id,
                method: spender.method,
                grant: None,
                decided_ms: TIME_UNKNOWN,
                items: vec![Spend {
                    kind: of.kind,
                    asset: self.asset_of(of.asset),
                    to: of.to,
                    amount: total.amount,
                    usd: total.usd,
                    claim: None,
                    times: total.times,
                }],
            });
        }
    }

    fn asset_of(&self, number: u32) -> SpendAsset {
        let asset = self.assets.get(number as usize);
        asset.copied().unwrap_or(SpendAsset::None)
    }

    /// Forgets what was posted 32 days ago or earlier.
    pub fn evict(&mut self, now_ms: u64) {
        while let Some(front) = self.entries.front() {
            if now_ms < front.posted_ms.saturating_add(LEDGER_MS) {
                break;
            }
            self.entries.pop_front();
        }
    }

    /// Number of entries: one for each effect and fee.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing was posted in the last 32 days.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Gives (posted at, spends) of each request, oldest first; stops at the first error.
    pub fn each<E>(&self, mut visit: impl FnMut(u64, &Spends) -> Result<(), E>) -> Result<(), E> {
        let mut current: Option<(u64, Spends)> = None;
        for entry in &self.entries {
            if entry.flags & FIRST != 0 {
                if let Some((at_ms, spends)) = current.take() {
                    visit(at_ms, &spends)?;
                }
                current = self.begin(entry).map(|spends| (entry.posted_ms, spends));
            }
            if let Some((_, spends)) = current.as_mut() {
                spends.items.push(self.item(entry));
            }
        }
        current.map_or(Ok(()), |(at_ms, spends)| visit(at_ms, &spends))
    }

    fn begin(&self, entry: &Entry) -> Option<Spends> {
        let spender = self.spenders.get(entry.spender as usize)?;
        Some(Spends {
            agent: spender.agent.clone(),
            wallet: spender.wallet,
            chain_id: spender.chain_id,
            method: spender.method,
            grant: (entry.flags & GRANTED != 0).then_some(0),
            decided_ms: entry.decided_ms,
            items: Vec::new(),
        })
    }

    fn item(&self, entry: &Entry) -> Spend {
        Spend {
            kind: entry.kind,
            asset: self.asset_of(entry.asset),
            to: (entry.flags & HAS_TO != 0).then_some(entry.to),
            amount: value(entry.amount),
            usd: (entry.flags & HAS_USD != 0).then(|| value(entry.usd)),
            // What stands is kept apart, in `Claims`.
            claim: None,
            times: u32::from(entry.times),
        }
    }

    fn spender(&mut self, spends: &Spends) -> u32 {
        let same = |one: &Spender| {
            one.agent == spends.agent
                && one.wallet == spends.wallet
                && one.chain_id == spends.chain_id
                && one.method == spends.method
        };
        let index = self.spenders.iter().position(same).unwrap_or_else(|| {
            self.spenders.push(Spender {
                agent: spends.agent.clone(),
                wallet: spends.wallet,
                chain_id: spends.chain_id,
                method: spends.method,
            });
            self.spenders.len().saturating_sub(1)
        });
        u32::try_from(index).unwrap_or(u32::MAX)
    }

    fn asset(&mut self, asset: SpendAsset) -> u32 {
        let index = self
            .assets
            .iter()
            .position(|one| *one == asset)
            .unwrap_or_else(|| {
                self.assets.push(asset);
                self.assets.len().saturating_sub(1)
            });
        u32::try_from(index).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_entries_fit_in_a_hundred_megabytes() {
        assert!(std::mem::size_of::<Entry>() <= 80);
    }
}
