//! Compound: the tokens of version 2 (and its many copies), and the markets of version 3 (Comet).

use alloy_primitives::{Address, U256};
use alloy_sol_types::SolCall;

use super::super::abi;
use super::super::context::{address_text, check_own_funds, field, Context};
use super::super::parts::Parts;
use super::super::{Denial, EffectKind};
use super::aave::control;
use super::erc20::trailing_bytes;
use super::holding::{caller, debt, held, unknown, Holding};
use super::trade::Coin;
use super::Call;

#[allow(missing_docs, reason = "the names are those of the ABI")]
mod ctoken {
    alloy_sol_types::sol! {
        function mint(uint256 mintAmount);
        function redeem(uint256 redeemTokens);
        function redeemUnderlying(uint256 redeemAmount);
        function borrow(uint256 borrowAmount);
        function repayBorrow(uint256 repayAmount);
        function repayBorrowBehalf(address borrower, uint256 repayAmount);
    }
    /// The same for the chain's coin.
    pub mod coin {
        alloy_sol_types::sol! {
            function mint();
            function repayBorrow();
            function repayBorrowBehalf(address borrower);
        }
    }
}

#[allow(missing_docs, reason = "the names are those of the ABI")]
mod comet {
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

const SUPPLY: &str = "supply to the market";
const REPAY: &str = "repay a debt";
const WITHDRAW: &str = "withdraw from the market";

/// A call of a token of version 2; `None` for one that is not understood, or if nobody said which
/// asset it holds.
///
/// # Errors
/// `dirty_calldata`, `recipient_forbidden`.
pub(super) fn ctoken(call: &Call<'_>, context: &Context<'_>) -> Result<Option<Parts>, Denial> {
    use ctoken::coin;
    let Some((selector, arguments)) = call.split() else {
        return Ok(None);
    };
    let asset = held(call.to, context);
    let mine = call.sender == context.wallet;
    let (parts, trailing) = match *selector {
        coin::mintCall::SELECTOR => {
            let (_, trailing) = abi::prefix::<coin::mintCall>(arguments)?;
            let coin = Some(Coin::Native);
            (
                pay(
                    SUPPLY,
                    coin,
                    call.value,
                    caller(call, context),
                    call,
                    context,
                )?,
                trailing,
            )
        }
        coin::repayBorrowCall::SELECTOR => {
            let (_, trailing) = abi::prefix::<coin::repayBorrowCall>(arguments)?;
            let coin = Some(Coin::Native);
            (
                pay(
                    REPAY,
                    coin,
                    call.value,
                    caller(call, context),
                    call,
                    context,
                )?,
                trailing,
            )
        }
        coin::repayBorrowBehalfCall::SELECTOR => {
            let (one, trailing) = abi::prefix::<coin::repayBorrowBehalfCall>(arguments)?;
            let coin = Some(Coin::Native);
            (
                pay(REPAY, coin, call.value, Some(one.borrower), call, context)?,
                trailing,
            )
        }
        // None of the others takes value.
        _ if !call.value.is_zero() => return Ok(None),
        ctoken::mintCall::SELECTOR => {
            let (one, trailing) = abi::prefix::<ctoken::mintCall>(arguments)?;
            (
                pay(
                    SUPPLY,
                    asset,
                    one.mintAmount,
                    caller(call, context),
                    call,
                    context,
                )?,
                trailing,
            )
        }
        ctoken::repayBorrowCall::SELECTOR => {
            let (one, trailing) = abi::prefix::<ctoken::repayBorrowCall>(arguments)?;
            (
                pay(
                    REPAY,
                    asset,
                    one.repayAmount,
                    caller(call, context),
                    call,
                    context,
                )?,
                trailing,
            )
        }
        ctoken::repayBorrowBehalfCall::SELECTOR => {
            let (one, trailing) = abi::prefix::<ctoken::repayBorrowBehalfCall>(arguments)?;
            (
                pay(
                    REPAY,
                    asset,
                    one.repayAmount,
                    Some(one.borrower),
                    call,
                    context,
                )?,
                trailing,
            )
        }
        ctoken::redeemCall::SELECTOR if mine => {
            let (one, trailing) = abi::prefix::<ctoken::redeemCall>(arguments)?;
            let shares = Some(Coin::Token(call.to));
            (
                take(shares, one.redeemTokens, None, call, context)?,
                trailing,
            )
        }
        ctoken::redeemUnderlyingCall::SELECTOR if mine => {
            let (one, trailing) = abi::prefix::<ctoken::redeemUnderlyingCall>(arguments)?;
            (
                take(asset, one.redeemAmount, None, call, context)?,
                trailing,
            )
        }
        ctoken::borrowCall::SELECTOR if mine => {
            let (one, trailing) = abi::prefix::<ctoken::borrowCall>(arguments)?;
            let parts = asset.and_then(|asset| debt(call, asset, one.borrowAmount, context));
            (parts, trailing)
        }
        _ => return Ok(None),
    };
    Ok(with_trailing(parts, trailing))
}

/// A call of a market of version 3; `None` for one that is not understood.
///
/// # Errors
/// `dirty_calldata`, `recipient_forbidden`, `not_own_funds`.
pub(super) fn comet(call: &Call<'_>, context: &Context<'_>) -> Result<Option<Parts>, Denial> {
    let Some((selector, arguments)) = call.split() else {
        return Ok(None);
    };
    if !call.value.is_zero() {
        return Ok(None);
    }
    let mine = call.sender == context.wallet;
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
        comet::supplyCall::SELECTOR => {
            let (one, trailing) = abi::prefix::<comet::supplyCall>(arguments)?;
            (
                supply(one.asset, one.amount, caller(call, context))?,
                trailing,
            )
        }
        comet::supplyToCall::SELECTOR => {
            let (one, trailing) = abi::prefix::<comet::supplyToCall>(arguments)?;
            (supply(one.asset, one.amount, Some(one.dst))?, trailing)
        }
        comet::supplyFromCall::SELECTOR => {
            let (one, trailing) = abi::prefix::<comet::supplyFromCall>(arguments)?;
            check_own_funds(one.from, context)?;
            (supply(one.asset, one.amount, Some(one.dst))?, trailing)
        }
        comet::withdrawCall::SELECTOR if mine => {
            let (one, trailing) = abi::prefix::<comet::withdrawCall>(arguments)?;
            (withdraw(one.asset, one.amount, None)?, trailing)
        }
        comet::withdrawToCall::SELECTOR if mine => {
            let (one, trailing) = abi::prefix::<comet::withdrawToCall>(arguments)?;
            (withdraw(one.asset, one.amount, Some(one.to))?, trailing)
        }
        comet::withdrawFromCall::SELECTOR => {
            let (one, trailing) = abi::prefix::<comet::withdrawFromCall>(arguments)?;
            check_own_funds(one.src, context)?;
            (withdraw(one.asset, one.amount, Some(one.to))?, trailing)
        }
        comet::transferAssetCall::SELECTOR if mine => {
            let (one, trailing) = abi::prefix::<comet::transferAssetCall>(arguments)?;
            (withdraw(one.asset, one.amount, Some(one.dst))?, trailing)
        }
        comet::transferAssetFromCall::SELECTOR => {
            let (one, trailing) = abi::prefix::<comet::transferAssetFromCall>(arguments)?;
            check_own_funds(one.src, context)?;
            (withdraw(one.asset, one.amount, Some(one.dst))?, trailing)
        }
        comet::allowCall::SELECTOR => {
            let (one, trailing) = abi::prefix::<comet::allowCall>(arguments)?;
            (
                Some(manager(one.manager, one.isAllowed, call, context)),
                trailing,
            )
        }
        comet::allowBySigCall::SELECTOR => {
            let (one, trailing) = abi::prefix::<comet::allowBySigCall>(arguments)?;
            check_own_funds(one.owner, context)?;
            (
                Some(manager(one.manager, one.isAllowed, call, context)),
                trailing,
            )
        }
        comet::approveCall::SELECTOR => {
            // Comet knows only all and nothing here: all is the whole position.
            let (one, trailing) = abi::prefix::<comet::approveCall>(arguments)?;
            let all = !one.amount.is_zero();
            (Some(manager(one.spender, all, call, context)), trailing)
        }
        _ => return Ok(None),
    };
    Ok(with_trailing(parts, trailing))
}

fn pay(
    action: &'static str,
    coin: Option<Coin>,
    amount: U256,
    holder: Option<Address>,
    call: &Call<'_>,
    context: &Context<'_>,
) -> Result<Option<Parts>, Denial> {
    let Some(coin) = coin else {
        return Ok(None);
    };
    let (own, through) = (EffectKind::Deposit, call.to);
    Holding {
        own,
        action,
        coin,
        amount,
        holder,
        through,
    }
    .parts(context)
}

fn take(
    coin: Option<Coin>,
    amount: U256,
    holder: Option<Address>,
    call: &Call<'_>,
    context: &Context<'_>,
) -> Result<Option<Parts>, Denial> {
    let Some(coin) = coin else {
        return Ok(None);
    };
    let (own, through) = (EffectKind::Convert, call.to);
    Holding {
        own,
        action: WITHDRAW,
        coin,
        amount,
        holder,
        through,
    }
    .parts(context)
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

fn manager(manager: Address, allowed: bool, call: &Call<'_>, context: &Context<'_>) -> Parts {
    if allowed {
        return control(call, manager, context);
    }
    let effect = context.effect(EffectKind::Revoke, None, Some(manager), U256::ZERO);
    let display = vec![
        field("Action", "take back the right over the position"),
        field("Manager", address_text(manager)),
    ];
    Parts::new(vec![effect], display, Vec::new())
}

fn with_trailing(parts: Option<Parts>, trailing: usize) -> Option<Parts> {
    parts.map(|mut parts| {
        if trailing > 0 {
            parts.warnings.push(trailing_bytes(trailing));
        }
        parts
    })
}
