//! Values of a document: checked against their types, hashed, and written in one spelling.

use std::borrow::Cow;

use alloy_primitives::{hex, keccak256, Address, B256, I256, U256};

use super::schema::{Kind, Schema};
use crate::address::checksum;
use crate::amount::decimal;
use crate::code::Detail;
use crate::json::{Json, Malformed, INTEGER_MAX};
use crate::request::hex::{any_address, bytes, parse_hex_digits, Fault, DATA_BYTES_MAX};

/// A value of an atomic type.
#[derive(Debug)]
pub(super) enum Leaf<'j> {
    Uint(U256),
    Int(I256),
    Bool(bool),
    Address(Address),
    /// One with a wrong EIP-55 checksum.
    DoubtfulAddress(Address),
    Bytes(Vec<u8>),
    FixedBytes(B256, usize),
    String(&'j str),
}

/// `hashStruct` of an object, and the object in one spelling.
pub(super) fn hash_struct<'j>(
    schema: &Schema<'j, '_>,
    index: usize,
    value: &'j Json<'_>,
) -> Result<(B256, Json<'j>), Malformed> {
    let Some(definition) = schema.get(index) else {
        return Err(Malformed::new(Detail::TypedTypes, "", "unknown type"));
    };
    let Some(found) = value.as_object() else {
        let text = format!("expected an object, not {}", value.kind());
        return Err(Malformed::new(Detail::TypedValue, "", text));
    };
    let declared = |key: &str| definition.fields.iter().any(|field| field.name == key);
    if let Some((key, _)) = found.iter().find(|(key, _)| !declared(key)) {
        return Err(Malformed::new(Detail::TypedExtra, "", "not a member of this type").under(key));
    }
    let mut words =
        Vec::with_capacity(definition.fields.len().saturating_add(1).saturating_mul(32));
    words.extend_from_slice(definition.type_hash.as_slice());
    let mut members = Vec::with_capacity(definition.fields.len());
    for field in &definition.fields {
        let Some(member) = value.get(field.name) else {
            let text = "a member of this type is missing";
            return Err(Malformed::new(Detail::TypedMissing, "", text).under(field.name));
        };
        let (word, spelled) =
            word(schema, &field.kind, member).map_err(|fault| fault.under(field.name))?;
        words.extend_from_slice(word.as_slice());
        members.push((Cow::Borrowed(field.name), spelled));
    }
    Ok((keccak256(words), Json::Object(members)))
}

/// The 32 bytes that stand for a value in `encodeData`, and the value in one spelling.
fn word<'j>(
    schema: &Schema<'j, '_>,
    kind: &Kind,
    value: &'j Json<'_>,
) -> Result<(B256, Json<'j>), Malformed> {
    match kind {
        Kind::Struct(index) => hash_struct(schema, *index, value),
        Kind::Array(item, length) => hash_array(schema, item, *length, value),
        atomic => {
            let leaf = leaf(atomic, value)?;
            if matches!(leaf, Leaf::DoubtfulAddress(_)) {
                schema.doubt();
            }
            Ok((leaf.word(), leaf.to_json()))
        }
    }
}

fn hash_array<'j>(
    schema: &Schema<'j, '_>,
    item: &Kind,
    length: Option<usize>,
    value: &'j Json<'_>,
) -> Result<(B256, Json<'j>), Malformed> {
    let Some(items) = value.as_array() else {
        let text = format!("expected an array, not {}", value.kind());
        return Err(Malformed::new(Detail::TypedValue, "", text));
    };
    if length.is_some_and(|length| length != items.len()) {
        return Err(Malformed::new(
            Detail::TypedValue,
            "",
            "the array has another length",
        ));
    }
    let mut words = Vec::with_capacity(items.len().saturating_mul(32));
    let mut spelled = Vec::with_capacity(items.len());
    for (index, value) in items.iter().enumerate() {
        let (hash, json) = word(schema, item, value).map_err(|fault| fault.under_index(index))?;
        words.extend_from_slice(hash.as_slice());
        spelled.push(json);
    }
    Ok((keccak256(words), Json::Array(spelled)))
}

/// Reads a value of an atomic type.
pub(super) fn leaf<'j>(kind: &Kind, value: &'j Json<'_>) -> Result<Leaf<'j>, Malformed> {
    read_leaf(kind, value).map_err(Fault::here)
}

fn read_leaf<'j>(kind: &Kind, value: &'j Json<'_>) -> Result<Leaf<'j>, Fault> {
    let text = || value.as_str().ok_or(WRONG_TYPE);
    match kind {
        Kind::Uint(bits) => uint(*bits, value).map(Leaf::Uint),
        Kind::Int(bits) => int(*bits, value).map(Leaf::Int),
        Kind::Bool => value.as_bool().map(Leaf::Bool).ok_or(WRONG_TYPE),
        Kind::Address => any_address(text()?).map(|(address, sound)| {
            if sound {
                Leaf::Address(address)
            } else {
                Leaf::DoubtfulAddress(address)
            }
        }),
        Kind::Bytes => bytes(text()?, DATA_BYTES_MAX).map(Leaf::Bytes),
        Kind::FixedBytes(length) => {
            let raw = bytes(text()?, 32)?;
            if raw.len() != *length {
                return Err(Fault::new(
                    Detail::TypedRange,
                    "not as many bytes as the type has",
                ));
            }
            Ok(Leaf::FixedBytes(B256::right_padding_from(&raw), *length))
        }
        Kind::String => text().map(Leaf::String),
        Kind::Struct(_) | Kind::Array(..) => Err(WRONG_TYPE),
    }
}

const WRONG_TYPE: Fault = Fault::new(Detail::TypedValue, "not a value of the declared type");
const OUT_OF_RANGE: Fault = Fault::new(
    Detail::TypedRange,
    "the number does not fit the declared type",
);

/// A number that is not negative: a JSON integer of any size, or a decimal or `0x` string.
fn uint(bits: usize, value: &Json<'_>) -> Result<U256, Fault> {
    let number = match value {
        Json::Int(number) => u64::try_from(*number)
            .map(U256::from)
            .map_err(|_| OUT_OF_RANGE)?,
        Json::Big(text) if text.starts_with('-') => return Err(OUT_OF_RANGE),
        Json::Big(text) | Json::Str(text) => magnitude(text)?,
        _ => return Err(WRONG_TYPE),
    };
    if number.bit_len() > bits {
        return Err(OUT_OF_RANGE);
    }
    Ok(number)
}

fn int(bits: usize, value: &Json<'_>) -> Result<I256, Fault> {
    let (negative, size) = match value {
        Json::Int(number) => (*number < 0, U256::from(number.unsigned_abs())),
        Json::Big(text) | Json::Str(text) => match text.strip_prefix('-') {
            Some(digits) if digits == "0" || digits.starts_with("0x") => return Err(WRONG_TYPE),
            Some(digits) => (true, magnitude(digits)?),
            None => (false, magnitude(text)?),
        },
        _ => return Err(WRONG_TYPE),
    };
    // Two's complement: from -2^(bits-1) to 2^(bits-1) - 1.
    let fits = if negative {
        size.checked_sub(U256::ONE)
            .is_some_and(|below| below.bit_len() < bits)
    } else {
        size.bit_len() < bits
    };
    let raw = if negative { size.wrapping_neg() } else { size };
    if fits {
        Ok(I256::from_raw(raw))
    } else {
        Err(OUT_OF_RANGE)
    }
}

fn magnitude(text: &str) -> Result<U256, Fault> {
    if let Some(digits) = text.strip_prefix("0x") {
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(WRONG_TYPE);
        }
        return parse_hex_digits(digits).ok_or(OUT_OF_RANGE);
    }
    let superfluous_zero = text.len() > 1 && text.starts_with('0');
    if text.is_empty() || superfluous_zero || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(WRONG_TYPE);
    }
    U256::from_str_radix(text, 10).map_err(|_| OUT_OF_RANGE)
}

/// The number as a JSON integer, if it is one a double can hold.
pub(super) fn small_integer(number: u64) -> Option<Json<'static>> {
    i64::try_from(number)
        .ok()
        .filter(|number| *number <= INTEGER_MAX)
        .map(Json::Int)
}

impl<'j> Leaf<'j> {
    fn word(&self) -> B256 {
        match self {
            Self::Uint(number) => B256::from(*number),
            Self::Int(number) => B256::from(number.into_raw()),
            Self::Bool(value) => B256::with_last_byte(u8::from(*value)),
            Self::Address(address) | Self::DoubtfulAddress(address) => address.into_word(),
            Self::Bytes(raw) => keccak256(raw),
            Self::FixedBytes(word, _) => *word,
            Self::String(text) => keccak256(text.as_bytes()),
        }
    }

    fn to_json(&self) -> Json<'j> {
        Json::Str(Cow::Owned(match self {
            Self::Bool(value) => return Json::Bool(*value),
            Self::String(text) => return Json::Str(Cow::Borrowed(text)),
            Self::Uint(number) => decimal(*number),
            Self::Int(number) => number.to_string(),
            Self::Address(address) => checksum(*address).to_string(),
            Self::DoubtfulAddress(address) => hex::encode_prefixed(address),
            Self::Bytes(raw) => hex::encode_prefixed(raw),
            Self::FixedBytes(word, length) => {
                hex::encode_prefixed(word.get(..*length).unwrap_or_default())
            }
        }))
    }
}
