//! Compound, version 3: markets with one base asset that is lent and borrowed (Comet).

use alloy_primitives::{Address, U256};
use alloy_sol_types::SolCall;

use super::ctoken::{pay, take, SUPPLY};
use crate::display::field;
use crate::effects::call::Call;
use crate::effects::common::holding::{caller, held, manager, unknown, with_trailing};
use crate::effects::common::trade::Coin;
use crate::effects::context::{check_own_funds, Context};
use crate::effects::parts::Parts;
use crate::effects::{abi, Denial, EffectKind};

#[allow(missing_docs, reason = "the names are those of the ABI")]
mod calls {
    alloy_sol_types::sol! {
        function supply(address asset, uint256 amount);
        function supplyTo(address dst, address asset, uint256 amount);
        function supplyFrom(address from, address dst, address asset, uint256 amount);
        function withdraw(address asset, uint256 amount);
        function withdrawTo(address to, address asset, uint256 amount);
        function withdrawFrom(address src, address to, address asset, uint256 amount);
        function transferAsset(address dst, address asset, uint256 amount);
        function transferAssetFrom(address src, address dst, address asset, uint256 amount);
        function allow(address manager, bool isAllowed);
        function allowBySig(address owner, address manager, bool isAllowed, uint256 nonce, uint256 expiry, uint8 v, bytes32 r, bytes32 s);
        function approve(address spender, uint256 amount);
    }
}

/// A call of a market of version 3; `None` for one that is not understood.
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
    let supply = |token, amount, holder| {
        pay(
            SUPPLY,
            Some(Coin::Token(token)),
            amount,
            holder,
            call,
            context,
        )
    };
    let withdraw = |token, amount, to| withdrawn(token, amount, to, call, context);
    let (parts, trailing) = match *selector {
        calls::supplyCall::SELECTOR => {
            let (one, trailing) = abi::prefix::<calls::supplyCall>(arguments)?;
            (
                supply(one.asset, one.amount, caller(call, context))?,
                trailing,
            )
        }
        calls::supplyToCall::SELECTOR => {
            let (one, trailing) = abi::prefix::<calls::supplyToCall>(arguments)?;
            (supply(one.asset, one.amount, Some(one.dst))?, trailing)
        }
        calls::supplyFromCall::SELECTOR => {
            let (one, trailing) = abi::prefix::<calls::supplyFromCall>(arguments)?;
            check_own_funds(one.from, context)?;
            (supply(one.asset, one.amount, Some(one.dst))?, trailing)
        }
        calls::withdrawCall::SELECTOR => {
            let (one, trailing) = abi::prefix::<calls::withdrawCall>(arguments)?;
            (
                withdraw(one.asset, one.amount, caller(call, context))?,
                trailing,
            )
        }
        calls::withdrawToCall::SELECTOR => {
            let (one, trailing) = abi::prefix::<calls::withdrawToCall>(arguments)?;
            (withdraw(one.asset, one.amount, Some(one.to))?, trailing)
        }
        calls::withdrawFromCall::SELECTOR => {
            let (one, trailing) = abi::prefix::<calls::withdrawFromCall>(arguments)?;
            check_own_funds(one.src, context)?;
            (withdraw(one.asset, one.amount, Some(one.to))?, trailing)
        }
        calls::transferAssetCall::SELECTOR => {
            let (one, trailing) = abi::prefix::<calls::transferAssetCall>(arguments)?;
            (withdraw(one.asset, one.amount, Some(one.dst))?, trailing)
        }
        calls::transferAssetFromCall::SELECTOR => {
            let (one, trailing) = abi::prefix::<calls::transferAssetFromCall>(arguments)?;
            check_own_funds(one.src, context)?;
            (withdraw(one.asset, one.amount, Some(one.dst))?, trailing)
        }
        calls::allowCall::SELECTOR => {
            let (one, trailing) = abi::prefix::<calls::allowCall>(arguments)?;
            (
                Some(manager(call, one.manager, one.isAllowed, context)),
                trailing,
            )
        }
        calls::allowBySigCall::SELECTOR => {
            let (one, trailing) = abi::prefix::<calls::allowBySigCall>(arguments)?;
            check_own_funds(one.owner, context)?;
            (
                Some(manager(call, one.manager, one.isAllowed, context)),
                trailing,
            )
        }
        calls::approveCall::SELECTOR => {
            // Comet knows only all and nothing here: all is the whole position.
            let (one, trailing) = abi::prefix::<calls::approveCall>(arguments)?;
            let all = !one.amount.is_zero();
            (Some(manager(call, one.spender, all, context)), trailing)
        }
        _ => return Ok(None),
    };
    Ok(with_trailing(parts, trailing))
}

/// What goes out of Comet. More of the base asset than the wallet has there is a debt, so it counts
/// as one unless the operator says that another asset is the base.
fn withdrawn(
    token: Address,
    amount: U256,
    to: Option<Address>,
    call: &Call<'_>,
    context: &Context<'_>,
) -> Result<Option<Parts>, Denial> {
    let coin = Coin::Token(token);
    let Some(mut parts) = take(Some(coin), amount, to, call, context)? else {
        return Ok(to.map(|to| unknown(call, to, context)));
    };
    // Everything is what is there, and no debt.
    let collateral = held(call.to, context).is_some_and(|base| base != coin);
    if collateral || amount == U256::MAX {
        return Ok(Some(parts));
    }
    let asset = coin.asset(context);
    let effect = context.effect(EffectKind::Debt, asset, Some(call.to), amount);
    parts.effects.push(effect);
    let text = "what is not there is borrowed";
    parts.display.push(field("Debt", text));
    Ok(Some(parts))
}
