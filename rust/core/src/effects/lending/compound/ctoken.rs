//! Compound, version 2, and its many copies: each market is a token.

use alloy_primitives::{Address, U256};
use alloy_sol_types::SolCall;

use crate::effects::call::Call;
use crate::effects::common::holding::{by_owner, caller, debt, held, with_trailing, Holding};
use crate::effects::common::trade::Coin;
use crate::effects::context::Context;
use crate::effects::parts::Parts;
use crate::effects::{abi, Denial, EffectKind};

#[allow(missing_docs, reason = "the names are those of the ABI")]
mod calls {
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

pub(super) const SUPPLY: &str = "supply to the market";
const REPAY: &str = "repay a debt";
const WITHDRAW: &str = "withdraw from the market";

/// A call of a token of version 2; `None` for one that is not understood, or if nobody said which
/// asset it holds.
///
/// # Errors
/// `dirty_calldata`, `recipient_forbidden`.
pub(super) fn ctoken(call: &Call<'_>, context: &Context<'_>) -> Result<Option<Parts>, Denial> {
    use calls::coin;
    let Some((selector, arguments)) = call.split() else {
        return Ok(None);
    };
    let asset = held(call.to, context);
    let me = caller(call, context);
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
        calls::mintCall::SELECTOR => {
            let (one, trailing) = abi::prefix::<calls::mintCall>(arguments)?;
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
        calls::repayBorrowCall::SELECTOR => {
            let (one, trailing) = abi::prefix::<calls::repayBorrowCall>(arguments)?;
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
        calls::repayBorrowBehalfCall::SELECTOR => {
            let (one, trailing) = abi::prefix::<calls::repayBorrowBehalfCall>(arguments)?;
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
        calls::redeemCall::SELECTOR => {
            let (one, trailing) = abi::prefix::<calls::redeemCall>(arguments)?;
            let shares = Some(Coin::Token(call.to));
            (take(shares, one.redeemTokens, me, call, context)?, trailing)
        }
        calls::redeemUnderlyingCall::SELECTOR => {
            let (one, trailing) = abi::prefix::<calls::redeemUnderlyingCall>(arguments)?;
            (take(asset, one.redeemAmount, me, call, context)?, trailing)
        }
        calls::borrowCall::SELECTOR => {
            let (one, trailing) = abi::prefix::<calls::borrowCall>(arguments)?;
            let parts = asset.and_then(|asset| debt(call, asset, one.borrowAmount, context));
            (by_owner(parts, call, context), trailing)
        }
        _ => return Ok(None),
    };
    Ok(with_trailing(parts, trailing))
}

pub(super) fn pay(
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

pub(super) fn take(
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
    let parts = Holding {
        own,
        action: WITHDRAW,
        coin,
        amount,
        holder,
        through,
    };
    Ok(by_owner(parts.parts(context)?, call, context))
}
