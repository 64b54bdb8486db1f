//! What a request costs under every limit it falls under.

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
use crate::policy::parse::APPROVAL;
use crate::policy::Policy;
use crate::spend::{clamp, Reservation, Spend, SpendAsset, Spends};
use crate::window::{Limits, Windows};

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
    fn windows(&self) -> impl Iterator<Item = (&str, u64)> {
        let limits = self.limits().iter();
        limits.map(|limit| (limit.id.as_str(), limit.window_ms))
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
            Some(reason).filter(|_| !known)
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
            let (_, reason) = over(limit, &part.key, part.amount, own, windows, now_ms)?;
            Some(reason)
        });
        over.collect()
    }

    /// Every limit and key the request adds to, sorted by limit id and key.
    pub(in crate::policy) fn charges(&self, spends: &Spends) -> Vec<Charge<'_>> {
        let mut sums: Vec<Sum> = Vec::new();
        let agent = self.agent_index(&spends.agent);
        let mut touched: Vec<u32> = Vec::new();
        for item in &spends.items {
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
        Query {
            agent,
            wallet: spends.wallet,
            chain_id: spends.chain_id,
            method: spends.method,
            kind: item.kind,
            asset: address.and_then(|address| self.asset_index((spends.chain_id, address))),
            to: item.to,
            hits: item.to.map(|to| self.lists.of(to)).unwrap_or_default(),
            now_ms: spends.decided_ms,
            // Limits compare no amounts.
            amount: U256::ZERO,
            function: None,
            usd: None,
        }
    }

    fn charge(&self, spends: &Spends, sum: &Sum) -> Option<Charge<'_>> {
        let limit = self.limits().get(sum.limit as usize)?;
        let key = match limit.per {
            Per::Agent => ["agent:", &spends.agent].concat(),
            Per::Wallet => self.wallet_key(spends.wallet),
            Per::Recipient => recipient_key(spends.chain_id.at(sum.recipient?)),
            Per::Global => "global".to_owned(),
        };
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
    let mine = own
        .iter()
        .filter(|part| part.limit == limit.id && part.key == key);
    let mine = mine.fold(0u128, |sum, part| sum.saturating_add(part.amount));
    let used = windows.used(&limit.id, key, now_ms).saturating_sub(mine);
    let reason = |code| Reason::new(code).by(limit.id.as_str());
    let Some(total) = used.checked_add(amount) else {
        return Some((Verdict::Deny, reason(Code::AmountOverflow).found(key)));
    };
    let excess = total.checked_sub(limit.max).filter(|excess| *excess > 0)?;
    let verdict = match limit.on_exceed {
        OnExceed::Deny => Verdict::Deny,
        OnExceed::Approval => APPROVAL,
    };
    let mut reason = reason(Code::LimitExceeded)
        .found(limit.measure.words(total))
        .allowed(limit.measure.words(limit.max));
    reason.retry_at_ms = if amount > limit.max {
        None
    } else {
        windows.frees_at(&limit.id, key, excess, now_ms)
    };
    Some((verdict, reason))
}

/// Adds what one effect costs under one limit. Without a recipient nothing is added to a limit per
/// recipient.
fn add(sums: &mut Vec<Sum>, number: u32, limit: &Limit, item: &Spend) {
    if limit.is_standing() && !item.stands() {
        return;
    }
    let recipient = match limit.per {
        Per::Recipient if item.to.is_none() => return,
        Per::Recipient => item.to,
        Per::Agent | Per::Wallet | Per::Global => None,
    };
    let (amount, price_unknown) = match limit.measure {
        Measure::Count if item.kind == EffectKind::Fee => return,
        Measure::Count => (u128::from(item.times), false),
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
    /// Length of the window.
    pub window_ms: u64,
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
        for usage in windows.usages(now_ms) {
            let limit = self.limit_by_id(usage.limit);
            if let Some(limit) = limit.filter(|_| self.concerns(agent, usage.key)) {
                views.push(view(limit, usage.key, usage.posted, usage.held));
            }
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
            let held = windows.held(&part.limit, &part.key);
            let used = windows
                .used(&part.limit, &part.key, now_ms)
                .saturating_sub(held);
            let fee = fee
                .iter()
                .find(|fee| (&fee.limit, &fee.key) == (&part.limit, &part.key));
            views.push(LimitView {
                adds: Some(part.amount.to_string()),
                fee: fee.map(|fee| fee.amount.to_string()),
                ..view(limit, &part.key, used, held)
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
        Measure::Count | Measure::Usd => None,
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
        window_ms: limit.window_ms,
        left: limit
            .max
            .saturating_sub(used.saturating_add(reserved))
            .to_string(),
        on_exceed: limit.on_exceed,
        adds: None,
        fee: None,
    }
}
