//! Calls of a contract that is known to hold single tokens (ERC-721). An amount is a number of
//! tokens: approving token 7 exposes one token, not seven units.

use alloy_primitives::{Address, U256};
use alloy_sol_types::SolCall;

use crate::asset::Asset;
use crate::display::{address_text, field, token_text};
use crate::effects::call::Call;
use crate::effects::common::opaque::{self, trailing_bytes};
use crate::effects::context::{
    check_own_funds, check_payee, check_spender, unlimited_warning, Context,
};
use crate::effects::parts::Parts;
use crate::effects::{abi, Claim, Denial, EffectKind};

#[allow(missing_docs, reason = "the names are those of the ABI")]
pub(in crate::effects) mod calls {
    alloy_sol_types::sol! {
        function approve(address to, uint256 tokenId);
        function setApprovalForAll(address operator, bool approved);
        function transferFrom(address from, address to, uint256 tokenId);
        function safeTransferFrom(address from, address to, uint256 tokenId);
        function burn(uint256 tokenId);
    }
    pub mod with_data {
        alloy_sol_types::sol! {
            function safeTransferFrom(address from, address to, uint256 tokenId, bytes data);
        }
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
        calls::approveCall::SELECTOR => {
            let (approve, trailing) = abi::prefix::<calls::approveCall>(arguments)?;
            let (to, id) = (approve.to, approve.tokenId);
            (approval(call.to, collection, to, id, context)?, trailing)
        }
        calls::setApprovalForAllCall::SELECTOR => {
            let (all, trailing) = abi::prefix::<calls::setApprovalForAllCall>(arguments)?;
            let (who, approved) = (all.operator, all.approved);
            let parts = operator(call.to, collection, who, approved, context)?;
            (parts, trailing)
        }
        calls::transferFromCall::SELECTOR => {
            let (moved, trailing) = abi::prefix::<calls::transferFromCall>(arguments)?;
            let (from, to, id) = (moved.from, moved.to, moved.tokenId);
            let parts = transfer(call, collection, from, to, id, context)?;
            (parts, trailing)
        }
        calls::safeTransferFromCall::SELECTOR => {
            let (moved, trailing) = abi::prefix::<calls::safeTransferFromCall>(arguments)?;
            let (from, to, id) = (moved.from, moved.to, moved.tokenId);
            let parts = transfer(call, collection, from, to, id, context)?;
            (parts, trailing)
        }
        calls::with_data::safeTransferFromCall::SELECTOR => {
            let (moved, trailing) =
                abi::prefix::<calls::with_data::safeTransferFromCall>(arguments)?;
            let (from, to, id) = (moved.from, moved.to, moved.tokenId);
            let mut parts = transfer(call, collection, from, to, id, context)?;
            if !moved.data.is_empty() {
                let effect = context.effect(EffectKind::Call, None, Some(to), U256::ZERO);
                parts.effects.push(effect);
                opaque::push_data(call, &mut parts.display);
            }
            (parts, trailing)
        }
        calls::burnCall::SELECTOR => {
            let (burn, trailing) = abi::prefix::<calls::burnCall>(arguments)?;
            let one = U256::ONE;
            let asset = Some(collection);
            let effect = context.effect(EffectKind::Transfer, asset, Some(call.to), one);
            let display = vec![
                field("Action", "destroy a token"),
                field("Token id", burn.tokenId.to_string()),
                field("Collection", token_text(collection, call.to)),
            ];
            (Parts::new(vec![effect], display, Vec::new()), trailing)
        }
        _ => return Ok(None),
    };
    Ok(Some(and_trailing(parts, trailing, call, context)))
}

/// Bytes after a call of a token, whatever it is: nothing explains them, so a person decides.
pub(in crate::effects) fn and_trailing(
    mut parts: Parts,
    trailing: usize,
    call: &Call<'_>,
    context: &Context<'_>,
) -> Parts {
    if trailing > 0 {
        parts.warnings.push(trailing_bytes(trailing));
        let effect = context.effect(EffectKind::Call, None, Some(call.to), U256::ZERO);
        parts.effects.push(effect);
        opaque::push_data(call, &mut parts.display);
    }
    parts
}

fn approval(
    contract: Address,
    collection: &Asset,
    to: Address,
    id: U256,
    context: &Context<'_>,
) -> Result<Parts, Denial> {
    let (kind, action, amount) = if to.is_zero() {
        (EffectKind::Revoke, "revoke the approval", U256::ZERO)
    } else {
        check_spender(to, contract, context)?;
        (EffectKind::Allowance, "allow to take a token", U256::ONE)
    };
    let effect = context.effect(kind, Some(collection), Some(to), amount);
    let display = vec![
        field("Action", action),
        field("Token id", id.to_string()),
        field("Spender", address_text(to)),
        field("Collection", token_text(collection, contract)),
    ];
    Ok(Parts::new(vec![effect], display, Vec::new()))
}

/// `setApprovalForAll`, the same for ERC-1155.
pub(in crate::effects) fn operator(
    contract: Address,
    collection: &Asset,
    operator: Address,
    approved: bool,
    context: &Context<'_>,
) -> Result<Parts, Denial> {
    let (kind, action, amount) = if approved {
        check_spender(operator, contract, context)?;
        let action = "let an operator move every token";
        (EffectKind::Allowance, action, U256::MAX)
    } else {
        (
            EffectKind::Revoke,
            "take back an operator's right",
            U256::ZERO,
        )
    };
    let mut effect = context.effect(kind, Some(collection), Some(operator), amount);
    effect.claim = Claim::sets(contract);
    let display = vec![
        field("Action", action),
        field("Operator", address_text(operator)),
        field("Collection", token_text(collection, contract)),
    ];
    let warnings = unlimited_warning(&effect).into_iter().collect();
    Ok(Parts::new(vec![effect], display, warnings))
}

fn transfer(
    call: &Call<'_>,
    collection: &Asset,
    from: Address,
    to: Address,
    id: U256,
    context: &Context<'_>,
) -> Result<Parts, Denial> {
    check_own_funds(from, context)?;
    check_payee(to, context)?;
    let effect = context.effect(EffectKind::Transfer, Some(collection), Some(to), U256::ONE);
    let display = vec![
        field("Action", "send a token"),
        field("Token id", id.to_string()),
        field("To", address_text(to)),
        field("Collection", token_text(collection, call.to)),
    ];
    Ok(Parts::new(vec![effect], display, Vec::new()))
}
