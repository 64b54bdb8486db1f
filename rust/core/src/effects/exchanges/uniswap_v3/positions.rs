//! Positions of Uniswap V3 (NonfungiblePositionManager). A position is a number; which tokens it is
//! about only the contract knows. So what goes into a new one is understood, and what comes back to
//! the wallet; everything else stays opaque.

use alloy_primitives::{Address, Bytes, U256};
use alloy_sol_types::SolCall;

use crate::display::{address_text, field, moment};
use crate::effects::call::Call;
use crate::effects::common::holding::{unknown, with_trailing};
use crate::effects::common::opaque;
use crate::effects::common::trade::{Coin, Trade};
use crate::effects::context::{check_not_token, check_recipient, until_ms, Context};
use crate::effects::parts::Parts;
use crate::effects::{abi, Denial, EffectKind};
use crate::protocol::Protocol;

#[allow(missing_docs, reason = "the names are those of the ABI")]
mod calls {
    alloy_sol_types::sol! {
        struct MintParams { address token0; address token1; uint24 fee; int24 tickLower; int24 tickUpper; uint256 amount0Desired; uint256 amount1Desired; uint256 amount0Min; uint256 amount1Min; address recipient; uint256 deadline; }
        struct DecreaseLiquidityParams { uint256 tokenId; uint128 liquidity; uint256 amount0Min; uint256 amount1Min; uint256 deadline; }
        struct CollectParams { uint256 tokenId; address recipient; uint128 amount0Max; uint128 amount1Max; }
        function mint(MintParams params);
        function decreaseLiquidity(DecreaseLiquidityParams params);
        function collect(CollectParams params);
        function burn(uint256 tokenId);
        function multicall(bytes[] data);
        function refundETH();
        function unwrapWETH9(uint256 amountMinimum, address recipient);
        function sweepToken(address token, uint256 amountMinimum, address recipient);
    }
}

/// Steps of one multicall.
const STEPS_MAX: usize = 64;

/// What the call does; `None` for one that is not understood.
///
/// # Errors
/// `dirty_calldata`, `recipient_forbidden`, `nesting`.
pub(super) fn decode(call: &Call<'_>, context: &Context<'_>) -> Result<Option<Parts>, Denial> {
    let Some((selector, arguments)) = call.split() else {
        return Ok(None);
    };
    if *selector == calls::multicallCall::SELECTOR {
        let (steps, trailing) = abi::prefix::<calls::multicallCall>(arguments)?;
        let parts = all(call, &steps.data, context)?;
        return Ok(with_trailing(Some(parts), trailing));
    }
    let value = call.value;
    let (parts, trailing) = match *selector {
        calls::mintCall::SELECTOR => {
            let (mint, trailing) = abi::prefix::<calls::mintCall>(arguments)?;
            (opened(call, &mint.params, context)?, trailing)
        }
        calls::decreaseLiquidityCall::SELECTOR if value.is_zero() => {
            let (one, trailing) = abi::prefix::<calls::decreaseLiquidityCall>(arguments)?;
            let action = "take liquidity out of a position, where it is kept";
            let mut parts = kept(call, action, one.params.tokenId, context);
            let until = moment(one.params.deadline);
            parts.display.push(field("Until", until));
            (Some(parts), trailing)
        }
        calls::collectCall::SELECTOR if value.is_zero() => {
            let (one, trailing) = abi::prefix::<calls::collectCall>(arguments)?;
            (Some(collected(call, &one.params, context)?), trailing)
        }
        calls::burnCall::SELECTOR if value.is_zero() => {
            let (one, trailing) = abi::prefix::<calls::burnCall>(arguments)?;
            let parts = kept(call, "burn an empty position", one.tokenId, context);
            (Some(parts), trailing)
        }
        _ => return Ok(None),
    };
    Ok(with_trailing(parts, trailing))
}

/// A new position. Its pool and its prices are whatever the call says: what it is worth, nobody here
/// can say.
fn opened(
    call: &Call<'_>,
    mint: &calls::MintParams,
    context: &Context<'_>,
) -> Result<Option<Parts>, Denial> {
    check_recipient(mint.recipient)?;
    let mut pays = Vec::with_capacity(2);
    let mut value = call.value;
    for (token, amount) in [
        (mint.token0, mint.amount0Desired),
        (mint.token1, mint.amount1Desired),
    ] {
        check_not_token(mint.recipient, token)?;
        // The coin that is sent along is used for its wrapped form if it is enough.
        if context.protocol(token) == Some(Protocol::WETH) && !value.is_zero() && value >= amount {
            pays.push((Coin::Native, value));
            value = U256::ZERO;
        } else {
            pays.push((Coin::Token(token), amount));
        }
    }
    if !value.is_zero() {
        return Ok(None);
    }
    let trade = Trade {
        kind: EffectKind::Deposit,
        action: "open a position in a pool",
        pays: &pays,
        gets: &[],
        recipient: (mint.recipient != call.to).then_some(mint.recipient),
        through: call.to,
        expires: until_ms(mint.deadline),
    };
    let mut parts = trade.parts(context);
    if let Some(parts) = &mut parts {
        let prices = format!("{} to {}", mint.tickLower, mint.tickUpper);
        parts.display.push(field("Ticks", prices));
        parts.display.push(field("Until", moment(mint.deadline)));
    }
    Ok(parts)
}

/// What a position is owed comes to the wallet, or a person looks at where it goes.
fn collected(
    call: &Call<'_>,
    collect: &calls::CollectParams,
    context: &Context<'_>,
) -> Result<Parts, Denial> {
    // The zero address stands for the contract, where anybody can take it.
    let recipient = Some(collect.recipient).filter(|to| !to.is_zero() && *to != call.to);
    let Some(recipient) = recipient else {
        return Ok(unknown(call, call.to, context));
    };
    if context.is_own(recipient) {
        let action = "collect what a position is owed";
        return Ok(kept(call, action, collect.tokenId, context));
    }
    check_recipient(recipient)?;
    Ok(unknown(call, recipient, context))
}

/// Only its form changes.
fn kept(call: &Call<'_>, action: &'static str, position: U256, context: &Context<'_>) -> Parts {
    let effect = context.effect(EffectKind::Convert, None, Some(call.to), U256::ZERO);
    let display = vec![
        field("Action", action),
        field("Position", position.to_string()),
        field("Through", address_text(call.to)),
    ];
    Parts::new(vec![effect], display, Vec::new())
}

/// The steps of a multicall. What is sent along is for the first position that is opened.
fn all(call: &Call<'_>, steps: &[Bytes], context: &Context<'_>) -> Result<Parts, Denial> {
    let mut parts = Parts::default();
    let mut value = call.value;
    let mut understood = steps.len() <= STEPS_MAX;
    let action = "several steps with positions";
    parts.display.push(field("Action", action));
    for (number, data) in steps.iter().take(STEPS_MAX).enumerate() {
        if back(data, context)? {
            continue;
        }
        let opens = data.starts_with(&calls::mintCall::SELECTOR);
        let sent = if opens { value } else { U256::ZERO };
        let step = call.inner(call.sender, call.to, sent, data)?;
        let Some(inner) = decode(&step, context)? else {
            understood = false;
            continue;
        };
        if opens {
            value = U256::ZERO;
        }
        parts.nest(number, inner);
    }
    if !understood || !value.is_zero() || parts.effects.is_empty() {
        let rest = Call { value, ..*call };
        let whole = opaque::call(&rest, true, context);
        parts.effects.extend(whole.effects);
        parts.display.extend(whole.display);
        for warning in whole.warnings {
            if !parts.warnings.contains(&warning) {
                parts.warnings.push(warning);
            }
        }
    }
    Ok(parts)
}

/// Whether the step only sends the wallet what the contract has left.
///
/// # Errors
/// `dirty_calldata`.
fn back(data: &[u8], context: &Context<'_>) -> Result<bool, Denial> {
    let Some((selector, arguments)) = data.split_first_chunk::<4>() else {
        return Ok(false);
    };
    let recipient: Address = match *selector {
        calls::refundETHCall::SELECTOR => {
            let _: calls::refundETHCall = abi::strict(arguments)?;
            return Ok(true);
        }
        calls::unwrapWETH9Call::SELECTOR => {
            abi::strict::<calls::unwrapWETH9Call>(arguments)?.recipient
        }
        calls::sweepTokenCall::SELECTOR => {
            abi::strict::<calls::sweepTokenCall>(arguments)?.recipient
        }
        _ => return Ok(false),
    };
    Ok(context.is_own(recipient))
}
