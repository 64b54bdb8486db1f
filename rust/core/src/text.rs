//! The one gate for untrusted text on its way to a person.
//!
//! An allow-list decides; everything else becomes an escape that can be seen, like `\u{202e}`. What
//! passes:
//! - printable ASCII (U+0020 to U+007E). Brackets pass: nothing untrusted is ever parsed as markup;
//! - letters and signs of Latin-1 without the no-break space and the soft hyphen, and Latin
//!   Extended-A and -B;
//! - Greek and Cyrillic letters, unless the same word also has Latin letters (then they are
//!   escaped: `USD\u{421}`);
//! - hiragana, katakana, CJK ideographs and hangul syllables;
//! - dashes, curly quotes, bullet, ellipsis and the euro sign.
//!
//! So control characters of both ranges, line breaks, bidirectional controls and right-to-left
//! scripts, zero-width and combining characters, emoji, private use and non-characters never reach
//! a terminal. A backslash passes as it is, so the result is not reversible, but applying the gate
//! twice changes nothing.

use std::fmt::{self, Write as _};

/// Makes `text` safe to show, at most `max_chars` characters long. A cut is shown as `…[+n]`, `n`
/// being the number of characters of `text` that are missing. (With fewer than 48 characters of
/// room the mark is a bare `…`.) Of text that ends with such a mark, `n` includes what was missing
/// before.
pub fn display_safe(text: &str, max_chars: usize) -> String {
    let (whole, missing) = shown(text, max_chars);
    match marked(text) {
        Some((body, before)) if missing > 0 && before > 0 => shown_after(body, max_chars, before).0,
        _ => whole,
    }
}

/// As [`display_safe`] for text that was never cut, with the number of characters of `text` that
/// are missing: 0 when all of it is there.
pub(crate) fn shown(text: &str, max_chars: usize) -> (String, usize) {
    shown_after(text, max_chars, 0)
}

/// The text before the mark of an earlier cut, and what that mark says is missing.
fn marked(text: &str) -> Option<(&str, usize)> {
    let (body, number) = text.strip_suffix(']')?.rsplit_once("…[+")?;
    let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
    let before = number.parse().ok().filter(|_| is_number)?;
    Some((body, before))
}

/// Of a text that lost `before` characters already, which are counted as missing too.
fn shown_after(text: &str, max_chars: usize, before: usize) -> (String, usize) {
    if before == 0 && text.len() <= max_chars && is_plain_ascii(text) {
        return (text.to_owned(), 0);
    }
    let counted = max_chars >= COUNTED_MARK_FROM;
    let room = max_chars.saturating_sub(if counted { MARK_CHARS_MAX } else { 1 });
    // What lost something has a mark in any case, and never more text than leaves room for it.
    let most = if before > 0 { room } else { max_chars };
    let mut out = String::with_capacity(text.len().min(max_chars.saturating_mul(2)));
    let mut used: usize = 0;
    // Where to go back to when the text turns out not to fit: bytes of `out`, characters of `text`.
    let mut cut_at = (0, 0);
    let mut missing = before;
    let mut word_left: usize = 0;
    let mut mixed = false;
    for (index, (at, character)) in text.char_indices().enumerate() {
        if word_left == 0 && character.is_alphanumeric() {
            (word_left, mixed) = word(text.get(at..).unwrap_or_default());
        }
        let in_mixed_word = word_left > 0 && mixed;
        word_left = word_left.saturating_sub(1);
        if used <= room {
            cut_at = (out.len(), index);
        }
        used = used.saturating_add(push(character, in_mixed_word, &mut out));
        if used > most {
            let left = text.chars().count().saturating_sub(cut_at.1);
            missing = missing.saturating_add(left);
            out.truncate(cut_at.0);
            break;
        }
    }
    match (missing, counted, max_chars) {
        (0, ..) | (_, false, 0) => {}
        (_, true, _) => append(&mut out, format_args!("…[+{missing}]")),
        (_, false, _) => out.push('…'),
    }
    (out, missing)
}

/// Appends formatted text.
pub(crate) fn append(out: &mut String, text: fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = out.write_fmt(text);
}

/// Cuts text that is already display-safe to `max_chars` characters, with `…` as the last one.
pub(crate) fn cut(text: String, max_chars: usize) -> String {
    if text.len() <= max_chars {
        return text;
    }
    match text.char_indices().nth(max_chars.saturating_sub(1)) {
        Some((at, _)) if text.chars().count() > max_chars => {
            format!("{}…", text.get(..at).unwrap_or_default())
        }
        _ => text,
    }
}

/// `…[+18446744073709551615]`
const MARK_CHARS_MAX: usize = 24;
/// Below this much room the text is worth more than the count.
const COUNTED_MARK_FROM: usize = 48;

fn is_plain_ascii(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, 0x20..=0x7e))
}

/// The length in characters of the word at the start of `text`, and whether it mixes Latin with
/// Greek or Cyrillic.
fn word(text: &str) -> (usize, bool) {
    let mut length: usize = 0;
    let mut latin = false;
    let mut look_alike = false;
    for character in text
        .chars()
        .take_while(|character| character.is_alphanumeric())
    {
        length = length.saturating_add(1);
        latin |= is_latin(character);
        look_alike |= is_greek_or_cyrillic(character);
    }
    (length, latin && look_alike)
}

/// Appends the character or its escape; gives the number of characters appended.
fn push(character: char, in_mixed_word: bool, out: &mut String) -> usize {
    if is_allowed(character) && !(in_mixed_word && is_greek_or_cyrillic(character)) {
        out.push(character);
        return 1;
    }
    let before = out.len();
    // One form for all: an escape that ends in a letter, like `\n`, would join the word after it.
    append(out, format_args!("\\u{{{:x}}}", u32::from(character)));
    out.len().saturating_sub(before)
}

fn is_latin(character: char) -> bool {
    character.is_ascii_alphabetic() || matches!(character, '\u{c0}'..='\u{24f}')
}

fn is_greek_or_cyrillic(character: char) -> bool {
    match character {
        // Accents that stand alone, the question mark that looks like a semicolon, and unassigned
        // places.
        '\u{37a}' | '\u{37e}' | '\u{378}' | '\u{379}' | '\u{380}'..='\u{385}' => false,
        '\u{387}' | '\u{38b}' | '\u{38d}' | '\u{3a2}' => false,
        '\u{370}'..='\u{3ff}' => true,
        // Combining signs.
        '\u{482}'..='\u{489}' => false,
        '\u{400}'..='\u{52f}' => true,
        _ => false,
    }
}

fn is_allowed(character: char) -> bool {
    match character {
        ' '..='~' => true,
        '\u{ad}' => false,
        '\u{a1}'..='\u{24f}' => true,
        '\u{3041}'..='\u{3096}' | '\u{30a1}'..='\u{30fa}' | '\u{30fc}' => true,
        '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}' => true,
        '–' | '—' | '‘' | '’' | '“' | '”' | '•' | '…' | '€' => true,
        other => is_greek_or_cyrillic(other),
    }
}
