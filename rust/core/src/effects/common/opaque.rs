//! Calls nobody can say the consequences of.

use alloy_primitives::{hex, U256};

use super::native::push_value;
use crate::code::WarningCode;
use crate::display::{address_text, field, warning, DisplayLine, Warning};
use crate::effects::call::Call;
use crate::effects::context::Context;
use crate::effects::parts::Parts;
use crate::effects::EffectKind;

/// A call of a contract nothing is known of, or of a function of a known one that is not understood.
pub(in crate::effects) fn call(call: &Call<'_>, known: bool, context: &Context<'_>) -> Parts {
    let mut parts = Parts::default();
    parts.warnings.push(if known {
        let text = "the contract is known, but this function is not understood";
        warning(WarningCode::UnknownCall, text)
    } else {
        let text = "nothing is known of this contract: the call can do anything";
        warning(WarningCode::UnknownContract, text)
    });
    parts.display.push(field("Action", "call"));
    parts.display.push(field("Contract", address_text(call.to)));
    push_value(Some(call.to), call.value, &mut parts, context);
    let effect = context.effect(EffectKind::Call, None, Some(call.to), U256::ZERO);
    parts.effects.push(effect);
    push_data(call, &mut parts.display);
    parts
}

/// Selector and size of the call data.
pub(in crate::effects) fn push_data(call: &Call<'_>, display: &mut Vec<DisplayLine>) {
    if let Some((selector, _)) = call.split() {
        display.push(field("Selector", hex::encode_prefixed(selector)));
    }
    let size = format!("{} bytes", call.data.len());
    display.push(field("Data size", size));
}

/// What to say of bytes after a call.
pub(in crate::effects) fn trailing_bytes(count: usize) -> Warning {
    Warning {
        code: WarningCode::TrailingBytes,
        text: format!("{count} bytes follow the call that nothing explains"),
    }
}
