//! Rules, forbids and limits: what they do with what they match.

use super::reader::{Reader, Section, Value};
use super::scope::{one_of, KIND_KEY};
use super::tables::{flip, ID_CHARS};
use super::File;
use crate::amount::Percent;
use crate::code::PolicyCode;
use crate::effects::EffectKind;
use crate::policy::conditions::{range, FUNCTION_KEYS, SCOPE_KEYS};
use crate::policy::decide::verdict::Verdict;
use crate::policy::model::{Forbid, Limit, Matcher, Measure, OnExceed, Per, Released, Route, Rule};
use crate::request::Method;
use crate::spend::AMOUNT_MAX;
use crate::window::LEDGER_MS;

/// Approvals a rule may ask for.
const QUORUM_MAX: u64 = 16;
/// Approval when a rule or a limit does not say more.
pub(crate) const APPROVAL: Verdict = Verdict::Approval {
    quorum: 1,
    timeout_ms: TIMEOUT_MS,
};
const TIMEOUT_MS: u64 = 30 * 60 * 1000;
const TIMEOUT_MS_MAX: u64 = 7 * 24 * 60 * 60 * 1000;
/// A delay has to leave time to notice and to stop.
const DELAY_MS_MIN: u64 = 180 * 1000;
const DELAY_MS_MAX: u64 = 24 * 60 * 60 * 1000;

impl File {
    pub(super) fn read_rules(&mut self, reader: &mut Reader<'_>, root: Section<'_>) {
        for section in reader.tables(root, "rule") {
            let own = [
                "id",
                "tier",
                "delay",
                "quorum",
                "timeout",
                "return_min_percent",
                "route",
                "released",
            ];
            reader.known(
                section,
                &[&own[..], &KIND_KEY, SCOPE_KEYS, &range::KEYS, FUNCTION_KEYS].concat(),
            );
            let id = reader.declare(section, &mut self.rule_names, ID_CHARS);
            let effects = reader
                .required(
                    section,
                    "effects",
                    "write effects = [\"…\"], what it is about",
                )
                .is_some();
            let matcher = self.read_matcher(reader, section);
            let tier = read_tier(reader, section);
            let least = read_return_min(reader, section, matcher.as_ref());
            let route = read_route(reader, section);
            let released = read_released(reader, section, matcher.as_ref());
            let sending = route.zip(released);
            let complete = (id, effects, matcher, tier, least.zip(sending));
            if let (
                Some(id),
                true,
                Some(matcher),
                Some(tier),
                Some((return_min_percent, sending)),
            ) = complete
            {
                let (route, released) = sending;
                let at = reader.place(section.at);
                self.rules.push(Rule {
                    id,
                    tier,
                    return_min_percent,
                    route,
                    released,
                    matcher,
                    at,
                });
            }
        }
    }

    pub(super) fn read_forbids(&mut self, reader: &mut Reader<'_>, root: Section<'_>) {
        for section in reader.tables(root, "forbid") {
            reader.known(
                section,
                &[
                    &["id"][..],
                    &KIND_KEY,
                    SCOPE_KEYS,
                    &range::KEYS,
                    FUNCTION_KEYS,
                ]
                .concat(),
            );
            let id = reader.declare(section, &mut self.forbid_names, ID_CHARS);
            let matcher = self.read_matcher(reader, section);
            if let (Some(id), Some(matcher)) = (id, matcher) {
                self.forbids.push(Forbid {
                    id,
                    matcher,
                    at: reader.place(section.at),
                });
            }
        }
    }

    pub(super) fn read_limits(&mut self, reader: &mut Reader<'_>, root: Section<'_>) {
        for section in reader.tables(root, "limit") {
            let own = ["id", "per", "measure", "max", "window", "on_exceed"];
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
        let words = [("count", 0), ("usd", 1), ("amount", 2)];
        let measure = reader.required(
            section,
            "measure",
            "write measure = count, usd or amount, in quotes",
        );
        let measure = measure.and_then(|value| one_of(reader, value, "measure", &words));
        let window = reader.required(
            section,
            "window",
            "write window = \"…\", a duration such as \"24h\"",
        );
        let standing = window.is_some_and(|value| value.get_ref().as_str() == Some("standing"));
        let matcher = match measure {
            _ if standing => self.read_limit_matcher(
                reader,
                section,
                &EffectKind::STANDING,
                &EffectKind::STANDING,
            ),
            Some(0) => {
                self.read_limit_matcher(reader, section, &EffectKind::ALL, &EffectKind::COSTLY)
            }
            _ => {
                let costly = &EffectKind::COSTLY;
                self.read_limit_matcher(reader, section, costly, costly)
            }
        };
        let asset = if measure == Some(2) {
            self.one_asset(reader, section, "measure")
        } else {
            None
        };
        let measure = match measure {
            Some(0) => Some(Measure::Count),
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
        let window = match window {
            Some(_) if standing => Some(0),
            Some(value) => reader.duration(value, "window", 1000..=LEDGER_MS),
            None => None,
        };
        let words = [("deny", OnExceed::Deny), ("approval", OnExceed::Approval)];
        let on_exceed = reader.required(
            section,
            "on_exceed",
            "write on_exceed = \"deny\" or \"approval\"",
        );
        let on_exceed = on_exceed.and_then(|value| one_of(reader, value, "on_exceed", &words));
        Some(Limit {
            id: id?,
            per: per?,
            measure: measure?,
            max: max?,
            window_ms: window?,
            on_exceed: on_exceed?,
            matcher: matcher?,
            at: reader.place(section.at),
        })
    }
}

/// How what the rule grants is sent.
fn read_route(reader: &mut Reader<'_>, section: Section<'_>) -> Option<Route> {
    let Some(value) = section.table.get("route") else {
        return Some(Route::Public);
    };
    let words = [("public", Route::Public), ("private", Route::Private)];
    one_of(reader, value, "route", &words)
}

/// Who sends what the rule grants by `eth_signTransaction`; about nothing else.
fn read_released(
    reader: &mut Reader<'_>,
    section: Section<'_>,
    matcher: Option<&Matcher>,
) -> Option<Released> {
    let Some(value) = section.table.get("released") else {
        return Some(Released::Guardian);
    };
    let words = [("guardian", Released::Guardian), ("agent", Released::Agent)];
    let released = one_of(reader, value, "released", &words)?;
    let methods = matcher?.methods;
    if methods.is_some_and(|methods| !methods.has(Method::SignTransaction)) {
        let text = "`released` is only about \"eth_signTransaction\"";
        let hint = "leave it out, or add the method to `methods`";
        reader.fault(value.span().start, PolicyCode::Conflict, text, hint);
        return None;
    }
    Some(released)
}

/// What must surely come back, for a rule that is about nothing but swaps and orders.
fn read_return_min(
    reader: &mut Reader<'_>,
    section: Section<'_>,
    matcher: Option<&Matcher>,
) -> Option<Option<Percent>> {
    const KEY: &str = "return_min_percent";
    let Some(value) = section.table.get(KEY) else {
        return Some(None);
    };
    let percent = reader.percent(value, KEY)?;
    let given = |kind| matches!(kind, EffectKind::Swap | EffectKind::Order);
    if !matcher?.kinds.of_kinds().all(given) {
        let text = format!("`{KEY}` is only about \"swap\" and \"order\"");
        let hint = "write a rule of its own for the other effects";
        reader.fault(value.span().start, PolicyCode::Conflict, text, hint);
        return None;
    }
    Some(Some(percent))
}

fn read_tier(reader: &mut Reader<'_>, section: Section<'_>) -> Option<Verdict> {
    let words = [("instant", 0), ("notify", 1), ("delay", 2), ("approval", 3)];
    let tier = reader.required(
        section,
        "tier",
        "write tier = \"approval\", or what you want without one",
    );
    let tier = tier.and_then(|value| one_of(reader, value, "tier", &words))?;
    for (key, owner) in [("delay", 2), ("quorum", 3), ("timeout", 3)] {
        let Some(value) = section.table.get(key).filter(|_| tier != owner) else {
            continue;
        };
        let word = words.get(owner).map_or("", |(word, _)| *word);
        let text = format!("`{key}` does nothing without tier = \"{word}\"");
        reader.fault(
            value.span().start,
            PolicyCode::Conflict,
            text,
            "leave it out, or change the tier",
        );
    }
    match tier {
        0 => Some(Verdict::Instant),
        1 => Some(Verdict::Notify),
        2 => {
            let delay = reader.required(
                section,
                "delay",
                "write delay = \"…\", time enough to notice and to stop",
            )?;
            let delay_ms = reader.duration(delay, "delay", DELAY_MS_MIN..=DELAY_MS_MAX)?;
            Some(Verdict::Delay { delay_ms })
        }
        _ => {
            let quorum = section.table.get("quorum");
            let quorum = quorum.map(|value| reader.integer(value, "quorum", 1..=QUORUM_MAX));
            let timeout = section.table.get("timeout");
            let timeout =
                timeout.map(|value| reader.duration(value, "timeout", 1000..=TIMEOUT_MS_MAX));
            let quorum = u8::try_from(flip(quorum)?.unwrap_or(1)).ok()?;
            Some(Verdict::Approval {
                quorum,
                timeout_ms: flip(timeout)?.unwrap_or(TIMEOUT_MS),
            })
        }
    }
}

/// The most a limit allows: below `AMOUNT_MAX`, so that an amount that was cut exceeds it.
fn read_max(reader: &mut Reader<'_>, value: Value<'_>, measure: &Measure) -> Option<u128> {
    let max = match measure {
        Measure::Count => u128::from(reader.integer(value, "max", 1..=(1 << 53) - 1)?),
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
