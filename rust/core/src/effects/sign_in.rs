//! Sign-in messages (ERC-4361): text that a web site takes for the wallet's owner. They are read by
//! the grammar of the standard and nothing else: each field in its place, once, and an end. A text
//! that only resembles one is refused, for a site may read it more kindly than we do.
//!
//! Stricter than the standard: an end is required; the host of a site has no account and no
//! percent-encoding; a statement must not contain the name of a field; lengths are bounded.

use alloy_primitives::Address;

use super::context::Context;
use super::{rfc3339, Denial};
use crate::address::checksum;
use crate::code::{Code, WarningCode};
use crate::display::{address_text, field, warning, DisplayLine, Warning};

const PHRASE: &str = " wants you to sign in with your Ethereum account:";
/// The letters by which every spelling of the first line is recognised, whatever stands between
/// them.
const LETTERS: &[u8] = b"wantsyoutosigninwithyour";
/// Longest value of a field, in bytes. Every field is shown whole.
const VALUE_BYTES_MAX: usize = 4_096;
const RESOURCES_MAX: usize = 32;
/// What a statement must not say: a person would take it for a field.
const FIELD_NAMES: [&str; 9] = [
    "uri:",
    "version:",
    "chain id:",
    "nonce:",
    "issued at:",
    "expiration time:",
    "not before:",
    "request id:",
    "resources:",
];

/// A sign-in message that follows the grammar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SignIn<'t> {
    pub scheme: Option<&'t str>,
    /// RFC 3986 authority without an account: host and port.
    pub domain: &'t str,
    pub address: Address,
    pub statement: Option<&'t str>,
    pub uri: &'t str,
    pub chain_id: &'t str,
    pub nonce: &'t str,
    pub issued_at: &'t str,
    pub expiration_time: &'t str,
    pub not_before: Option<&'t str>,
    pub request_id: Option<&'t str>,
    pub resources: Vec<&'t str>,
    /// `expiration_time`, ms since the epoch.
    pub expires_ms: u64,
}

/// What a sign-in message is for a person, and when it ends (ms).
pub(super) struct Read {
    pub display: Vec<DisplayLine>,
    pub warnings: Vec<Warning>,
    pub expires_ms: u64,
}

/// Reads a sign-in message; `None` for any other text.
///
/// # Errors
/// `sign_in_mismatch` for a text that resembles a sign-in message and does not follow the grammar,
/// has no end, or is for another account, chain or site.
pub(super) fn read(text: &str, context: &Context<'_>) -> Result<Option<Read>, Denial> {
    if !resembles(text.as_bytes()) {
        return Ok(None);
    }
    let message = parse(text).map_err(|fault| mismatch(&fault))?;
    if context
        .wallet
        .is_some_and(|wallet| wallet != message.address)
    {
        return Err(mismatch("it is for another account"));
    }
    if message.chain_id != context.chain_id.to_string() {
        return Err(mismatch("it is for another chain"));
    }
    if !is_of(message.uri, message.domain) {
        return Err(mismatch("it is for two sites"));
    }
    Ok(Some(Read {
        warnings: warnings(&message),
        expires_ms: message.expires_ms,
        display: display(&message),
    }))
}

/// Whether the text speaks of signing in, in any case and with anything between its letters. Not
/// text at all, it cannot be a sign-in message, but may be shown as one.
pub(super) fn resembles(text: &[u8]) -> bool {
    let letters = text.iter().filter(|byte| byte.is_ascii_alphabetic());
    let letters: Vec<u8> = letters.map(u8::to_ascii_lowercase).collect();
    letters.windows(LETTERS.len()).any(|part| part == LETTERS)
}

/// Refuses bytes that are no text and speak of signing in all the same.
///
/// # Errors
/// `sign_in_mismatch`
pub(super) fn check_bytes(message: &[u8]) -> Result<(), Denial> {
    if resembles(message) {
        return Err(mismatch("it is not text"));
    }
    Ok(())
}

/// The grammar, from `sign-in-with-ethereum` on.
pub(super) fn parse(text: &str) -> Result<SignIn<'_>, String> {
    let mut lines = text.split('\n');
    let first = lines.next().and_then(|line| line.strip_suffix(PHRASE));
    let origin = first.ok_or("its first line is not the one of the standard")?;
    let (scheme, domain) = match origin.split_once("://") {
        Some((scheme, domain)) => (Some(scheme), domain),
        None => (None, origin),
    };
    require(scheme.is_none_or(is_scheme), "the scheme of its site")?;
    require(is_domain(domain), "its site")?;
    let address = lines.next().and_then(account);
    let address = address.ok_or("the second line is not an account")?;
    require(lines.next() == Some(""), "the line after the account")?;
    // With a statement: the statement and an empty line. Without: an empty line.
    let statement = match lines.next() {
        Some("") => None,
        Some(said) => {
            require(is_statement(said), "its statement")?;
            require(lines.next() == Some(""), "the line after the statement")?;
            Some(said)
        }
        None => return Err("it ends after the account".to_owned()),
    };
    let mut fields = Fields {
        next: lines.next(),
        lines,
    };
    let uri = fields.take("URI: ", is_uri)?;
    fields.take("Version: ", |value| value == "1")?;
    let chain_id = fields.take("Chain ID: ", is_number)?;
    let nonce = fields.take("Nonce: ", is_nonce)?;
    let (issued_at, issued) = fields.time("Issued At: ")?.ok_or("it has no `Issued At`")?;
    let end = fields.time("Expiration Time: ")?;
    let (expiration_time, expires_ms) = end.ok_or("it has no `Expiration Time`: it never ends")?;
    let not_before = fields.time("Not Before: ")?;
    let request_id = fields.take_if("Request ID: ", is_request_id)?;
    let resources = fields.resources()?;
    if let Some(rest) = fields.next {
        let shown = crate::text::display_safe(rest, 48);
        return Err(format!(
            "nothing may follow its fields, or out of order: `{shown}`"
        ));
    }
    let begin = not_before.map_or(issued, |(_, begin)| begin.max(issued));
    require(begin < expires_ms, "its times: it ends before it begins")?;
    Ok(SignIn {
        scheme,
        domain,
        address,
        statement,
        uri,
        chain_id,
        nonce,
        issued_at,
        expiration_time,
        not_before: not_before.map(|(text, _)| text),
        request_id,
        resources,
        expires_ms,
    })
}

/// The fields after the statement, one a line, in the order of the standard.
struct Fields<'t> {
    next: Option<&'t str>,
    lines: std::str::Split<'t, char>,
}

impl<'t> Fields<'t> {
    fn take(&mut self, name: &str, is_right: fn(&str) -> bool) -> Result<&'t str, String> {
        let missing = || format!("`{}` is missing or not in its place", label(name));
        self.take_if(name, is_right)?.ok_or_else(missing)
    }

    /// The value of the field, if it is the next line.
    fn take_if(
        &mut self,
        name: &str,
        is_right: fn(&str) -> bool,
    ) -> Result<Option<&'t str>, String> {
        let Some(value) = self.next.and_then(|line| line.strip_prefix(name)) else {
            return Ok(None);
        };
        if value.len() > VALUE_BYTES_MAX || !is_right(value) {
            return Err(format!("`{}` is not what it must be", label(name)));
        }
        self.next = self.lines.next();
        Ok(Some(value))
    }

    fn time(&mut self, name: &str) -> Result<Option<(&'t str, u64)>, String> {
        let Some(value) = self.take_if(name, |_| true)? else {
            return Ok(None);
        };
        let bad = || format!("`{}` is not a date and time of RFC 3339", label(name));
        let ms = rfc3339::ms(value).ok_or_else(bad)?;
        Ok(Some((value, ms)))
    }

    fn resources(&mut self) -> Result<Vec<&'t str>, String> {
        let mut resources = Vec::new();
        if self.next != Some("Resources:") {
            return Ok(resources);
        }
        self.next = self.lines.next();
        while let Some(resource) = self.take_if("- ", is_uri)? {
            if resources.len() >= RESOURCES_MAX {
                return Err(format!("it has more than {RESOURCES_MAX} resources"));
            }
            resources.push(resource);
        }
        Ok(resources)
    }
}

fn label(name: &str) -> &str {
    match name {
        "- " => "Resources",
        name => name.trim_end_matches([':', ' ']),
    }
}

fn require(holds: bool, what: &str) -> Result<(), String> {
    if holds {
        Ok(())
    } else {
        Err(format!("not the standard's form: {what}"))
    }
}

/// `address`: the letters are a checksum unless all of them are of one size (EIP-55).
fn account(line: &str) -> Option<Address> {
    let digits = line
        .strip_prefix("0x")
        .filter(|digits| digits.len() == 40)?;
    let address: Address = line.parse().ok()?;
    let mixed = digits.bytes().any(|digit| digit.is_ascii_lowercase())
        && digits.bytes().any(|digit| digit.is_ascii_uppercase());
    (!mixed || checksum(address).to_string() == line).then_some(address)
}

/// RFC 3986 `scheme`.
fn is_scheme(scheme: &str) -> bool {
    let rest = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    scheme.starts_with(|first: char| first.is_ascii_alphabetic()) && scheme.bytes().all(rest)
}

/// RFC 3986 `authority` without `userinfo`: a name, an address in brackets, and a port.
fn is_domain(domain: &str) -> bool {
    let (host, after) = match domain.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((host, after)) if host.bytes().all(is_ip_byte) => (host, after),
            _ => return false,
        },
        None => domain.split_at(domain.find(':').unwrap_or(domain.len())),
    };
    let in_brackets = domain.starts_with('[');
    let port = after.strip_prefix(':').unwrap_or(after);
    !host.is_empty()
        && domain.len() <= VALUE_BYTES_MAX
        && (in_brackets || host.bytes().all(is_host_byte))
        && (after.is_empty() || after.starts_with(':') && is_number(port))
}

const fn is_ip_byte(byte: u8) -> bool {
    byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.')
}

const fn is_host_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// `statement`: one line of `reserved`, `unreserved` and spaces, that passes for no field.
fn is_statement(said: &str) -> bool {
    let lower = said.to_ascii_lowercase();
    said.len() <= VALUE_BYTES_MAX
        && said
            .bytes()
            .all(|byte| byte == b' ' || is_unreserved(byte) || is_reserved(byte))
        && !FIELD_NAMES.iter().any(|name| lower.contains(name))
        && !lower.trim_start().starts_with("- ")
}

/// RFC 3986 `URI`: a scheme, and characters that may stand behind it.
fn is_uri(uri: &str) -> bool {
    let Some((scheme, rest)) = uri.split_once(':') else {
        return false;
    };
    // `#` begins the fragment and is in nothing else; brackets are only in the host.
    let (before, fragment) = rest.split_once('#').unwrap_or((rest, ""));
    let path = before.strip_prefix("//").map_or(before, |rest| {
        rest.get(rest.find(['/', '?']).unwrap_or(rest.len())..)
            .unwrap_or_default()
    });
    let odd = |part: &str| part.contains(['[', ']', '#']);
    is_scheme(scheme) && is_encoded(rest, is_reserved) && !odd(fragment) && !odd(path)
}

/// `request-id`: RFC 3986 `*pchar`.
fn is_request_id(value: &str) -> bool {
    is_encoded(value, |byte| {
        is_sub_delimiter(byte) || matches!(byte, b':' | b'@')
    })
}

/// Unreserved characters, those that `others` allows, and percent-encoded bytes.
fn is_encoded(text: &str, others: fn(u8) -> bool) -> bool {
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let right = match byte {
            b'%' => {
                let mut digit = || bytes.next().is_some_and(|digit| digit.is_ascii_hexdigit());
                digit() && digit()
            }
            byte => is_unreserved(byte) || others(byte),
        };
        if !right {
            return false;
        }
    }
    true
}

const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

const fn is_sub_delimiter(byte: u8) -> bool {
    matches!(
        byte,
        b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'='
    )
}

const fn is_reserved(byte: u8) -> bool {
    is_sub_delimiter(byte) || matches!(byte, b':' | b'/' | b'?' | b'#' | b'[' | b']' | b'@')
}

/// `1*DIGIT`
fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_nonce(text: &str) -> bool {
    text.len() >= 8 && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Every field in the order of the message, whole.
fn display(message: &SignIn<'_>) -> Vec<DisplayLine> {
    let origin = match message.scheme {
        Some(scheme) => format!("{scheme}://{}", message.domain),
        None => message.domain.to_owned(),
    };
    let mut lines = vec![
        field("Sign in to", origin),
        field("Account", address_text(message.address)),
    ];
    let mut push = |label, value: Option<&str>| {
        lines.extend(value.map(|value| field(label, value)));
    };
    push("Statement", message.statement);
    push("Site", Some(message.uri));
    push("Version", Some("1"));
    push("Chain", Some(message.chain_id));
    push("Nonce", Some(message.nonce));
    push("Issued", Some(message.issued_at));
    push("Expires", Some(message.expiration_time));
    push("Not before", message.not_before);
    push("Request", message.request_id);
    for resource in &message.resources {
        push("Resource", Some(*resource));
    }
    lines
}

/// A recap (ERC-5573) among the resources is a capability: whoever holds the signature may use it.
fn warnings(message: &SignIn<'_>) -> Vec<Warning> {
    let is_recap = |uri: &&&str| uri.to_ascii_lowercase().starts_with("urn:recap:");
    match message.resources.iter().filter(is_recap).count() {
        0 => Vec::new(),
        count => {
            let text = format!(
                "the sign-in delegates capabilities ({count} `urn:recap:` of ERC-5573): the site \
                 can act for this account until it expires"
            );
            vec![warning(WarningCode::Recap, &text)]
        }
    }
}

/// Whether the address of a page is on the site, or on a part of it. One without a site, like
/// `did:key:…`, cannot be compared.
fn is_of(uri: &str, site: &str) -> bool {
    let Some((_, rest)) = uri.split_once("://") else {
        return true;
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let host = rest.get(..end).unwrap_or_default().to_ascii_lowercase();
    let site = site.to_ascii_lowercase();
    host == site
        || host
            .strip_suffix(&site)
            .is_some_and(|part| part.ends_with('.'))
}

fn mismatch(fault: &str) -> Denial {
    let text = format!("the sign-in message does not follow ERC-4361, or is not ours: {fault}");
    Denial::new(Code::SignInMismatch, text)
}
