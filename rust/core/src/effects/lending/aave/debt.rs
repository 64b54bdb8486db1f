//! Aave's debt tokens: what is owed, and who else may borrow on it.

use alloy_primitives::U256;
use alloy_sol_types::SolCall;

use crate::code::WarningCode;
use crate::display::{address_text, field, warning};
use crate::effects::call::Call;
use crate::effects::common::holding::{held, with_trailing};
use crate::effects::common::opaque;
use crate::effects::context::{check_own_funds, check_spender, Context};
use crate::effects::parts::Parts;
use crate::effects::{abi, Denial, EffectKind};

#[allow(missing_docs, reason = "the names are those of the ABI")]
mod calls {
    alloy_sol_types::sol! {
        function approveDelegation(address delegatee, uint256 amount);
        function delegationWithSig(address delegator, address delegatee, uint256 value, uint256 deadline, uint8 v, bytes32 r, bytes32 s);
    }
}

/// A call of a debt token: somebody may borrow and the wallet owes it.
///
/// # Errors
/// `dirty_calldata`, `recipient_forbidden`, `not_own_funds`.
pub(super) fn decode(call: &Call<'_>, context: &Context<'_>) -> Result<Option<Parts>, Denial> {
    let Some((selector, arguments)) = call.split() else {
        return Ok(None);
    };
    if !call.value.is_zero() {
        return Ok(None);
    }
    let (delegatee, amount, trailing) = match *selector {
        calls::approveDelegationCall::SELECTOR => {
            let (one, trailing) = abi::prefix::<calls::approveDelegationCall>(arguments)?;
            (one.delegatee, one.amount, trailing)
        }
        calls::delegationWithSigCall::SELECTOR => {
            let (one, trailing) = abi::prefix::<calls::delegationWithSigCall>(arguments)?;
            check_own_funds(one.delegator, context)?;
            (one.delegatee, one.value, trailing)
        }
        _ => return Ok(None),
    };
    let coin = held(call.to, context);
    let asset = coin.and_then(|coin| coin.asset(context));
    let mut parts = Parts::default();
    let (kind, action) = if amount.is_zero() {
        (EffectKind::Revoke, "take back the right to borrow")
    } else {
        check_spender(delegatee, call.to, context)?;
        let text = "another account may borrow, and this wallet owes the debt";
        parts
            .warnings
            .push(warning(WarningCode::CreditDelegation, text));
        (
            EffectKind::Debt,
            "let another account borrow on this wallet",
        )
    };
    let shown = match coin {
        Some(coin) => coin.text(amount, context),
        None => format!("{amount} base units"),
    };
    parts.display.push(field("Action", action));
    parts.display.push(field("Amount", shown));
    parts
        .display
        .push(field("Borrower", address_text(delegatee)));
    parts
        .display
        .push(field("Debt token", address_text(call.to)));
    let effect = context.effect(kind, asset, Some(delegatee), amount);
    parts.effects.push(effect);
    if asset.is_none() && kind == EffectKind::Debt {
        let effect = context.effect(EffectKind::Call, None, Some(call.to), U256::ZERO);
        parts.effects.push(effect);
        opaque::push_data(call, &mut parts.display);
    }
    Ok(with_trailing(Some(parts), trailing))
}
