//! Limits: what they count, over which time, and what happens beyond.

use super::reader::{Reader, Section, Value};
use super::rules::{DELAY_MS_MAX, DELAY_MS_MIN};
use super::scope::{one_of, KIND_KEY};
use super::tables::{flip, ID_CHARS};
use super::File;
use crate::calendar::Period;
use crate::code::PolicyCode;
use crate::effects::EffectKind;
use crate::policy::conditions::SCOPE_KEYS;
use crate::policy::model::{Limit, Measure, OnExceed, Per};
use crate::policy::time::{LIFETIME, STANDING};
use crate::spend::AMOUNT_MAX;
use crate::window::Span;

/// The longest rolling window.
const WINDOW_MS_MAX: u64 = 31 * 24 * 60 * 60 * 1000;
const WARN: &str = "warn_percent";

impl File {
    pub(super) fn read_limits(&mut self, reader: &mut Reader<'_>, root: Section<'_>) {
        for section in reader.tables(root, "limit") {
            let own = [
                "id",
                "per",
                "measure",
                "max",
                "window",
                "zone",
                "on_exceed",
                "delay",
                "warn_percent",
            ];
            reader.known(section, &[&own[..], &KIND_KEY, SCOPE_KEYS].concat());
            if let Some(limit) = self.read_limit(reader, section) {
                self.limits.push(limit);
            }
        }
    }

    fn read_limit(&mut self, reader: &mut Reader<'_>, section: Section<'_>) -> Option<Limit> {
        let id = reader.declare(section, &mut self.limit_names, ID_CHARS);
        let words = [
            ("agent", Per::Agent),
            ("wallet", Per::Wallet),
            ("recipient", Per::Recipient),
            ("global", Per::Global),
        ];
        let per = reader.required(
            section,
            "per",
            "write per = agent, wallet, recipient or global, in quotes",
        );
        let per = per.and_then(|value| one_of(reader, value, "per", &words));
        let words = [("count", 0), ("usd", 1), ("amount", 2), ("recipients", 3)];
        let measure = reader.required(
            section,
            "measure",
            "write measure = usd, amount, count or recipients, in quotes",
        );
        let measure = measure.and_then(|value| one_of(reader, value, "measure", &words));
        let window = read_window(reader, section);
        let standing = window.as_ref().is_some_and(Span::is_standing);
        let matcher = match measure {
            _ if standing => self.read_limit_matcher(
                reader,
                section,
                &EffectKind::STANDING,
                &EffectKind::STANDING,
            ),
            Some(0 | 3) => {
                self.read_limit_matcher(reader, section, &EffectKind::ALL, &EffectKind::COSTLY)
            }
            _ => {
                let costly = &EffectKind::COSTLY;
                self.read_limit_matcher(reader, section, costly, costly)
            }
        };
        let alone = (measure == Some(3))
            .then_some(section.table.get("per"))
            .flatten();
        if let Some(value) = alone.filter(|_| per == Some(Per::Recipient) || standing) {
            let text = "`measure = \"recipients\"` counts recipients over time, for agents, wallets or all";
            let hint = "write per = \"agent\", \"wallet\" or \"global\", and a window of time";
            reader.fault(value.span().start, PolicyCode::Conflict, text, hint);
        }
        let asset = if measure == Some(2) {
            self.one_asset(reader, section, "measure")
        } else {
            None
        };
        let measure = match measure {
            Some(0) => Some(Measure::Count),
            Some(3) => Some(Measure::Recipients),
            Some(1) => Some(Measure::Usd),
            Some(_) => asset.map(Measure::Amount),
            None => None,
        };
        let max = reader.required(
            section,
            "max",
            "write max = \"…\", the most that may count in the window",
        );
        let max = max
            .zip(measure.as_ref())
            .and_then(|(value, measure)| read_max(reader, value, measure));
        let on_exceed = read_on_exceed(reader, section);
        let warn = section.table.get(WARN);
        let warn = warn.map(|value| reader.percent(value, WARN));
        Some(Limit {
            id: id?,
            per: per?,
            measure: measure?,
            max: max?,
            window: window?,
            warn_percent: flip(warn)?,
            on_exceed: on_exceed?,
            matcher: matcher?,
            at: reader.place(section.at),
        })
    }
}

/// What of the past counts. A part of the calendar is that of a time zone, which nothing else needs.
fn read_window(reader: &mut Reader<'_>, section: Section<'_>) -> Option<Span> {
    let value = reader.required(
        section,
        "window",
        "write window = \"24h\", \"day\", \"week\", \"month\", \"lifetime\" or \"standing\"",
    );
    let word = value.and_then(|value| value.get_ref().as_str());
    let period = [Period::Day, Period::Week, Period::Month]
        .into_iter()
        .find(|period| Some(period.as_str()) == word);
    let zone = section.table.get("zone");
    let Some(period) = period else {
        if let Some(zone) = zone {
            let text = "`zone` does nothing without window = \"day\", \"week\" or \"month\"";
            let hint = "leave it out, or change the window";
            reader.fault(zone.span().start, PolicyCode::Conflict, text, hint);
        }
        if let (Some(value), Some(word)) = (value, word) {
            if let Some(period) = adverb(word) {
                let text = format!("`window` is `{word}`");
                let hint = format!("write \"{period}\" with a zone, or a duration like \"24h\"");
                reader.fault(value.span().start, PolicyCode::BadValue, text, hint);
                return None;
            }
        }
        return match word {
            Some(STANDING) => Some(Span::Standing),
            Some(LIFETIME) => Some(Span::Lifetime),
            _ => reader
                .duration(value?, "window", 1000..=WINDOW_MS_MAX)
                .map(Span::Rolling),
        };
    };
    let hint = "write zone = \"Europe/Berlin\", or \"UTC\": where the day begins";
    let zone = reader.required(section, "zone", hint)?;
    Some(Span::Calendar(period, reader.zone(zone, "zone")?))
}

/// The part of the calendar that people also call `monthly`.
fn adverb(word: &str) -> Option<&'static str> {
    match word {
        "daily" => Some("day"),
        "weekly" => Some("week"),
        "monthly" => Some("month"),
        _ => None,
    }
}

fn read_on_exceed(reader: &mut Reader<'_>, section: Section<'_>) -> Option<OnExceed> {
    let words = [
        ("deny", OnExceed::Deny),
        ("approval", OnExceed::Approval),
        ("delay", OnExceed::Delay(0)),
        ("notify", OnExceed::Notify),
        ("freeze", OnExceed::Freeze),
    ];
    let on_exceed = reader.required(
        section,
        "on_exceed",
        "write on_exceed = \"deny\" or \"approval\"; also \"delay\", \"notify\" or \"freeze\"",
    );
    let on_exceed = on_exceed.and_then(|value| one_of(reader, value, "on_exceed", &words));
    let delay = section.table.get("delay");
    let Some(OnExceed::Delay(_)) = on_exceed else {
        if let Some(delay) = delay {
            let text = "`delay` does nothing without on_exceed = \"delay\"";
            let hint = "leave it out, or change `on_exceed`";
            reader.fault(delay.span().start, PolicyCode::Conflict, text, hint);
        }
        return on_exceed;
    };
    let hint = "write delay = \"…\", time enough to notice and to stop";
    let delay = reader.required(section, "delay", hint)?;
    let delay_ms = reader.duration(delay, "delay", DELAY_MS_MIN..=DELAY_MS_MAX)?;
    Some(OnExceed::Delay(delay_ms))
}

/// The most a limit allows: below `AMOUNT_MAX`, so that an amount that was cut exceeds it.
fn read_max(reader: &mut Reader<'_>, value: Value<'_>, measure: &Measure) -> Option<u128> {
    let max = match measure {
        Measure::Count | Measure::Recipients => {
            u128::from(reader.integer(value, "max", 1..=(1 << 53) - 1)?)
        }
        Measure::Usd => reader.usd(value, "max")?.0,
        Measure::Amount(asset) => {
            let units = reader.units(value, "max", asset.decimals)?;
            u128::try_from(units).unwrap_or(u128::MAX)
        }
    };
    let at = value.span().start;
    if max == 0 {
        reader.fault(
            at,
            PolicyCode::Zero,
            "`max` is zero",
            "write a [[forbid]] to allow nothing",
        );
        return None;
    }
    if max >= AMOUNT_MAX {
        reader.fault(
            at,
            PolicyCode::OutOfRange,
            "`max` is too large to count",
            "write less than 2^120 base units",
        );
        return None;
    }
    Some(max)
}
