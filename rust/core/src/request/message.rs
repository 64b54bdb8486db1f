//! Messages of `personal_sign` and `eth_sign`.

use alloy_primitives::{hex, Bytes};

use super::hex::{text, Fault};
use crate::code::Detail;
use crate::json::{Json, Malformed};

/// Longest message, in bytes.
const MESSAGE_BYTES_MAX: usize = 65_536;

/// The bytes to sign. `0x` hex counts as bytes and other text as its UTF-8, but what could be taken
/// for either is refused, and so are 32 bytes in any spelling: that is what a hash looks like.
pub(crate) fn parse(value: &Json<'_>) -> Result<Bytes, Malformed> {
    bytes(text(value).map_err(Fault::here)?).map_err(Fault::here)
}

fn bytes(text: &str) -> Result<Bytes, Fault> {
    const AMBIGUOUS: Fault = Fault::new(
        Detail::MessageAmbiguous,
        "hex bytes must be written with `0x`, and text must not look like hex",
    );
    if text.len() / 2 > MESSAGE_BYTES_MAX {
        return Err(Fault::new(
            Detail::MessageTooLarge,
            "the message is longer than 65536 bytes",
        ));
    }
    let message = if let Some(digits) = text.strip_prefix("0x") {
        if digits.starts_with("0x") {
            return Err(AMBIGUOUS);
        }
        hex::decode(digits).map_err(|_| AMBIGUOUS)?
    } else {
        let all_hex = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if text.starts_with("0X") || (all_hex && text.len().is_multiple_of(2)) {
            return Err(AMBIGUOUS);
        }
        text.as_bytes().to_vec()
    };
    match message.len() {
        0 => Err(Fault::new(Detail::MessageEmpty, "the message is empty")),
        32 => Err(Fault::new(
            Detail::RawHash,
            "Holdfast never signs a bare hash, and 32 bytes may be one",
        )),
        length if length > MESSAGE_BYTES_MAX => Err(Fault::new(
            Detail::MessageTooLarge,
            "the message is longer than 65536 bytes",
        )),
        _ => Ok(Bytes::from(message)),
    }
}
