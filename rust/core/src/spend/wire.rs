//! How numbers and addresses are written: decimal strings and EIP-55 where people read them, plain
//! in snapshots.

/// `u128` as a decimal string in JSON and as a number in binary formats.
pub mod decimal {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    /// Writes the amount.
    pub fn serialize<S: Serializer>(value: &u128, to: S) -> Result<S::Ok, S::Error> {
        if to.is_human_readable() {
            to.collect_str(value)
        } else {
            value.serialize(to)
        }
    }

    /// Reads the amount back; only plain decimal digits.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u128, D::Error> {
        if from.is_human_readable() {
            let text = String::deserialize(from)?;
            super::digits(&text).ok_or_else(|| serde::de::Error::custom("not a decimal amount"))
        } else {
            u128::deserialize(from)
        }
    }
}

/// The same for an amount that may be absent.
pub mod decimal_option {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    /// Writes the amount or null.
    pub fn serialize<S: Serializer>(value: &Option<u128>, to: S) -> Result<S::Ok, S::Error> {
        if to.is_human_readable() {
            value.map(|amount| amount.to_string()).serialize(to)
        } else {
            value.serialize(to)
        }
    }

    /// Reads the amount back; only plain decimal digits.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u128>, D::Error> {
        if !from.is_human_readable() {
            return Option::<u128>::deserialize(from);
        }
        let bad = || serde::de::Error::custom("not a decimal amount");
        let text = Option::<String>::deserialize(from)?;
        text.map(|text| super::digits(&text).ok_or_else(bad))
            .transpose()
    }
}

/// An address with its EIP-55 checksum in JSON and as 20 bytes in binary formats.
pub mod eip55 {
    use alloy_primitives::Address;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    /// Writes the address.
    pub fn serialize<S: Serializer>(value: &Address, to: S) -> Result<S::Ok, S::Error> {
        if to.is_human_readable() {
            to.serialize_str(value.to_checksum_buffer(None).as_str())
        } else {
            value.serialize(to)
        }
    }

    /// Reads the address back.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Address, D::Error> {
        Address::deserialize(from)
    }
}

/// The same for an address that may be absent.
pub mod eip55_option {
    use alloy_primitives::Address;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    /// Writes the address or null.
    pub fn serialize<S: Serializer>(value: &Option<Address>, to: S) -> Result<S::Ok, S::Error> {
        if to.is_human_readable() {
            value.map(|address| address.to_checksum(None)).serialize(to)
        } else {
            value.serialize(to)
        }
    }

    /// Reads the address back.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Address>, D::Error> {
        Option::<Address>::deserialize(from)
    }
}

/// Plain decimal digits without sign, space or leading zero.
fn digits(text: &str) -> Option<u128> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let canonical = text == "0" || !text.starts_with('0');
    if plain && canonical {
        text.parse().ok()
    } else {
        None
    }
}
