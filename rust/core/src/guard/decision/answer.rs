//! What an agent is told: one JSON object, no more than its `privacy` allows.

use serde::Serialize;

use crate::code::Code;
use crate::event::{EffectRecord, Id};
use crate::json::Malformed;
use crate::policy::{Privacy, Reason, Verdict};

/// Seconds after which asking again about a pending request makes sense.
const RETRY_S: u64 = 5;

#[derive(Serialize)]
pub(in crate::guard) struct Answer<'a> {
    pub code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<&'a str>,
    /// Of several calls that were judged as one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effects: Option<Vec<EffectRecord>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<&'a str>,
    pub reasons: Vec<Told<'a>>,
    #[serde(rename = "requestId", skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    #[serde(rename = "retryAfter", skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
    pub status: &'a str,
    pub text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<&'a str>,
}

/// A reason as the agent sees it.
#[derive(Serialize)]
pub(in crate::guard) struct Told<'a> {
    code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    observed: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_at_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<&'a str>,
}

/// Reasons cut to what may be told.
pub(in crate::guard) fn told(reasons: &[Reason], privacy: Privacy) -> Vec<Told<'_>> {
    let full = privacy == Privacy::Full;
    reasons
        .iter()
        .map(|reason| Told {
            code: reason.code.as_str(),
            limit: reason.limit.as_deref().filter(|_| full),
            observed: reason.observed.as_deref().filter(|_| full),
            retry_at_ms: reason.retry_at_ms.filter(|_| full),
            rule: reason.rule.as_deref().filter(|_| full),
        })
        .collect()
}

/// The most severe reason in words.
pub(in crate::guard) fn words(reasons: &[Reason], privacy: Privacy) -> String {
    let Some(reason) = reasons.first() else {
        return String::new();
    };
    let mut words = reason.code.as_str().replace('_', " ");
    if privacy == Privacy::Code {
        return words;
    }
    if let Some(rule) = &reason.rule {
        words.push_str(&format!(" ({rule})"));
    }
    if let Some(observed) = &reason.observed {
        words.push_str(&format!(": {observed}"));
    }
    if let Some(limit) = &reason.limit {
        words.push_str(&format!(", allowed {limit}"));
    }
    words
}

/// When the last of all limits in the way lets the same request pass, in seconds from now; `None`
/// if one never does.
fn retry_after(reasons: &[Reason], now_ms: u64) -> Option<u64> {
    let at = reasons
        .iter()
        .map(|reason| reason.retry_at_ms)
        .try_fold(0, |latest, at| at.map(|at| u64::max(latest, at)))?;
    (at > now_ms).then(|| at.saturating_sub(now_ms).div_ceil(1000))
}

/// A denial.
pub(in crate::guard) fn denied(
    id: Option<Id>,
    reasons: &[Reason],
    privacy: Privacy,
    now_ms: u64,
) -> Vec<u8> {
    bytes(&denial(id, reasons, privacy, now_ms))
}

/// Several calls at once, which are denied or at least not sent; what they do in sum.
pub(in crate::guard) fn batch(
    reasons: &[Reason],
    effects: Vec<EffectRecord>,
    privacy: Privacy,
    now_ms: u64,
) -> Vec<u8> {
    bytes(&Answer {
        effects: Some(effects).filter(|_| privacy == Privacy::Full),
        ..denial(None, reasons, privacy, now_ms)
    })
}

fn denial(id: Option<Id>, reasons: &[Reason], privacy: Privacy, now_ms: u64) -> Answer<'_> {
    Answer {
        code: reasons
            .first()
            .map_or(Code::NoGrant.as_str(), |reason| reason.code.as_str()),
        detail: None,
        effects: None,
        path: None,
        reasons: told(reasons, privacy),
        request_id: id.map(|id| id.to_string()),
        retry_after: retry_after(reasons, now_ms).filter(|_| privacy == Privacy::Full),
        status: "denied",
        text: words(reasons, privacy),
        verdict: Some(Verdict::Deny.as_str()),
    }
}

/// A request that goes on, now or later.
pub(in crate::guard) fn pending(
    id: Id,
    verdict: Verdict,
    reasons: &[Reason],
    privacy: Privacy,
) -> Vec<u8> {
    let retry_after = match verdict {
        Verdict::Delay { delay_ms } => delay_ms.div_ceil(1000).max(1),
        _ => RETRY_S,
    };
    bytes(&Answer {
        code: Code::Pending.as_str(),
        detail: None,
        effects: None,
        path: None,
        reasons: told(reasons, privacy),
        request_id: Some(id.to_string()),
        retry_after: Some(retry_after),
        status: "pending",
        text: format!("request {id} is pending: send the same again to get its outcome"),
        verdict: Some(verdict.as_str()).filter(|_| privacy == Privacy::Full),
    })
}

/// A request that goes on, without reasons.
pub(in crate::guard) fn going(id: Id) -> Vec<u8> {
    let code = Code::Pending;
    format!(r#"{{"code":"{code}","requestId":"{id}","retryAfter":{RETRY_S},"status":"pending"}}"#)
        .into_bytes()
}

/// Input that is not a request.
pub(in crate::guard) fn malformed(fault: &Malformed) -> Vec<u8> {
    bytes(&Answer {
        code: Code::Malformed.as_str(),
        detail: Some(fault.code.as_str()),
        effects: None,
        path: Some(&fault.path),
        reasons: Vec::new(),
        request_id: None,
        retry_after: None,
        status: "refused",
        text: fault.to_string(),
        verdict: None,
    })
}

/// A call that is turned away before it is a request.
pub(in crate::guard) fn refused(code: Code, text: &str, retry_after: Option<u64>) -> Vec<u8> {
    bytes(&Answer {
        code: code.as_str(),
        detail: None,
        effects: None,
        path: None,
        reasons: Vec::new(),
        request_id: None,
        retry_after,
        status: "refused",
        text: text.to_owned(),
        verdict: None,
    })
}

/// JSON of a plain struct; writing one into memory cannot fail.
pub(in crate::guard) fn bytes(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}
