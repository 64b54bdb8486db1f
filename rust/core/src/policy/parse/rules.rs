//! Rules and forbids: what they do with what they match.

use super::reader::{Reader, Section};
use super::scope::{one_of, KIND_KEY};
use super::tables::{flip, ID_CHARS};
use super::File;
use crate::amount::Percent;
use crate::code::PolicyCode;
use crate::effects::EffectKind;
use crate::policy::conditions::{range, FUNCTION_KEYS, SCOPE_KEYS, VERDICT_KEYS};
use crate::policy::decide::verdict::Verdict;
use crate::policy::model::{Forbid, Matcher, Released, Review, Route, Rule};
use crate::request::Method;

/// Approvals a rule may ask for.
pub(super) const QUORUM_MAX: u64 = 16;
/// Approval when a rule or a limit does not say more.
pub(crate) const APPROVAL: Verdict = Verdict::Approval {
    quorum: 1,
    timeout_ms: TIMEOUT_MS,
};
const TIMEOUT_MS: u64 = 30 * 60 * 1000;
const TIMEOUT_MS_MAX: u64 = 7 * 24 * 60 * 60 * 1000;
/// A delay has to leave time to notice and to stop.
pub(super) const DELAY_MS_MIN: u64 = 180 * 1000;
pub(super) const DELAY_MS_MAX: u64 = 24 * 60 * 60 * 1000;

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
                "checks",
            ];
            reader.known(section, &keys_with(&own));
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
            let checks = self.checks_of_rule(reader, section);
            let complete = (id, effects, matcher, tier.zip(checks), least.zip(sending));
            if let (
                Some(id),
                true,
                Some(matcher),
                Some((tier, checks)),
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
                    checks,
                    matcher,
                    at,
                });
            }
        }
    }

    pub(super) fn read_forbids(&mut self, reader: &mut Reader<'_>, root: Section<'_>) {
        for section in reader.tables(root, "forbid") {
            reader.known(section, &keys_with(&["id"]));
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

    pub(super) fn read_reviews(&mut self, reader: &mut Reader<'_>, root: Section<'_>) {
        for section in reader.tables(root, "review") {
            reader.known(
                section,
                &keys_with(&["id", "tier", "delay", "quorum", "timeout"]),
            );
            let id = reader.declare(section, &mut self.review_names, ID_CHARS);
            let matcher = self.read_matcher(reader, section);
            let tier = read_tier(reader, section);
            if tier == Some(Verdict::Instant) {
                let at = section
                    .table
                    .get("tier")
                    .map_or(section.at, |tier| tier.span().start);
                let text = "a review with tier = \"instant\" does nothing";
                let hint = "write \"notify\", \"delay\" or \"approval\"";
                reader.fault(at, PolicyCode::Conflict, text, hint);
            }
            if let (Some(id), Some(matcher), Some(tier)) = (id, matcher, tier) {
                let at = reader.place(section.at);
                self.reviews.push(Review {
                    id,
                    tier,
                    matcher,
                    at,
                });
            }
        }
    }
}

/// The keys of a table that says how what it matches may go on.
fn keys_with(own: &[&'static str]) -> Vec<&'static str> {
    [
        own,
        &KIND_KEY,
        SCOPE_KEYS,
        VERDICT_KEYS,
        &range::KEYS,
        FUNCTION_KEYS,
    ]
    .concat()
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
    if let Some(value) = tier.filter(|value| value.get_ref().as_str() == Some("deny")) {
        let hint =
            "leave the rule out: what no rule grants is denied; [[forbid]] denies it for good";
        let text = "a rule grants, so `tier` cannot be `deny`";
        reader.fault(value.span().start, PolicyCode::BadValue, text, hint);
        return None;
    }
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
