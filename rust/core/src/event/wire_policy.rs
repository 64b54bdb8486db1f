//! How verdicts, reasons and spends are read back, and reasons written. Decisions themselves are
//! written by `write`.

use alloy_primitives::Address;
use serde::{de, Deserialize, Deserializer, Serialize, Serializer};

use super::wire;
use crate::chain::ChainId;
use crate::policy::{Reason, Spend, Spends, Verdict};
use crate::request::Method;

/// A verdict with all numbers it may have.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VerdictJson<'a> {
    delay_ms: Option<u64>,
    quorum: Option<u8>,
    tier: &'a str,
    timeout_ms: Option<u64>,
}

/// `{"tier", "delay_ms"?, "quorum"?, "timeout_ms"?}`
pub fn verdict<'de, D: Deserializer<'de>>(from: D) -> Result<Verdict, D::Error> {
    let json = VerdictJson::deserialize(from)?;
    match (json.tier, json.delay_ms, json.quorum, json.timeout_ms) {
        ("instant", None, None, None) => Ok(Verdict::Instant),
        ("notify", None, None, None) => Ok(Verdict::Notify),
        ("deny", None, None, None) => Ok(Verdict::Deny),
        ("delay", Some(delay_ms), None, None) => Ok(Verdict::Delay { delay_ms }),
        ("approval", None, Some(quorum), Some(timeout_ms)) => {
            Ok(Verdict::Approval { quorum, timeout_ms })
        }
        _ => Err(de::Error::custom("not a verdict")),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SpendsJson {
    agent: String,
    chain_id: ChainId,
    decided_ms: u64,
    grant: Option<u64>,
    items: Vec<Spend>,
    #[serde(with = "wire::method")]
    method: Method,
    #[serde(with = "wire::eip55")]
    wallet: Address,
}

/// What a request can cost, or null.
pub fn spends<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Spends>, D::Error> {
    let json = Option::<SpendsJson>::deserialize(from)?;
    Ok(json.map(|json| Spends {
        agent: json.agent,
        wallet: json.wallet,
        chain_id: json.chain_id,
        method: json.method,
        grant: json.grant,
        decided_ms: json.decided_ms,
        items: json.items,
    }))
}

/// `[{"code", "limit"?, "observed"?, "retry_at_ms"?, "rule"?}]`
pub mod reasons {
    use super::*;

    #[derive(Serialize)]
    struct View<'a> {
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

    /// Writes them, members in the order of their names.
    pub fn serialize<S: Serializer>(value: &[Reason], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(value.iter().map(|reason| View {
            code: reason.code.as_str(),
            limit: reason.limit.as_deref(),
            observed: reason.observed.as_deref(),
            retry_at_ms: reason.retry_at_ms,
            rule: reason.rule.as_deref(),
        }))
    }

    /// Reads them back.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Reason>, D::Error> {
        Vec::deserialize(from)
    }
}
