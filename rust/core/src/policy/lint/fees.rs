//! Warnings about limits that fees count in.

use crate::code::PolicyCode;
use alloy_primitives::U256;

use crate::amount::{format_units, usd_value, Usd};
use crate::effects::EffectKind;
use crate::policy::fault::Fault;
use crate::policy::model::{Chain, Limit, Measure, Per};
use crate::policy::Policy;

/// Transactions at the caps of their chain that a limit must have room for: with fewer, a few fees
/// that an agent names keep the agent from paying for the rest of the window.
const FEES_MIN: u128 = 4;

impl Policy {
    /// A limit in USD that counts fees needs a price for the coin of each chain it is about; and the
    /// most that one fee can be must leave room for what the limit is there for.
    pub(in crate::policy) fn lint_limit_fees(&self, limit: &Limit, found: &mut Vec<Fault>) {
        if !counts_fees(limit) {
            return;
        }
        let used: Vec<&Chain> = self
            .chains
            .iter()
            .filter(|chain| self.is_about(limit, chain))
            .collect();
        let mut unpriced = used.iter().filter(|chain| {
            let native = self.registry.native(chain.id);
            limit.measure == Measure::Usd && limit.matcher.assets.is_none() && native.is_none()
        });
        if let Some(chain) = unpriced.next() {
            let text = format!(
                "limit `{}` counts fees in USD, but the coin of chain {} is no asset",
                limit.id, chain.id,
            );
            let hint =
                "register it with native = true and a price, or leave `fee` out of `effects`";
            found.push(Fault::new(limit.at, PolicyCode::FeeUnpriced, text, hint));
        }
        let shares = used
            .iter()
            .filter_map(|chain| Some((chain, self.fee_max(limit, chain)?)));
        let worst = shares.max_by_key(|(_, fee)| *fee);
        let Some((chain, fee)) = worst.filter(|(_, fee)| fee.saturating_mul(FEES_MIN) > limit.max)
        else {
            return;
        };
        let amount = |amount: u128| match &limit.measure {
            Measure::Amount(asset) => {
                let units = format_units(U256::from(amount), asset.decimals);
                format!("{units} {}", asset.symbol)
            }
            _ => format!("{} USD", Usd(amount)),
        };
        let text = format!(
            "limit `{}` is {}, and the fee of one transaction on chain {} can be {} of it",
            limit.id,
            amount(limit.max),
            chain.id,
            amount(fee),
        );
        let hint = "lower `gas_max` and `fee_per_gas_max` to a few times what the chain asks, or \
                    count fees in a limit of their own";
        found.push(Fault::new(limit.at, PolicyCode::FeeShare, text, hint));
    }

    fn is_about(&self, limit: &Limit, chain: &Chain) -> bool {
        let matcher = &limit.matcher;
        let agents = matcher.agents.as_ref();
        let meant = matcher
            .chains
            .as_ref()
            .is_none_or(|ids| ids.contains(&chain.id));
        let used = self.agents.iter().zip(0u32..).any(|(agent, number)| {
            agent.chain_id == chain.id && agents.is_none_or(|all| all.contains(&number))
        });
        meant && used
    }

    /// The most one fee can be, in what the limit measures; `None` if it does not count this coin, or
    /// the coin has no price in the policy.
    fn fee_max(&self, limit: &Limit, chain: &Chain) -> Option<u128> {
        let gas = u128::from(chain.gas_max).checked_mul(chain.fee_per_gas_max)?;
        let wei = gas.checked_add(chain.l1_fee_max.unwrap_or(0))?;
        let number = self.asset_index((chain.id, None))?;
        let assets = limit.matcher.assets.as_ref();
        if assets.is_some_and(|assets| !assets.contains(&number)) {
            return None;
        }
        match limit.measure {
            Measure::Amount(_) => Some(wei),
            Measure::Usd => {
                let entry = self.assets.get(number as usize)?;
                let usd = usd_value(U256::from(wei), entry.asset.decimals, entry.price?)?;
                Some(usd.0)
            }
            Measure::Count | Measure::Recipients => None,
        }
    }
}

/// Whether fees are part of what the limit counts.
fn counts_fees(limit: &Limit) -> bool {
    limit.stops()
        && matches!(limit.measure, Measure::Usd | Measure::Amount(_))
        && !limit.is_standing()
        && limit.per != Per::Recipient
        && limit.matcher.to.is_none()
        && limit.matcher.kinds.has(EffectKind::Fee as u8)
}
