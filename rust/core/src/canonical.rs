//! RFC 8785 (JSON Canonicalization Scheme) for the types records use: objects, arrays, strings,
//! booleans, null and integers within ±(2^53−1).
//!
//! Records are written straight into one buffer: no tree, no sorting at run time. [`Object`] asks
//! for its keys in order and checks that in debug builds; replay checks it in every build by
//! writing each record again.

use alloy_primitives::{hex, Address, B256, U256};

use crate::address::checksum;

/// The largest integer that every JSON reader keeps exactly (2^53−1).
pub const INTEGER_MAX: u64 = (1 << 53) - 1;

/// The key of a member as it stands in the text, comma before and colon behind, put together at
/// compile time: keys are a third of a record.
macro_rules! key {
    ($name:literal) => {
        $crate::canonical::Key(concat!(",\"", $name, "\":"))
    };
}
pub(crate) use key;

/// A key made by [`key!`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key(pub &'static str);

/// An object being written. Keys must come sorted, and [`Object::end`] must be called.
#[derive(Debug)]
#[must_use]
pub struct Object<'a> {
    out: &'a mut Vec<u8>,
    #[cfg(debug_assertions)]
    last: Option<Key>,
    empty: bool,
}

impl<'a> Object<'a> {
    /// Opens an object.
    #[inline]
    pub fn new(out: &'a mut Vec<u8>) -> Self {
        Self {
            out,
            #[cfg(debug_assertions)]
            last: None,
            empty: true,
        }
    }

    /// Writes a key; the caller writes its value into the buffer given back.
    #[inline(always)]
    pub fn key(&mut self, key: Key) -> &mut Vec<u8> {
        #[cfg(debug_assertions)]
        {
            assert!(self.last < Some(key), "{key:?} comes after {:?}", self.last);
            self.last = Some(key);
        }
        let start = self.out.len();
        self.out.extend_from_slice(key.0.as_bytes());
        if self.empty {
            self.empty = false;
            // In front of the first member the brace stands where others have their comma.
            if let Some(first) = self.out.get_mut(start) {
                *first = b'{';
            }
        }
        self.out
    }

    /// A string member.
    #[inline(always)]
    pub fn str(&mut self, key: Key, value: &str) {
        string(self.key(key), value);
    }

    /// A string member that has nothing to escape, such as a word of our own.
    #[inline(always)]
    pub fn plain(&mut self, key: Key, value: &str) {
        debug_assert!(value
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\'));
        let out = self.key(key);
        out.push(b'"');
        out.extend_from_slice(value.as_bytes());
        out.push(b'"');
    }

    /// A string member or null.
    #[inline(always)]
    pub fn opt_str(&mut self, key: Key, value: Option<&str>) {
        match value {
            Some(value) => self.str(key, value),
            None => self.null(key),
        }
    }

    /// An integer member; values over 2^53−1 are written as they are and refused on reading.
    #[inline(always)]
    pub fn u64(&mut self, key: Key, value: u64) {
        integer(self.key(key), value);
    }

    /// An integer member or null.
    #[inline(always)]
    pub fn opt_u64(&mut self, key: Key, value: Option<u64>) {
        match value {
            Some(value) => self.u64(key, value),
            None => self.null(key),
        }
    }

    /// A boolean member.
    #[inline(always)]
    pub fn bool(&mut self, key: Key, value: bool) {
        let text: &[u8] = if value { b"true" } else { b"false" };
        self.key(key).extend_from_slice(text);
    }

    /// A null member.
    #[inline(always)]
    pub fn null(&mut self, key: Key) {
        self.key(key).extend_from_slice(b"null");
    }

    /// Bytes as a `0x` string.
    #[inline(always)]
    pub fn hex(&mut self, key: Key, value: &[u8]) {
        hex_string(self.key(key), value);
    }

    /// A number of any size as a decimal string.
    #[inline(always)]
    pub fn decimal(&mut self, key: Key, value: U256) {
        decimal(self.key(key), value);
    }

    /// A member whose value is canonical JSON already.
    #[inline(always)]
    pub fn raw(&mut self, key: Key, json: &[u8]) {
        self.key(key).extend_from_slice(json);
    }

    /// Closes the object.
    #[inline(always)]
    pub fn end(self) {
        if self.empty {
            self.out.push(b'{');
        }
        self.out.push(b'}');
    }
}

/// Writes a list, one item at a time.
pub fn list<T>(
    out: &mut Vec<u8>,
    items: impl IntoIterator<Item = T>,
    mut write: impl FnMut(&mut Vec<u8>, T),
) {
    out.push(b'[');
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(out, item);
    }
    out.push(b']');
}

/// Writes a string with the escapes of RFC 8785 section 3.2.2.2.
pub fn string(out: &mut Vec<u8>, value: &str) {
    out.push(b'"');
    let bytes = value.as_bytes();
    // No early exit, so that many bytes are looked at at once.
    let special = |byte: u8| (byte < 0x20) | (byte == b'"') | (byte == b'\\');
    if !bytes
        .iter()
        .fold(false, |found, byte| found | special(*byte))
    {
        out.extend_from_slice(bytes);
    } else {
        for &byte in bytes {
            escaped(out, byte);
        }
    }
    out.push(b'"');
}

fn escaped(out: &mut Vec<u8>, byte: u8) {
    let short = match byte {
        b'"' | b'\\' => byte,
        0x08 => b'b',
        0x09 => b't',
        0x0a => b'n',
        0x0c => b'f',
        0x0d => b'r',
        0x00..=0x1f => {
            out.extend_from_slice(b"\\u00");
            out.extend_from_slice(hex::encode([byte]).as_bytes());
            return;
        }
        _ => {
            out.push(byte);
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

/// Writes an integer.
pub fn integer(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Writes bytes as a `0x` string.
pub fn hex_string(out: &mut Vec<u8>, value: &[u8]) {
    out.extend_from_slice(b"\"0x");
    let start = out.len();
    out.resize(start.saturating_add(value.len().saturating_mul(2)), 0);
    if let Some(tail) = out.get_mut(start..) {
        // The length fits by construction.
        let _ = hex::encode_to_slice(value, tail);
    }
    out.push(b'"');
}

/// Writes a number of any size as a decimal string.
pub fn decimal(out: &mut Vec<u8>, value: U256) {
    match u128::try_from(value) {
        Ok(small) => decimal_u128(out, small),
        Err(_) => string(out, &value.to_string()),
    }
}

/// Writes a number as a decimal string.
pub fn decimal_u128(out: &mut Vec<u8>, value: u128) {
    out.push(b'"');
    match u64::try_from(value) {
        Ok(small) => integer(out, small),
        Err(_) => out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes()),
    }
    out.push(b'"');
}

/// Writes an address with its EIP-55 checksum.
pub fn address(out: &mut Vec<u8>, value: &Address) {
    out.push(b'"');
    out.extend_from_slice(checksum(*value).as_ascii());
    out.push(b'"');
}

/// SHA-256 of a canonical text.
pub fn sha256(bytes: &[u8]) -> B256 {
    use sha2::{Digest, Sha256};
    B256::from(<[u8; 32]>::from(Sha256::digest(bytes)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn written(value: &str) -> String {
        let mut out = Vec::new();
        string(&mut out, value);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn strings_escape_what_rfc_8785_escapes_and_nothing_else() {
        assert_eq!(written("plain é 😀 / \u{7f}"), "\"plain é 😀 / \u{7f}\"");
        assert_eq!(written("\"\\\u{8}\t\n\u{c}\r"), r#""\"\\\b\t\n\f\r""#);
        assert_eq!(written("\u{0}\u{1b}\u{1f}"), r#""\u0000\u001b\u001f""#);
    }

    #[test]
    fn members_come_out_as_json() {
        let mut out = Vec::new();
        let mut object = Object::new(&mut out);
        object.u64(key!("a"), INTEGER_MAX);
        object.bool(key!("b"), true);
        object.null(key!("c"));
        object.hex(key!("d"), &[0, 255]);
        object.decimal(key!("e"), U256::MAX);
        list(object.key(key!("f")), [1, 2], integer);
        object.end();
        let expected = concat!(
            r#"{"a":9007199254740991,"b":true,"c":null,"d":"0x00ff","e":"#,
            r#""115792089237316195423570985008687907853269984665640564039457584007913129639935""#,
            r#","f":[1,2]}"#
        );
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
