//! The chain's own coin.

use alloy_primitives::{Address, U256};

use crate::code::WarningCode;
use crate::display::{address_text, field, warning, Warning};
use crate::effects::call::Call;
use crate::effects::context::Context;
use crate::effects::parts::Parts;

/// A call without data, of an address that makes nothing else of it.
pub(in crate::effects) fn send(call: &Call<'_>, context: &Context<'_>) -> Parts {
    let display = vec![
        field("Action", "send"),
        field("Amount", context.native_amount(call.value)),
        field("To", address_text(call.to)),
    ];
    let effects = vec![context.native_transfer(Some(call.to), call.value)];
    Parts::new(effects, display, unregistered(call.value, context))
}

/// Value sent along with a call nobody says more about.
pub(in crate::effects) fn push_value(
    to: Option<Address>,
    value: U256,
    parts: &mut Parts,
    context: &Context<'_>,
) {
    if value.is_zero() {
        return;
    }
    parts.effects.push(context.native_transfer(to, value));
    parts
        .display
        .push(field("Amount", context.native_amount(value)));
    parts.warnings.extend(unregistered(value, context));
}

pub(in crate::effects) fn unregistered(value: U256, context: &Context<'_>) -> Vec<Warning> {
    if value.is_zero() || context.registry.native(context.chain_id).is_some() {
        return Vec::new();
    }
    let text = "the coin of this chain is not registered: amounts are in wei and have no price";
    vec![warning(WarningCode::UnregisteredAsset, text)]
}
