//! Sign-in messages (ERC-4361): text that a web site takes for the wallet's owner. A site reads it
//! to the letter, so whatever speaks of signing in and is not to the letter is refused.

use alloy_primitives::Address;

use super::context::{address_text, Context};
use super::{Denial, Field};
use crate::text::display_safe;

const WORDS: &str = " wants you to sign in with your Ethereum account";
const VALUE_CHARS_MAX: usize = 256;
const FIELDS: [(&str, &str); 8] = [
    ("URI: ", "Site"),
    ("Version: ", "Version"),
    ("Chain ID: ", "Chain"),
    ("Nonce: ", "Nonce"),
    ("Issued At: ", "Issued"),
    ("Expiration Time: ", "Expires"),
    ("Not Before: ", "Not before"),
    ("Request ID: ", "Request"),
];

/// The lines of a sign-in message; `None` for any other text.
///
/// # Errors
/// `sign_in_mismatch` for another account, chain or site, for one that never ends, and for
/// characters that could hide a part of it.
pub(super) fn read(text: &str, context: &Context<'_>) -> Result<Option<Vec<Field>>, Denial> {
    if !text.contains(WORDS) {
        return Ok(None);
    }
    if text.chars().any(|one| one != '\n' && is_hidden(one)) {
        let text = "the sign-in message holds characters that cannot be seen";
        return Err(mismatch(text));
    }
    let mut lines = text.split('\n');
    let first = lines.next().and_then(|first| first.strip_suffix(':'));
    let Some(site) = first.and_then(|first| first.strip_suffix(WORDS)) else {
        return Err(mismatch("the sign-in message does not begin as one"));
    };
    let account: Option<Address> = lines.next().and_then(|line| line.parse().ok());
    let Some(account) = account else {
        return Err(mismatch("the sign-in message names no account"));
    };
    if context.wallet.is_some_and(|wallet| wallet != account) {
        return Err(mismatch("the sign-in message is for another account"));
    }
    let line = |label: &'static str, value: &str| Field {
        label: label.into(),
        value: display_safe(value, VALUE_CHARS_MAX),
    };
    let mut shown = vec![
        line("Sign in to", site),
        line("Account", &address_text(account)),
    ];
    let (mut has_chain, mut ends) = (false, false);
    for text in lines {
        let found = FIELDS
            .iter()
            .find_map(|(name, label)| Some((*label, text.strip_prefix(name)?)));
        let Some((label, value)) = found else {
            continue;
        };
        match label {
            "Chain" if value != context.chain_id.to_string() => {
                return Err(mismatch("the sign-in message is for another chain"));
            }
            "Chain" => has_chain = true,
            "Expires" => ends = true,
            "Site" if !is_of(value, site) => {
                return Err(mismatch("the sign-in message is for two sites"));
            }
            _ => {}
        }
        shown.push(line(label, value));
    }
    if !has_chain {
        return Err(mismatch("the sign-in message names no chain"));
    }
    if !ends {
        return Err(mismatch("the sign-in message never ends"));
    }
    Ok(Some(shown))
}

/// Whether the address of a page is on the site, or on a part of it. One without a site, like
/// `did:key:…`, cannot be compared.
fn is_of(uri: &str, site: &str) -> bool {
    let Some(host) = authority(uri) else {
        return true;
    };
    let site = authority(site).unwrap_or_else(|| site.to_ascii_lowercase());
    host == site
        || host
            .strip_suffix(&site)
            .is_some_and(|part| part.ends_with('.'))
}

/// `shop.example:8080` of `https://shop.example:8080/login`
fn authority(uri: &str) -> Option<String> {
    let (_, rest) = uri.split_once("://")?;
    let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
    Some(rest.get(..end)?.to_ascii_lowercase())
}

/// Control characters, and those that turn the line, take no place or break it.
fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{feff}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

fn mismatch(text: &str) -> Denial {
    Denial::new("sign_in_mismatch", text)
}
