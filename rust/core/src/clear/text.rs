//! Values as a person reads them.

use alloy_primitives::U256;

use crate::amount::{decimal, format_units};

const DAY: u64 = 86_400;

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
}
