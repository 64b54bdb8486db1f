//! What to write instead, made from what was written: a hint is copied without a second thought, so
//! none names a value that its author did not.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use toml::de::DeValue;

use super::reader::Value;
use crate::amount::{parse_wei, AmountError};
use crate::policy::time::duration_words;
use crate::text::display_safe;

/// Characters of a value that a hint repeats.
const SHOWN_CHARS: usize = 60;
/// What ends a fee, and the unit that is meant.
const FEE_UNITS: [(&str, &str); 4] = [
    ("gwei", "gwei"),
    ("wei", "wei"),
    ("ether", "ether"),
    ("eth", "ether"),
];
/// Letters of a symbol that may stand behind an amount: fewer could be a factor (`50 k`).
const SYMBOL_CHARS: RangeInclusive<usize> = 3..=5;
/// How people write units of time, and how many seconds one has.
const TIME_UNITS: [(&str, u64); 17] = [
    ("s", 1),
    ("sec", 1),
    ("second", 1),
    ("seconds", 1),
    ("m", 60),
    ("min", 60),
    ("minute", 60),
    ("minutes", 60),
    ("h", 3600),
    ("hour", 3600),
    ("hours", 3600),
    ("d", 86_400),
    ("day", 86_400),
    ("days", 86_400),
    ("w", 604_800),
    ("week", 604_800),
    ("weeks", 604_800),
];

/// For a value that must be text.
pub(super) fn in_quotes(value: Value<'_>) -> String {
    match number(value) {
        Some(number) => format!("write \"{number}\", in quotes"),
        None => "write text in quotes".to_owned(),
    }
}

/// For a value that must be a list.
pub(super) fn in_brackets(value: Value<'_>) -> String {
    let text = value.get_ref().as_str();
    let text = text.map(|text| format!("[\"{}\"]", display_safe(text, SHOWN_CHARS)));
    let number = || number(value).map(|number| format!("[{number}]"));
    match text.or_else(number) {
        Some(list) => format!("write {list}"),
        None => "write a list in square brackets".to_owned(),
    }
}

/// For a value that must be an integer.
pub(super) fn whole_number(value: Value<'_>, range: RangeInclusive<u64>) -> String {
    let text = value.get_ref().as_str().map(|text| text.replace('_', ""));
    let meant = text.and_then(|text| text.parse::<u64>().ok());
    match meant.filter(|number| range.contains(number)) {
        Some(number) => format!("write {number}, without quotes"),
        None => {
            let (low, high) = (range.start(), range.end());
            format!("write a whole number from {low} to {high}, without quotes")
        }
    }
}

/// For text that is no decimal number: the number that is in it, if that is sure.
pub(super) fn decimal<T>(
    text: &str,
    error: AmountError,
    parse: impl Fn(&str) -> Result<T, AmountError>,
) -> String {
    let bare = text.trim().trim_start_matches('$');
    let bare = ["USD", "usd"]
        .iter()
        .fold(bare, |text, unit| text.trim_end_matches(unit));
    let bare = without_symbol(bare.trim()).replace('_', "");
    let digits = bare.trim_start_matches('0');
    let digits = match digits.starts_with('.') || digits.is_empty() {
        true => format!("0{digits}"),
        false => digits.to_owned(),
    };
    if parse(&digits).is_ok() {
        return format!("write \"{digits}\"");
    }
    let hint = match error {
        AmountError::TooManyDecimals => "write fewer decimal places",
        AmountError::TooLarge => "write a smaller number",
        _ => "write digits with at most one point, without sign, separator, unit or exponent",
    };
    hint.to_owned()
}

/// For a fee that is no number with its unit.
pub(super) fn fee(text: &str, error: AmountError) -> String {
    let text = text.to_ascii_lowercase();
    let unit = FEE_UNITS.into_iter().find(|(word, _)| text.ends_with(word));
    let spaced = unit.and_then(|(word, unit)| {
        let number = text.strip_suffix(word)?.trim();
        Some(format!("{number} {unit}"))
    });
    match spaced.filter(|spaced| parse_wei(spaced).is_ok()) {
        Some(spaced) => format!("write \"{spaced}\""),
        None if error == AmountError::TooLarge => "write a smaller number".to_owned(),
        None => "write a number, a space and its unit in quotes: wei, gwei or ether".to_owned(),
    }
}

/// Keys that other systems have, and ours.
const OTHER_KEYS: [(&str, &str); 12] = [
    ("amount", "amount_max"),
    ("max_amount", "amount_max"),
    ("limit", "amount_max"),
    ("recipient", "to"),
    ("recipients", "to"),
    ("payees", "to"),
    ("token", "assets"),
    ("tokens", "assets"),
    ("action", "tier"),
    ("approvals", "quorum"),
    ("period", "window"),
    ("threshold", "max"),
];

/// The key of ours that a key of other systems means, if the table has it.
pub(super) fn our_key(name: &str, keys: &[&str]) -> Option<&'static str> {
    let (_, ours) = OTHER_KEYS.iter().find(|(other, _)| *other == name)?;
    keys.contains(ours).then_some(*ours)
}

/// The number before the symbol of what it counts, which the policy names elsewhere.
fn without_symbol(text: &str) -> &str {
    let Some((number, symbol)) = text.split_once(' ') else {
        return text;
    };
    let letters = symbol.bytes().all(|byte| byte.is_ascii_alphabetic());
    match letters && SYMBOL_CHARS.contains(&symbol.len()) {
        true => number,
        false => text,
    }
}

/// For text that is no duration: the same in one number and one unit, if that is sure.
pub(super) fn duration(text: &str) -> String {
    match seconds(text).map(|seconds| duration_words(seconds.saturating_mul(1000))) {
        Some(words) => format!("write \"{words}\""),
        None => "write a whole number and s, m, h or d".to_owned(),
    }
}

/// Of `1 day`, `1h30m` or `90 minutes`.
fn seconds(text: &str) -> Option<u64> {
    let mut rest = text.trim();
    let mut sum = 0u64;
    while !rest.is_empty() {
        let end = rest.find(|one: char| !one.is_ascii_digit())?;
        let (digits, behind) = rest.split_at(end);
        let behind = behind.trim_start();
        let end = behind
            .find(|one: char| !one.is_ascii_alphabetic())
            .unwrap_or(behind.len());
        let (unit, after) = behind.split_at(end);
        let (_, each) = TIME_UNITS
            .iter()
            .find(|(word, _)| word.eq_ignore_ascii_case(unit))?;
        let part = digits.parse::<u64>().ok()?.checked_mul(*each)?;
        sum = sum.checked_add(part)?;
        rest = after.trim_start();
    }
    (sum > 0).then_some(sum)
}

/// For text that is no address: what is said, and what to write. A key is never repeated: messages
/// go to screens and logs.
pub(super) fn no_address(text: &str) -> (String, &'static str) {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    let hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if hex && digits.len() == 64 {
        let text = "32 bytes are not an address; they may be a private key";
        let hint = "write the address; if it is a key, take it out of the file and stop using it";
        return (text.to_owned(), hint);
    }
    let hint = match digits.len() {
        40 if hex => "write 0x, in lowercase, before the 40 digits",
        _ if text.ends_with(".eth") => {
            "write the address itself, 0x and 40 hexadecimal digits: names are not resolved"
        }
        _ => "write 0x and 40 hexadecimal digits",
    };
    let shown = display_safe(text, SHOWN_CHARS);
    (format!("`{shown}` is not an address"), hint)
}

/// Tables that were written more than once, in one pair of brackets. TOML finds a fault in each of
/// their lines, which hides the one mistake. Read once: a long text can have a fault in every line.
pub(super) struct InOneBracket<'n> {
    /// Every line in brackets: where it begins, and which table of ours it names.
    headers: Vec<(usize, Option<&'n str>)>,
    /// Where each table is written in one pair first.
    first: BTreeMap<&'n str, usize>,
}

impl<'n> InOneBracket<'n> {
    /// Of the tables with these names.
    pub fn new(source: &str, names: &[&'n str]) -> Self {
        let mut offset = 0usize;
        let mut found = Self {
            headers: Vec::new(),
            first: BTreeMap::new(),
        };
        for line in source.split_inclusive('\n') {
            let start = offset;
            offset = offset.saturating_add(line.len());
            let line = line.split('#').next().unwrap_or_default().trim();
            if !line.starts_with('[') || !line.ends_with(']') {
                continue;
            }
            let inner = line.trim_start_matches('[').trim_end_matches(']').trim();
            let name = names.iter().find(|name| **name == inner).copied();
            found.headers.push((start, name));
            if let Some(name) = name.filter(|_| !line.starts_with("[[")) {
                found.first.entry(name).or_insert(start);
            }
        }
        found
    }

    /// The name of the table that has a duplicate key at `at`, and where it is written so first.
    pub fn of(&self, at: usize) -> Option<(&'n str, usize)> {
        let before = self.headers.partition_point(|(start, _)| *start <= at);
        let (_, name) = self.headers.get(before.checked_sub(1)?)?;
        let first = self.first.get_key_value((*name)?)?;
        Some((*first.0, *first.1))
    }
}

/// A number as it is written.
fn number(value: Value<'_>) -> Option<String> {
    match value.get_ref() {
        DeValue::Integer(integer) => Some(integer.to_string()),
        DeValue::Float(float) => Some(float.as_str().to_owned()),
        _ => None,
    }
}
