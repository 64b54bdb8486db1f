//! What limits count before a case, and what the case adds to them.

use alloy_primitives::U256;

use crate::amount::{parse_decimal_units, Usd};
use crate::code::Detail;
use crate::json::{Json, Malformed};
use crate::policy::{Limit, Measure, Policy, Reservation, AMOUNT_MAX};
use crate::window::{Windows, PARTY};

/// No case needs more recipients before it.
const RECIPIENTS_MAX: u128 = 10_000;

/// What counts already, by limit: in the unit of its measure, under each key the case counts under.
#[derive(Clone, Debug, Default)]
pub(super) struct Used(Vec<(String, u128)>);

impl Used {
    /// `{"limit": "12.5"}`: payments, USD, or whole units of the limit's asset.
    pub fn read(policy: &Policy, value: &Json<'_>) -> Result<Self, Malformed> {
        let Json::Object(members) = value else {
            let text = "what is used is an object of limits and amounts";
            return Err(Malformed::new(Detail::Type, "", text));
        };
        let mut used = Vec::with_capacity(members.len());
        for (id, value) in members {
            let limit = policy.limit_by_id(id).ok_or_else(|| {
                Malformed::new(Detail::Window, "", "the policy has no such limit").under(id)
            })?;
            used.push((
                id.to_string(),
                amount(limit, value).map_err(|fault| fault.under(id))?,
            ));
        }
        Ok(Self(used))
    }

    /// Whether nothing counts.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The windows with it; `None` where nothing is used, or of no limit that `costs` count under.
    pub fn on_top(
        &self,
        windows: &Windows,
        costs: &[Reservation],
        now_ms: u64,
    ) -> Result<Option<Windows>, Malformed> {
        let mut parts: Vec<Reservation> = Vec::new();
        for cost in costs {
            let used = self.0.iter().find(|(id, _)| *id == cost.limit);
            let Some((_, amount)) = used.filter(|(_, amount)| *amount > 0) else {
                continue;
            };
            parts.extend(before(cost, *amount));
        }
        // Several recipients of one request count with the same others.
        parts.sort_unstable_by(|a, b| (&a.limit, &a.key).cmp(&(&b.limit, &b.key)));
        parts.dedup();
        if parts.is_empty() {
            return Ok(None);
        }
        let mut windows = windows.clone();
        // Held, not posted: nothing says when it was spent, so nothing says when it leaves.
        let held = windows.reserve(&parts, now_ms);
        held.map_err(|error| Malformed::new(Detail::Window, "", error.to_string()))?;
        Ok(Some(windows))
    }
}

/// What counts before it under the key of a cost: an amount, or so many other recipients.
fn before(cost: &Reservation, amount: u128) -> Vec<Reservation> {
    let one = |key: String, amount: u128| Reservation {
        limit: cost.limit.clone(),
        key,
        amount,
    };
    match cost.key.split_once(PARTY) {
        None => vec![one(cost.key.clone(), amount)],
        Some((base, _)) => (0..amount)
            .map(|number| one(format!("{base}{PARTY}{number}"), 1))
            .collect(),
    }
}

fn amount(limit: &Limit, value: &Json<'_>) -> Result<u128, Malformed> {
    let Json::Str(text) = value else {
        let text = format!("expected a string, not {}", value.kind());
        return Err(Malformed::new(Detail::Type, "", text));
    };
    let parsed = match &limit.measure {
        Measure::Count | Measure::Recipients => parse_decimal_units(text, 0),
        Measure::Usd => Usd::parse(text).map(|usd| U256::from(usd.0)),
        Measure::Amount(asset) => parse_decimal_units(text, asset.decimals),
    };
    let parsed = parsed.map_err(|error| Malformed::new(Detail::Window, "", error.to_string()))?;
    let most = match limit.measure {
        Measure::Recipients => RECIPIENTS_MAX,
        _ => AMOUNT_MAX,
    };
    let amount = u128::try_from(parsed).ok().filter(|one| *one < most);
    amount.ok_or_else(|| Malformed::new(Detail::Window, "", "too large to count"))
}
