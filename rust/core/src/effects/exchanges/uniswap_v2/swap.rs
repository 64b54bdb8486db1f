//! Routers of Uniswap V2 and its forks: swaps along a list of tokens, and liquidity.

use alloy_primitives::{Address, U256};
use alloy_sol_types::SolCall;

use super::remove as uniswap_v2_remove;
use crate::display::{field, moment};
use crate::effects::call::Call;
use crate::effects::common::opaque::trailing_bytes;
use crate::effects::common::trade::{doubt, Coin, Trade};
use crate::effects::context::{check_not_token, check_payee, until_ms, Context};
use crate::effects::parts::Parts;
use crate::effects::{abi, Denial, EffectKind};
use crate::protocol::Protocol;

#[allow(missing_docs, reason = "the names are those of the ABI")]
mod calls {
    alloy_sol_types::sol! {
        function swapExactTokensForTokens(uint256 amountIn, uint256 amountOutMin, address[] path, address to, uint256 deadline);
        function swapTokensForExactTokens(uint256 amountOut, uint256 amountInMax, address[] path, address to, uint256 deadline);
        function swapExactETHForTokens(uint256 amountOutMin, address[] path, address to, uint256 deadline);
        function swapTokensForExactETH(uint256 amountOut, uint256 amountInMax, address[] path, address to, uint256 deadline);
        function swapExactTokensForETH(uint256 amountIn, uint256 amountOutMin, address[] path, address to, uint256 deadline);
        function swapETHForExactTokens(uint256 amountOut, address[] path, address to, uint256 deadline);
        function swapExactTokensForTokensSupportingFeeOnTransferTokens(uint256 amountIn, uint256 amountOutMin, address[] path, address to, uint256 deadline);
        function swapExactETHForTokensSupportingFeeOnTransferTokens(uint256 amountOutMin, address[] path, address to, uint256 deadline);
        function swapExactTokensForETHSupportingFeeOnTransferTokens(uint256 amountIn, uint256 amountOutMin, address[] path, address to, uint256 deadline);
        function addLiquidity(address tokenA, address tokenB, uint256 amountADesired, uint256 amountBDesired, uint256 amountAMin, uint256 amountBMin, address to, uint256 deadline);
        function addLiquidityETH(address token, uint256 amountTokenDesired, uint256 amountTokenMin, uint256 amountETHMin, address to, uint256 deadline);
    }
}

/// The kinds of pay and get.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Tokens,
    CoinIn,
    CoinOut,
}

/// A swap; an amount of the coin that goes in is the value of the call.
struct Swap {
    way: Way,
    pays: U256,
    gets: U256,
    path: Vec<Address>,
    to: Address,
    deadline: U256,
    /// The router compares the balance of whoever gets it, instead of paying what it computed. What
    /// it unwraps it pays from its own.
    measured: bool,
}

/// What the call does; `None` for one that is not understood, or a token nobody registered.
///
/// # Errors
/// `dirty_calldata`, `recipient_forbidden`.
pub(super) fn decode(call: &Call<'_>, context: &Context<'_>) -> Result<Option<Parts>, Denial> {
    let Some((selector, arguments)) = call.split() else {
        return Ok(None);
    };
    let (parts, trailing) = match *selector {
        calls::addLiquidityCall::SELECTOR if call.value.is_zero() => {
            let (add, trailing) = abi::prefix::<calls::addLiquidityCall>(arguments)?;
            let pays = [
                (Coin::Token(add.tokenA), add.amountADesired),
                (Coin::Token(add.tokenB), add.amountBDesired),
            ];
            let parts = liquidity(call, &pays, add.to, add.deadline, context)?;
            (parts, trailing)
        }
        calls::addLiquidityETHCall::SELECTOR => {
            let (add, trailing) = abi::prefix::<calls::addLiquidityETHCall>(arguments)?;
            let pays = [
                (Coin::Token(add.token), add.amountTokenDesired),
                (Coin::Native, call.value),
            ];
            let parts = liquidity(call, &pays, add.to, add.deadline, context)?;
            (parts, trailing)
        }
        _ => match swap(*selector, arguments, call.value)? {
            Some((swap, trailing)) => (traded(call, &swap, context)?, trailing),
            None => return uniswap_v2_remove::decode(call, context),
        },
    };
    let Some(mut parts) = parts else {
        return Ok(None);
    };
    if trailing > 0 {
        parts.warnings.push(trailing_bytes(trailing));
    }
    Ok(Some(parts))
}

/// The swap and the number of bytes after it. Two spellings of a swap differ only in how the router
/// makes sure of the least amount.
fn swap(selector: [u8; 4], arguments: &[u8], value: U256) -> Result<Option<(Swap, usize)>, Denial> {
    macro_rules! read {
        ($call:ident, $way:expr, $pays:expr, $gets:ident) => {
            read!($call, $way, $pays, $gets, false)
        };
        ($call:ident, $way:expr, $pays:expr, $gets:ident, $measured:expr) => {{
            let (call, trailing) = abi::prefix::<calls::$call>(arguments)?;
            let pays: fn(&calls::$call, U256) -> U256 = $pays;
            let swap = Swap {
                way: $way,
                pays: pays(&call, value),
                gets: call.$gets,
                path: call.path,
                to: call.to,
                deadline: call.deadline,
                measured: $measured,
            };
            (swap, trailing)
        }};
    }
    use calls as c;
    let found = match selector {
        c::swapExactTokensForTokensCall::SELECTOR => {
            read!(
                swapExactTokensForTokensCall,
                Way::Tokens,
                |call, _| call.amountIn,
                amountOutMin
            )
        }
        c::swapTokensForExactTokensCall::SELECTOR => {
            read!(
                swapTokensForExactTokensCall,
                Way::Tokens,
                |call, _| call.amountInMax,
                amountOut
            )
        }
        c::swapExactETHForTokensCall::SELECTOR => {
            read!(
                swapExactETHForTokensCall,
                Way::CoinIn,
                |_, value| value,
                amountOutMin
            )
        }
        c::swapTokensForExactETHCall::SELECTOR => {
            read!(
                swapTokensForExactETHCall,
                Way::CoinOut,
                |call, _| call.amountInMax,
                amountOut
            )
        }
        c::swapExactTokensForETHCall::SELECTOR => {
            read!(
                swapExactTokensForETHCall,
                Way::CoinOut,
                |call, _| call.amountIn,
                amountOutMin
            )
        }
        c::swapETHForExactTokensCall::SELECTOR => {
            read!(
                swapETHForExactTokensCall,
                Way::CoinIn,
                |_, value| value,
                amountOut
            )
        }
        c::swapExactTokensForTokensSupportingFeeOnTransferTokensCall::SELECTOR => read!(
            swapExactTokensForTokensSupportingFeeOnTransferTokensCall,
            Way::Tokens,
            |call, _| call.amountIn,
            amountOutMin,
            true
        ),
        c::swapExactETHForTokensSupportingFeeOnTransferTokensCall::SELECTOR => read!(
            swapExactETHForTokensSupportingFeeOnTransferTokensCall,
            Way::CoinIn,
            |_, value| value,
            amountOutMin,
            true
        ),
        c::swapExactTokensForETHSupportingFeeOnTransferTokensCall::SELECTOR => read!(
            swapExactTokensForETHSupportingFeeOnTransferTokensCall,
            Way::CoinOut,
            |call, _| call.amountIn,
            amountOutMin
        ),
        _ => return Ok(None),
    };
    Ok(Some(found))
}

fn traded(call: &Call<'_>, swap: &Swap, context: &Context<'_>) -> Result<Option<Parts>, Denial> {
    let [first, between @ .., last] = swap.path.as_slice() else {
        return Err(abi::dirty("the path of a swap has less than two tokens"));
    };
    // Value sent to a function that takes none makes the call fail; nobody sends that in earnest.
    if swap.way != Way::CoinIn && !call.value.is_zero() {
        return Ok(None);
    }
    let pays = match swap.way {
        Way::CoinIn => Coin::Native,
        _ => Coin::Token(*first),
    };
    if !pays.is_measured(context) {
        return Ok(None);
    }
    let gets = match swap.way {
        Way::CoinOut => Coin::Native,
        _ => Coin::Token(*last),
    };
    let known = |token: &Address| {
        let is_coin = || context.protocol(*token) == Some(Protocol::WETH);
        context.token(*token).is_some() || is_coin()
    };
    let doubtful = swap.measured && !between.iter().all(known);
    let least = if doubtful { U256::ZERO } else { swap.gets };
    let trade = Trade {
        kind: EffectKind::Swap,
        action: "swap",
        pays: &[(pays, swap.pays)],
        gets: &[(gets, least)],
        recipient: recipient(call, swap.to, &[gets], context)?,
        through: call.to,
        expires: until_ms(swap.deadline),
    };
    let mut parts = trade.parts(context);
    if let Some(parts) = &mut parts {
        parts.measure(swap.measured);
        if doubtful {
            doubt(parts, (gets, swap.gets), context);
        }
    }
    Ok(until(parts, swap.deadline))
}

/// The share of the pool is a token of its own, at an address the call does not name: what it is
/// worth, nobody here can say.
fn liquidity(
    call: &Call<'_>,
    pays: &[(Coin, U256)],
    to: Address,
    deadline: U256,
    context: &Context<'_>,
) -> Result<Option<Parts>, Denial> {
    let coins: Vec<Coin> = pays.iter().map(|(coin, _)| *coin).collect();
    if !coins.iter().all(|coin| coin.is_measured(context)) {
        return Ok(None);
    }
    let trade = Trade {
        kind: EffectKind::Deposit,
        action: "add liquidity to a pool",
        pays,
        gets: &[],
        recipient: recipient(call, to, &coins, context)?,
        through: call.to,
        expires: until_ms(deadline),
    };
    Ok(until(trade.parts(context), deadline))
}

/// What the router itself gets stays there.
fn recipient(
    call: &Call<'_>,
    to: Address,
    coins: &[Coin],
    context: &Context<'_>,
) -> Result<Option<Address>, Denial> {
    check_payee(to, context)?;
    for coin in coins {
        if let Coin::Token(token) = coin {
            check_not_token(to, *token)?;
        }
    }
    Ok((to != call.to).then_some(to))
}

fn until(parts: Option<Parts>, deadline: U256) -> Option<Parts> {
    let mut parts = parts?;
    parts.display.push(field("Until", moment(deadline)));
    Some(parts)
}
