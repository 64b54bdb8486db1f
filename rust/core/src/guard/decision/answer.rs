//! What an agent is told: one JSON object, no more than its `privacy` allows.

use std::borrow::Cow;
use std::ops::Deref;

use serde::Serialize;

use crate::code::Code;
use crate::event::{EffectRecord, Id};
use crate::json::Malformed;
use crate::policy::{Privacy, Reason, Verdict};

/// Seconds after which asking again about a pending request makes sense.
const RETRY_S: u64 = 5;

/// An answer: the object an agent gets, and what else is to know of it without reading that.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answered {
    json: Vec<u8>,
    /// The code it names first.
    pub code: Cow<'static, str>,
    /// Of malformed input: what about it.
    pub detail: Option<&'static str>,
    /// Why, in words; may be empty.
    pub text: String,
}

impl Deref for Answered {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.json
    }
}

#[derive(Serialize)]
pub(in crate::guard) struct Answer<'a> {
    pub code: Cow<'static, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<&'static str>,
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
    if let Some(sentence) = sentence(reason) {
        return sentence;
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

/// Of the reasons that are met most often, in a sentence.
fn sentence(reason: &Reason) -> Option<String> {
    let observed = reason.observed.as_deref()?;
    match (reason.code.known()?, &reason.rule, &reason.limit) {
        (Code::LimitExceeded, Some(rule), Some(limit)) => {
            Some(format!("limit `{rule}` would reach {observed} of {limit}"))
        }
        (Code::NoApprover, _, Some(needed)) => {
            let text = "operators have to approve this, and the guardian has";
            Some(format!("{needed} {text} {observed}"))
        }
        (Code::NoGrant, None, Some(nearest)) => {
            Some(format!("no rule allows this: {observed}; {nearest}"))
        }
        (Code::NoGrant, _, None) => Some(format!("no rule allows this: {observed}")),
        _ => None,
    }
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
) -> Answered {
    answered(denial(id, reasons, privacy, now_ms))
}

/// Several calls at once, which are denied or at least not sent; what they do in sum.
pub(in crate::guard) fn batch(
    reasons: &[Reason],
    effects: Vec<EffectRecord>,
    privacy: Privacy,
    now_ms: u64,
) -> Answered {
    answered(Answer {
        effects: Some(effects).filter(|_| privacy == Privacy::Full),
        ..denial(None, reasons, privacy, now_ms)
    })
}

fn denial(id: Option<Id>, reasons: &[Reason], privacy: Privacy, now_ms: u64) -> Answer<'_> {
    Answer {
        code: reasons
            .first()
            .map_or(Cow::Borrowed(Code::NoGrant.as_str()), code_of),
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
) -> Answered {
    let retry_after = match verdict {
        Verdict::Delay { delay_ms } => delay_ms.div_ceil(1000).max(1),
        _ => RETRY_S,
    };
    answered(Answer {
        code: Code::Pending.as_str().into(),
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
pub(in crate::guard) fn going(id: Id) -> Answered {
    let code = Code::Pending;
    let json = format!(
        r#"{{"code":"{code}","requestId":"{id}","retryAfter":{RETRY_S},"status":"pending"}}"#
    )
    .into_bytes();
    Answered {
        json,
        code: code.as_str().into(),
        ..Answered::default()
    }
}

/// Input that is not a request.
pub(in crate::guard) fn malformed(fault: &Malformed) -> Answered {
    answered(Answer {
        code: Code::Malformed.as_str().into(),
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
pub(in crate::guard) fn refused(code: Code, text: &str, retry_after: Option<u64>) -> Answered {
    answered(Answer {
        code: code.as_str().into(),
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

fn code_of(reason: &Reason) -> Cow<'static, str> {
    match reason.code.known() {
        Some(code) => code.as_str().into(),
        None => reason.code.as_str().to_owned().into(),
    }
}

fn answered(answer: Answer<'_>) -> Answered {
    Answered {
        json: bytes(&answer),
        code: answer.code,
        detail: answer.detail,
        text: answer.text,
    }
}

/// JSON of a plain struct; writing one into memory cannot fail.
pub(in crate::guard) fn bytes(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}
