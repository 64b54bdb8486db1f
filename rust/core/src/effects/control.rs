//! Calls that change who owns, governs or upgrades a contract or an account. Their selectors mean
//! the same on nearly every contract; on one nothing is known of they are a warning of the worst.

use alloy_dyn_abi::{DynSolType, DynSolValue};
use alloy_primitives::U256;

use crate::code::WarningCode;
use crate::display::{address_text, field, warning, DisplayLine};
use crate::effects::call::Call;
use crate::effects::context::Context;
use crate::effects::parts::Parts;
use crate::effects::EffectKind;
use crate::function;

/// Addresses of a list that are shown.
const LISTED_MAX: usize = 16;

/// Adds the effect to a call that is opaque anyway, if its selector is one of these.
pub(in crate::effects) fn add(call: &Call<'_>, parts: &mut Parts, context: &Context<'_>) {
    let Some((selector, arguments)) = call.split() else {
        return;
    };
    let Some((signature, text)) = function::control(*selector) else {
        return;
    };
    let effect = context.effect(EffectKind::Control, None, Some(call.to), U256::ZERO);
    parts.effects.push(effect);
    parts.warnings.push(warning(WarningCode::Control, text));
    parts.display.push(field("Function", signature));
    for (number, value) in arguments_of(signature, arguments).into_iter().enumerate() {
        let label = format!("Argument {}", number.saturating_add(1));
        parts.display.push(DisplayLine {
            label: label.into(),
            value,
        });
    }
}

/// The arguments as a person reads them, for nobody can judge a new owner without its address;
/// nothing if they do not decode.
fn arguments_of(signature: &str, arguments: &[u8]) -> Vec<String> {
    let types = signature.find('(').and_then(|at| signature.get(at..));
    let types = types.and_then(|types| DynSolType::parse(types).ok());
    let Some(DynSolValue::Tuple(values)) =
        types.and_then(|types| types.abi_decode_params(arguments).ok())
    else {
        return Vec::new();
    };
    let shown = |value: DynSolValue| match value {
        DynSolValue::Address(address) => address_text(address),
        DynSolValue::Uint(number, _) => number.to_string(),
        DynSolValue::FixedBytes(word, _) => word.to_string(),
        DynSolValue::Bool(bit) => bit.to_string(),
        DynSolValue::Bytes(bytes) => format!("{} bytes", bytes.len()),
        DynSolValue::Array(items) => {
            let addresses = items.iter().filter_map(DynSolValue::as_address);
            let addresses: Vec<String> = addresses.take(LISTED_MAX).map(address_text).collect();
            format!("{}: {}", items.len(), addresses.join(", "))
        }
        _ => "not shown".to_owned(),
    };
    values.into_iter().map(shown).collect()
}
