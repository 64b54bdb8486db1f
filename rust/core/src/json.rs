//! Strict, bounded JSON: one tree for everything that comes from outside.
//!
//! The tokenizer is `serde_json`'s; the visitor on top refuses what other parsers quietly repair:
//! duplicate keys, floats and exponents, `-0`, integers that a double cannot hold, NUL, a byte
//! order mark, bytes after the value. Depth, node count, string length and input size are bounded
//! before anything is built. Strings without escapes borrow from the input. [`Json::to_canonical`]
//! writes the RFC 8785 form.
//!
//! Requests are read by [`parse_exact`]: Python writes integers of any size, and typed data has them.

mod check;
mod exact;
mod parse;
mod write;

use crate::code::Detail;
use std::borrow::Cow;

pub(crate) use check::check;
pub use parse::{parse, parse_exact};
pub use write::{compare_keys, write_string};

/// The largest integer magnitude a JSON number may have: `2^53 - 1` (RFC 7493). Larger ones must be
/// strings.
pub const INTEGER_MAX: i64 = 9_007_199_254_740_991;

/// Bounds of one parse. A value at a bound passes, one above it is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the whole input.
    pub max_bytes: usize,
    /// Nesting of arrays and objects; never more than 120 whatever is asked.
    pub max_depth: usize,
    /// Values and members together.
    pub max_nodes: usize,
    /// Bytes of one string or key after unescaping.
    pub max_string: usize,
}

impl Limits {
    /// What an agent's request may be.
    pub const REQUEST: Self = Self {
        max_bytes: 1 << 20,
        max_depth: 32,
        max_nodes: 20_000,
        max_string: 1 << 20,
    };
}

/// Input that is not what it must be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text} at `{path}`")]
pub struct Malformed {
    /// Closed list: section "Malformed details" of `docs/policy/codes.md`.
    pub code: Detail,
    /// JSON pointer to the offending value (`/0/value`), display-safe; empty for the whole input.
    pub path: String,
    /// Words, lower case, without untrusted content.
    pub text: String,
}

impl Malformed {
    /// A fault of the value at `path`.
    pub fn new(code: Detail, path: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            code,
            path: path.into(),
            text: text.into(),
        }
    }

    /// The same fault, seen from the object that has the faulty value as member `key`.
    #[must_use]
    pub fn under(mut self, key: &str) -> Self {
        self.path = write::pointer_segment(key) + &self.path;
        self.path = crate::text::cut(self.path, PATH_CHARS_MAX);
        self
    }

    /// The same fault, seen from the array that has the faulty value at `index`.
    #[must_use]
    pub fn under_index(self, index: usize) -> Self {
        self.under(&index.to_string())
    }
}

const PATH_CHARS_MAX: usize = 256;

/// A parsed value. Objects keep the order they came in; keys are unique.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Json<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// An integer within [`INTEGER_MAX`].
    Int(i64),
    /// An integer beyond it, as it is written; only [`parse_exact`] makes these.
    Big(Cow<'a, str>),
    /// A string without NUL.
    Str(Cow<'a, str>),
    /// An array.
    Array(Vec<Json<'a>>),
    /// An object.
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
}

impl<'a> Json<'a> {
    /// The string, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        if let Self::Str(text) = self {
            Some(text)
        } else {
            None
        }
    }

    /// The integer, if it is one.
    pub const fn as_int(&self) -> Option<i64> {
        if let Self::Int(value) = self {
            Some(*value)
        } else {
            None
        }
    }

    /// The boolean, if it is one.
    pub const fn as_bool(&self) -> Option<bool> {
        if let Self::Bool(value) = self {
            Some(*value)
        } else {
            None
        }
    }

    /// The elements, if it is an array.
    pub fn as_array(&self) -> Option<&[Json<'a>]> {
        if let Self::Array(items) = self {
            Some(items)
        } else {
            None
        }
    }

    /// The members in the order they came, if it is an object.
    pub fn as_object(&self) -> Option<&[(Cow<'a, str>, Json<'a>)]> {
        if let Self::Object(members) = self {
            Some(members)
        } else {
            None
        }
    }

    /// The member of this name, if it is an object that has one. Linear in the number of members.
    pub fn get(&self, key: &str) -> Option<&Json<'a>> {
        self.as_object()?
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value)
    }

    /// Whether it is `null`.
    pub const fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// What it is, in a word for error texts.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Int(_) | Self::Big(_) => "an integer",
            Self::Str(_) => "a string",
            Self::Array(_) => "an array",
            Self::Object(_) => "an object",
        }
    }

    /// The same value without borrowed parts.
    pub fn into_owned(self) -> Json<'static> {
        match self {
            Self::Null => Json::Null,
            Self::Bool(value) => Json::Bool(value),
            Self::Int(value) => Json::Int(value),
            Self::Big(digits) => Json::Big(Cow::Owned(digits.into_owned())),
            Self::Str(text) => Json::Str(Cow::Owned(text.into_owned())),
            Self::Array(items) => Json::Array(items.into_iter().map(Json::into_owned).collect()),
            Self::Object(members) => Json::Object(
                members
                    .into_iter()
                    .map(|(key, value)| (Cow::Owned(key.into_owned()), value.into_owned()))
                    .collect(),
            ),
        }
    }
}
