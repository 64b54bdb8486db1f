//! `[[check]]`: what a contract must say, before a transaction or after it, for a rule to grant.

use std::cmp::Ordering;

use alloy_dyn_abi::{DynSolType, DynSolValue};
use alloy_primitives::{Address, Bytes, B256, U256, U512};

use crate::amount::format_units;
use crate::chain::Account;
use crate::function::{fits, rank, Signature};
use crate::policy::fault::Place;

/// Decimal places of a ratio of two outputs.
pub(in crate::policy) const RATIO_DECIMALS: u8 = 4;

/// What a contract is asked with.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::policy) enum Argument {
    /// The wallet that would sign.
    Wallet,
    /// Whom the effect is for.
    Recipient,
    /// This, always.
    Value(DynSolValue),
}

/// A number that a contract tells, and between which others it must be.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// What rules refer to it by.
    pub id: String,
    /// The contract that is asked.
    pub contract: Account,
    /// It is asked after the simulated transaction, in the state that it leaves.
    pub after: bool,
    /// How old an answer may be, ms.
    pub age_ms_max: u64,
    pub(in crate::policy) signature: Signature,
    pub(in crate::policy) arguments: Vec<Argument>,
    /// Its outputs, as if they were the arguments of a function.
    pub(in crate::policy) outputs: Signature,
    /// Which of them is meant.
    pub(in crate::policy) output: usize,
    /// Which of them it is divided by.
    pub(in crate::policy) over: Option<usize>,
    /// Decimal places of the output.
    pub(in crate::policy) decimals: u8,
    /// With the places of the output, or of a ratio.
    pub(in crate::policy) min: Option<U256>,
    pub(in crate::policy) max: Option<U256>,
    pub(in crate::policy) at: Place,
}

/// An answer of a contract that was understood.
pub(in crate::policy) struct Measured {
    /// Whether it is in the range.
    pub holds: bool,
    /// The number, as people write it.
    pub words: String,
}

impl Check {
    /// Call data; `None` if it asks about the recipient of an effect that has none.
    pub(in crate::policy) fn call(&self, wallet: Address, to: Option<Address>) -> Option<Bytes> {
        let values = self.arguments.iter().map(|argument| match argument {
            Argument::Wallet => Some(DynSolValue::Address(wallet)),
            Argument::Recipient => to.map(DynSolValue::Address),
            Argument::Value(value) => Some(value.clone()),
        });
        let values = DynSolValue::Tuple(values.collect::<Option<_>>()?);
        let mut call = self.signature.selector().to_vec();
        call.extend(values.abi_encode_params());
        Some(call.into())
    }

    /// What the contract returned; an error says why it is not what the function returns.
    pub(in crate::policy) fn measure(&self, returned: &[u8]) -> Result<Measured, &'static str> {
        const UNREADABLE: &str = "its answer is not what the function returns";
        let whole = self.outputs.whole();
        let words = returned.len().checked_div(32).unwrap_or_default();
        let exact = words == whole.minimum_words() && returned.len().is_multiple_of(32);
        if !whole.is_dynamic() && !exact {
            return Err(UNREADABLE);
        }
        let decoded = whole.abi_decode_params(returned).map_err(|_| UNREADABLE)?;
        if !fits(&decoded) {
            return Err(UNREADABLE);
        }
        let outputs = decoded.as_tuple().ok_or(UNREADABLE)?;
        let word = |place: usize| outputs.get(place).and_then(DynSolValue::as_word);
        let value = word(self.output).ok_or(UNREADABLE)?;
        match self.over {
            None => Ok(self.plain(value)),
            Some(over) => Ok(self.ratio(value.into(), word(over).ok_or(UNREADABLE)?.into())),
        }
    }

    fn plain(&self, value: B256) -> Measured {
        let kind = self.outputs.types().get(self.output);
        let kind = kind.unwrap_or(&DynSolType::Uint(256));
        let number = rank(kind, value);
        let bound = |bound: U256| rank(kind, bound.into());
        let holds = self.min.is_none_or(|min| number >= bound(min))
            && self.max.is_none_or(|max| number <= bound(max));
        let raw = U256::from_be_bytes(value.0);
        let negative = matches!(kind, DynSolType::Int(_)) && raw.bit(255);
        let words = match negative {
            true => format!("-{}", format_units(raw.wrapping_neg(), self.decimals)),
            false => format_units(raw, self.decimals),
        };
        Measured { holds, words }
    }

    /// Nothing over nothing is below every maximum; something over nothing is above.
    fn ratio(&self, value: U256, over: U256) -> Measured {
        if over.is_zero() {
            let words = format!("{} over 0", format_units(value, self.decimals));
            let holds = value.is_zero() && self.min.is_none();
            return Measured { holds, words };
        }
        let power = |places: u8| U512::from(10).checked_pow(U512::from(places));
        let value = power(RATIO_DECIMALS).and_then(|ten| U512::from(value).checked_mul(ten));
        let unit = power(self.decimals).and_then(|ten| U512::from(over).checked_mul(ten));
        // What is too large to compare is in no range.
        let compared = |bound: U256| {
            let bound = unit?.checked_mul(U512::from(bound))?;
            Some(value?.cmp(&bound))
        };
        let at_least = |min| matches!(compared(min), Some(Ordering::Greater | Ordering::Equal));
        let at_most = |max| matches!(compared(max), Some(Ordering::Less | Ordering::Equal));
        let holds = self.min.is_none_or(at_least) && self.max.is_none_or(at_most);
        let shown = value
            .zip(unit)
            .and_then(|(value, unit)| value.checked_div(unit))
            .and_then(|ratio| U256::checked_from_limbs_slice(ratio.as_limbs()));
        let words = shown.map_or_else(
            || "too large".to_owned(),
            |ratio| format_units(ratio, RATIO_DECIMALS),
        );
        Measured { holds, words }
    }

    /// `healthFactor after the transaction`, `debt over collateral`.
    pub(in crate::policy) fn subject(&self) -> String {
        let mut words = self.outputs.name_of(self.output);
        if let Some(over) = self.over {
            words = format!("{words} over {}", self.outputs.name_of(over));
        }
        if self.after {
            words.push_str(" after the transaction");
        }
        words
    }

    /// `at least 1.5`, `from 1 to 2`.
    pub(in crate::policy) fn range(&self) -> String {
        let places = match self.over {
            Some(_) => RATIO_DECIMALS,
            None => self.decimals,
        };
        let words = |bound: U256| format_units(bound, places);
        match (self.min.map(words), self.max.map(words)) {
            (Some(min), Some(max)) => format!("from {min} to {max}"),
            (Some(min), None) => format!("at least {min}"),
            (None, Some(max)) => format!("at most {max}"),
            (None, None) => String::new(),
        }
    }
}
