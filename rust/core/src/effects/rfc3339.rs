//! Dates and times of RFC 3339, as text that somebody else wrote.

/// Milliseconds since the epoch of a `date-time`; `None` for anything else, for a day or an hour
/// that does not exist (a leap second too), and for a time before 1970.
pub(super) fn ms(text: &str) -> Option<u64> {
    let bytes = text.as_bytes();
    let (date, rest) = bytes.split_at_checked(10)?;
    let (time, rest) = rest.split_at_checked(9)?;
    let [y1, y2, y3, y4, b'-', mo1, mo2, b'-', d1, d2] = date else {
        return None;
    };
    let [b'T' | b't', h1, h2, b':', mi1, mi2, b':', s1, s2] = time else {
        return None;
    };
    let year = number(&[*y1, *y2, *y3, *y4])?;
    let (month, day) = (number(&[*mo1, *mo2])?, number(&[*d1, *d2])?);
    let (hour, minute) = (number(&[*h1, *h2])?, number(&[*mi1, *mi2])?);
    let second = number(&[*s1, *s2])?;
    if hour > 23 || minute > 59 || second > 59 || day < 1 || day > days_of(year, month)? {
        return None;
    }
    let (millis, zone) = fraction(rest)?;
    let offset = offset_minutes(zone)?;
    let minutes = days_since_epoch(year, month, day)?
        .checked_mul(24)?
        .checked_add(hour)?
        .checked_mul(60)?
        .checked_add(minute)?
        .checked_sub(offset)?;
    let seconds = minutes.checked_mul(60)?.checked_add(second)?;
    u64::try_from(seconds.checked_mul(1_000)?.checked_add(millis)?).ok()
}

/// The milliseconds of `.123456`, cut, and what follows.
fn fraction(rest: &[u8]) -> Option<(i64, &[u8])> {
    let Some(digits) = rest.strip_prefix(b".") else {
        return Some((0, rest));
    };
    let end = digits.iter().position(|digit| !digit.is_ascii_digit())?;
    let (digits, zone) = digits.split_at_checked(end).filter(|_| end > 0)?;
    let digit = |place: usize| digits.get(place).map_or(b'0', |digit| *digit);
    Some((number(&[digit(0), digit(1), digit(2)])?, zone))
}

/// `Z`, or the minutes of `+hh:mm` and `-hh:mm`.
fn offset_minutes(zone: &[u8]) -> Option<i64> {
    match zone {
        b"Z" | b"z" => Some(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hour, minute) = (number(&[*h1, *h2])?, number(&[*m1, *m2])?);
            let minutes = hour.checked_mul(60)?.checked_add(minute)?;
            let minutes = Some(minutes).filter(|_| hour <= 23 && minute <= 59)?;
            if *sign == b'-' {
                minutes.checked_neg()
            } else {
                Some(minutes)
            }
        }
        _ => None,
    }
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0i64, |number, digit| {
        let digit = i64::from(digit.checked_sub(b'0')?);
        number
            .checked_mul(10)?
            .checked_add(digit)
            .filter(|_| digit <= 9)
    })
}

fn days_of(year: i64, month: i64) -> Option<i64> {
    let is_leap =
        (year.checked_rem(4)? == 0 && year.checked_rem(100)? != 0) || year.checked_rem(400)? == 0;
    Some(match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if is_leap => 29,
        2 => 28,
        _ => return None,
    })
}

/// Days from 1970-01-01 in the proleptic Gregorian calendar: the days of whole years, of whole
/// months, and of the month. `None` before 1970.
fn days_since_epoch(year: i64, month: i64, day: i64) -> Option<i64> {
    let before = year.checked_sub(1).filter(|_| year >= 1970)?;
    let leap_days = before
        .checked_div(4)?
        .checked_sub(before.checked_div(100)?)?
        .checked_add(before.checked_div(400)?)?;
    // 477 leap days were over at the end of 1969.
    let years = year
        .checked_sub(1970)?
        .checked_mul(365)?
        .checked_add(leap_days.checked_sub(477)?)?;
    let months =
        (1..month).try_fold(0i64, |days, month| days.checked_add(days_of(year, month)?))?;
    years.checked_add(months)?.checked_add(day.checked_sub(1)?)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::ms;

    #[test]
    fn a_time_is_milliseconds_since_the_epoch() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2027-01-01T00:00:00Z", 1_798_761_600_000),
            ("2027-01-01T01:00:00+01:00", 1_798_761_600_000),
            ("2026-12-31T19:00:00.25-05:00", 1_798_761_600_250),
            ("2026-12-31t23:59:59.9999z", 1_798_761_599_999),
            ("2024-02-29T12:00:00Z", 1_709_208_000_000),
            ("2000-03-01T00:00:00Z", 951_868_800_000),
            ("9999-12-31T23:59:59Z", 253_402_300_799_000),
        ] {
            assert_eq!(ms(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn anything_else_is_no_time() {
        for text in [
            "",
            "never",
            "2026-11-29",
            "2026-11-29T00:00:00",
            "2026-11-29 00:00:00Z",
            "2026-11-29T00:00Z",
            "2026-11-29T24:00:00Z",
            "2026-11-29T23:59:60Z",
            "2026-11-31T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "2100-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-01-00T00:00:00Z",
            "2026-11-29T00:00:00.Z",
            "2026-11-29T00:00:00,5Z",
            "2026-11-29T00:00:00+0100",
            "2026-11-29T00:00:00+24:00",
            "2026-11-29T00:00:00+01:60",
            "2026-11-29T00:00:00Z ",
            " 2026-11-29T00:00:00Z",
            "2026-11-29T00:00:00ZZ",
            "+026-11-29T00:00:00Z",
            "20260-11-29T00:00:00Z",
            "1969-12-31T23:59:59Z",
            "1970-01-01T00:00:00+00:01",
            "2026-11-29T00:00:0\u{661}Z",
            "2026\u{2010}11-29T00:00:00Z",
        ] {
            assert_eq!(ms(text), None, "{text}");
        }
    }
}
