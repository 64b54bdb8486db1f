//! Values as a person reads them.

use alloy_primitives::U256;

use crate::amount::{decimal, format_units};

const LAST: u64 = 253_402_300_799;
const DAY: u64 = 86_400;

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

/// Seconds as `1d 02:03:04`, without what is zero in front.
pub(super) fn duration(seconds: U256) -> Option<String> {
    let seconds = u64::try_from(seconds).ok()?;
    let days = seconds.checked_div(DAY)?;
    let hour = seconds.checked_rem(DAY)?.checked_div(3_600)?;
    let minute = seconds.checked_rem(3_600)?.checked_div(60)?;
    let second = seconds.checked_rem(60)?;
    let clock = format!("{hour:02}:{minute:02}:{second:02}");
    Some(match days {
        0 => clock,
        _ => format!("{days}d {clock}"),
    })
}

/// Prefixes of the SI by their powers of ten.
const PREFIXES: [(i32, &str); 11] = [
    (-12, "p"),
    (-9, "n"),
    (-6, "µ"),
    (-3, "m"),
    (0, ""),
    (3, "k"),
    (6, "M"),
    (9, "G"),
    (12, "T"),
    (15, "P"),
    (18, "E"),
];

/// `amount` / 10^`decimals` with one to three digits before the point, and the prefix for that.
pub(super) fn scaled(amount: U256, decimals: u8) -> (String, &'static str) {
    let places = i32::from(decimals);
    let digits = i32::try_from(decimal(amount).len()).unwrap_or(0);
    let exponent = digits.saturating_sub(1).saturating_sub(places);
    let fitting = PREFIXES.iter().rev().find(|(power, _)| *power <= exponent);
    let (power, prefix) = match fitting {
        Some(found) if !amount.is_zero() => *found,
        _ => (0, ""),
    };
    let places = places.saturating_add(power);
    let written = match u8::try_from(places) {
        Ok(places) => Some(format_units(amount, places)),
        Err(_) => u32::try_from(places.saturating_neg())
            .ok()
            .and_then(|zeros| U256::from(10).checked_pow(U256::from(zeros)))
            .and_then(|factor| amount.checked_mul(factor))
            .map(|amount| amount.to_string()),
    };
    written.map_or_else(
        || (format_units(amount, decimals), ""),
        |written| (written, prefix),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_keep_the_number_short() {
        for (amount, decimals, number, prefix) in [
            (36_000u64, 0, "36", "k"),
            (15, 1, "1.5", ""),
            (0, 3, "0", ""),
            (5, 1, "500", "m"),
            (1_234_567, 0, "1.234567", "M"),
            (1, 9, "1", "n"),
            (1, 30, "0.000000000000000000000000000001", ""),
            (999, 0, "999", ""),
        ] {
            let shown = scaled(U256::from(amount), decimals);
            assert_eq!(shown, (number.to_owned(), prefix), "{amount} {decimals}");
        }
        assert_eq!(scaled(U256::MAX, 0).1, "E");
        let _ = scaled(U256::MAX, 255);
    }

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
