//! What is wrong where a file is not TOML, in words about what was written there.

use crate::text::display_safe;

/// Characters of a value or key that a message repeats.
const SHOWN_CHARS: usize = 60;
/// Quotes that word processors and web pages put in place of `"`.
const TYPOGRAPHIC: [char; 7] = ['“', '”', '„', '‘', '’', '«', '»'];
const CONFLICT: [&str; 3] = ["<<<<<<<", "=======", ">>>>>>>"];
const COMMENTS: [&str; 4] = ["//", ";", "/*", "-- "];
const NEXT: &str = "see https://toml.io for how TOML is written";

/// A mistake that keeps a file from being TOML.
pub(super) struct Mistake {
    pub at: usize,
    pub text: String,
    pub hint: String,
    /// What follows in the file is only misunderstood because of this one.
    pub hides_the_rest: bool,
}

impl Mistake {
    fn new(at: usize, text: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            at,
            text: text.into(),
            hint: hint.into(),
            hides_the_rest: false,
        }
    }

    fn and_no_more(self) -> Self {
        Self {
            hides_the_rest: true,
            ..self
        }
    }
}

/// The line around an offset.
struct Line<'s> {
    start: usize,
    text: &'s str,
}

impl<'s> Line<'s> {
    fn around(source: &'s str, at: usize) -> Self {
        let before = source.get(..at).unwrap_or(source);
        let start = before.rfind('\n').map_or(0, |end| end.saturating_add(1));
        let rest = source.get(start..).unwrap_or_default();
        let text = rest.lines().next().unwrap_or_default();
        Self { start, text }
    }

    /// The key, and its value without a comment behind it.
    fn pair(&self) -> Option<(&'s str, &'s str)> {
        let (key, value) = self.text.split_once('=')?;
        let value = value.split('#').next().unwrap_or_default().trim();
        bare(key).map(|key| (key, value))
    }

    fn at(&self, part: &str) -> usize {
        let offset = self.text.find(part).unwrap_or_default();
        self.start.saturating_add(offset)
    }
}

/// A key as it may be written without quotes.
fn bare(key: &str) -> Option<&str> {
    let key = key.trim();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    (!key.is_empty() && key.len() <= SHOWN_CHARS && key.bytes().all(plain)).then_some(key)
}

/// What was most likely meant at `at`, where the TOML parser stopped with `message`.
pub(super) fn mistake(source: &str, at: usize, message: &str) -> Mistake {
    let line = Line::around(source, at);
    of_the_file(source, &line, at, message)
        .or_else(|| of_a_character(&line))
        .or_else(|| of_a_list(source, &line, at, message))
        .or_else(|| of_a_value(&line, at, message))
        .or_else(|| of_a_line(&line, at, message))
        .unwrap_or_else(|| Mistake::new(at, message.to_lowercase(), NEXT))
}

/// A file of another kind, or one that was not finished.
fn of_the_file(source: &str, line: &Line<'_>, at: usize, message: &str) -> Option<Mistake> {
    if source.trim_start().starts_with('{') {
        let text = "this is JSON, and a policy is written in TOML";
        let hint = "begin with `holdfast policy new`; `holdfast policy import` reads policies of other systems";
        return Some(Mistake::new(at, text, hint).and_no_more());
    }
    if message.contains("carriage return") {
        let text = "a line ends with a carriage return alone";
        let hint = "save the file with the line ends of Unix (LF)";
        return Some(Mistake::new(at, text, hint).and_no_more());
    }
    if CONFLICT.iter().any(|mark| line.text.starts_with(mark)) {
        let text = "a merge was not finished here";
        let hint =
            "keep one of the versions, and delete the lines with <<<<<<<, ======= and >>>>>>>";
        return Some(Mistake::new(line.start, text, hint).and_no_more());
    }
    if ["--- ", "diff "]
        .iter()
        .any(|head| source.starts_with(head))
    {
        let text = "this is a difference between two files, not a policy";
        return Some(Mistake::new(0, text, "apply it with `patch` first").and_no_more());
    }
    let comment = COMMENTS
        .iter()
        .find(|mark| line.text.trim_start().starts_with(**mark))?;
    let text = format!("`{}` does not begin a comment", comment.trim());
    Some(Mistake::new(
        line.at(comment),
        text,
        "write # before a comment",
    ))
}

/// A character that looks like another.
fn of_a_character(line: &Line<'_>) -> Option<Mistake> {
    let strange = |one: &char| TYPOGRAPHIC.contains(one) || is_invisible(*one);
    let found = line.text.chars().find(strange)?;
    let at = line.at(found.encode_utf8(&mut [0; 4]));
    if is_invisible(found) {
        let text = format!("an invisible character, U+{:04X}", u32::from(found));
        return Some(Mistake::new(at, text, "write a space instead"));
    }
    let text = format!("`{found}` is a typographic quote");
    Some(Mistake::new(at, text, "write \" instead"))
}

fn is_invisible(one: char) -> bool {
    let wide = one.is_whitespace() && !one.is_ascii();
    wide || matches!(one, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}')
}

/// A list that does not end, or misses a comma. The parser takes the keys below for values.
fn of_a_list(source: &str, line: &Line<'_>, at: usize, message: &str) -> Option<Mistake> {
    let lists = ["array elements", "in array", "unclosed array,"];
    if !lists.iter().any(|words| message.contains(words)) {
        return None;
    }
    let after = at.saturating_sub(line.start);
    if line
        .text
        .get(after..)
        .is_some_and(|rest| rest.contains(']'))
        && line.pair().is_some()
    {
        let own = line.text.get(..after).unwrap_or_default();
        if own.contains('[') {
            let hint = "write a comma between the values";
            return Some(Mistake::new(at, "a comma is missing in the list", hint));
        }
    }
    let opened = source.get(..at)?.rfind('[')?;
    let first = Line::around(source, opened);
    let text = match first.pair() {
        Some((key, _)) => format!("the list of `{key}` does not end"),
        None => "a list does not end".to_owned(),
    };
    Some(Mistake::new(opened, text, "write ] at its end").and_no_more())
}

/// What stands behind `key =`.
fn of_a_value(line: &Line<'_>, at: usize, message: &str) -> Option<Mistake> {
    let (key, value) = line.pair()?;
    let said = |text: String, hint: String| Some(Mistake::new(at, text, hint));
    if value.is_empty() {
        let hint = format!("write {key} = …, or leave the line out");
        return said(format!("`{key}` has no value"), hint);
    }
    if value.starts_with('"') && value.matches('"').count() == 1 {
        let text = format!("the text of `{key}` does not end");
        return Some(Mistake::new(line.at("\""), text, "write \" at its end"));
    }
    let word = value
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_alphabetic());
    if word && bare(value).is_some() {
        let text = format!("`{key}` is `{value}`, which is not in quotes");
        return said(text, unquoted(key, value));
    }
    let digits = |byte: u8| byte.is_ascii_digit() || byte == b'_';
    if value.contains(',') && value.bytes().all(|byte| digits(byte) || byte == b',') {
        let number: String = value.chars().filter(char::is_ascii_digit).collect();
        return said(
            format!("`{key}` has a comma in its number"),
            format!("write {number}"),
        );
    }
    if message.contains("leading zero") && value.bytes().all(digits) {
        let number = value.trim_start_matches('0');
        return said(
            format!("`{key}` begins with a zero"),
            format!("write {number}"),
        );
    }
    if message.contains("unexpected key or value") {
        let hint = "write each key on a line of its own";
        return said(
            format!("more follows the value of `{key}`"),
            hint.to_owned(),
        );
    }
    if value.contains('\\') && (message.contains("escape") || message.contains("unicode")) {
        let hint = "write \\\\ where a backslash is meant";
        return said(
            "a backslash in a text begins an escape".to_owned(),
            hint.to_owned(),
        );
    }
    if message.contains("key-value pairs") {
        let hint = "write a comma between the pairs inside of { }, all on one line";
        return said(
            format!("the pairs of `{key}` are not separated"),
            hint.to_owned(),
        );
    }
    if message.contains("invalid basic string") {
        let hint = "write text on one line, without control characters";
        return said(
            format!("`{key}` has a character that text cannot have"),
            hint.to_owned(),
        );
    }
    if message.contains("invalid date") || message.contains("invalid time") {
        let text = format!("`{key}` has a date or a time that does not exist");
        let hint =
            "write a date like 2027-01-31 or 2027-01-31T00:00:00Z, and hours of the day in quotes";
        return said(text, hint.to_owned());
    }
    let misread = ["invalid float", "invalid integer", "must be quoted"];
    if misread.iter().any(|words| message.contains(words)) {
        let hint = "write text in quotes; numbers, dates, true and false without";
        return said(
            format!("the value of `{key}` is not understood"),
            hint.to_owned(),
        );
    }
    None
}

/// A word in place of a value: other languages write `true` and nothing in other ways.
fn unquoted(key: &str, word: &str) -> String {
    match word.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" => format!("write {key} = true, or text in quotes"),
        "false" | "no" | "off" => format!("write {key} = false, or text in quotes"),
        "null" | "none" | "nil" | "undefined" => {
            format!("leave `{key}` out where there is nothing to say")
        }
        _ => format!("write {key} = \"{word}\""),
    }
}

/// A line that is no `key = value` at all.
fn of_a_line(line: &Line<'_>, at: usize, message: &str) -> Option<Mistake> {
    let text = line.text.trim();
    if text.starts_with('[') {
        let name = text.trim_matches(|one| one == '[' || one == ']').trim();
        let name = bare(&name.replace('.', "-")).map(|_| name)?;
        let found = format!("`{}` is not closed", display_safe(text, SHOWN_CHARS));
        return Some(Mistake::new(at, found, format!("write [[{name}]]")));
    }
    let item = text.strip_prefix("- ").unwrap_or(text);
    let pair = item.split_once(':').filter(|_| !text.contains('='));
    let pair = pair.and_then(|(key, value)| bare(key).zip(Some(value)));
    let Some((key, value)) = pair else {
        let hint = "write key = value, [[table]], or # before a comment";
        let lone = message.contains("no value");
        return lone.then(|| Mistake::new(at, "a line that sets no key", hint));
    };
    let hint = match value.trim() {
        "" => format!("write [[{key}]], and below it its keys as key = value"),
        _ => format!("write {key} = …"),
    };
    let found = format!("`{key}:` is written as in YAML");
    Some(Mistake::new(line.at(key), found, hint))
}
