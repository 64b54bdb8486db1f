//! What the service found out for an order, and the caps it must be within.

use alloy_primitives::U256;
use serde::Deserialize;

use super::AuthoriseError;
use crate::code::Code;
use crate::effects::EffectKind;
use crate::event::Decided;
use crate::guard::commands::lifecycle::{bad, Number};
use crate::guard::decision::evaluate::{reason, unfit};
use crate::guard::Refusal;
use crate::json::{self, Json, Limits};
use crate::outcome::Simulated;
use crate::policy::Facts;

const FACTS: Limits = Limits {
    max_bytes: 1 << 20,
    max_depth: 8,
    max_nodes: 20_000,
    // An event of a simulation can carry long lists.
    max_string: 1 << 17,
};

/// What the service found out for a transaction.
#[derive(Default)]
pub(super) struct AuthoriseFacts {
    pub gas: Option<u64>,
    pub fee: Option<u128>,
    pub tip: Option<u128>,
    pub chain_nonce: Option<u64>,
    /// More than one node says so.
    pub nonce_proved: bool,
    /// What the chain says the data of the transaction costs besides gas, where it says so.
    pub l1_fee: Option<u128>,
    /// Prices and code of this moment; without them those of the decision are used, as old as they
    /// are by now.
    pub prices: Option<Facts>,
    pub code: Option<Facts>,
    /// What the node says the transaction would do, where it could be asked.
    pub simulated: Option<Simulated>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Numbers {
    #[serde(default)]
    gas: Option<Number>,
    #[serde(default)]
    max_fee_per_gas: Option<Number>,
    #[serde(default)]
    max_priority_fee_per_gas: Option<Number>,
    #[serde(default)]
    chain_nonce: Option<Number>,
    #[serde(default)]
    nonce_proved: bool,
    #[serde(default)]
    l1_fee: Option<Number>,
}

/// What a node says is no number of any chain: that passes, so it is no fault of the payment.
fn no_answer(number: &Number, name: &str) -> Refusal {
    if !number.is_integer() {
        return bad(format!("`{name}` is an integer, or a decimal string"));
    }
    let text = format!("`{name}` is out of range: a node gives no usable answer");
    Refusal::new(Code::ChainUnavailable, text)
}

/// The most that may be signed.
pub(super) struct Caps {
    pub gas: u64,
    pub fee: u128,
    pub tip: u128,
    /// `None` where the policy knows of no such fee.
    pub l1_fee: Option<U256>,
}

impl AuthoriseFacts {
    pub fn parse(facts: &[u8]) -> Result<Self, Refusal> {
        let tree = json::parse(facts, &FACTS).map_err(|fault| unfit(&fault))?;
        let Json::Object(members) = tree else {
            return Err(bad("facts are a JSON object"));
        };
        let (mut prices, mut code, mut numbers) = (None, None, Vec::new());
        let mut simulated = None;
        for (key, value) in members {
            let part = match key.as_ref() {
                "simulated" => {
                    let read = serde_json::from_str(&value.to_canonical());
                    simulated = Some(read.map_err(|error| bad(format!("simulated: {error}")))?);
                    continue;
                }
                "prices" => &mut prices,
                "code" => &mut code,
                _ => {
                    numbers.push((key, value));
                    continue;
                }
            };
            let only = Json::Object(vec![(key, value)]);
            *part = Some(Facts::from_json(&only).map_err(|fault| unfit(&fault))?);
        }
        let numbers = Json::Object(numbers).to_canonical();
        let numbers: Numbers =
            serde_json::from_str(&numbers).map_err(|error| bad(format!("facts: {error}")))?;
        let small = |number: &Option<Number>, name: &str| match number {
            None => Ok(None),
            Some(number) => number
                .small()
                .map(Some)
                .ok_or_else(|| no_answer(number, name)),
        };
        let wei = |number: &Option<Number>, name: &str| match number {
            None => Ok(None),
            Some(number) => {
                let wei = number.big().and_then(|wei| u128::try_from(wei).ok());
                wei.map(Some).ok_or_else(|| no_answer(number, name))
            }
        };
        Ok(Self {
            gas: small(&numbers.gas, "gas")?,
            fee: wei(&numbers.max_fee_per_gas, "max_fee_per_gas")?,
            tip: wei(
                &numbers.max_priority_fee_per_gas,
                "max_priority_fee_per_gas",
            )?,
            chain_nonce: small(&numbers.chain_nonce, "chain_nonce")?,
            nonce_proved: numbers.nonce_proved,
            l1_fee: wei(&numbers.l1_fee, "l1_fee")?,
            prices,
            code,
            simulated,
        })
    }

    /// The facts of the decision, with those of this moment in their place.
    pub fn over(&self, mut then: Facts) -> Facts {
        if let Some(prices) = &self.prices {
            then = then.with_prices_of(prices.clone());
        }
        if let Some(code) = &self.code {
            then = then.with_code_of(code.clone());
        }
        then
    }

    /// Gas, fee and tip, none of them over its cap.
    pub fn within(&self, caps: &Caps) -> Result<(u64, u128, u128), AuthoriseError> {
        let (Some(gas), Some(fee), Some(tip)) = (self.gas, self.fee, self.tip) else {
            let names = "`gas`, `max_fee_per_gas` and `max_priority_fee_per_gas`";
            return Err(bad(format!("facts of a transaction have {names}")).into());
        };
        if tip > fee {
            return Err(bad("the tip is part of the fee and cannot be more").into());
        }
        let over = |code, given: String, cap: String| {
            Err(AuthoriseError::Denied(vec![reason(
                code,
                Some(given),
                Some(cap),
            )]))
        };
        if gas > caps.gas {
            return over(Code::GasOverCap, gas.to_string(), caps.gas.to_string());
        }
        if fee > caps.fee {
            return over(
                Code::FeeOverCap,
                format!("{fee} wei"),
                format!("{} wei", caps.fee),
            );
        }
        if tip > caps.tip {
            return over(
                Code::TipOverCap,
                format!("{tip} wei"),
                format!("{} wei", caps.tip),
            );
        }
        self.l1_fee_within(caps)?;
        Ok((gas, fee, tip))
    }

    /// What the data costs falls again, so it is no denial. A chain that does not say what it costs
    /// stops nothing: the whole cap is set aside.
    fn l1_fee_within(&self, caps: &Caps) -> Result<(), Refusal> {
        let Some((given, cap)) = self.l1_fee.zip(caps.l1_fee) else {
            return Ok(());
        };
        if U256::from(given) <= cap {
            return Ok(());
        }
        let text = format!("the data costs {given} wei on the other chain, allowed {cap} wei");
        Err(Refusal::new(Code::L1FeeOverCap, text))
    }
}

/// The facts of the decision.
pub(in crate::guard) fn old_facts(decided: &Decided) -> Result<Facts, Refusal> {
    let tree = json::parse(decided.facts.get().as_bytes(), &FACTS);
    let Ok(Json::Object(mut members)) = tree else {
        return Ok(Facts::none());
    };
    members.retain(|(key, _)| key == "prices" || key == "code");
    Facts::from_json(&Json::Object(members)).map_err(|fault| unfit(&fault))
}

/// The part of the fee that was set aside for data on another chain: what is more than gas.
pub(in crate::guard) fn l1_fee_shown(decided: &Decided) -> U256 {
    let fees = decided.effects.iter();
    let fees = fees.filter(|effect| effect.effect == EffectKind::Fee);
    let fee = fees.fold(U256::ZERO, |sum, fee| sum.saturating_add(fee.amount));
    let gas = U256::from(decided.gas_max.unwrap_or_default());
    let per_gas = U256::from(decided.fee_per_gas_max.unwrap_or_default());
    fee.saturating_sub(gas.saturating_mul(per_gas))
}
