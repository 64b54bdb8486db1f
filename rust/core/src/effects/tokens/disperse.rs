//! Disperse: the coin or a token to many at once. What is sent along and not passed on comes back to
//! whoever calls.

use alloy_primitives::{Address, U256};
use alloy_sol_types::SolCall;

use crate::display::{address_text, amount_text, field, token_text, warning};
use crate::effects::call::Call;
use crate::effects::common::holding::caller;
use crate::effects::common::native::{push_value, unregistered};
use crate::effects::common::opaque::trailing_bytes;
use crate::effects::context::{check_not_token, check_payee, Context};
use crate::effects::parts::Parts;
use crate::effects::registry::{Contract, Decoder};
use crate::effects::{abi, Denial, EffectKind};
use crate::protocol::Protocol;

const DISPERSE: Protocol = Protocol::named("disperse");

pub(in crate::effects) const DECODER: Decoder = Decoder {
    contracts: &[Contract::new(DISPERSE, "Disperse").calls(decode)],
    documents: &[],
};
use crate::code::WarningCode;

#[allow(missing_docs, reason = "the names are those of the ABI")]
mod calls {
    alloy_sol_types::sol! {
        function disperseEther(address[] recipients, uint256[] values);
        function disperseToken(address token, address[] recipients, uint256[] values);
        function disperseTokenSimple(address token, address[] recipients, uint256[] values);
    }
}

/// What the call does; `None` for one that is not understood.
///
/// # Errors
/// `dirty_calldata`, `recipient_forbidden`.
fn decode(call: &Call<'_>, context: &Context<'_>) -> Result<Option<Parts>, Denial> {
    let Some((selector, arguments)) = call.split() else {
        return Ok(None);
    };
    let (token, recipients, values, trailing) = match *selector {
        calls::disperseEtherCall::SELECTOR => {
            let (one, trailing) = abi::prefix::<calls::disperseEtherCall>(arguments)?;
            (None, one.recipients, one.values, trailing)
        }
        _ if !call.value.is_zero() => return Ok(None),
        calls::disperseTokenCall::SELECTOR => {
            let (one, trailing) = abi::prefix::<calls::disperseTokenCall>(arguments)?;
            (Some(one.token), one.recipients, one.values, trailing)
        }
        calls::disperseTokenSimpleCall::SELECTOR => {
            let (one, trailing) = abi::prefix::<calls::disperseTokenSimpleCall>(arguments)?;
            (Some(one.token), one.recipients, one.values, trailing)
        }
        _ => return Ok(None),
    };
    if recipients.len() != values.len() {
        return Ok(None);
    }
    let pairs: Vec<(Address, U256)> = recipients.into_iter().zip(values).collect();
    let parts = match token {
        None => Some(coin(call, &pairs, context)?),
        Some(token) => tokens(token, &pairs, context)?,
    };
    Ok(parts.map(|mut parts| {
        parts
            .display
            .push(field("Through", context.contract_text(call.to)));
        if trailing > 0 {
            parts.warnings.push(trailing_bytes(trailing));
        }
        parts
    }))
}

fn coin(
    call: &Call<'_>,
    pairs: &[(Address, U256)],
    context: &Context<'_>,
) -> Result<Parts, Denial> {
    let total = sum(pairs);
    let mut parts = Parts::default();
    parts.display.push(field("Action", "send to several"));
    parts
        .display
        .push(field("Total", context.native_amount(total)));
    for (to, value) in pairs {
        check_payee(*to, context)?;
        let text = format!("{} to {}", context.native_amount(*value), address_text(*to));
        parts.display.push(field("Payment", text));
        parts
            .effects
            .push(context.native_transfer(Some(*to), *value));
    }
    parts.warnings.extend(unregistered(total, context));
    let left = call.value.saturating_sub(total);
    match caller(call, context) {
        Some(sender) if !left.is_zero() => {
            push_value(Some(sender), left, &mut parts, context);
            let text = "value comes back to a contract, where anyone can take it";
            parts.warnings.push(warning(WarningCode::Leftover, text));
        }
        _ => {}
    }
    if parts.effects.is_empty() {
        // Everything comes back, and it says so.
        let nothing = context.native_transfer(Some(call.to), U256::ZERO);
        parts.effects.push(nothing);
    }
    Ok(parts)
}

fn tokens(
    address: Address,
    pairs: &[(Address, U256)],
    context: &Context<'_>,
) -> Result<Option<Parts>, Denial> {
    for (to, _) in pairs {
        check_payee(*to, context)?;
        check_not_token(*to, address)?;
    }
    let Some(token) = context.token(address) else {
        return Ok(None);
    };
    if pairs.is_empty() || pairs.iter().any(|(_, value)| *value == U256::MAX) {
        return Ok(None);
    }
    let mut parts = Parts::default();
    parts.display.push(field("Action", "send to several"));
    parts
        .display
        .push(field("Total", amount_text(token, sum(pairs))));
    parts
        .display
        .push(field("Token", token_text(token, address)));
    for (to, value) in pairs {
        let text = format!("{} to {}", amount_text(token, *value), address_text(*to));
        parts.display.push(field("Payment", text));
        let (kind, to) = (EffectKind::Transfer, Some(*to));
        parts
            .effects
            .push(context.effect(kind, Some(token), to, *value));
    }
    Ok(Some(parts))
}

fn sum(pairs: &[(Address, U256)]) -> U256 {
    let values = pairs.iter().map(|(_, value)| *value);
    values.fold(U256::ZERO, U256::saturating_add)
}
