//! The chain's coin as a token, one to one (WETH9).

use alloy_sol_types::SolCall;

use crate::display::field;
use crate::effects::call::Call;
use crate::effects::common::native::unregistered;
use crate::effects::common::opaque::trailing_bytes;
use crate::effects::context::Context;
use crate::effects::parts::Parts;
use crate::effects::registry::{Contract, Decoder};
use crate::effects::{abi, Denial, EffectKind};
use crate::protocol::Protocol;

pub(in crate::effects) const DECODER: Decoder = Decoder {
    contracts: &[
        Contract::new(Protocol::WETH, "the wrapped coin, one to one")
            .calls(decode)
            .value(|call, context| Ok(Some(wrap(call, context)))),
    ],
    documents: &[],
};

#[allow(missing_docs, reason = "the names are those of the ABI")]
mod calls {
    alloy_sol_types::sol! {
        function deposit();
        function withdraw(uint256 amount);
    }
}

/// # Errors
/// `dirty_calldata`.
fn decode(call: &Call<'_>, context: &Context<'_>) -> Result<Option<Parts>, Denial> {
    let Some((selector, arguments)) = call.split() else {
        return Ok(None);
    };
    let (mut parts, trailing) = match *selector {
        calls::depositCall::SELECTOR => {
            let (_, trailing) = abi::prefix::<calls::depositCall>(arguments)?;
            (wrap(call, context), trailing)
        }
        calls::withdrawCall::SELECTOR if call.value.is_zero() => {
            let (withdraw, trailing) = abi::prefix::<calls::withdrawCall>(arguments)?;
            // The token that is given up; the coin comes back to whoever calls.
            let token = context.token(call.to);
            let kind = convert_of(call, context);
            let effect = context.effect(kind, token, Some(call.to), withdraw.amount);
            let display = vec![
                field("Action", "unwrap"),
                field("Amount", context.native_amount(withdraw.amount)),
            ];
            (Parts::new(vec![effect], display, Vec::new()), trailing)
        }
        _ => return Ok(None),
    };
    if trailing > 0 {
        parts.warnings.push(trailing_bytes(trailing));
    }
    Ok(Some(parts))
}

/// Value sent to the contract comes back as a token of whoever calls.
fn wrap(call: &Call<'_>, context: &Context<'_>) -> Parts {
    let coin = context.registry.native(context.chain_id);
    let kind = convert_of(call, context);
    let effect = context.effect(kind, coin, Some(call.to), call.value);
    let display = vec![
        field("Action", "wrap"),
        field("Amount", context.native_amount(call.value)),
    ];
    Parts::new(vec![effect], display, unregistered(call.value, context))
}

/// Only what the wallet itself wraps stays with it; in a wrapper it is the wrapper's.
fn convert_of(call: &Call<'_>, context: &Context<'_>) -> EffectKind {
    if call.sender == context.wallet {
        EffectKind::Convert
    } else {
        EffectKind::Transfer
    }
}
