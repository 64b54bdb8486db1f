//! What a person reads: lines, warnings, and how amounts, addresses and times are written in them.

use std::borrow::Cow;

use alloy_primitives::{Address, U256};
use serde::Serialize;

use crate::address::checksum;
use crate::amount::format_units;
use crate::asset::Asset;
use crate::code::WarningCode;
use crate::text::display_safe;

const SYMBOL_CHARS_MAX: usize = 24;
const LAST: u64 = 253_402_300_799;
const DAY: u64 = 86_400;

/// A line a person reads. Values are already `display_safe`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DisplayLine {
    /// What it is.
    pub label: Cow<'static, str>,
    /// The value.
    pub value: String,
}

/// Something a person should know before approving.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// What it is about.
    pub code: WarningCode,
    /// Words.
    pub text: String,
}

pub(crate) fn address_text(address: Address) -> String {
    checksum(address).to_string()
}

pub(crate) fn field(label: &'static str, value: impl Into<String>) -> DisplayLine {
    DisplayLine {
        label: label.into(),
        value: value.into(),
    }
}

pub(crate) fn warning(code: WarningCode, text: &str) -> Warning {
    Warning {
        code,
        text: text.to_owned(),
    }
}

/// `50 USDC`
pub(crate) fn amount_text(asset: &Asset, amount: U256) -> String {
    let mut text = format_units(amount, asset.decimals);
    text.push(' ');
    text.push_str(&display_safe(&asset.symbol, SYMBOL_CHARS_MAX));
    text
}

/// `USDC 0xA0b8…`, the address in full.
pub(crate) fn token_text(asset: &Asset, contract: Address) -> String {
    let mut text = display_safe(&asset.symbol, SYMBOL_CHARS_MAX);
    text.push(' ');
    text.push_str(&address_text(contract));
    text
}

/// Unix seconds as `2027-01-01 12:00:00 AM UTC`; what lies beyond the year 9999 is `no end`.
pub(crate) fn moment(seconds: U256) -> String {
    let known = u64::try_from(seconds).ok().filter(|known| *known <= LAST);
    known
        .and_then(written)
        .unwrap_or_else(|| "no end".to_owned())
}

fn written(seconds: u64) -> Option<String> {
    let (year, month, day) = date(seconds.checked_div(DAY)?)?;
    let of_day = seconds.checked_rem(DAY)?;
    let hour = of_day.checked_div(3_600)?;
    let minute = of_day.checked_div(60)?.checked_rem(60)?;
    let second = of_day.checked_rem(60)?;
    let (half, hour) = match hour {
        0 => ("AM", 12),
        1..=11 => ("AM", hour),
        12 => ("PM", 12),
        _ => ("PM", hour.checked_sub(12)?),
    };
    Some(format!(
        "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} {half} UTC"
    ))
}

/// Year, month and day of a day counted from 1970-01-01, in the proleptic Gregorian calendar. Years
/// start in March here, so the leap day is the last one.
fn date(days: u64) -> Option<(u64, u64, u64)> {
    let days = days.checked_add(719_468)?;
    let era = days.checked_div(146_097)?;
    let of_era = days.checked_rem(146_097)?;
    let year_of_era = of_era
        .checked_sub(of_era.checked_div(1_460)?)?
        .checked_add(of_era.checked_div(36_524)?)?
        .checked_sub(of_era.checked_div(146_096)?)?
        .checked_div(365)?;
    let before = year_of_era
        .checked_mul(365)?
        .checked_add(year_of_era.checked_div(4)?)?
        .checked_sub(year_of_era.checked_div(100)?)?;
    let of_year = of_era.checked_sub(before)?;
    let from_march = of_year.checked_mul(5)?.checked_add(2)?.checked_div(153)?;
    let passed = from_march
        .checked_mul(153)?
        .checked_add(2)?
        .checked_div(5)?;
    let day = of_year.checked_sub(passed)?.checked_add(1)?;
    let (month, late) = match from_march {
        0..=9 => (from_march.checked_add(3)?, 0),
        _ => (from_march.checked_sub(9)?, 1),
    };
    let year = era.checked_mul(400)?.checked_add(year_of_era)?;
    Some((year.checked_add(late)?, month, day))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_as_everywhere() {
        for (seconds, text) in [
            (0, "1970-01-01 12:00:00 AM UTC"),
            (951_825_599, "2000-02-29 11:59:59 AM UTC"),
            (951_868_800, "2000-03-01 12:00:00 AM UTC"),
            (1_798_761_599, "2026-12-31 11:59:59 PM UTC"),
            (1_798_761_600, "2027-01-01 12:00:00 AM UTC"),
            (LAST, "9999-12-31 11:59:59 PM UTC"),
        ] {
            assert_eq!(moment(U256::from(seconds)), text);
        }
        assert_eq!(moment(U256::from(253_402_300_800u64)), "no end");
        assert_eq!(moment(U256::MAX), "no end");
    }
}
