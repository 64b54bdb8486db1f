//! How the types of other modules are written in records: amounts as decimal strings, addresses
//! with their checksum, members in the order of their names.

use std::borrow::Cow;

use alloy_primitives::{Address, U256};
use serde::{de, Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use super::data::{Id, Scope};
use crate::address::checksum;
use crate::policy::{method_name, method_of};
use crate::request::Method;

/// JSON that is canonical already and is carried as it is.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Raw(Box<RawValue>);

impl Raw {
    /// Takes canonical JSON; `null` if it is not JSON.
    pub fn new(canonical: String) -> Self {
        Self(RawValue::from_string(canonical).unwrap_or_else(|_| RawValue::NULL.to_owned()))
    }

    /// The JSON.
    pub fn get(&self) -> &str {
        self.0.get()
    }
}

impl PartialEq for Raw {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

/// Gives `serialize` and `deserialize` for a text form: `$text` writes it, `$read` reads it back.
macro_rules! text_form {
    ($(#[$doc:meta])* $name:ident, $type:ty, $text:expr, $read:expr, $what:literal) => {
        $(#[$doc])*
        #[allow(dead_code)]
        pub mod $name {
            use super::*;

            /// Writes it.
            pub fn serialize<S: Serializer>(value: &$type, to: S) -> Result<S::Ok, S::Error> {
                let write: fn(&$type, S) -> Result<S::Ok, S::Error> = $text;
                write(value, to)
            }

            /// Reads it back.
            pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<$type, D::Error> {
                let text = Cow::<str>::deserialize(from)?;
                let read: fn(&str) -> Option<$type> = $read;
                read(&text).ok_or_else(|| de::Error::custom(concat!("not ", $what)))
            }
        }
    };
}

text_form!(
    /// `r<seq>`
    id, Id, |value, to| to.collect_str(value), |text| text.parse().ok(), "a request id"
);
text_form!(
    /// A 256-bit number as a decimal string.
    decimal, U256, |value, to| write_decimal(*value, to), read_decimal, "a decimal number"
);
text_form!(
    /// A 128-bit number as a decimal string.
    u128, u128, |value, to| to.serialize_str(itoa::Buffer::new().format(*value)),
    |text| u128::try_from(read_decimal(text)?).ok(), "a decimal number"
);
text_form!(
    /// An address with its EIP-55 checksum.
    eip55, Address, |value, to| to.serialize_str(&checksum(*value)),
    |text| Address::parse_checksummed(text, None).ok(), "a checksummed address"
);
text_form!(
    /// A wallet method by its JSON-RPC name.
    method, Method, |value, to| to.serialize_str(method_name(*value)),
    method_of, "a wallet method"
);

/// Gives the form of an optional value from the form of the value.
macro_rules! option_form {
    ($(#[$doc:meta])* $name:ident, $form:ident, $form_name:literal, $type:ty) => {
        $(#[$doc])*
        #[allow(dead_code)]
        pub mod $name {
            use super::*;

            #[derive(Serialize, Deserialize)]
            struct One(#[serde(with = $form_name)] $type);

            /// Writes it or null.
            pub fn serialize<S: Serializer>(
                value: &Option<$type>,
                to: S,
            ) -> Result<S::Ok, S::Error> {
                match value {
                    Some(value) => super::$form::serialize(value, to),
                    None => to.serialize_none(),
                }
            }

            /// Reads it back.
            pub fn deserialize<'de, D: Deserializer<'de>>(
                from: D,
            ) -> Result<Option<$type>, D::Error> {
                Ok(Option::<One>::deserialize(from)?.map(|one| one.0))
            }
        }
    };
}

option_form!(
    /// `decimal` or null.
    decimal_option, decimal, "super::decimal", U256
);
option_form!(
    /// `u128` or null.
    u128_option, u128, "super::u128", u128
);
option_form!(
    /// `eip55` or null.
    eip55_option, eip55, "super::eip55", Address
);

fn write_decimal<S: Serializer>(value: U256, to: S) -> Result<S::Ok, S::Error> {
    match u128::try_from(value) {
        Ok(small) => to.serialize_str(itoa::Buffer::new().format(small)),
        Err(_) => to.collect_str(&value),
    }
}

fn read_decimal(text: &str) -> Option<U256> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if plain {
        U256::from_str_radix(text, 10).ok()
    } else {
        None
    }
}

/// A list of ids.
pub mod ids {
    use super::*;

    #[derive(Serialize, Deserialize)]
    struct One(#[serde(with = "super::id")] Id);

    /// Writes it.
    pub fn serialize<S: Serializer>(value: &[Id], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(value.iter().map(|id| One(*id)))
    }

    /// Reads it back.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Id>, D::Error> {
        Ok(Vec::<One>::deserialize(from)?
            .into_iter()
            .map(|one| one.0)
            .collect())
    }
}

/// `{kind, id?}`: an agent by its id, a wallet by its address.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ScopeJson<'a> {
    #[serde(default, skip_serializing_if = "Option::is_none", borrow)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    kind: Cow<'a, str>,
}

impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let (kind, id) = match self {
            Self::Everything => ("everything", None),
            Self::Agent(id) => ("agent", Some(Cow::Borrowed(id.as_str()))),
            Self::Wallet(address) => ("wallet", Some(Cow::Owned(address.to_checksum(None)))),
        };
        ScopeJson {
            id,
            kind: kind.into(),
        }
        .serialize(to)
    }
}

impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let json = ScopeJson::deserialize(from)?;
        match (json.kind.as_ref(), json.id) {
            ("everything", None) => Ok(Self::Everything),
            ("agent", Some(id)) => Ok(Self::Agent(id.into_owned())),
            ("wallet", Some(id)) => Address::parse_checksummed(id.as_ref(), None)
                .map(Self::Wallet)
                .map_err(|_| de::Error::custom("not a checksummed address")),
            _ => Err(de::Error::custom("not a scope")),
        }
    }
}
