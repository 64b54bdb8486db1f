//! Calls of a contract that is known to hold many tokens with an amount each (ERC-1155). Amounts
//! are added up over all ids: a limit counts units, whichever they are.

use alloy_primitives::{Address, U256};
use alloy_sol_types::SolCall;

use super::erc721::{and_trailing, operator};
use crate::asset::Asset;
use crate::display::{address_text, field, token_text};
use crate::effects::call::Call;
use crate::effects::common::opaque;
use crate::effects::context::{check_own_funds, check_payee, Context};
use crate::effects::parts::Parts;
use crate::effects::{abi, Denial, EffectKind};

#[allow(missing_docs, reason = "the names are those of the ABI")]
mod calls {
    alloy_sol_types::sol! {
        function setApprovalForAll(address operator, bool approved);
        function safeTransferFrom(address from, address to, uint256 id, uint256 amount, bytes data);
        function safeBatchTransferFrom(address from, address to, uint256[] ids, uint256[] amounts, bytes data);
    }
}

/// What the call does; `None` for a function that is not one of these.
///
/// # Errors
/// `dirty_calldata`, `recipient_forbidden`, `not_own_funds`.
pub(in crate::effects) fn decode(
    call: &Call<'_>,
    collection: &Asset,
    context: &Context<'_>,
) -> Result<Option<Parts>, Denial> {
    let Some((selector, arguments)) = call.split() else {
        return Ok(None);
    };
    if !call.value.is_zero() {
        return Ok(None);
    }
    let (parts, trailing) = match *selector {
        calls::setApprovalForAllCall::SELECTOR => {
            let (all, trailing) = abi::prefix::<calls::setApprovalForAllCall>(arguments)?;
            let (who, approved) = (all.operator, all.approved);
            let parts = operator(call.to, collection, who, approved, context)?;
            (parts, trailing)
        }
        calls::safeTransferFromCall::SELECTOR => {
            let (one, trailing) = abi::prefix::<calls::safeTransferFromCall>(arguments)?;
            let items = [(one.id, one.amount)];
            let parts = transfer(
                call, collection, one.from, one.to, &items, &one.data, context,
            )?;
            (parts, trailing)
        }
        calls::safeBatchTransferFromCall::SELECTOR => {
            let (many, trailing) = abi::prefix::<calls::safeBatchTransferFromCall>(arguments)?;
            if many.ids.len() != many.amounts.len() || many.ids.is_empty() {
                return Ok(None);
            }
            let items: Vec<(U256, U256)> = many.ids.into_iter().zip(many.amounts).collect();
            let parts = transfer(
                call, collection, many.from, many.to, &items, &many.data, context,
            )?;
            (parts, trailing)
        }
        _ => return Ok(None),
    };
    Ok(Some(and_trailing(parts, trailing, call, context)))
}

fn transfer(
    call: &Call<'_>,
    collection: &Asset,
    from: Address,
    to: Address,
    items: &[(U256, U256)],
    data: &[u8],
    context: &Context<'_>,
) -> Result<Parts, Denial> {
    check_own_funds(from, context)?;
    check_payee(to, context)?;
    let sum = items
        .iter()
        .fold(U256::ZERO, |sum, (_, amount)| sum.saturating_add(*amount));
    let effect = context.effect(EffectKind::Transfer, Some(collection), Some(to), sum);
    let mut display = vec![field("Action", "send tokens")];
    for (id, amount) in items {
        display.push(field("Token id", format!("{amount} of {id}")));
    }
    display.push(field("To", address_text(to)));
    display.push(field("Collection", token_text(collection, call.to)));
    let mut parts = Parts::new(vec![effect], display, Vec::new());
    if !data.is_empty() {
        let effect = context.effect(EffectKind::Call, None, Some(to), U256::ZERO);
        parts.effects.push(effect);
        opaque::push_data(call, &mut parts.display);
    }
    Ok(parts)
}
