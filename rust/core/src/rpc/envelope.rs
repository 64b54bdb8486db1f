//! Frames to calls.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// Calls in one batch; a larger one is refused as a whole.
pub const BATCH_CALLS_MAX: usize = 100;
/// The JSON-RPC code of something that is not a request.
pub const INVALID_REQUEST: i32 = -32600;
/// The JSON-RPC code of something that is not JSON.
pub const PARSE_ERROR: i32 = -32700;
/// Bytes of an id as written. Ours to remember until the answer, so it must be short.
const ID_BYTES_MAX: usize = 256;
const METHOD_BYTES_MAX: usize = 128;

/// One JSON-RPC call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The id exactly as it came (JSON); `None` for a notification.
    pub id_json: Option<Vec<u8>>,
    /// The method name; empty with an error.
    pub method: String,
    /// JSON of `params`, an array or object; `[]` if absent. Well-formed, but not yet judged by
    /// [`crate::json`].
    pub params: Vec<u8>,
    /// Set when this is not a request at all.
    pub error: Option<(i32, String)>,
}

impl Call {
    fn invalid(id_json: Option<&str>, text: &str) -> Self {
        Self::fault(INVALID_REQUEST, id_json, text)
    }

    fn fault(code: i32, id_json: Option<&str>, text: &str) -> Self {
        Self {
            id_json: Some(id_json.unwrap_or("null").as_bytes().to_vec()),
            method: String::new(),
            params: b"[]".to_vec(),
            error: Some((code, text.to_owned())),
        }
    }

    /// Of what could not be read: it is no JSON, or none of a call.
    fn unread(error: &serde_json::Error) -> Self {
        if error.is_syntax() || error.is_eof() {
            return Self::fault(PARSE_ERROR, None, "the request is not JSON");
        }
        Self::invalid(None, "the request is not a JSON-RPC object")
    }
}

/// The calls of a frame, and whether it is a batch (then the answer is an array). Garbage is one
/// call with an error and id null. An empty batch and one with more than [`BATCH_CALLS_MAX`] calls
/// are answered by one error, not an array.
pub fn parse_frame(frame: &[u8]) -> (bool, Vec<Call>) {
    let Ok(text) = std::str::from_utf8(frame) else {
        let call = Call::fault(PARSE_ERROR, None, "the request is not UTF-8");
        return (false, vec![call]);
    };
    let text = text.trim_ascii();
    if !text.starts_with('[') {
        return (false, vec![parse_call(text)]);
    }
    let mut tokens = serde_json::Deserializer::from_str(text);
    let elements = tokens
        .deserialize_seq(Elements)
        .and_then(|found| tokens.end().map(|()| found));
    match elements {
        Ok(elements) if elements.is_empty() => {
            (false, vec![Call::invalid(None, "the batch is empty")])
        }
        Ok(elements) if elements.len() > BATCH_CALLS_MAX => (
            false,
            vec![Call::invalid(None, "too many calls in one batch")],
        ),
        Ok(elements) => (
            true,
            elements.iter().map(|raw| parse_call(raw.get())).collect(),
        ),
        Err(error) => (false, vec![Call::unread(&error)]),
    }
}

fn parse_call(text: &str) -> Call {
    let mut tokens = serde_json::Deserializer::from_str(text);
    let parsed = tokens
        .deserialize_map(Members)
        .and_then(|found| tokens.end().map(|()| found));
    match parsed {
        Ok(envelope) => envelope.into_call(),
        Err(error) => Call::unread(&error),
    }
}

/// The raw elements of a batch, at most one more than allowed.
struct Elements;

impl<'de> Visitor<'de> for Elements {
    type Value = Vec<&'de RawValue>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a batch")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut elements = Vec::new();
        while let Some(raw) = items.next_element::<&RawValue>()? {
            if elements.len() > BATCH_CALLS_MAX {
                continue;
            }
            elements.push(raw);
        }
        Ok(elements)
    }
}

#[derive(Default)]
struct Envelope<'de> {
    version: Option<&'de RawValue>,
    id: Option<&'de RawValue>,
    method: Option<&'de RawValue>,
    params: Option<&'de RawValue>,
    repeated: bool,
}

/// The members of one call. Other members carry no meaning here and are passed over.
struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Envelope<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON-RPC object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Envelope<'de>, A::Error> {
        let mut envelope = Envelope::default();
        while let Some(key) = entries.next_key_seed(Key)? {
            let slot = match key.as_ref() {
                "jsonrpc" => &mut envelope.version,
                "id" => &mut envelope.id,
                "method" => &mut envelope.method,
                "params" => &mut envelope.params,
                _ => {
                    entries.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            let raw: &RawValue = entries.next_value()?;
            envelope.repeated |= slot.replace(raw).is_some();
        }
        Ok(envelope)
    }
}

impl Envelope<'_> {
    fn into_call(self) -> Call {
        if self.repeated {
            return Call::invalid(None, "a member of the request occurs twice");
        }
        let id = self.id.map(RawValue::get);
        if !id.is_none_or(is_id) {
            return Call::invalid(None, "the id must be a short string, an integer or null");
        }
        if self
            .version
            .is_none_or(|version| version.get() != "\"2.0\"")
        {
            return Call::invalid(id, "`jsonrpc` must be \"2.0\"");
        }
        let method = self
            .method
            .and_then(|raw| serde_json::from_str::<String>(raw.get()).ok());
        let Some(method) = method.filter(|m| !m.is_empty() && m.len() <= METHOD_BYTES_MAX) else {
            return Call::invalid(id, "`method` must be a short string");
        };
        let params = self.params.map_or("[]", RawValue::get);
        if !params.starts_with(['[', '{']) {
            return Call::invalid(id, "`params` must be an array or an object");
        }
        Call {
            id_json: id.map(|id| id.as_bytes().to_vec()),
            method,
            params: params.as_bytes().to_vec(),
            error: None,
        }
    }
}

/// A string, an integer or null, as JSON text. Fractions and exponents have no one spelling to
/// echo.
fn is_id(raw: &str) -> bool {
    let is_integer = || {
        let digits = raw.strip_prefix('-').unwrap_or(raw);
        digits.bytes().all(|byte| byte.is_ascii_digit())
    };
    // A raw string is well-formed in its bytes only: a lone surrogate escape shows when it is read.
    let is_string = || raw.starts_with('"') && serde_json::from_str::<Cow<'_, str>>(raw).is_ok();
    raw.len() <= ID_BYTES_MAX && (raw == "null" || is_string() || is_integer())
}

struct Key;

impl<'de> serde::de::DeserializeSeed<'de> for Key {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Cow<'de, str>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a key")
    }

    fn visit_borrowed_str<E: Error>(self, value: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(value.to_owned()))
    }
}
