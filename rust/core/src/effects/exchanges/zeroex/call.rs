//! The Exchange Proxy of 0x: swaps through pools of Uniswap V2, and swaps of any kind, of which nothing
//! is sure to come back. Everything else stays opaque.

use alloy_primitives::{Address, U256};
use alloy_sol_types::SolCall;

use crate::effects::abi::{self, dirty};
use crate::effects::call::Call;
use crate::effects::common::opaque::trailing_bytes;
use crate::effects::common::trade::{doubt, Coin, Trade};
use crate::effects::context::Context;
use crate::effects::parts::Parts;
use crate::effects::{Denial, EffectKind};

/// Stands for the coin of a chain.
const COIN: Address = Address::repeat_byte(0xee);

#[allow(missing_docs, reason = "the names are those of the ABI")]
mod calls {
    alloy_sol_types::sol! {
        struct Transformation { uint32 deploymentNonce; bytes data; }
        function transformERC20(address inputToken, address outputToken, uint256 inputTokenAmount, uint256 minOutputTokenAmount, Transformation[] transformations);
        function sellToUniswap(address[] tokens, uint256 sellAmount, uint256 minBuyAmount, bool isSushi);
    }
}

/// What the call does; `None` for one that is not understood, or a token nobody registered.
///
/// # Errors
/// `dirty_calldata`.
pub(super) fn decode(call: &Call<'_>, context: &Context<'_>) -> Result<Option<Parts>, Denial> {
    let Some((selector, arguments)) = call.split() else {
        return Ok(None);
    };
    let (pays, gets, measured, trailing) = match *selector {
        calls::transformERC20Call::SELECTOR => {
            let (args, trailing) = abi::prefix::<calls::transformERC20Call>(arguments)?;
            let from = coin(args.inputToken);
            if from != Coin::Native && args.inputTokenAmount == U256::MAX {
                // All the caller has.
                return Ok(None);
            }
            let mut pays = Vec::with_capacity(2);
            if from != Coin::Native {
                pays.push((from, args.inputTokenAmount));
            }
            // What is sent along is passed on, for fees, whatever is sold.
            if from == Coin::Native || !call.value.is_zero() {
                pays.push((Coin::Native, call.value));
            }
            // Only the caller's balance is compared, and what runs in between can be anything.
            let gets = (coin(args.outputToken), args.minOutputTokenAmount);
            (pays, gets, true, trailing)
        }
        calls::sellToUniswapCall::SELECTOR => {
            let (args, trailing) = abi::prefix::<calls::sellToUniswapCall>(arguments)?;
            let [first, .., last] = args.tokens.as_slice() else {
                return Err(dirty("the path of a swap has less than two tokens"));
            };
            let pays = match coin(*first) {
                Coin::Native => (Coin::Native, call.value),
                token if call.value.is_zero() => (token, args.sellAmount),
                Coin::Token(_) => return Ok(None),
            };
            let gets = (coin(*last), args.minBuyAmount);
            (vec![pays], gets, false, trailing)
        }
        _ => return Ok(None),
    };
    if !pays.iter().all(|(coin, _)| coin.is_measured(context)) {
        return Ok(None);
    }
    let trade = Trade {
        kind: EffectKind::Swap,
        action: "swap",
        pays: &pays,
        gets: &[(gets.0, if measured { U256::ZERO } else { gets.1 })],
        // Only whoever calls gets anything.
        recipient: call.sender.or(Some(context.signer())),
        through: call.to,
        expires: None,
    };
    let mut parts = trade.parts(context);
    if let Some(parts) = &mut parts {
        if measured {
            doubt(parts, gets, context);
        }
        if trailing > 0 {
            parts.warnings.push(trailing_bytes(trailing));
        }
    }
    Ok(parts)
}

fn coin(token: Address) -> Coin {
    if token == COIN {
        Coin::Native
    } else {
        Coin::Token(token)
    }
}
