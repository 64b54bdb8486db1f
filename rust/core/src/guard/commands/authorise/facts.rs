//! What the service found out for an order, and the caps it must be within.

use alloy_primitives::U256;

use super::AuthoriseError;
use crate::canonical::INTEGER_MAX;
use crate::code::Code;
use crate::effects::EffectKind;
use crate::event::Decided;
use crate::guard::commands::lifecycle::bad;
use crate::guard::decision::evaluate::{reason, unfit};
use crate::guard::Refusal;
use crate::json::{self, Json, Limits};
use crate::outcome::Simulated;
use crate::policy::Facts;

/// Of the facts of a record.
const FACTS: Limits = Limits {
    max_bytes: 1 << 20,
    max_depth: 8,
    max_nodes: 20_000,
    max_string: 1 << 17,
};

/// An integer that a node told, of whatever size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// One that fits.
    Number(u128),
    /// More than that.
    TooLarge,
    /// Less than zero.
    Negative,
}

impl Told {
    /// A number that a record can carry as an integer.
    fn small(self, name: &str) -> Result<u64, Refusal> {
        let small = u64::try_from(self.wei(name)?).ok();
        let small = small.filter(|number| *number <= INTEGER_MAX);
        small.ok_or_else(|| no_answer(name))
    }

    fn wei(self, name: &str) -> Result<u128, Refusal> {
        match self {
            Self::Number(number) => Ok(number),
            Self::TooLarge => Err(no_answer(name)),
            Self::Negative => Err(bad(format!("`{name}` is an integer, and not negative"))),
        }
    }
}

/// What a node says is no number of any chain: that passes, so it is no fault of the payment.
fn no_answer(name: &str) -> Refusal {
    let text = format!("`{name}` is out of range: a node gives no usable answer");
    Refusal::new(Code::ChainUnavailable, text)
}

/// What the service found out for an order. Of what is no transaction only `facts` means anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthoriseFacts {
    /// What it may use.
    pub gas: Option<Told>,
    /// wei per gas.
    pub max_fee_per_gas: Option<Told>,
    /// wei per gas, a part of the fee.
    pub max_priority_fee_per_gas: Option<Told>,
    /// How many transactions of the wallet the chain counts.
    pub chain_nonce: Option<Told>,
    /// More than one node says so.
    pub nonce_proved: bool,
    /// What the chain says the data of the transaction costs besides gas, where it says so, wei.
    pub l1_fee: Option<Told>,
    /// Prices and code of this moment; without them those of the decision are used, as old as they
    /// are by now.
    pub facts: Facts,
    /// What the node says the transaction would do, where it could be asked.
    pub simulated: Option<Simulated>,
}

impl AuthoriseFacts {
    /// The same with its numbers in their ranges.
    pub(super) fn in_range(&self) -> Result<InRange<'_>, Refusal> {
        let small = |told: Option<Told>, name| told.map(|told| told.small(name)).transpose();
        let wei = |told: Option<Told>, name| told.map(|told| told.wei(name)).transpose();
        let tip = self.max_priority_fee_per_gas;
        Ok(InRange {
            gas: small(self.gas, "gas")?,
            fee: wei(self.max_fee_per_gas, "max_fee_per_gas")?,
            tip: wei(tip, "max_priority_fee_per_gas")?,
            chain_nonce: small(self.chain_nonce, "chain_nonce")?,
            nonce_proved: self.nonce_proved,
            l1_fee: wei(self.l1_fee, "l1_fee")?,
            facts: &self.facts,
            simulated: self.simulated.as_ref(),
        })
    }
}

/// Numbers that an order can have.
pub(super) struct InRange<'g> {
    pub gas: Option<u64>,
    pub fee: Option<u128>,
    pub tip: Option<u128>,
    pub chain_nonce: Option<u64>,
    pub nonce_proved: bool,
    pub l1_fee: Option<u128>,
    pub facts: &'g Facts,
    pub simulated: Option<&'g Simulated>,
}

/// The most that may be signed.
pub(super) struct Caps {
    pub gas: u64,
    pub fee: u128,
    pub tip: u128,
    /// `None` where the policy knows of no such fee.
    pub l1_fee: Option<U256>,
}

impl InRange<'_> {
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
