//! Schedules: days, hours, and days that are left out.

use jiff::civil::Date;

use super::reader::{Reader, Section, Value};
use super::scope::one_of;
use super::tables::{flip, ID_CHARS};
use super::File;
use crate::code::PolicyCode;
use crate::policy::conditions::each;
use crate::policy::schedule::{Hours, Schedule, DAYS, DAY_SECONDS};

impl File {
    pub(super) fn read_schedules(&mut self, reader: &mut Reader<'_>, root: Section<'_>) {
        for section in reader.tables(root, "schedule") {
            reader.known(section, &["id", "zone", "days", "hours", "except"]);
            let id = reader.declare(section, &mut self.schedule_names, ID_CHARS);
            let hint = "write zone = \"Europe/Berlin\", or \"UTC\": whose clocks";
            let zone = reader.required(section, "zone", hint);
            let zone = zone.and_then(|value| reader.zone(value, "zone"));
            let get = |key: &str| section.table.get(key);
            let days = get("days").map(|value| read_days(reader, value));
            let hours = get("hours").map(|value| read_hours(reader, value));
            let except = get("except").map(|value| read_dates(reader, value));
            let parts = (flip(days), flip(hours), flip(except));
            if let (Some(id), Some(zone), (Some(days), Some(hours), Some(except))) =
                (id, zone, parts)
            {
                let whole = Hours {
                    from: 0,
                    until: DAY_SECONDS,
                };
                let at = reader.place(section.at);
                self.schedules.push(Schedule {
                    id,
                    zone,
                    days: days.unwrap_or([true; 7]),
                    hours: hours.unwrap_or_else(|| vec![whole]),
                    except: except.unwrap_or_default(),
                    at,
                });
            }
        }
    }
}

/// `["mon", "tue-fri"]`; a range may go past Sunday.
fn read_days(reader: &mut Reader<'_>, value: Value<'_>) -> Option<[bool; 7]> {
    let words: Vec<(&str, usize)> = DAYS.into_iter().zip(0..).collect();
    let mut days = [false; 7];
    let found = each(reader, value, "days", |reader, element| {
        let ends = element
            .get_ref()
            .as_str()
            .and_then(|text| text.split_once('-'));
        let Some((first, last)) = ends else {
            let day = one_of(reader, element, "days", &words)?;
            return Some((day, day));
        };
        let number = |word: &str| DAYS.iter().position(|day| *day == word);
        let range = number(first).zip(number(last));
        if range.is_none_or(|(first, last)| first == last) {
            let text = "not a range of days";
            let hint = "write \"mon-fri\", of mon, tue, wed, thu, fri, sat and sun";
            reader.fault(element.span().start, PolicyCode::BadValue, text, hint);
            return None;
        }
        range
    })?;
    for (first, last) in found {
        let mut day = first;
        loop {
            if let Some(named) = days.get_mut(day) {
                *named = true;
            }
            if day == last {
                break;
            }
            day = if day >= 6 { 0 } else { day.saturating_add(1) };
        }
    }
    Some(days)
}

/// `["09:00-17:00", "22:00-06:00"]`.
fn read_hours(reader: &mut Reader<'_>, value: Value<'_>) -> Option<Vec<Hours>> {
    each(reader, value, "hours", |reader, element| {
        let text = reader.string(element, "hours")?;
        let ends = text.split_once('-');
        let hours = ends.and_then(|(from, until)| {
            let from = seconds(from).filter(|from| *from < DAY_SECONDS)?;
            let until = seconds(until).filter(|until| *until > 0)?;
            (from != until).then_some(Hours { from, until })
        });
        if hours.is_none() {
            let text = format!(
                "`{}` is not a time of the day",
                crate::text::display_safe(text, 40)
            );
            let hint =
                "write \"09:00-17:00\", or \"22:00-06:00\" past midnight; a day ends at 24:00";
            reader.fault(element.span().start, PolicyCode::BadValue, text, hint);
        }
        hours
    })
}

/// Of `HH:MM`, up to `24:00`.
fn seconds(text: &str) -> Option<u32> {
    let (hour, minute) = text.split_once(':')?;
    let two = |part: &str| {
        let digits = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
        part.parse::<u32>().ok().filter(|_| digits)
    };
    let (hour, minute) = (two(hour)?, two(minute)?);
    let seconds = hour
        .checked_mul(3600)?
        .checked_add(minute.checked_mul(60)?)?;
    (minute < 60 && seconds <= DAY_SECONDS).then_some(seconds)
}

/// `[2026-12-25]`, without quotes.
fn read_dates(reader: &mut Reader<'_>, value: Value<'_>) -> Option<Vec<Date>> {
    let dates = each(reader, value, "except", |reader, element| {
        let written = element.get_ref().as_datetime();
        let plain = written.filter(|written| written.time.is_none() && written.offset.is_none());
        let date = plain.and_then(|written| written.date).and_then(|date| {
            let year = i16::try_from(date.year).ok()?;
            let month = i8::try_from(date.month).ok()?;
            Date::new(year, month, i8::try_from(date.day).ok()?).ok()
        });
        if date.is_none() {
            let text = "`except` has something other than a date";
            let hint = "write 2026-12-25, without quotes and without a time";
            reader.fault(element.span().start, PolicyCode::BadValue, text, hint);
        }
        date
    });
    dates.map(|mut dates| {
        dates.sort_unstable();
        dates
    })
}
