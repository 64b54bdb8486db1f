//! What contracts said when they were asked for a request: one reading for each question and node.

use std::sync::Arc;

use alloy_primitives::{Address, Bytes};

use super::{Facts, FUTURE_MS_MAX};
use crate::code::Detail;
use crate::json::{Json, Malformed};
use crate::request::parse_address;

/// Readings as they were told.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Readings {
    items: Vec<Reading>,
    /// The same as they go on record: canonical JSON.
    pub record: String,
}

/// What one node said of one question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The contract.
    pub contract: Address,
    /// Call data.
    pub call: Bytes,
    /// In the state that the request's transaction leaves.
    pub after: bool,
    /// Which node, as an operator knows it.
    pub source: String,
    /// When it was asked, ms.
    pub at_ms: u64,
    /// What the contract returned; `None` if there was no answer.
    pub data: Option<Bytes>,
    /// Why there was none.
    pub fault: Option<String>,
}

impl Reading {
    /// Whether it is not from the future and at most so old.
    pub fn is_fresh(&self, now_ms: u64, age_ms_max: u64) -> bool {
        self.at_ms <= now_ms.saturating_add(FUTURE_MS_MAX)
            && now_ms.saturating_sub(self.at_ms) <= age_ms_max
    }
}

impl Facts {
    /// What contracts said. Text is held to what a record carries.
    ///
    /// # Errors
    /// [`Malformed`] for what could not be put on record.
    pub fn of_readings(told: impl IntoIterator<Item = Reading>) -> Result<Self, Malformed> {
        let text = |text: String| Json::Str(text.into());
        let told = told.into_iter().map(|one| {
            let when = if one.after { "after" } else { "before" };
            let members = [
                (
                    "at",
                    Json::Int(i64::try_from(one.at_ms).unwrap_or(i64::MAX)),
                ),
                ("call", text(one.call.to_string())),
                ("contract", text(one.contract.to_checksum(None))),
                (
                    "data",
                    one.data.map_or(Json::Null, |data| text(data.to_string())),
                ),
                ("fault", one.fault.map_or(Json::Null, text)),
                ("source", text(one.source)),
                ("when", text(when.to_owned())),
            ];
            Json::Object(members.map(|(key, value)| (key.into(), value)).into())
        });
        let told = Json::Array(told.collect());
        Self::checked(&Json::Object(vec![("readings".into(), told)]))
    }

    /// What was said to this question, by every node that was asked.
    pub(in crate::policy) fn readings<'f>(
        &'f self,
        contract: Address,
        call: &'f [u8],
        after: bool,
    ) -> impl Iterator<Item = &'f Reading> + use<'f> {
        let told = self.readings.iter().flat_map(|told| &told.items);
        told.filter(move |one| {
            one.contract == contract && one.after == after && one.call.as_ref() == call
        })
    }

    /// The contracts that were asked.
    pub fn contracts_read(&self) -> impl Iterator<Item = Address> + '_ {
        let told = self.readings.iter().flat_map(|told| &told.items);
        told.map(|one| one.contract)
    }

    /// Readings as they go on record, if any were told: canonical JSON.
    pub fn readings_on_record(&self) -> Option<&str> {
        self.readings.as_deref().map(|told| told.record.as_str())
    }
}

/// A list of exactly `at`, `call`, `contract`, `data`, `fault`, `source` and `when`.
pub(super) fn read(value: &Json<'_>) -> Result<Arc<Readings>, Malformed> {
    let fault = |path: &str, text: &str| Malformed::new(Detail::FactsType, "", text).under(path);
    let told = value.as_array();
    let told = told.ok_or_else(|| fault("readings", "expected a list"))?;
    let items = told.iter().zip(0usize..).map(|(one, number)| {
        let wrong = || fault(&number.to_string(), "not a reading").under("readings");
        read_one(one).ok_or_else(wrong)
    });
    Ok(Arc::new(Readings {
        items: items.collect::<Result<_, _>>()?,
        record: value.to_canonical(),
    }))
}

fn read_one(one: &Json<'_>) -> Option<Reading> {
    if one.as_object()?.len() != 7 {
        return None;
    }
    let text = |key: &str| match one.get(key)? {
        Json::Null => Some(None),
        other => Some(Some(other.as_str()?)),
    };
    let after = match text("when")?? {
        "before" => false,
        "after" => true,
        _ => return None,
    };
    let data = match text("data")? {
        None => None,
        Some(data) => Some(data.parse().ok()?),
    };
    Some(Reading {
        contract: parse_address(text("contract")??).ok()?,
        call: text("call")??.parse().ok()?,
        after,
        source: crate::text::display_safe(text("source")??, 64),
        at_ms: u64::try_from(one.get("at")?.as_int()?).ok()?,
        data,
        fault: text("fault")?.map(|fault| crate::text::display_safe(fault, 120)),
    })
}
