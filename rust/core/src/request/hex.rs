//! Hex strings of JSON-RPC: quantities, data and addresses.

use alloy_primitives::{hex, Address, Bytes, U256};

use crate::address::checksum;
use crate::chain::ChainId;
use crate::code::Detail;
use crate::json::{Json, Malformed};

/// Most bytes of call data or init code in one transaction; nodes take no larger transaction from
/// anybody.
pub(crate) const DATA_BYTES_MAX: usize = 131_072;

/// A fault without its place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fault {
    pub code: Detail,
    pub text: &'static str,
}

impl Fault {
    pub const fn new(code: Detail, text: &'static str) -> Self {
        Self { code, text }
    }

    /// The fault of the member `key` of the object at hand.
    pub fn at(self, key: &str) -> Malformed {
        self.here().under(key)
    }

    /// The fault of the value at hand.
    pub fn here(self) -> Malformed {
        Malformed::new(self.code, "", self.text)
    }
}

pub(crate) fn text<'j>(value: &'j Json<'_>) -> Result<&'j str, Fault> {
    match value {
        Json::Str(text) => Ok(text),
        // Only typed data says what an integer is.
        Json::Big(_) => Err(Fault::new(
            Detail::JsonNumber,
            "integers must be strings here",
        )),
        _ => Err(Fault::new(Detail::Type, "expected a string")),
    }
}

/// A JSON-RPC quantity: `0x`, then hex digits without superfluous zeros; below 2^256.
pub(crate) fn quantity(value: &Json<'_>) -> Result<U256, Fault> {
    const SYNTAX: Fault = Fault::new(
        Detail::Quantity,
        "expected `0x` and hex digits, no leading zeros",
    );
    let digits = text(value)?.strip_prefix("0x").ok_or(SYNTAX)?;
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(SYNTAX);
    }
    if digits.len() > 1 && digits.starts_with('0') {
        return Err(SYNTAX);
    }
    parse_hex_digits(digits).ok_or(Fault::new(Detail::Range, "the number is 2^256 or more"))
}

/// The number of up to 64 hex digits, which the caller has checked to be digits.
pub(crate) fn parse_hex_digits(digits: &str) -> Option<U256> {
    if digits.len() <= 16 {
        return u64::from_str_radix(digits, 16).ok().map(U256::from);
    }
    U256::from_str_radix(digits, 16).ok()
}

pub(crate) fn quantity_u64(value: &Json<'_>) -> Result<u64, Fault> {
    u64::try_from(quantity(value)?)
        .map_err(|_| Fault::new(Detail::Range, "the number is 2^64 or more"))
}

/// A chain that a request names.
pub(crate) fn chain_id(value: &Json<'_>) -> Result<ChainId, Fault> {
    ChainId::checked(quantity_u64(value)?)
        .ok_or_else(|| Fault::new(Detail::ChainId, "chain id 0 is no chain"))
}

pub(crate) fn quantity_u128(value: &Json<'_>) -> Result<u128, Fault> {
    u128::try_from(quantity(value)?)
        .map_err(|_| Fault::new(Detail::Range, "the number is 2^128 or more"))
}

/// `0x` and an even number of hex digits.
pub(crate) fn data(value: &Json<'_>) -> Result<Bytes, Fault> {
    bytes(text(value)?, DATA_BYTES_MAX).map(Bytes::from)
}

pub(crate) fn bytes(text: &str, max_bytes: usize) -> Result<Vec<u8>, Fault> {
    const SYNTAX: Fault = Fault::new(
        Detail::Hex,
        "expected `0x` and an even number of hex digits",
    );
    let digits = text.strip_prefix("0x").ok_or(SYNTAX)?;
    if digits.len() / 2 > max_bytes {
        return Err(Fault::new(Detail::DataTooLarge, "too many bytes"));
    }
    // The decoder skips a prefix of its own, so a second one must not reach it.
    if digits.starts_with("0x") {
        return Err(SYNTAX);
    }
    hex::decode(digits).map_err(|_| SYNTAX)
}

/// `0x` and 40 hex digits: all in lower case, all in upper case, or with the right EIP-55 checksum.
pub(crate) fn address(value: &Json<'_>) -> Result<Address, Fault> {
    parse_address(text(value)?)
}

pub(crate) fn parse_address(text: &str) -> Result<Address, Fault> {
    match any_address(text)? {
        (address, true) => Ok(address),
        _ => Err(Fault::new(
            Detail::Checksum,
            "the EIP-55 checksum of the address is wrong",
        )),
    }
}

/// An address, and whether its EIP-55 checksum is right if it has one.
pub(crate) fn any_address(text: &str) -> Result<(Address, bool), Fault> {
    const SYNTAX: Fault = Fault::new(Detail::Address, "expected `0x` and 40 hex digits");
    let digits = text.strip_prefix("0x").ok_or(SYNTAX)?;
    if digits.starts_with("0x") {
        return Err(SYNTAX);
    }
    let mut raw = [0; 20];
    hex::decode_to_slice(digits, &mut raw).map_err(|_| SYNTAX)?;
    let address = Address::new(raw);
    let lower = digits.bytes().any(|byte| byte.is_ascii_lowercase());
    let upper = digits.bytes().any(|byte| byte.is_ascii_uppercase());
    let sound = !(lower && upper) || *checksum(address) == *text;
    Ok((address, sound))
}
