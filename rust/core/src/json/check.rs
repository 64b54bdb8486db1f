//! The bounds of a text, for a value that was never text.

use super::{Json, Limits, Malformed, INTEGER_MAX};
use crate::code::Detail;

/// Whether a value could have come out of [`super::parse`] with these limits. Its depth is the
/// caller's: whoever builds a value knows it.
///
/// # Errors
/// `json_too_large`, `json_number`, `json_nul`, `json_string`, `json_nodes`, with the JSON pointer
/// of the value.
pub(crate) fn check(value: &Json<'_>, limits: &Limits) -> Result<(), Malformed> {
    walk(value, limits, &mut 0)?;
    if value.to_canonical().len() > limits.max_bytes {
        let text = "the JSON text is too large";
        return Err(Malformed::new(Detail::JsonTooLarge, "", text));
    }
    Ok(())
}

fn walk(value: &Json<'_>, limits: &Limits, nodes: &mut usize) -> Result<(), Malformed> {
    let fault = |code, text: &str| Err(Malformed::new(code, "", text));
    *nodes = nodes.saturating_add(1);
    if *nodes > limits.max_nodes {
        return fault(Detail::JsonNodes, "too many values");
    }
    match value {
        Json::Int(number) if !(-INTEGER_MAX..=INTEGER_MAX).contains(number) => {
            fault(Detail::JsonNumber, "integers beyond 2^53-1 must be strings")
        }
        Json::Str(text) => string(text, limits),
        Json::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                walk(item, limits, nodes).map_err(|fault| fault.under_index(index))?;
            }
            Ok(())
        }
        Json::Object(members) => {
            for (key, item) in members {
                string(key, limits)?;
                walk(item, limits, nodes).map_err(|fault| fault.under(key))?;
            }
            Ok(())
        }
        Json::Null | Json::Bool(_) | Json::Int(_) | Json::Big(_) => Ok(()),
    }
}

fn string(text: &str, limits: &Limits) -> Result<(), Malformed> {
    let fault = |code, text: &str| Err(Malformed::new(code, "", text));
    if text.len() > limits.max_string {
        return fault(Detail::JsonString, "a string is too long");
    }
    if text.as_bytes().contains(&0) {
        return fault(Detail::JsonNul, "a string holds a NUL character");
    }
    Ok(())
}
