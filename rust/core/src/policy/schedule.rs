//! `[[schedule]]`: hours of days in a time zone.

use jiff::civil::Date;

use crate::calendar::{Local, Zone};
use crate::policy::fault::Place;

/// Seconds of a day, as clocks show them.
pub(in crate::policy) const DAY_SECONDS: u32 = 24 * 60 * 60;

/// The week begins on Monday.
pub(in crate::policy) const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// From one time of a day until just before another; one that does not end after it begins goes on
/// past midnight, into the next day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hours {
    /// 0 to 86,399.
    pub from: u32,
    /// 1 to 86,400.
    pub until: u32,
}

/// Times at which something may, or may not, be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// What conditions refer to it by.
    pub id: String,
    /// Whose clocks and calendar.
    pub zone: Zone,
    /// By the number of the day, Monday first.
    pub days: [bool; 7],
    /// Of each day; never empty.
    pub hours: Vec<Hours>,
    /// Days on which nothing begins, sorted.
    pub except: Vec<Date>,
    pub(in crate::policy) at: Place,
}

impl Schedule {
    /// Whether it is open at this time. Hours past midnight belong to the day on which they began.
    pub fn is_open(&self, at_ms: u64) -> bool {
        let Some(Local { date, second }) = self.zone.local(at_ms) else {
            return false;
        };
        let (today, yesterday) = (self.has(Some(date)), self.has(date.yesterday().ok()));
        self.hours.iter().any(|hours| {
            let Hours { from, until } = *hours;
            if from < until {
                return today && (from..until).contains(&second);
            }
            (today && second >= from) || (yesterday && second < until)
        })
    }

    fn has(&self, date: Option<Date>) -> bool {
        let Some(date) = date else { return false };
        let number = date.weekday().to_monday_zero_offset();
        let named = usize::try_from(number)
            .ok()
            .and_then(|day| self.days.get(day));
        named.is_some_and(|named| *named) && self.except.binary_search(&date).is_err()
    }
}

/// Which schedules are open when a request is decided: by the guardian's time and by the wall clock,
/// which differ while an operator has not set the one by the other.
#[derive(Clone, Debug, Default)]
pub(in crate::policy) struct Open {
    earlier: Vec<bool>,
    later: Vec<bool>,
}

impl Open {
    /// For tables that name no schedule.
    pub const fn none() -> &'static Self {
        const NONE: &Open = &Open {
            earlier: Vec::new(),
            later: Vec::new(),
        };
        NONE
    }

    /// Of these schedules, in their order.
    pub fn at(schedules: &[Schedule], (earlier_ms, later_ms): (u64, u64)) -> Self {
        let open = |at_ms| schedules.iter().map(|one| one.is_open(at_ms)).collect();
        let earlier: Vec<bool> = open(earlier_ms);
        let later = match earlier_ms == later_ms {
            true => earlier.clone(),
            false => open(later_ms),
        };
        Self { earlier, later }
    }

    /// Whether one of the schedules with these numbers is open, by each of the two times.
    pub fn any(&self, numbers: &[u32]) -> [bool; 2] {
        let of = |open: &[bool]| {
            let mut named = numbers
                .iter()
                .filter_map(|number| open.get(*number as usize));
            named.any(|open| *open)
        };
        [of(&self.earlier), of(&self.later)]
    }
}
