//! Token amounts, prices and US dollars: integers only, checked, rounded against the agent.

use std::fmt;

use alloy_primitives::{U256, U512};
use serde::{Deserialize, Serialize};

/// Why a written amount is not one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// Anything but digits with at most one point between them.
    #[error("not a plain decimal number, like `50.25`")]
    Syntax,
    /// `007`
    #[error("a number may not start with a superfluous zero")]
    LeadingZero,
    /// More places after the point than the unit has.
    #[error("more decimal places than the unit has")]
    TooManyDecimals,
    /// It does not fit the type.
    #[error("the number is too large")]
    TooLarge,
    /// Zero where that makes no sense (a price).
    #[error("zero is not a price")]
    Zero,
    /// Missing or unknown unit.
    #[error("write the unit: `100 gwei`, with one of wei, gwei, ether")]
    Unit,
}

/// Decimal places of [`Usd`].
const USD_DECIMALS: u8 = 6;
/// Decimal places of [`Price`].
const PRICE_DECIMALS: u8 = 18;
/// No written number of ours needs more characters: 78 digits of 2^256 and a point.
const WRITTEN_CHARS_MAX: usize = 80;

/// US dollars in micro-USD (1e-6 USD).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Usd(pub u128);

impl Usd {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// Reads `50` or `0.000001`: at most six places.
    ///
    /// # Errors
    /// [`AmountError`], except `Unit` and `Zero`.
    pub fn parse(text: &str) -> Result<Self, AmountError> {
        let micro = parse_decimal_units(text, USD_DECIMALS)?;
        micro
            .try_into()
            .map(Self)
            .map_err(|_| AmountError::TooLarge)
    }

    /// The sum, or `None` when it does not fit.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }
}

impl fmt::Display for Usd {
    /// `50`, `0.25`: no needless zeros, no sign, no currency.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&format_units(U256::from(self.0), USD_DECIMALS))
    }
}

/// US dollars for one whole token, in 1e-18 USD. Never zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Price(u128);

impl Price {
    /// Reads `3000` or `1.0003`: at most eighteen places, not zero.
    ///
    /// # Errors
    /// [`AmountError`], except `Unit`.
    pub fn parse(text: &str) -> Result<Self, AmountError> {
        let atto: u128 = parse_decimal_units(text, PRICE_DECIMALS)?
            .try_into()
            .map_err(|_| AmountError::TooLarge)?;
        if atto == 0 {
            return Err(AmountError::Zero);
        }
        Ok(Self(atto))
    }

    /// In 1e-18 USD for one whole token.
    pub const fn atto_usd(self) -> u128 {
        self.0
    }
}

impl fmt::Display for Price {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&format_units(U256::from(self.0), PRICE_DECIMALS))
    }
}

/// A share in hundredths of a percent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Percent(u16);

/// Decimal places of [`Percent`].
const PERCENT_DECIMALS: u8 = 2;

impl Percent {
    /// One of a hundred.
    pub const ONE: Self = Self(100);
    /// Half of all.
    pub const HALF: Self = Self(5_000);
    /// All.
    pub const WHOLE: Self = Self(10_000);

    /// Reads `95` or `99.5`: at most two places.
    ///
    /// # Errors
    /// [`AmountError`], except `Unit` and `Zero`.
    pub fn parse(text: &str) -> Result<Self, AmountError> {
        let hundredths = parse_decimal_units(text, PERCENT_DECIMALS)?;
        hundredths
            .try_into()
            .map(Self)
            .map_err(|_| AmountError::TooLarge)
    }

    /// Hundredths of a percent.
    pub const fn hundredths(self) -> u16 {
        self.0
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&percent_text(U256::from(self.0)))
    }
}

/// Hundredths of a percent as `99.5`, without needless zeros.
pub fn percent_text(hundredths: U256) -> String {
    format_units(hundredths, PERCENT_DECIMALS)
}

/// What `amount` base units are worth, rounded up to a micro-USD. `None` when it does not fit:
/// treat it as too much.
pub fn usd_value(amount: U256, decimals: u8, price: Price) -> Option<Usd> {
    // amount / 10^decimals × price / 10^18 USD × 10^6 = amount × price / 10^(decimals + 12).
    let exponent = u32::from(decimals).checked_add(12)?;
    let small = u128::try_from(amount)
        .ok()
        .and_then(|amount| amount.checked_mul(price.0));
    if let (Some(product), Some(unit)) = (small, 10u128.checked_pow(exponent)) {
        return Some(Usd(product.div_ceil(unit)));
    }
    let product = U512::from(amount).checked_mul(U512::from(price.0))?;
    let Some(unit) = U512::from(10).checked_pow(U512::from(exponent)) else {
        // 10^155 and more: above any product, so it is less than a micro-USD.
        return Some(Usd(u128::from(!product.is_zero())));
    };
    u128::try_from(product.div_ceil(unit)).ok().map(Usd)
}

/// The same rounded down, for what comes back. `None` when it does not fit.
pub fn usd_value_low(amount: U256, decimals: u8, price: Price) -> Option<Usd> {
    let exponent = u32::from(decimals).checked_add(12)?;
    let product = U512::from(amount).checked_mul(U512::from(price.0))?;
    let Some(unit) = U512::from(10).checked_pow(U512::from(exponent)) else {
        return Some(Usd::ZERO);
    };
    u128::try_from(product.checked_div(unit)?).ok().map(Usd)
}

/// Reads a decimal number of whole units (`50.25`) into base units. No sign, exponent, separator,
/// space, bare point or superfluous leading zero; more places than `decimals` are an error even
/// when they are zeros.
///
/// # Errors
/// [`AmountError`], except `Unit` and `Zero`.
pub fn parse_decimal_units(text: &str, decimals: u8) -> Result<U256, AmountError> {
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) if !fraction.is_empty() => (whole, fraction),
        Some(_) => return Err(AmountError::Syntax),
        None => (text, ""),
    };
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) {
        return Err(AmountError::Syntax);
    }
    if whole.len() > 1 && whole.starts_with('0') {
        return Err(AmountError::LeadingZero);
    }
    if fraction.len() > usize::from(decimals) {
        return Err(AmountError::TooManyDecimals);
    }
    if text.len() > WRITTEN_CHARS_MAX {
        return Err(AmountError::TooLarge);
    }
    let digits = U256::from_str_radix(&format!("{whole}{fraction}"), 10)
        .map_err(|_| AmountError::TooLarge)?;
    let missing = usize::from(decimals).saturating_sub(fraction.len());
    if digits.is_zero() {
        return Ok(digits);
    }
    U256::from(10)
        .checked_pow(U256::from(missing))
        .and_then(|unit| digits.checked_mul(unit))
        .ok_or(AmountError::TooLarge)
}

/// Writes base units as a decimal number of whole units, without needless zeros: the inverse of
/// [`parse_decimal_units`].
pub fn format_units(amount: U256, decimals: u8) -> String {
    let places = usize::from(decimals);
    let digits = decimal(amount);
    if places == 0 {
        return digits;
    }
    let padded = if digits.len() > places {
        digits
    } else {
        let zeros = places.saturating_sub(digits.len()).saturating_add(1);
        let mut padded = "0".repeat(zeros);
        padded.push_str(&digits);
        padded
    };
    let (whole, fraction) = padded.split_at(padded.len().saturating_sub(places));
    let fraction = fraction.trim_end_matches('0');
    if fraction.is_empty() {
        whole.to_owned()
    } else {
        format!("{whole}.{fraction}")
    }
}

/// The number in base ten.
pub fn decimal(number: U256) -> String {
    // Far faster for the numbers that occur.
    u64::try_from(number).map_or_else(|_| number.to_string(), |small| small.to_string())
}

/// Reads `100 gwei`, `1.5 ether` or `7 wei`: a number, one space, the unit.
///
/// # Errors
/// [`AmountError`], except `Zero`.
pub fn parse_wei(text: &str) -> Result<U256, AmountError> {
    let (number, unit) = text.split_once(' ').ok_or(AmountError::Unit)?;
    let decimals = match unit {
        "wei" => 0,
        "gwei" => 9,
        "ether" => 18,
        _ => return Err(AmountError::Unit),
    };
    parse_decimal_units(number, decimals)
}
