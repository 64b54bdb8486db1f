//! EIP-2612 permits and those of DAI: an `approve` by signature. The deadline ends the time to
//! submit it, not the allowance, so the effect has no end.

use alloy_primitives::{Address, U256};

use crate::display::{field, moment};
use crate::effects::context::{
    allowance_display, check_own_funds, check_spender, unlimited_warning, until_ms, Context,
};
use crate::effects::message::Message;
use crate::effects::parts::Parts;
use crate::effects::registry::Decoder;
use crate::effects::{Claim, Denial, EffectKind};

pub(in crate::effects) const DECODER: Decoder = Decoder {
    contracts: &[],
    documents: &[(PERMIT, permit), (DAI_PERMIT, dai_permit)],
};

const PERMIT: &str =
    "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)";
const DAI_PERMIT: &str =
    "Permit(address holder,address spender,uint256 nonce,uint256 expiry,bool allowed)";

fn permit(
    contract: Address,
    message: &Message<'_>,
    context: &Context<'_>,
) -> Result<Option<Parts>, Denial> {
    let (Some(owner), Some(spender)) = (message.address("owner"), message.address("spender"))
    else {
        return Ok(None);
    };
    let (Some(value), Some(deadline)) = (message.uint("value"), message.uint("deadline")) else {
        return Ok(None);
    };
    allowance(contract, owner, spender, value, deadline, context)
}

/// All or nothing; an expiry of 0 means no deadline.
fn dai_permit(
    contract: Address,
    message: &Message<'_>,
    context: &Context<'_>,
) -> Result<Option<Parts>, Denial> {
    let (Some(owner), Some(spender)) = (message.address("holder"), message.address("spender"))
    else {
        return Ok(None);
    };
    let (Some(allowed), Some(expiry)) = (message.bool("allowed"), message.uint("expiry")) else {
        return Ok(None);
    };
    let value = if allowed { U256::MAX } else { U256::ZERO };
    let deadline = if expiry.is_zero() { U256::MAX } else { expiry };
    allowance(contract, owner, spender, value, deadline, context)
}

fn allowance(
    contract: Address,
    owner: Address,
    spender: Address,
    value: U256,
    deadline: U256,
    context: &Context<'_>,
) -> Result<Option<Parts>, Denial> {
    let Some(token) = context.token(contract) else {
        return Ok(None);
    };
    check_own_funds(owner, context)?;
    let (kind, action) = if value.is_zero() {
        (EffectKind::Revoke, "revoke the allowance")
    } else {
        check_spender(spender, contract, context)?;
        (EffectKind::Allowance, "allow to take")
    };
    let mut effect = context.effect(kind, Some(token), Some(spender), value);
    if kind == EffectKind::Allowance {
        effect.claim = Claim::signed(contract, until_ms(deadline));
    }
    let mut display = allowance_display(action, token, contract, &effect);
    display.push(field("To be used until", moment(deadline)));
    let warnings = unlimited_warning(&effect).into_iter().collect();
    Ok(Some(Parts::new(vec![effect], display, warnings)))
}
