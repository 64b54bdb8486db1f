//! Times and durations as policies and cases write them.

use toml::value::{Datetime, Offset};

use crate::code::PolicyCode;
use crate::window::Span;

/// The window of a limit on what stands.
pub(in crate::policy) const STANDING: &str = "standing";
/// The window of a limit on everything that ever happened.
pub(in crate::policy) const LIFETIME: &str = "lifetime";

/// Milliseconds of a duration like `30s`, `10m`, `24h`, `7d`; the error says what is missing.
pub(in crate::policy) fn duration_ms(text: &str) -> Result<u64, PolicyCode> {
    let digits_end = text
        .bytes()
        .position(|byte| !byte.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, unit) = text.split_at(digits_end);
    if digits.is_empty() || digits.len() > 10 || (digits.len() > 1 && digits.starts_with('0')) {
        return Err(PolicyCode::BadValue);
    }
    let unit_ms: u64 = match unit {
        "s" => 1000,
        "m" => 60 * 1000,
        "h" => 60 * 60 * 1000,
        "d" => 24 * 60 * 60 * 1000,
        "" => return Err(PolicyCode::MissingUnit),
        _ => return Err(PolicyCode::BadValue),
    };
    let count: u64 = digits.parse().map_err(|_| PolicyCode::BadValue)?;
    count.checked_mul(unit_ms).ok_or(PolicyCode::OutOfRange)
}

/// A duration in its largest unit without remainder.
pub(in crate::policy) fn duration_words(ms: u64) -> String {
    let units = [
        (86_400_000, "d"),
        (3_600_000, "h"),
        (60_000, "m"),
        (1000, "s"),
    ];
    for (unit_ms, unit) in units {
        if ms >= unit_ms && ms.checked_rem(unit_ms) == Some(0) {
            return format!("{}{unit}", ms.checked_div(unit_ms).unwrap_or_default());
        }
    }
    format!("{ms}ms")
}

/// A time as people write it: `2027-01-01T00:00:00Z`.
pub(in crate::policy) fn date_words(at_ms: u64) -> String {
    let at = i64::try_from(at_ms)
        .ok()
        .map(jiff::Timestamp::from_millisecond);
    match at {
        Some(Ok(at)) => at.to_string(),
        _ => "the end of time".to_owned(),
    }
}

/// What of the past counts under a limit.
pub(in crate::policy) fn span_words(span: &Span) -> String {
    match span {
        Span::Standing => STANDING.to_owned(),
        // A day is a part of the calendar to people.
        Span::Rolling(86_400_000) => "24h".to_owned(),
        Span::Rolling(window_ms) => duration_words(*window_ms),
        Span::Calendar(period, zone) => format!("{} in {}", period.as_str(), zone.name()),
        Span::Lifetime => LIFETIME.to_owned(),
    }
}

/// Milliseconds since the epoch of a date, time and offset (RFC 3339); `None` without one of them
/// or before 1970.
pub(crate) fn epoch_ms(datetime: &Datetime) -> Option<u64> {
    let (date, time, offset) = (datetime.date?, datetime.time?, datetime.offset?);
    let offset_minutes = match offset {
        Offset::Z => 0,
        Offset::Custom { minutes } => i64::from(minutes),
    };
    let days = days_since_epoch(
        i64::from(date.year),
        i64::from(date.month),
        i64::from(date.day),
    )?;
    let minutes = days
        .checked_mul(24)?
        .checked_add(i64::from(time.hour))?
        .checked_mul(60)?
        .checked_add(i64::from(time.minute))?
        .checked_sub(offset_minutes)?;
    let seconds = minutes
        .checked_mul(60)?
        .checked_add(i64::from(time.second.unwrap_or(0)))?;
    let millis = i64::from(time.nanosecond.unwrap_or(0).checked_div(1_000_000)?);
    u64::try_from(seconds.checked_mul(1000)?.checked_add(millis)?).ok()
}

/// Days from 1970-01-01 in the proleptic Gregorian calendar: years start in March, so the leap day
/// is the last one.
fn days_since_epoch(year: i64, month: i64, day: i64) -> Option<i64> {
    let year = if month <= 2 {
        year.checked_sub(1)?
    } else {
        year
    };
    let era = year.checked_div_euclid(400)?;
    let year_of_era = year.checked_rem_euclid(400)?;
    let from_march = month.checked_add(9)?.checked_rem(12)?;
    let day_of_year = from_march
        .checked_mul(153)?
        .checked_add(2)?
        .checked_div(5)?
        .checked_add(day)?
        .checked_sub(1)?;
    let leap_days = year_of_era
        .checked_div(4)?
        .checked_sub(year_of_era.checked_div(100)?)?;
    let day_of_era = year_of_era
        .checked_mul(365)?
        .checked_add(leap_days)?
        .checked_add(day_of_year)?;
    era.checked_mul(146_097)?
        .checked_add(day_of_era)?
        .checked_sub(719_468)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn dates_are_the_same_as_everywhere() {
        for (text, ms) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T12:00:00Z", 951_825_600_000),
            ("2027-01-01T00:00:00Z", 1_798_761_600_000),
            ("2027-01-01T01:00:00+01:00", 1_798_761_600_000),
            ("2026-12-31T19:00:00.25-05:00", 1_798_761_600_250),
        ] {
            assert_eq!(epoch_ms(&text.parse().unwrap()), Some(ms), "{text}");
        }
        assert_eq!(epoch_ms(&"2027-01-01".parse().unwrap()), None);
        assert_eq!(epoch_ms(&"1969-12-31T23:59:59Z".parse().unwrap()), None);
    }

    #[test]
    fn durations_need_a_unit() {
        assert_eq!(duration_ms("10m"), Ok(600_000));
        assert_eq!(duration_ms("31d"), Ok(2_678_400_000));
        assert_eq!(duration_ms("10"), Err(PolicyCode::MissingUnit));
        for bad in [
            "",
            "m",
            "10 m",
            "1.5h",
            "-1h",
            "010m",
            "10min",
            "99999999999s",
        ] {
            assert_eq!(duration_ms(bad), Err(PolicyCode::BadValue), "{bad}");
        }
        assert_eq!(duration_words(86_400_000), "1d");
        assert_eq!(duration_words(5_400_000), "90m");
    }
}
