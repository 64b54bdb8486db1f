//! Values with a grammar of their own: addresses, durations, fees, prices, keys, labels.

use std::ops::RangeInclusive;

use alloy_primitives::{Address, U256};

use toml::de::DeValue;

use super::hints;
use super::reader::{closest, Reader, Value};
use crate::amount::{parse_decimal_units, parse_wei, AmountError, Percent, Price, Usd};
use crate::calendar::Zone;
use crate::code::PolicyCode;
use crate::policy::time::{duration_ms, duration_words, epoch_ms};

/// A lower minimum asks for next to nothing.
const PERCENT_MIN: Percent = Percent::ONE;

impl Reader<'_> {
    /// An address with its EIP-55 checksum.
    pub fn address(&mut self, value: Value<'_>, key: &str) -> Option<Address> {
        let text = self.string(value, key)?;
        self.address_text(value.span().start, text)
    }

    pub fn address_text(&mut self, at: usize, text: &str) -> Option<Address> {
        let digits = text.strip_prefix("0x").unwrap_or_default();
        let is_hex = digits.len() == 40 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let parsed = text.parse::<Address>().ok().filter(|_| is_hex);
        let Some(address) = parsed else {
            let (text, hint) = hints::no_address(text);
            self.fault(at, PolicyCode::BadAddress, text, hint);
            return None;
        };
        if text == address.to_checksum(None) {
            return Some(address);
        }
        let single_case = !digits.bytes().any(|byte| byte.is_ascii_uppercase())
            || !digits.bytes().any(|byte| byte.is_ascii_lowercase());
        if single_case {
            let hint = format!(
                "write \"{}\" after comparing every digit",
                address.to_checksum(None)
            );
            self.fault(
                at,
                PolicyCode::BadChecksum,
                format!("`{text}` has no EIP-55 checksum"),
                hint,
            );
        } else {
            let hint = "a digit is wrong: copy the address again from where it came from";
            self.fault(
                at,
                PolicyCode::BadChecksum,
                format!("`{text}` has a wrong EIP-55 checksum"),
                hint,
            );
        }
        None
    }

    /// A duration in ms, within `range`.
    pub fn duration(
        &mut self,
        value: Value<'_>,
        key: &str,
        range: RangeInclusive<u64>,
    ) -> Option<u64> {
        let at = value.span().start;
        let Some(text) = value.get_ref().as_str() else {
            let hint = "write a whole number and s, m, h or d, in quotes";
            self.wrong_type(value, key, "a string", hint);
            return None;
        };
        let (low, high) = (duration_words(*range.start()), duration_words(*range.end()));
        match duration_ms(text) {
            Ok(ms) if range.contains(&ms) => return Some(ms),
            Ok(0) => self.fault(
                at,
                PolicyCode::Zero,
                format!("`{key}` is zero"),
                format!("write {low} to {high}"),
            ),
            Ok(_) | Err(PolicyCode::OutOfRange) => {
                let text = format!("`{key}` is {}", cut(text));
                self.fault(
                    at,
                    PolicyCode::OutOfRange,
                    text,
                    format!("write {low} to {high}"),
                );
            }
            Err(PolicyCode::MissingUnit) => {
                let hint = format!("write \"{text}s\", \"{text}m\", \"{text}h\" or \"{text}d\"");
                self.fault(
                    at,
                    PolicyCode::MissingUnit,
                    format!("`{key}` has no unit"),
                    hint,
                );
            }
            Err(code) => {
                let hint = hints::duration(text);
                let text = format!("`{}` is not a duration", cut(text));
                self.fault(at, code, text, hint);
            }
        }
        None
    }

    /// A time zone by its name, spelled as the IANA database does.
    pub fn zone(&mut self, value: Value<'_>, key: &str) -> Option<Zone> {
        let text = self.string(value, key)?;
        let found = Zone::find(text);
        let hint = match &found {
            Some(zone) if zone.name() == text => return found,
            Some(zone) => format!("write \"{}\"", zone.name()),
            None => {
                let names: Vec<&str> = Zone::names().collect();
                match closest(text, &names) {
                    Some(name) => format!("did you mean \"{name}\"?"),
                    None => "write the name of the IANA database, such as \"Europe/Berlin\"".into(),
                }
            }
        };
        let text = format!("`{}` is not the name of a time zone", cut(text));
        self.fault(value.span().start, PolicyCode::BadValue, text, hint);
        None
    }

    /// Wei for one unit of gas, with the unit written.
    pub fn fee(&mut self, value: Value<'_>, key: &str) -> Option<u128> {
        let at = value.span().start;
        let Some(text) = value.get_ref().as_str() else {
            let hint = hints::fee("", AmountError::Unit);
            self.wrong_type(value, key, "a string", hint);
            return None;
        };
        let found =
            parse_wei(text).and_then(|wei| u128::try_from(wei).map_err(|_| AmountError::TooLarge));
        match found {
            Ok(0) => self.fault(
                at,
                PolicyCode::Zero,
                format!("`{key}` is zero"),
                "write more than zero",
            ),
            Ok(wei) => return Some(wei),
            Err(error) => {
                let hint = hints::fee(text, error);
                if error == AmountError::Unit {
                    let text = format!("`{key}` has no unit that is known");
                    self.fault(at, PolicyCode::MissingUnit, text, hint);
                } else {
                    self.fault(at, PolicyCode::BadValue, format!("`{key}`: {error}"), hint);
                }
            }
        }
        None
    }

    /// A decimal string in whole units of something with `decimals` places.
    pub fn units(&mut self, value: Value<'_>, key: &str, decimals: u8) -> Option<U256> {
        let text = self.string(value, key)?;
        let parse = |text: &str| parse_decimal_units(text, decimals);
        parse(text)
            .map_err(|error| self.bad_number(value, key, error, hints::decimal(text, error, parse)))
            .ok()
    }

    /// Micro-USD from a decimal string.
    pub fn usd(&mut self, value: Value<'_>, key: &str) -> Option<Usd> {
        let text = self.string(value, key)?;
        let hint = |error| hints::decimal(text, error, Usd::parse);
        Usd::parse(text)
            .map_err(|error| self.bad_number(value, key, error, hint(error)))
            .ok()
    }

    /// A pinned price: more than zero.
    pub fn price(&mut self, value: Value<'_>, key: &str) -> Option<Price> {
        let text = self.string(value, key)?;
        let at = value.span().start;
        match Price::parse(text) {
            Ok(price) => return Some(price),
            Err(AmountError::Zero) => {
                self.fault(
                    at,
                    PolicyCode::Zero,
                    format!("`{key}` is zero"),
                    "leave it out if it is not known",
                );
            }
            Err(error) => {
                let hint = hints::decimal(text, error, Price::parse);
                self.bad_number(value, key, error, hint);
            }
        }
        None
    }

    fn bad_number(&mut self, value: Value<'_>, key: &str, error: AmountError, hint: String) {
        let text = format!("`{key}`: {error}");
        self.fault(value.span().start, PolicyCode::BadValue, text, hint);
    }

    /// A share of at least one percent and at most all, without quotes: `95` or `99.5`.
    pub fn percent(&mut self, value: Value<'_>, key: &str) -> Option<Percent> {
        const RANGE: &str = "write 1 to 100, with at most two decimal places and without quotes";
        let (written, parsed) = match value.get_ref() {
            DeValue::Integer(integer) if integer.radix() == 10 => {
                (integer.to_string(), Percent::parse(integer.as_str()))
            }
            DeValue::Float(float) => (float.as_str().to_owned(), Percent::parse(float.as_str())),
            DeValue::String(text) => {
                let meant = Percent::parse(text).is_ok();
                let hint = match meant {
                    true => format!("write {text}, without quotes"),
                    false => RANGE.to_owned(),
                };
                self.wrong_type(value, key, "a number", hint);
                return None;
            }
            _ => {
                self.wrong_type(value, key, "a number", RANGE);
                return None;
            }
        };
        let at = value.span().start;
        let text = format!("`{key}` is {written}");
        match parsed {
            Ok(percent) if percent.hundredths() == 0 => {
                self.fault(at, PolicyCode::Zero, text, RANGE)
            }
            Ok(percent) if (PERCENT_MIN..=Percent::WHOLE).contains(&percent) => {
                return Some(percent);
            }
            Err(AmountError::Syntax | AmountError::TooManyDecimals) => {
                self.fault(at, PolicyCode::BadValue, text, RANGE);
            }
            _ => self.fault(at, PolicyCode::OutOfRange, text, RANGE),
        }
        None
    }

    /// 32 bytes of an ed25519 key.
    pub fn public_key(&mut self, value: Value<'_>, key: &str) -> Option<[u8; 32]> {
        let text = self.string(value, key)?;
        let digits = text.strip_prefix("0x").filter(|digits| digits.len() == 64);
        let bytes = digits.and_then(|digits| alloy_primitives::hex::decode(digits).ok());
        let found: Option<[u8; 32]> = bytes.and_then(|bytes| bytes.try_into().ok());
        if found.is_none() {
            let text = format!("`{key}` is not an ed25519 public key");
            self.fault(
                value.span().start,
                PolicyCode::BadValue,
                text,
                "write 0x and 64 hexadecimal digits",
            );
        }
        found
    }

    /// Words for people: not empty, printable, on one line.
    pub fn label(&mut self, value: Value<'_>, key: &str, chars_max: usize) -> Option<String> {
        let text = self.string(value, key)?;
        let shown = crate::text::display_safe(text, chars_max);
        if text.trim().is_empty() || shown != text {
            let at = value.span().start;
            let text = format!("`{key}` is empty, too long or has characters that cannot be shown");
            let hint = format!("write 1 to {chars_max} printable characters");
            self.fault(at, PolicyCode::BadValue, text, hint);
            return None;
        }
        Some(text.to_owned())
    }

    /// Milliseconds since the epoch of a TOML date with time and offset.
    pub fn datetime(&mut self, value: Value<'_>, key: &str) -> Option<u64> {
        let found = value.get_ref().as_datetime().and_then(epoch_ms);
        if found.is_none() {
            let text = format!("`{key}` is not a date with time and offset");
            let hint = format!("write {key} = 2027-01-01T00:00:00Z, without quotes");
            self.fault(value.span().start, PolicyCode::BadValue, text, hint);
        }
        found
    }
}

/// The beginning of what was written, for a message.
fn cut(text: &str) -> String {
    crate::text::display_safe(text, 60)
}
