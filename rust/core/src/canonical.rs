//! RFC 8785 (JSON Canonicalization Scheme) for the types records use: objects, arrays, strings, booleans, null and
//! integers within ±(2^53−1).
//!
//! Records are written straight into one buffer: no tree, no sorting at run time. [`Object`] asks for its keys in order
//! and checks that in debug builds; replay checks it in every build by writing each record again.

use std::cell::RefCell;

use alloy_primitives::{hex, Address, B256, U256};

/// The largest integer that every JSON reader keeps exactly (2^53−1).
pub const INTEGER_MAX: u64 = (1 << 53) - 1;

/// An object being written. Keys must come sorted, and [`Object::end`] must be called.
#[derive(Debug)]
#[must_use]
pub struct Object<'a> {
    out: &'a mut Vec<u8>,
    last: &'static str,
}

impl<'a> Object<'a> {
    /// Opens an object.
    pub fn new(out: &'a mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, last: "" }
    }

    /// Writes a key; the caller writes its value into the buffer given back.
    pub fn key(&mut self, key: &'static str) -> &mut Vec<u8> {
        debug_assert!(
            self.last < key,
            "`{key}` does not come after `{}`",
            self.last
        );
        if !self.last.is_empty() {
            self.out.push(b',');
        }
        self.last = key;
        self.out.push(b'"');
        self.out.extend_from_slice(key.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.out
    }

    /// A string member.
    pub fn str(&mut self, key: &'static str, value: &str) {
        string(self.key(key), value);
    }

    /// A string member or null.
    pub fn opt_str(&mut self, key: &'static str, value: Option<&str>) {
        match value {
            Some(value) => self.str(key, value),
            None => self.null(key),
        }
    }

    /// An integer member; values over 2^53−1 are written as they are and refused on reading.
    pub fn u64(&mut self, key: &'static str, value: u64) {
        integer(self.key(key), value);
    }

    /// An integer member or null.
    pub fn opt_u64(&mut self, key: &'static str, value: Option<u64>) {
        match value {
            Some(value) => self.u64(key, value),
            None => self.null(key),
        }
    }

    /// A boolean member.
    pub fn bool(&mut self, key: &'static str, value: bool) {
        let text: &[u8] = if value { b"true" } else { b"false" };
        self.key(key).extend_from_slice(text);
    }

    /// A null member.
    pub fn null(&mut self, key: &'static str) {
        self.key(key).extend_from_slice(b"null");
    }

    /// Bytes as a `0x` string.
    pub fn hex(&mut self, key: &'static str, value: &[u8]) {
        hex_string(self.key(key), value);
    }

    /// A number of any size as a decimal string.
    pub fn decimal(&mut self, key: &'static str, value: U256) {
        decimal(self.key(key), value);
    }

    /// A member whose value is canonical JSON already.
    pub fn raw(&mut self, key: &'static str, json: &[u8]) {
        self.key(key).extend_from_slice(json);
    }

    /// Closes the object.
    pub fn end(self) {
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
    if bytes
        .iter()
        .all(|&byte| byte >= 0x20 && byte != b'"' && byte != b'\\')
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
    out.push(b'"');
    match u128::try_from(value) {
        Ok(small) => out.extend_from_slice(itoa::Buffer::new().format(small).as_bytes()),
        Err(_) => out.extend_from_slice(value.to_string().as_bytes()),
    }
    out.push(b'"');
}

/// Writes an address with its EIP-55 checksum.
pub fn address(out: &mut Vec<u8>, value: &Address) {
    string(out, &checksum(value));
}

/// An address with its EIP-55 checksum.
///
/// A checksum costs a Keccak, and one record names the same few addresses many times, so the last ones are remembered,
/// each in the one slot its last byte points to. What is given back never depends on the memo.
pub fn checksum(address: &Address) -> Checksummed {
    thread_local! {
        static MEMO: RefCell<[Option<(Address, Checksummed)>; 256]> =
            const { RefCell::new([None; 256]) };
    }
    let compute = || Checksummed::new(address);
    MEMO.with(|memo| {
        let Ok(mut memo) = memo.try_borrow_mut() else {
            return compute();
        };
        let Some(slot) = memo.get_mut(usize::from(address.last().copied().unwrap_or_default()))
        else {
            return compute();
        };
        match slot {
            Some((known, text)) if known == address => *text,
            _ => slot.insert((*address, compute())).1,
        }
    })
}

/// The 42 ASCII characters of a checksummed address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checksummed([u8; 42]);

impl Checksummed {
    fn new(address: &Address) -> Self {
        let mut text = [0; 42];
        let buffer = address.to_checksum_buffer(None);
        text.copy_from_slice(buffer.as_str().as_bytes());
        Self(text)
    }
}

impl std::ops::Deref for Checksummed {
    type Target = str;

    fn deref(&self) -> &str {
        // Always ASCII, so never the default.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
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
        object.u64("a", INTEGER_MAX);
        object.bool("b", true);
        object.null("c");
        object.hex("d", &[0, 255]);
        object.decimal("e", U256::MAX);
        list(object.key("f"), [1, 2], integer);
        object.end();
        let expected = concat!(
            r#"{"a":9007199254740991,"b":true,"c":null,"d":"0x00ff","e":"#,
            r#""115792089237316195423570985008687907853269984665640564039457584007913129639935""#,
            r#","f":[1,2]}"#
        );
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
