//! Texts whose signature is the seed of another key, or puts another key in charge: whoever has the
//! signature has what lies there, for good, and nothing in it can be limited. The key comes of the
//! exact bytes, so a text that is written in another way is worth nothing to a thief.

use crate::code::Code;
use crate::effects::Denial;
use crate::json::Json;

/// Parts of such texts, in small letters.
const MARKS: [&str; 11] = [
    // zkSync, zkLink, Umbra, Lighter and others.
    "only sign this message for a trusted client",
    "access zksync account",
    // Keys of StarkEx: Immutable X; dYdX, Paradex and others.
    "initiated an action with immutable x",
    "stark key",
    "dydx chain onboarding",
    "to access loopring exchange",
    // Aztec, and addresses nobody can trace.
    "privacy key",
    "spending key",
    "viewing key",
    "to generate your secret key",
    "private payment keys",
];

/// Refuses such a text.
///
/// # Errors
/// `key_derivation`
pub(in crate::effects) fn check(text: &str) -> Result<(), Denial> {
    let text = text.to_ascii_lowercase();
    if MARKS.iter().any(|mark| text.contains(mark)) {
        let text = "the signature would be the seed of another key, or put one in charge";
        return Err(Denial::new(Code::KeyDerivation, text));
    }
    Ok(())
}

/// The same for every text of a document.
///
/// # Errors
/// `key_derivation`
pub(in crate::effects) fn check_all(value: &Json<'_>) -> Result<(), Denial> {
    match value {
        Json::Str(text) => check(text),
        Json::Array(items) => items.iter().try_for_each(check_all),
        Json::Object(members) => members.iter().try_for_each(|(_, value)| check_all(value)),
        _ => Ok(()),
    }
}
