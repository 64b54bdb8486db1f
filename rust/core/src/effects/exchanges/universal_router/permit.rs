//! Permits of Permit2 inside of a plan: the signature is sent along, the spender takes later.

use alloy_primitives::{Address, Bytes, U256};

use super::plan::not_understood;
use crate::display::{field, moment};
use crate::effects::context::{allowance_display, check_spender, unlimited_warning, until_ms};
use crate::effects::exchanges::router::flow::Flow;
use crate::effects::{abi, Denial, EffectKind};

#[allow(missing_docs, reason = "the names are those of the ABI")]
mod inputs {
    alloy_sol_types::sol! {
        struct Details { address token; uint160 amount; uint48 expiration; uint48 nonce; }
        struct Single { Details details; address spender; uint256 sigDeadline; }
        struct Batch { Details[] details; address spender; uint256 sigDeadline; }
        struct SingleInput { Single permit; bytes signature; }
        struct BatchInput { Batch permit; bytes signature; }
    }
}

pub(super) fn single(input: &Bytes, flow: &mut Flow<'_, '_>) -> Result<(), Denial> {
    let input: inputs::SingleInput = abi::parameters(input)?;
    let permit = input.permit;
    allowance(&permit.details, permit.spender, flow)
}

pub(super) fn batch(input: &Bytes, flow: &mut Flow<'_, '_>) -> Result<(), Denial> {
    let input: inputs::BatchInput = abi::parameters(input)?;
    let permit = input.permit;
    let mut details = permit.details.iter();
    details.try_for_each(|one| allowance(one, permit.spender, flow))
}

fn allowance(
    details: &inputs::Details,
    spender: Address,
    flow: &mut Flow<'_, '_>,
) -> Result<(), Denial> {
    let context = flow.context;
    let amount = U256::from(details.amount);
    let (kind, action) = if amount.is_zero() {
        (EffectKind::Revoke, "revoke the allowance at Permit2")
    } else {
        check_spender(spender, details.token, context)?;
        (EffectKind::Allowance, "allow to take through Permit2")
    };
    let Some(token) = context.token(details.token) else {
        if kind == EffectKind::Revoke {
            return Ok(());
        }
        not_understood(
            flow,
            "the plan allows to take a token that is not registered",
        );
        return Ok(());
    };
    let mut effect = context.effect(kind, Some(token), Some(spender), amount);
    let mut shown = allowance_display(action, token, details.token, &effect);
    let expiration = U256::from(details.expiration);
    if kind == EffectKind::Allowance && !expiration.is_zero() {
        effect.expires = until_ms(expiration);
        shown.push(field("Allowed until", moment(expiration)));
    }
    flow.parts.warnings.extend(unlimited_warning(&effect));
    flow.parts.display.extend(shown);
    flow.parts.effects.push(effect);
    Ok(())
}
