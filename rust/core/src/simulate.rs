//! `policy decide`: cases against a policy, without journal, keys or clock. What is simulated is
//! what is decided: the same parser, decoder, resolution and ladder as the guardian's.

mod limits;

use std::borrow::Cow;

use crate::code::{Code, Detail};
use crate::effects::Effect;
use crate::json::{self, Json, Limits, Malformed};
use crate::policy::{
    epoch_ms, Answer, Call, Decision, Facts, LimitView, Policy, PolicyErrors, Reason, Reservation,
    Trial, Verdict,
};
use crate::window::Windows;
use limits::Used;

/// A case may be as large as the largest request, and its surroundings.
const LIMITS: Limits = Limits {
    max_bytes: 2 << 20,
    max_nodes: 40_000,
    ..Limits::REQUEST
};
/// An integer `at` below this is in seconds: in ms it would be before 1973.
const SECONDS_BELOW: u64 = 100_000_000_000;
/// One case is decided so many times at most.
const REPEAT_MAX: u32 = 10_000;

/// Decides cases one after another. Never fails for a case: one that is not what it must be is a
/// denial.
#[derive(Clone, Debug)]
pub struct Simulator {
    policy: Policy,
    trial: Trial,
    stateful: bool,
    last_ms: u64,
}

/// A case that was understood as far as its surroundings go.
struct Case<'a> {
    agent: Cow<'a, str>,
    at_ms: u64,
    method: Cow<'a, str>,
    params: String,
    facts: Facts,
    repeat: u32,
    used: Used,
    limits: bool,
}

/// What became of a case.
#[derive(Default)]
struct Outcome {
    effects: Vec<Effect>,
    /// What it counts under every limit, where the case asks for that.
    limits: Option<Vec<LimitView>>,
}

impl Simulator {
    /// With `stateful`, what is not denied counts under the limits of later cases, at its own time.
    ///
    /// # Errors
    /// As `Policy::parse`.
    pub fn new(source: &str, stateful: bool) -> Result<Self, PolicyErrors> {
        let policy = Policy::parse(source)?;
        let trial = Trial::new(&policy);
        Ok(Self {
            policy,
            trial,
            stateful,
            last_ms: 0,
        })
    }

    /// The policy cases are decided by.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// One case `{"id","agent","at","request":{"method","params"},"facts"}` to one result
    /// `{"id","verdict","reasons", "effects"}`, with `delay_ms`, `quorum` and `timeout_ms` where
    /// the verdict has them. `at` is milliseconds, seconds if it is below 10^11, or RFC 3339 text;
    /// without it the time of the case before. `used` is what counts under limits already, for this
    /// case alone: `{"limit": "12.5"}`, in the unit of each. With `"limits": true` the result has
    /// every limit the request counts under, as `LimitView`. With `repeat` a stateful simulator decides it so many times, and
    /// the last result counts. Other members are passed over.
    pub fn decide(&mut self, case: &[u8]) -> Vec<u8> {
        let tree = match json::parse_exact(case, &LIMITS) {
            Ok(tree) => tree,
            Err(fault) => return refused(&Json::Null, &fault),
        };
        let id = tree.get("id").cloned().unwrap_or(Json::Null);
        match self.read(tree).and_then(|case| self.run(&case)) {
            Ok((decision, outcome)) => result(&id, &decision, &outcome),
            Err(fault) => refused(&id, &fault),
        }
    }

    fn read<'a>(&self, tree: Json<'a>) -> Result<Case<'a>, Malformed> {
        let Json::Object(members) = tree else {
            return Err(Malformed::new(Detail::Type, "", "a case is an object"));
        };
        let (mut agent, mut at_ms, mut call) = (None, self.last_ms, None);
        let (mut facts, mut repeat) = (Facts::none(), 1);
        let (mut used, mut limits) = (Used::default(), false);
        for (key, value) in members {
            match key.as_ref() {
                "agent" => agent = Some(text(value).map_err(|fault| fault.under("agent"))?),
                "at" => at_ms = time(&value).map_err(|fault| fault.under("at"))?,
                "request" => call = Some(request(value).map_err(|fault| fault.under("request"))?),
                "facts" => {
                    facts = Facts::from_json(&value).map_err(|fault| fault.under("facts"))?;
                }
                "repeat" => repeat = times(&value).map_err(|fault| fault.under("repeat"))?,
                "used" => {
                    used = Used::read(&self.policy, &value).map_err(|fault| fault.under("used"))?;
                }
                "limits" => limits = value == Json::Bool(true),
                _ => {}
            }
        }
        let missing =
            |what: &str| Malformed::new(Detail::Missing, "", format!("`{what}` is missing"));
        let agent = agent.ok_or_else(|| missing("agent"))?;
        let (method, params) = call.ok_or_else(|| missing("request"))?;
        Ok(Case {
            agent,
            at_ms,
            method,
            params,
            facts,
            used,
            limits,
            repeat,
        })
    }

    fn run(&mut self, case: &Case<'_>) -> Result<(Decision, Outcome), Malformed> {
        let mut found = self.once(case)?;
        // Without a state it would be the same each time.
        let again = if self.stateful { case.repeat } else { 1 };
        for _ in 1..again {
            found = self.once(case)?;
        }
        Ok(found)
    }

    fn once(&mut self, case: &Case<'_>) -> Result<(Decision, Outcome), Malformed> {
        let now_ms = if self.stateful {
            case.at_ms.max(self.last_ms)
        } else {
            case.at_ms
        };
        self.last_ms = now_ms;
        let call = Call {
            agent: &case.agent,
            method: &case.method,
            params: &case.params,
            facts: &case.facts,
            now_ms,
        };
        let used = (!case.used.is_empty()).then_some(&case.used);
        let answer = self.trial.answer(
            &self.policy,
            &call,
            used.map(|used| {
                |windows: &Windows, costs: &[Reservation]| used.on_top(windows, costs, now_ms)
            }),
            case.limits,
        )?;
        let Answer {
            decision,
            effects,
            limits,
        } = answer;
        if self.stateful {
            self.trial.count(&self.policy, &decision, now_ms)?;
        }
        Ok((decision, Outcome { effects, limits }))
    }
}

fn text(value: Json<'_>) -> Result<Cow<'_, str>, Malformed> {
    match value {
        Json::Str(text) => Ok(text),
        other => {
            let text = format!("expected a string, not {}", other.kind());
            Err(Malformed::new(Detail::Type, "", text))
        }
    }
}

/// Exactly `method` and `params`, which may be absent; the params as JSON text.
fn request(value: Json<'_>) -> Result<(Cow<'_, str>, String), Malformed> {
    let Json::Object(members) = value else {
        return Err(Malformed::new(Detail::Type, "", "a request is an object"));
    };
    let (mut method, mut params) = (None, "[]".to_owned());
    for (key, value) in members {
        match key.as_ref() {
            "method" => method = Some(text(value).map_err(|fault| fault.under("method"))?),
            "params" => params = value.to_canonical(),
            _ => {
                let fault = Malformed::new(Detail::UnknownKey, "", "not a member of a request");
                return Err(fault.under(&key));
            }
        }
    }
    let method =
        method.ok_or_else(|| Malformed::new(Detail::Missing, "", "`method` is missing"))?;
    Ok((method, params))
}

/// How often.
fn times(value: &Json<'_>) -> Result<u32, Malformed> {
    let number = value.as_int().and_then(|number| u32::try_from(number).ok());
    number
        .filter(|number| (1..=REPEAT_MAX).contains(number))
        .ok_or_else(|| {
            let text = format!("expected an integer from 1 to {REPEAT_MAX}");
            Malformed::new(Detail::Type, "", text)
        })
}

/// Milliseconds since the epoch.
fn time(value: &Json<'_>) -> Result<u64, Malformed> {
    let bad = || {
        let text = "a time is an integer in ms (or s, below 10^11) or RFC 3339 text with offset";
        Malformed::new(Detail::Time, "", text)
    };
    match value {
        Json::Int(number) => {
            let number = u64::try_from(*number).map_err(|_| bad())?;
            let unit_ms = if number < SECONDS_BELOW { 1000 } else { 1 };
            Ok(number.saturating_mul(unit_ms))
        }
        Json::Str(text) => {
            let datetime = text.parse().map_err(|_| bad())?;
            epoch_ms(&datetime).ok_or_else(bad)
        }
        _ => Err(bad()),
    }
}

fn refused(id: &Json<'_>, fault: &Malformed) -> Vec<u8> {
    let observed = if fault.path.is_empty() {
        format!("{}: {}", fault.code, fault.text)
    } else {
        format!("{} at {}: {}", fault.code, fault.path, fault.text)
    };
    let reason = Reason::new(Code::Malformed).found(observed);
    result(id, &Decision::denied_by(reason), &Outcome::default())
}

/// One compact object, its members sorted.
fn result(id: &Json<'_>, decision: &Decision, outcome: &Outcome) -> Vec<u8> {
    let mut out = String::from("{");
    if let Verdict::Delay { delay_ms } = decision.verdict {
        out.push_str(&format!("\"delay_ms\":{delay_ms},"));
    }
    out.push_str("\"effects\":[");
    for (index, effect) in outcome.effects.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        effect.write_canonical(&mut out);
    }
    out.push_str("],\"id\":");
    id.write_canonical(&mut out);
    // Text and numbers alone, which always can be written.
    if let Some(Ok(limits)) = outcome.limits.as_ref().map(serde_json::to_string) {
        out.push_str(",\"limits\":");
        out.push_str(&limits);
    }
    if let Verdict::Approval { quorum, .. } = decision.verdict {
        out.push_str(&format!(",\"quorum\":{quorum}"));
    }
    out.push_str(",\"reasons\":[");
    for (index, reason) in decision.reasons.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write_reason(reason, &mut out);
    }
    out.push(']');
    if !decision.released.is_guardian() {
        out.push_str(",\"released\":\"agent\"");
    }
    if !decision.route.is_public() {
        out.push_str(",\"route\":\"private\"");
    }
    if let Verdict::Approval { timeout_ms, .. } = decision.verdict {
        out.push_str(&format!(",\"timeout_ms\":{timeout_ms}"));
    }
    out.push_str(&format!(",\"verdict\":\"{}\"}}", decision.verdict.as_str()));
    out.into_bytes()
}

/// `rule`, `observed` and `limit` are null where there is none; `retry_at_ms` is left out.
fn write_reason(reason: &Reason, out: &mut String) {
    let member = |key: &str, value: Option<&str>, out: &mut String| {
        out.push_str(key);
        match value {
            Some(text) => json::write_string(text, out),
            None => out.push_str("null"),
        }
    };
    member("{\"code\":", Some(reason.code.as_str()), out);
    member(",\"limit\":", reason.limit.as_deref(), out);
    member(",\"observed\":", reason.observed.as_deref(), out);
    if let Some(retry_at_ms) = reason.retry_at_ms {
        out.push_str(&format!(",\"retry_at_ms\":{retry_at_ms}"));
    }
    member(",\"rule\":", reason.rule.as_deref(), out);
    out.push('}');
}
