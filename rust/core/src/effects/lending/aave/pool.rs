//! Aave's pools (versions 2 and 3), and the gateway for the chain's coin.

use alloy_primitives::{Address, U256};
use alloy_sol_types::SolCall;

use super::{V2_POOL, V3_POOL};
use crate::display::field;
use crate::effects::accounts::multicall::{self, Item};
use crate::effects::call::Call;
use crate::effects::common::holding::{by_owner, debt, manager, unknown, with_trailing, Holding};
use crate::effects::common::trade::Coin;
use crate::effects::context::Context;
use crate::effects::parts::Parts;
use crate::effects::{abi, Claim, Denial, EffectKind};

#[allow(missing_docs, reason = "the names are those of the ABI")]
mod calls {
    alloy_sol_types::sol! {
        function supply(address asset, uint256 amount, address onBehalfOf, uint16 referralCode);
        function deposit(address asset, uint256 amount, address onBehalfOf, uint16 referralCode);
        function supplyWithPermit(address asset, uint256 amount, address onBehalfOf, uint16 referralCode, uint256 deadline, uint8 permitV, bytes32 permitR, bytes32 permitS);
        function withdraw(address asset, uint256 amount, address to);
        function borrow(address asset, uint256 amount, uint256 interestRateMode, uint16 referralCode, address onBehalfOf);
        function repay(address asset, uint256 amount, uint256 interestRateMode, address onBehalfOf);
        function repayWithPermit(address asset, uint256 amount, uint256 interestRateMode, address onBehalfOf, uint256 deadline, uint8 permitV, bytes32 permitR, bytes32 permitS);
        function repayWithATokens(address asset, uint256 amount, uint256 interestRateMode);
        function multicall(bytes[] data);
        function approvePositionManager(address positionManager, bool approve);
    }
}

#[allow(missing_docs, reason = "the names are those of the ABI")]
mod gateway {
    alloy_sol_types::sol! {
        function depositETH(address pool, address onBehalfOf, uint16 referralCode);
        function withdrawETH(address pool, uint256 amount, address to);
    }
}

const SUPPLY: &str = "supply to the pool";
const REPAY: &str = "repay a debt";

/// A call of a pool; `None` for a function that is not one of these.
///
/// # Errors
/// `dirty_calldata`, `recipient_forbidden`, and what an inner call is denied for.
pub(super) fn pool(call: &Call<'_>, context: &Context<'_>) -> Result<Option<Parts>, Denial> {
    let Some((selector, arguments)) = call.split() else {
        return Ok(None);
    };
    if !call.value.is_zero() {
        return Ok(None);
    }
    let pay = |action, asset, amount, holder| {
        held_by(
            EffectKind::Deposit,
            action,
            asset,
            amount,
            holder,
            call,
            context,
        )
    };
    let (parts, trailing) = match *selector {
        calls::supplyCall::SELECTOR => {
            let (one, trailing) = abi::prefix::<calls::supplyCall>(arguments)?;
            (
                pay(SUPPLY, one.asset, one.amount, one.onBehalfOf)?,
                trailing,
            )
        }
        calls::depositCall::SELECTOR => {
            let (one, trailing) = abi::prefix::<calls::depositCall>(arguments)?;
            (
                pay(SUPPLY, one.asset, one.amount, one.onBehalfOf)?,
                trailing,
            )
        }
        calls::supplyWithPermitCall::SELECTOR => {
            let (one, trailing) = abi::prefix::<calls::supplyWithPermitCall>(arguments)?;
            let parts = pay(SUPPLY, one.asset, one.amount, one.onBehalfOf)?;
            (
                permitted(parts, one.asset, one.amount, call, context),
                trailing,
            )
        }
        calls::repayCall::SELECTOR => {
            let (one, trailing) = abi::prefix::<calls::repayCall>(arguments)?;
            (pay(REPAY, one.asset, one.amount, one.onBehalfOf)?, trailing)
        }
        calls::repayWithPermitCall::SELECTOR => {
            let (one, trailing) = abi::prefix::<calls::repayWithPermitCall>(arguments)?;
            let parts = pay(REPAY, one.asset, one.amount, one.onBehalfOf)?;
            (
                permitted(parts, one.asset, one.amount, call, context),
                trailing,
            )
        }
        calls::withdrawCall::SELECTOR => {
            let (one, trailing) = abi::prefix::<calls::withdrawCall>(arguments)?;
            let (own, action) = (EffectKind::Convert, "withdraw from the pool");
            let parts = held_by(own, action, one.asset, one.amount, one.to, call, context)?;
            let parts = parts.unwrap_or_else(|| unknown(call, one.to, context));
            (by_owner(Some(parts), call, context), trailing)
        }
        calls::repayWithATokensCall::SELECTOR => {
            let (one, trailing) = abi::prefix::<calls::repayWithATokensCall>(arguments)?;
            let parts = Holding {
                own: EffectKind::Convert,
                action: "repay a debt with what is in the pool",
                coin: Coin::Token(one.asset),
                amount: one.amount,
                holder: None,
                through: call.to,
            };
            (by_owner(parts.parts(context)?, call, context), trailing)
        }
        calls::borrowCall::SELECTOR => {
            let (one, trailing) = abi::prefix::<calls::borrowCall>(arguments)?;
            // Whoever calls gets what is borrowed, and whoever is named owes it.
            let coin = Coin::Token(one.asset);
            let parts =
                owes(one.onBehalfOf, context).then(|| debt(call, coin, one.amount, context));
            (by_owner(parts.flatten(), call, context), trailing)
        }
        calls::multicallCall::SELECTOR => {
            let (one, trailing) = abi::prefix::<calls::multicallCall>(arguments)?;
            let items = one
                .data
                .into_iter()
                .map(|data| Item::sure(call.to, U256::ZERO, data));
            let items: Vec<Item> = items.collect();
            // The pool calls itself as whoever called it.
            let parts = multicall::batch(call, call.sender, &items, context)?;
            (Some(parts), trailing)
        }
        calls::approvePositionManagerCall::SELECTOR => {
            let (one, trailing) = abi::prefix::<calls::approvePositionManagerCall>(arguments)?;
            (
                Some(manager(call, one.positionManager, one.approve, context)),
                trailing,
            )
        }
        _ => return Ok(None),
    };
    Ok(with_trailing(parts, trailing))
}

/// A call of the gateway, which wraps the coin for the pool that is named in the call; `None` for
/// one that is not understood, or for a pool nobody knows.
///
/// # Errors
/// `dirty_calldata`, `recipient_forbidden`.
pub(super) fn gateway(call: &Call<'_>, context: &Context<'_>) -> Result<Option<Parts>, Denial> {
    let Some((selector, arguments)) = call.split() else {
        return Ok(None);
    };
    let (own, action, pool, amount, holder, trailing) = match *selector {
        gateway::depositETHCall::SELECTOR => {
            let (one, trailing) = abi::prefix::<gateway::depositETHCall>(arguments)?;
            let own = EffectKind::Deposit;
            (own, SUPPLY, one.pool, call.value, one.onBehalfOf, trailing)
        }
        gateway::withdrawETHCall::SELECTOR if call.value.is_zero() => {
            let (one, trailing) = abi::prefix::<gateway::withdrawETHCall>(arguments)?;
            let (own, action) = (EffectKind::Convert, "withdraw from the pool");
            (own, action, one.pool, one.amount, one.to, trailing)
        }
        _ => return Ok(None),
    };
    // Early versions use the pool in the call, later ones their own.
    let known = context.protocol(pool);
    if !matches!(known, Some(V2_POOL | V3_POOL)) {
        return Ok(None);
    }
    let holding = Holding {
        own,
        action,
        coin: Coin::Native,
        amount,
        holder: Some(holder),
        through: call.to,
    };
    let mut parts = holding.parts(context)?;
    if own == EffectKind::Convert {
        parts = by_owner(parts, call, context);
    }
    Ok(with_trailing(parts, trailing))
}

fn held_by(
    own: EffectKind,
    action: &'static str,
    token: Address,
    amount: U256,
    holder: Address,
    call: &Call<'_>,
    context: &Context<'_>,
) -> Result<Option<Parts>, Denial> {
    Holding {
        own,
        action,
        coin: Coin::Token(token),
        amount,
        holder: Some(holder),
        through: call.to,
    }
    .parts(context)
}

/// Adds the allowance that a permit sent along gives the pool.
fn permitted(
    parts: Option<Parts>,
    token: Address,
    amount: U256,
    call: &Call<'_>,
    context: &Context<'_>,
) -> Option<Parts> {
    let mut parts = parts?;
    let asset = context.token(token);
    let kind = EffectKind::Allowance;
    let mut effect = context.effect(kind, asset, Some(call.to), amount);
    effect.claim = Claim::sets(token);
    parts.effects.insert(0, effect);
    let text = "a signature that allows it is sent along";
    parts.display.push(field("Allowance", text));
    Some(parts)
}

/// Whether the wallet is named; without a wallet nobody says that.
fn owes(named: Address, context: &Context<'_>) -> bool {
    context.wallet.is_none_or(|wallet| wallet == named)
}
