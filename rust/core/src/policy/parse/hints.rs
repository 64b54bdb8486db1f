//! What to write instead, made from what was written: a hint is copied without a second thought, so
//! none names a value that its author did not.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use toml::de::DeValue;

use super::reader::Value;
use crate::amount::{parse_wei, AmountError};
use crate::text::display_safe;

/// Characters of a value that a hint repeats.
const SHOWN_CHARS: usize = 60;
const FEE_UNITS: [&str; 3] = ["gwei", "wei", "ether"];

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
    let bare = bare.trim().replace('_', "");
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
    let unit = FEE_UNITS.into_iter().find(|unit| text.ends_with(unit));
    let spaced = unit.and_then(|unit| {
        let number = text.strip_suffix(unit)?.trim();
        Some(format!("{number} {unit}"))
    });
    match spaced.filter(|spaced| parse_wei(spaced).is_ok()) {
        Some(spaced) => format!("write \"{spaced}\""),
        None if error == AmountError::TooLarge => "write a smaller number".to_owned(),
        None => "write a number, a space and its unit in quotes: wei, gwei or ether".to_owned(),
    }
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
