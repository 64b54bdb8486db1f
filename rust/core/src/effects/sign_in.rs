//! Sign-in messages (ERC-4361): text that a web site takes for the wallet's owner.

use alloy_primitives::Address;

use super::context::{address_text, Context};
use super::{Denial, Field};
use crate::text::display_safe;

const MARK: &str = " wants you to sign in with your Ethereum account:";
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

/// The lines of a sign-in message, and whether it has no end; `None` for any other text.
///
/// # Errors
/// `sign_in_mismatch` for another account or chain, and for control characters that could hide a
/// part of it.
pub(super) fn read(
    text: &str,
    context: &Context<'_>,
) -> Result<Option<(Vec<Field>, bool)>, Denial> {
    let mut lines = text.split('\n');
    let Some(domain) = lines.next().and_then(|first| first.strip_suffix(MARK)) else {
        return Ok(None);
    };
    if text.chars().any(|one| one.is_control() && one != '\n') {
        return Err(mismatch("the sign-in message holds control characters"));
    }
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
        line("Sign in to", domain),
        line("Account", &address_text(account)),
    ];
    let mut ends = false;
    for text in lines {
        let found = FIELDS
            .iter()
            .find_map(|(name, label)| Some((*label, text.strip_prefix(name)?)));
        let Some((label, value)) = found else {
            continue;
        };
        if label == "Chain" && value != context.chain_id.to_string() {
            return Err(mismatch("the sign-in message is for another chain"));
        }
        ends |= label == "Expires";
        shown.push(line(label, value));
    }
    Ok(Some((shown, ends)))
}

fn mismatch(text: &str) -> Denial {
    Denial::new("sign_in_mismatch", text)
}
