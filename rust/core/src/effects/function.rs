//! Calls of functions the operator vouches for. Only the call of the transaction itself: inside of
//! another one the contract sees somebody else, and nobody vouched for that.

use alloy_dyn_abi::DynSolValue;
use alloy_primitives::{hex, U256};

use crate::code::WarningCode;
use crate::display::{address_text, field, warning, DisplayLine};
use crate::effects::call::Call;
use crate::effects::common::native::push_value;
use crate::effects::common::opaque::{self, trailing_bytes};
use crate::effects::context::Context;
use crate::effects::hidden::Hidden;
use crate::effects::parts::Parts;
use crate::effects::{abi, Denial, EffectKind};
use crate::function::{control, Function, Members};

/// Characters of a text and items of a list that are shown.
const CHARS_MAX: usize = 200;
const ITEMS_MAX: usize = 16;

/// A call of a contract nothing else is known of; `None` if nobody vouches for the function. With
/// arguments nobody vouches for it is as opaque as any other.
///
/// # Errors
/// `dirty_calldata`.
pub(in crate::effects) fn decode(
    call: &Call<'_>,
    context: &Context<'_>,
) -> Result<Option<Parts>, Denial> {
    let Some((selector, data)) = call.split().filter(|_| call.depth == 0) else {
        return Ok(None);
    };
    let found = context.registry.function(context.at(call.to), *selector);
    let Some(function) = found.filter(|_| control(*selector).is_none()) else {
        return Ok(None);
    };
    let (arguments, trailing) = abi::dynamic(function.signature.whole(), data)?;
    let unmet = function.unmet(&arguments, call.value, context.wallet);
    let mut hidden = Hidden::default();
    let lines = lines(function, &arguments, &mut hidden);
    if unmet.is_none() && trailing == 0 {
        let mut parts = vouched(call, function, lines, context);
        parts.warnings.extend(hidden.warning());
        return Ok(Some(parts));
    }
    let mut parts = opaque::call(call, false, context);
    parts.display.extend(lines);
    parts.warnings.extend(hidden.warning());
    if trailing > 0 {
        parts.warnings.push(trailing_bytes(trailing));
    }
    if let Some(unmet) = unmet {
        let text = format!("this call of `{}` is not vouched for: {unmet}", function.id);
        parts.warnings.push(warning(WarningCode::NotVouched, &text));
    }
    Ok(Some(parts))
}

fn vouched(
    call: &Call<'_>,
    function: &Function,
    lines: Vec<DisplayLine>,
    context: &Context<'_>,
) -> Parts {
    let mut parts = Parts::default();
    parts.display.push(field("Action", "call"));
    parts.display.push(field("Contract", address_text(call.to)));
    push_value(Some(call.to), call.value, &mut parts, context);
    parts
        .display
        .push(field("Vouched for as", function.id.as_str()));
    parts.display.extend(lines);
    let mut effect = context.effect(EffectKind::Call, None, Some(call.to), U256::ZERO);
    effect.function = Some(function.id.clone());
    parts.effects.push(effect);
    parts
}

/// The function and its arguments: no person can judge a call without them.
fn lines(function: &Function, arguments: &DynSolValue, hidden: &mut Hidden) -> Vec<DisplayLine> {
    let signature = &function.signature;
    let mut lines = vec![field("Function", signature.canonical())];
    let members = signature.members();
    for (place, argument) in arguments.as_tuple().into_iter().flatten().enumerate() {
        lines.push(DisplayLine {
            label: format!("Argument {}", signature.name_of(place)).into(),
            value: text_of(argument, members.of(place), hidden),
        });
    }
    lines
}

/// A value in words; members of tuples with the names that the operator wrote.
fn text_of(value: &DynSolValue, members: Option<&Members>, hidden: &mut Hidden) -> String {
    match value {
        DynSolValue::Address(address) => address_text(*address),
        DynSolValue::Bool(bit) => bit.to_string(),
        DynSolValue::Uint(number, _) => number.to_string(),
        DynSolValue::Int(number, _) => number.to_string(),
        DynSolValue::FixedBytes(word, size) => {
            hex::encode_prefixed(word.get(..*size).unwrap_or_default())
        }
        DynSolValue::String(text) => hidden.text(text, CHARS_MAX),
        DynSolValue::Bytes(bytes) => {
            let size = format!("{} bytes", bytes.len());
            match bytes.is_empty() {
                true => size,
                false => {
                    let text = hidden.text(&hex::encode_prefixed(bytes), CHARS_MAX);
                    format!("{size} {text}")
                }
            }
        }
        DynSolValue::Tuple(items) => {
            let text = list_of(items, hidden, |place, item, hidden| {
                let inner = members.and_then(|members| members.of(place));
                let text = text_of(item, inner, hidden);
                match members.and_then(|members| members.name(place)) {
                    Some(name) => format!("{name}: {text}"),
                    None => text,
                }
            });
            format!("({text})")
        }
        DynSolValue::Array(items) | DynSolValue::FixedArray(items) => {
            let text = list_of(items, hidden, |_, item, hidden| {
                text_of(item, members, hidden)
            });
            format!("{}: {text}", items.len())
        }
        _ => {
            hidden.leave_out(1);
            "not shown".to_owned()
        }
    }
}

fn list_of(
    items: &[DynSolValue],
    hidden: &mut Hidden,
    text_of: impl Fn(usize, &DynSolValue, &mut Hidden) -> String,
) -> String {
    let first = items.iter().take(ITEMS_MAX).enumerate();
    let mut shown: Vec<String> = first
        .map(|(place, item)| text_of(place, item, hidden))
        .collect();
    let more = items.len().saturating_sub(ITEMS_MAX);
    if more > 0 {
        hidden.leave_out(more);
        shown.push(format!("… {more} more"));
    }
    shown.join(", ")
}
