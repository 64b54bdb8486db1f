//! The settlement contract of CoW Protocol, as far as its users call it themselves.

use alloy_primitives::U256;
use alloy_sol_types::SolCall;

use crate::display::field;
use crate::effects::call::Call;
use crate::effects::common::opaque::trailing_bytes;
use crate::effects::context::Context;
use crate::effects::parts::Parts;
use crate::effects::{abi, Denial, EffectKind};

#[allow(missing_docs, reason = "the names are those of the ABI")]
mod calls {
    alloy_sol_types::sol! {
        function setPreSignature(bytes orderUid, bool signed);
        function invalidateOrder(bytes orderUid);
    }
}

/// Taking an order back. Signing one on chain is not understood: only its hash is given.
///
/// # Errors
/// `dirty_calldata`.
pub(super) fn decode(call: &Call<'_>, context: &Context<'_>) -> Result<Option<Parts>, Denial> {
    let Some((selector, arguments)) = call.split() else {
        return Ok(None);
    };
    if !call.value.is_zero() {
        return Ok(None);
    }
    let trailing = match *selector {
        calls::setPreSignatureCall::SELECTOR => {
            let (set, trailing) = abi::prefix::<calls::setPreSignatureCall>(arguments)?;
            if set.signed {
                return Ok(None);
            }
            trailing
        }
        calls::invalidateOrderCall::SELECTOR => {
            let (_, trailing) = abi::prefix::<calls::invalidateOrderCall>(arguments)?;
            trailing
        }
        _ => return Ok(None),
    };
    let effect = context.effect(EffectKind::Revoke, None, Some(call.to), U256::ZERO);
    let display = vec![
        field("Action", "cancel an order"),
        field("Through", context.contract_text(call.to)),
    ];
    let mut parts = Parts::new(vec![effect], display, Vec::new());
    if trailing > 0 {
        parts.warnings.push(trailing_bytes(trailing));
    }
    Ok(Some(parts))
}
