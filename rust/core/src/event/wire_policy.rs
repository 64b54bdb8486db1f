//! How verdicts, reasons, reservations and spends are written: members in the order of their names.

use alloy_primitives::Address;
use serde::{de, Deserialize, Deserializer, Serialize, Serializer};

use super::wire;
use crate::effects::EffectKind;
use crate::policy::{Reason, Reservation, Spend, SpendAsset, Spends, Verdict};
use crate::request::Method;

/// A verdict with all numbers it may have.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct VerdictJson<'a> {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    delay_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    quorum: Option<u8>,
    tier: &'a str,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    timeout_ms: Option<u64>,
}

/// `{"tier", "delay_ms"?, "quorum"?, "timeout_ms"?}`
pub mod verdict {
    use super::*;

    /// Writes it.
    pub fn serialize<S: Serializer>(value: &Verdict, to: S) -> Result<S::Ok, S::Error> {
        let mut json = VerdictJson {
            delay_ms: None,
            quorum: None,
            tier: value.as_str(),
            timeout_ms: None,
        };
        match *value {
            Verdict::Delay { delay_ms } => json.delay_ms = Some(delay_ms),
            Verdict::Approval { quorum, timeout_ms } => {
                json.quorum = Some(quorum);
                json.timeout_ms = Some(timeout_ms);
            }
            Verdict::Instant | Verdict::Notify | Verdict::Deny => {}
        }
        json.serialize(to)
    }

    /// Reads it back.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Verdict, D::Error> {
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
}

/// Gives `serialize` for a list through a borrowed view, and `deserialize` through the type itself.
macro_rules! list_form {
    ($(#[$doc:meta])* $name:ident, $type:ty, $view:expr) => {
        $(#[$doc])*
        pub mod $name {
            use super::*;

            /// Writes it.
            pub fn serialize<S: Serializer>(value: &[$type], to: S) -> Result<S::Ok, S::Error> {
                to.collect_seq(value.iter().map($view))
            }

            /// Reads it back.
            pub fn deserialize<'de, D: Deserializer<'de>>(
                from: D,
            ) -> Result<Vec<$type>, D::Error> {
                Vec::<$type>::deserialize(from)
            }
        }
    };
}

list_form!(
    /// `[{"code", "limit"?, "observed"?, "retry_at_ms"?, "rule"?}]`
    reasons, Reason, ReasonView::of
);
list_form!(
    /// `[{"amount", "key", "limit"}]`
    reservations, Reservation, ReservationView::of
);

#[derive(Serialize)]
struct ReasonView<'a> {
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

impl<'a> ReasonView<'a> {
    fn of(reason: &'a Reason) -> Self {
        Self {
            code: &reason.code,
            limit: reason.limit.as_deref(),
            observed: reason.observed.as_deref(),
            retry_at_ms: reason.retry_at_ms,
            rule: reason.rule.as_deref(),
        }
    }
}

#[derive(Serialize)]
struct ReservationView<'a> {
    #[serde(with = "wire::u128")]
    amount: u128,
    key: &'a str,
    limit: &'a str,
}

impl<'a> ReservationView<'a> {
    fn of(reservation: &'a Reservation) -> Self {
        Self {
            amount: reservation.amount,
            key: &reservation.key,
            limit: &reservation.limit,
        }
    }
}

#[derive(Serialize)]
struct SpendsView<'a> {
    agent: &'a str,
    chain_id: u64,
    decided_ms: u64,
    #[serde(serialize_with = "items")]
    items: &'a [Spend],
    method: &'a Method,
    #[serde(with = "wire::eip55")]
    wallet: Address,
}

#[derive(Serialize)]
struct SpendView<'a> {
    #[serde(with = "wire::u128")]
    amount: u128,
    asset: AssetView,
    kind: &'a EffectKind,
    #[serde(with = "wire::eip55_option")]
    to: Option<Address>,
    #[serde(with = "wire::u128_option")]
    usd: Option<u128>,
}

/// As `SpendAsset`, through the memo of checksums.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
enum AssetView {
    None,
    Native,
    Token(#[serde(with = "wire::eip55")] Address),
}

fn items<S: Serializer>(items: &[Spend], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(items.iter().map(|item| SpendView {
        amount: item.amount,
        asset: match item.asset {
            SpendAsset::None => AssetView::None,
            SpendAsset::Native => AssetView::Native,
            SpendAsset::Token(address) => AssetView::Token(address),
        },
        kind: &item.kind,
        to: item.to,
        usd: item.usd,
    }))
}

/// What a request can cost, or null.
pub mod spends {
    use super::*;

    /// Writes it.
    pub fn serialize<S: Serializer>(value: &Option<Spends>, to: S) -> Result<S::Ok, S::Error> {
        let Some(spends) = value else {
            return to.serialize_none();
        };
        SpendsView {
            agent: &spends.agent,
            chain_id: spends.chain_id,
            decided_ms: spends.decided_ms,
            items: &spends.items,
            method: &spends.method,
            wallet: spends.wallet,
        }
        .serialize(to)
    }

    /// Reads it back.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Spends>, D::Error> {
        Option::<Spends>::deserialize(from)
    }
}
