//! Walks the TOML tree, takes typed values out of it and collects every fault with its place.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use toml::de::{DeTable, DeValue};
use toml::Spanned;

use super::hints;
use crate::code::PolicyCode;
use crate::policy::fault::{Fault, Lines, Place, FAULTS_MAX};

/// A value of the file with the offset it starts at.
pub(in crate::policy) type Value<'t> = &'t Spanned<DeValue<'t>>;

/// One table of the file.
#[derive(Clone, Copy)]
pub(in crate::policy) struct Section<'t> {
    pub table: &'t DeTable<'t>,
    pub at: usize,
    /// Its word in messages: `rule`.
    pub name: &'static str,
}

/// Where the faults gather.
pub(in crate::policy) struct Reader<'s> {
    lines: Lines<'s>,
    pub faults: Vec<Fault>,
}

/// Ids that were declared for one kind of table, in the order of the file.
#[derive(Default)]
pub(in crate::policy) struct Names {
    index: HashMap<String, u32>,
    order: Vec<String>,
}

impl Names {
    pub fn get(&self, id: &str) -> Option<u32> {
        self.index.get(id).copied()
    }

    pub fn all(&self) -> &[String] {
        &self.order
    }

    /// The index of a new id, or `None` if it was there already.
    fn insert(&mut self, id: &str) -> Option<u32> {
        if self.index.contains_key(id) {
            return None;
        }
        let index = u32::try_from(self.order.len()).ok()?;
        self.index.insert(id.to_owned(), index);
        self.order.push(id.to_owned());
        Some(index)
    }
}

impl<'s> Reader<'s> {
    pub fn new(source: &'s str) -> Self {
        Self {
            lines: Lines::new(source),
            faults: Vec::new(),
        }
    }

    pub fn place(&self, at: usize) -> Place {
        self.lines.place(at)
    }

    pub fn fault(
        &mut self,
        at: usize,
        code: PolicyCode,
        text: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.faults
            .push(Fault::new(self.lines.place(at), code, text, hint));
    }

    /// Every key must be one of `keys`.
    pub fn known(&mut self, section: Section<'_>, keys: &[&str]) {
        for key in section.table.keys() {
            let name: &str = key.get_ref();
            if keys.contains(&name) {
                continue;
            }
            let text = format!("unknown key `{name}` in `{}`", section.name);
            let meant = hints::our_key(name, keys).or_else(|| self.meant(name, keys));
            let hint = match meant {
                _ if section.name != "policy" && super::HEAD.contains(&name) => {
                    format!("write `{name}` at the top of the file, above every table")
                }
                Some(known) => format!("did you mean `{known}`?"),
                None => format!("known keys: {}", keys.join(", ")),
            };
            self.fault(key.span().start, PolicyCode::UnknownKey, text, hint);
        }
    }

    pub fn required<'t>(
        &mut self,
        section: Section<'t>,
        key: &str,
        hint: &str,
    ) -> Option<Value<'t>> {
        let value = section.table.get(key);
        if value.is_none() {
            let text = format!("`{}` needs `{key}`", section.name);
            self.fault(section.at, PolicyCode::MissingKey, text, hint);
        }
        value
    }

    /// The known word that was meant. Nobody reads the hints of a file with very many faults.
    fn meant<'k>(&self, word: &str, known: &[&'k str]) -> Option<&'k str> {
        if self.faults.len() < FAULTS_MAX {
            closest(word, known)
        } else {
            None
        }
    }

    pub fn wrong_type(
        &mut self,
        value: Value<'_>,
        key: &str,
        wanted: &str,
        hint: impl Into<String>,
    ) {
        let text = format!("`{key}` must be {wanted}, not {}", kind_of(value));
        self.fault(value.span().start, PolicyCode::WrongType, text, hint);
    }

    pub fn string<'t>(&mut self, value: Value<'t>, key: &str) -> Option<&'t str> {
        let text = value.get_ref().as_str();
        if text.is_none() {
            self.wrong_type(value, key, "a string", hints::in_quotes(value));
        }
        text
    }

    pub fn boolean(&mut self, value: Value<'_>, key: &str) -> Option<bool> {
        let flag = value.get_ref().as_bool();
        if flag.is_none() {
            let hint = "write true or false, without quotes";
            self.wrong_type(value, key, "true or false", hint);
        }
        flag
    }

    /// An integer in `range`. Zero where it is not allowed has a code of its own.
    pub fn integer(
        &mut self,
        value: Value<'_>,
        key: &str,
        range: RangeInclusive<u64>,
    ) -> Option<u64> {
        let (low, high) = (*range.start(), *range.end());
        let Some(integer) = value.get_ref().as_integer() else {
            let hint = hints::whole_number(value, range);
            self.wrong_type(value, key, "an integer", hint);
            return None;
        };
        let number = u64::from_str_radix(integer.as_str(), integer.radix()).ok();
        let found = number.filter(|number| range.contains(number));
        if found.is_none() {
            let code = if number == Some(0) {
                PolicyCode::Zero
            } else {
                PolicyCode::OutOfRange
            };
            let text = format!("`{key}` is {integer}");
            self.fault(
                value.span().start,
                code,
                text,
                format!("write {low} to {high}"),
            );
        }
        found
    }

    /// The elements of an array that may not be empty.
    pub fn elements<'t>(
        &mut self,
        value: Value<'t>,
        key: &str,
    ) -> Option<&'t [Spanned<DeValue<'t>>]> {
        let Some(array) = value.get_ref().as_array() else {
            self.wrong_type(value, key, "a list", hints::in_brackets(value));
            return None;
        };
        if array.is_empty() {
            let text = format!("`{key}` is an empty list, which matches nothing");
            let hint = format!("leave `{key}` out to match all, or name what it matches");
            self.fault(value.span().start, PolicyCode::EmptyList, text, hint);
            return None;
        }
        Some(array)
    }

    /// The tables of `[[key]]`; none if it is absent. `[key]` is one fault, and read all the same: what
    /// refers to it has none.
    pub fn tables<'t>(&mut self, section: Section<'t>, key: &'static str) -> Vec<Section<'t>> {
        let Some(value) = section.table.get(key) else {
            return Vec::new();
        };
        let Some(array) = value.get_ref().as_array() else {
            if let Some(inner) = value.get_ref().as_table().and_then(only_inner) {
                let text = format!("[[{key}.{inner}]] stands before its [[{key}]]");
                let hint = format!("write [[{key}]] and its keys above it");
                self.fault(value.span().start, PolicyCode::WrongType, text, hint);
                return Vec::new();
            }
            let hint = format!("write [[{key}]]");
            self.wrong_type(value, key, "a list of tables", hint);
            let table = value.get_ref().as_table();
            let at = value.span().start;
            let name = key;
            return table
                .map(|table| Section { table, at, name })
                .into_iter()
                .collect();
        };
        let mut sections = Vec::with_capacity(array.len());
        for element in array {
            match element.get_ref().as_table() {
                Some(table) => {
                    sections.push(Section {
                        table,
                        at: element.span().start,
                        name: key,
                    });
                }
                None => {
                    let hint = format!("write [[{key}]] and its keys below");
                    self.wrong_type(element, key, "a table", hint);
                }
            }
        }
        sections
    }

    /// Reads `id`, which must be new. Gives its index even when the rest of the table has faults.
    pub fn declare(
        &mut self,
        section: Section<'_>,
        names: &mut Names,
        chars_max: usize,
    ) -> Option<String> {
        let value = self.required(section, "id", "write id = \"…\", a name of its own")?;
        let id = self.string(value, "id")?;
        let at = value.span().start;
        if !is_id(id, chars_max) {
            let text = format!("`{id}` is not an id");
            let hint = format!(
                "lowercase letters, digits and hyphens, not a hyphen first, at most {chars_max}"
            );
            self.fault(at, PolicyCode::BadId, text, hint);
            return None;
        }
        if names.insert(id).is_none() {
            let text = format!("a second `{}` with id `{id}`", section.name);
            self.fault(at, PolicyCode::DuplicateId, text, "give each its own id");
            return None;
        }
        Some(id.to_owned())
    }

    /// The index of a declared id.
    pub fn refer(&mut self, at: usize, id: &str, what: &str, names: &Names) -> Option<u32> {
        let found = names.get(id);
        if found.is_none() {
            let known: Vec<&str> = names.all().iter().map(String::as_str).collect();
            let hint = match self.meant(id, &known) {
                Some(name) => format!("did you mean `{name}`?"),
                None => format!("declare it with [[{what}]]"),
            };
            self.fault(
                at,
                PolicyCode::UnknownReference,
                format!("no {what} `{id}`"),
                hint,
            );
        }
        found
    }
}

/// The name of the tables that are all there is in a table that was never written itself.
fn only_inner<'t>(table: &'t DeTable<'t>) -> Option<&'t str> {
    let mut keys = table.iter();
    let (key, value) = keys.next()?;
    let alone = keys.next().is_none() && value.get_ref().as_array().is_some();
    (alone && matches!(key.get_ref().as_ref(), "entry" | "argument")).then_some(key.get_ref())
}

/// `[a-z0-9][a-z0-9-]*`
fn is_id(id: &str, chars_max: usize) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    id.len() <= chars_max
        && id.bytes().next().is_some_and(plain)
        && id.bytes().all(|byte| plain(byte) || byte == b'-')
}

/// The known word that is the same in lowercase, or at most two edits away and fewer than a third of
/// its length: `deny` is not `delay`.
pub(super) fn closest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    if word.len() > 64 || known.len() > 1000 {
        return None;
    }
    let near = |one: &&'k str| match one.eq_ignore_ascii_case(word) {
        true => (0, *one),
        false => (distance(word, one), *one),
    };
    let likely = |edits: usize| edits <= 2 && edits.saturating_mul(3) < word.len();
    known
        .iter()
        .map(near)
        .filter(|(edits, _)| likely(*edits))
        .min()
        .map(|(_, one)| one)
}

/// Levenshtein distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut left = i.saturating_add(1);
        let mut next = vec![left];
        for (y, above) in b.iter().zip(row.windows(2)) {
            let [diagonal, up] = above else { continue };
            let replace = diagonal.saturating_add(usize::from(x != *y));
            left = replace
                .min(up.saturating_add(1))
                .min(left.saturating_add(1));
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

/// A value's TOML type in words.
fn kind_of(value: Value<'_>) -> &'static str {
    match value.get_ref().type_str() {
        "integer" => "an integer",
        "float" => "a number with a point",
        "string" => "a string",
        "boolean" => "true or false",
        "datetime" => "a date",
        "array" => "a list",
        _ => "a table",
    }
}
