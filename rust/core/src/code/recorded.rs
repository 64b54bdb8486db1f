//! A code in a record of the journal.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Closed;

/// A code as a record has it. Whatever this program makes is of its list; a record of another
/// version keeps the text it has, so that it is read, and written back byte for byte. Only reading
/// makes one of those.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recorded<C> {
    /// Of the list.
    Known(C),
    /// The text of another version.
    Other(Box<str>),
}

impl<C: Closed> Recorded<C> {
    /// What is written.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Known(code) => code.as_str(),
            Self::Other(text) => text,
        }
    }

    /// The code, if it is of the list.
    pub const fn known(&self) -> Option<C> {
        match self {
            Self::Known(code) => Some(*code),
            Self::Other(_) => None,
        }
    }
}

impl<C> From<C> for Recorded<C> {
    fn from(code: C) -> Self {
        Self::Known(code)
    }
}

impl<C: PartialEq> PartialEq<C> for Recorded<C> {
    fn eq(&self, other: &C) -> bool {
        matches!(self, Self::Known(code) if code == other)
    }
}

impl<C: Closed> Serialize for Recorded<C> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.as_str())
    }
}

impl<'de, C: Closed> Deserialize<'de> for Recorded<C> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        Ok(C::from_text(&text).map_or_else(|| Self::Other(text.into()), Self::Known))
    }
}
