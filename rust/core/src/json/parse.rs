//! From bytes to [`Json`], strictly.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::exact::{Exact, LONG_FROM};
use super::{Json, Limits, Malformed, INTEGER_MAX};
use crate::code::Detail;

/// `serde_json` itself stops at 128; staying below it keeps the code of the fault ours.
const DEPTH_CEILING: usize = 120;
/// Up to here comparing every pair of keys is faster than a set.
const PAIRWISE_KEYS_MAX: usize = 12;

/// Parses one JSON value that fills all of `bytes` (white space around it is fine).
///
/// # Errors
/// `json_too_large`, `json_bom`, `json_utf8`, `json_syntax`, `json_number`, `json_duplicate_key`,
/// `json_nul`, `json_string`, `json_depth`, `json_nodes`, `json_trailing`, with the JSON pointer of
/// the value where it was noticed.
pub fn parse<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Json<'a>, Malformed> {
    parse_with(text(bytes, limits)?, limits, None)
}

/// The same, and integers beyond 2^53-1 as [`Json::Big`]: exact as they are written, with at most
/// 78 digits. Most input has none and is read once.
///
/// # Errors
/// As [`parse`]; `json_number` still for fractions, exponents and `-0`.
pub fn parse_exact<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Json<'a>, Malformed> {
    let text = text(bytes, limits)?;
    match parse_with(text, limits, None) {
        Err(fault) if fault.code == Detail::JsonNumber => {
            parse_with(text, limits, Some(Exact::scan(text)))
        }
        done => done,
    }
}

fn text<'a>(bytes: &'a [u8], limits: &Limits) -> Result<&'a str, Malformed> {
    if bytes.len() > limits.max_bytes {
        return Err(Malformed::new(
            Detail::JsonTooLarge,
            "",
            "the JSON text is too large",
        ));
    }
    if bytes.starts_with(b"\xef\xbb\xbf") {
        return Err(Malformed::new(
            Detail::JsonBom,
            "",
            "the JSON text starts with a byte order mark",
        ));
    }
    std::str::from_utf8(bytes)
        .map_err(|_| Malformed::new(Detail::JsonUtf8, "", "the JSON text is not UTF-8"))
}

fn parse_with<'a>(
    text: &'a str,
    limits: &Limits,
    exact: Option<Exact<'a>>,
) -> Result<Json<'a>, Malformed> {
    let mut state = State {
        limits: *limits,
        exact,
        nodes: 0,
        fault: None,
        path: Vec::new(),
    };
    let mut tokens = serde_json::Deserializer::from_str(text);
    let seed = Seed {
        state: &mut state,
        depth: 0,
    };
    match seed.deserialize(&mut tokens) {
        Ok(value) => match tokens.end() {
            Ok(()) => Ok(value),
            Err(_) => Err(Malformed::new(
                Detail::JsonTrailing,
                "",
                "bytes after the JSON value",
            )),
        },
        Err(error) => Err(state.into_malformed(&error)),
    }
}

struct State<'a> {
    limits: Limits,
    /// The literals of the text that a number of the tokenizer cannot stand for, if they are wanted.
    exact: Option<Exact<'a>>,
    nodes: usize,
    fault: Option<(Detail, &'static str)>,
    /// Segments from the innermost outwards, filled only while an error unwinds.
    path: Vec<String>,
}

impl<'a> State<'a> {
    fn refuse<E: Error>(&mut self, code: Detail, text: &'static str) -> E {
        self.fault = Some((code, text));
        E::custom(text)
    }

    fn count<E: Error>(&mut self) -> Result<(), E> {
        self.nodes = self.nodes.saturating_add(1);
        if self.nodes > self.limits.max_nodes {
            return Err(self.refuse(Detail::JsonNodes, "too many values"));
        }
        Ok(())
    }

    fn check_string<E: Error>(&mut self, text: &str) -> Result<(), E> {
        if text.len() > self.limits.max_string {
            return Err(self.refuse(Detail::JsonString, "a string is too long"));
        }
        if text.as_bytes().contains(&0) {
            return Err(self.refuse(Detail::JsonNul, "a string holds a NUL character"));
        }
        Ok(())
    }

    fn integer<E: Error>(&mut self, value: Option<i64>) -> Result<Json<'a>, E> {
        match value {
            Some(value) if (-INTEGER_MAX..=INTEGER_MAX).contains(&value) => {
                if value.unsigned_abs() >= LONG_FROM {
                    // It has its place in the list, though its literal is not needed.
                    self.exact.as_mut().map(Exact::take);
                }
                Ok(Json::Int(value))
            }
            _ => self.long("integers beyond 2^53-1 must be strings"),
        }
    }

    /// A number that is none of ours, unless its literal is an integer.
    fn long<E: Error>(&mut self, text: &'static str) -> Result<Json<'a>, E> {
        match self.exact.as_mut().map(Exact::take) {
            None | Some(None) => Err(self.refuse(Detail::JsonNumber, text)),
            Some(Some(literal)) => Ok(Json::Big(Cow::Borrowed(literal))),
        }
    }

    fn into_malformed(self, error: &serde_json::Error) -> Malformed {
        let (code, text) = self
            .fault
            .map_or_else(|| syntax(error), |(c, t)| (c, t.to_owned()));
        self.path
            .iter()
            .fold(Malformed::new(code, "", text), |fault, segment| {
                fault.under(segment)
            })
    }
}

/// The tokenizer's own refusals. Its words name no input, only a place.
fn syntax(error: &serde_json::Error) -> (Detail, String) {
    let words = error.to_string();
    let code = if words.starts_with("number out of range") || words.starts_with("invalid number") {
        Detail::JsonNumber
    } else if words.starts_with("recursion limit") {
        Detail::JsonDepth
    } else {
        Detail::JsonSyntax
    };
    (code, words)
}

struct Seed<'s, 'de> {
    state: &'s mut State<'de>,
    depth: usize,
}

impl Seed<'_, '_> {
    fn enter<E: Error>(&mut self) -> Result<usize, E> {
        let depth = self.depth.saturating_add(1);
        if depth > self.state.limits.max_depth.min(DEPTH_CEILING) {
            return Err(self.state.refuse(Detail::JsonDepth, "nested too deeply"));
        }
        Ok(depth)
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_, 'de> {
    type Value = Json<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_, 'de> {
    type Value = Json<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Json<'de>, E> {
        self.state.count()?;
        Ok(Json::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Json<'de>, E> {
        self.state.count()?;
        Ok(Json::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Json<'de>, E> {
        self.state.count()?;
        self.state.integer(Some(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Json<'de>, E> {
        self.state.count()?;
        self.state.integer(i64::try_from(value).ok())
    }

    fn visit_f64<E: Error>(self, _value: f64) -> Result<Json<'de>, E> {
        self.state.count()?;
        self.state.long("only plain integers are numbers here")
    }

    fn visit_borrowed_str<E: Error>(self, value: &'de str) -> Result<Json<'de>, E> {
        self.state.count()?;
        self.state.check_string(value)?;
        Ok(Json::Str(Cow::Borrowed(value)))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Json<'de>, E> {
        self.state.count()?;
        self.state.check_string(value)?;
        Ok(Json::Str(Cow::Owned(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<Json<'de>, A::Error> {
        self.state.count()?;
        let depth = self.enter()?;
        let mut values = Vec::new();
        loop {
            match items.next_element_seed(Seed {
                state: &mut *self.state,
                depth,
            }) {
                Ok(Some(value)) => values.push(value),
                Ok(None) => return Ok(Json::Array(values)),
                Err(error) => {
                    self.state.path.push(values.len().to_string());
                    return Err(error);
                }
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut entries: A) -> Result<Json<'de>, A::Error> {
        self.state.count()?;
        let depth = self.enter()?;
        let mut members: Vec<(Cow<'de, str>, Json<'de>)> = Vec::with_capacity(8);
        let mut seen: HashSet<Cow<'de, str>> = HashSet::new();
        while let Some(key) = entries.next_key_seed(Key {
            state: &mut *self.state,
        })? {
            let duplicate = if members.len() < PAIRWISE_KEYS_MAX {
                members.iter().any(|(name, _)| *name == key)
            } else {
                if seen.is_empty() {
                    seen.extend(members.iter().map(|(name, _)| name.clone()));
                }
                !seen.insert(key.clone())
            };
            if duplicate {
                self.state.path.push(key.into_owned());
                return Err(self
                    .state
                    .refuse(Detail::JsonDuplicateKey, "a key occurs twice"));
            }
            match entries.next_value_seed(Seed {
                state: &mut *self.state,
                depth,
            }) {
                Ok(value) => members.push((key, value)),
                Err(error) => {
                    self.state.path.push(key.into_owned());
                    return Err(error);
                }
            }
        }
        Ok(Json::Object(members))
    }
}

struct Key<'s, 'de> {
    state: &'s mut State<'de>,
}

impl<'de> DeserializeSeed<'de> for Key<'_, 'de> {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key<'_, 'de> {
    type Value = Cow<'de, str>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a key")
    }

    fn visit_borrowed_str<E: Error>(self, value: &'de str) -> Result<Self::Value, E> {
        self.state.check_string(value)?;
        Ok(Cow::Borrowed(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Self::Value, E> {
        self.state.check_string(value)?;
        Ok(Cow::Owned(value.to_owned()))
    }
}
