//! Integers as they are written, where the tokenizer has only a double for them.
//!
//! The tokenizer hands numbers over in the order of the text. So the literals it cannot hold are
//! listed beforehand in the same order, and each such number takes the next of the list.

/// From this magnitude on an integer has its place in the list: it has 16 digits.
pub(super) const LONG_FROM: u64 = 1_000_000_000_000_000;
const LONG_DIGITS: usize = 16;
/// Digits of 2^256-1.
const DIGITS_MAX: usize = 78;

/// Literals in the order of the text; `None` for what is not an integer of at most 78 digits.
pub(super) struct Exact<'a> {
    literals: std::vec::IntoIter<Option<&'a str>>,
}

impl<'a> Exact<'a> {
    /// Lists every integer of 16 or more digits, and every number that is not a plain integer.
    pub(super) fn scan(text: &'a str) -> Self {
        let mut literals = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find(|c: char| c == '"' || c == '-' || c.is_ascii_digit()) {
            let (_, tail) = rest.split_at(at);
            if let Some(inside) = tail.strip_prefix('"') {
                rest = after_string(inside);
                continue;
            }
            let number = |c: char| matches!(c, '0'..='9' | '-' | '+' | '.' | 'e' | 'E');
            let end = tail.find(|c| !number(c)).unwrap_or(tail.len());
            let (literal, tail) = tail.split_at(end);
            literals.extend(entry(literal));
            rest = tail;
        }
        Self {
            literals: literals.into_iter(),
        }
    }

    /// The literal of the number at hand.
    pub(super) fn take(&mut self) -> Option<&'a str> {
        self.literals.next().flatten()
    }
}

/// The place of a literal in the list, if it has one.
fn entry(literal: &str) -> Option<Option<&str>> {
    let digits = literal.strip_prefix('-').unwrap_or(literal);
    if literal == "-0" || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(None);
    }
    let long = digits.len() >= LONG_DIGITS;
    long.then_some(Some(literal).filter(|_| digits.len() <= DIGITS_MAX))
}

/// What follows the end of a string.
fn after_string(mut inside: &str) -> &str {
    while let Some(at) = inside.find(['"', '\\']) {
        let (_, tail) = inside.split_at(at);
        let mut characters = tail.chars();
        if characters.next() == Some('"') {
            return characters.as_str();
        }
        characters.next();
        inside = characters.as_str();
    }
    ""
}
