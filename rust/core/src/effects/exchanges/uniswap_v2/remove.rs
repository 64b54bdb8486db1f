//! Liquidity taken out of pools of Uniswap V2. A share is always worth the same part of both tokens,
//! whatever somebody did to the price before: so what comes back to the wallet has only changed its
//! form. Variants that use a permit as well stay opaque: what it allows is a share nobody registered.

use alloy_primitives::{Address, U256};
use alloy_sol_types::SolCall;

use crate::display::{address_text, field, moment};
use crate::effects::call::Call;
use crate::effects::common::holding::{unknown, with_trailing};
use crate::effects::common::trade::Coin;
use crate::effects::context::{check_not_token, check_recipient, Context};
use crate::effects::parts::Parts;
use crate::effects::{abi, Denial, EffectKind};

#[allow(missing_docs, reason = "the names are those of the ABI")]
mod calls {
    alloy_sol_types::sol! {
        function removeLiquidity(address tokenA, address tokenB, uint256 liquidity, uint256 amountAMin, uint256 amountBMin, address to, uint256 deadline);
        function removeLiquidityETH(address token, uint256 liquidity, uint256 amountTokenMin, uint256 amountETHMin, address to, uint256 deadline);
        function removeLiquidityETHSupportingFeeOnTransferTokens(address token, uint256 liquidity, uint256 amountTokenMin, uint256 amountETHMin, address to, uint256 deadline);
    }
}

struct Removal {
    liquidity: U256,
    gets: [(Coin, U256); 2],
    to: Address,
    deadline: U256,
}

/// What the call does; `None` for a function that is not one of these, or a token nobody registered.
///
/// # Errors
/// `dirty_calldata`, `recipient_forbidden`.
pub(super) fn decode(call: &Call<'_>, context: &Context<'_>) -> Result<Option<Parts>, Denial> {
    let Some((removal, trailing)) = read(call)? else {
        return Ok(None);
    };
    check_recipient(removal.to)?;
    for (coin, _) in removal.gets {
        if let Coin::Token(token) = coin {
            check_not_token(removal.to, token)?;
            if context.token(token).is_none() {
                return Ok(None);
            }
        }
    }
    Ok(with_trailing(Some(removal.parts(call, context)), trailing))
}

fn read(call: &Call<'_>) -> Result<Option<(Removal, usize)>, Denial> {
    let Some((selector, arguments)) = call.split() else {
        return Ok(None);
    };
    if !call.value.is_zero() {
        return Ok(None);
    }
    macro_rules! with_coin {
        ($call:ident) => {{
            let (one, trailing) = abi::prefix::<calls::$call>(arguments)?;
            let token = (Coin::Token(one.token), one.amountTokenMin);
            let removal = Removal {
                liquidity: one.liquidity,
                gets: [token, (Coin::Native, one.amountETHMin)],
                to: one.to,
                deadline: one.deadline,
            };
            (removal, trailing)
        }};
    }
    let found = match *selector {
        calls::removeLiquidityCall::SELECTOR => {
            let (one, trailing) = abi::prefix::<calls::removeLiquidityCall>(arguments)?;
            let first = (Coin::Token(one.tokenA), one.amountAMin);
            let removal = Removal {
                liquidity: one.liquidity,
                gets: [first, (Coin::Token(one.tokenB), one.amountBMin)],
                to: one.to,
                deadline: one.deadline,
            };
            (removal, trailing)
        }
        calls::removeLiquidityETHCall::SELECTOR => with_coin!(removeLiquidityETHCall),
        calls::removeLiquidityETHSupportingFeeOnTransferTokensCall::SELECTOR => {
            with_coin!(removeLiquidityETHSupportingFeeOnTransferTokensCall)
        }
        _ => return Ok(None),
    };
    Ok(Some(found))
}

impl Removal {
    fn parts(&self, call: &Call<'_>, context: &Context<'_>) -> Parts {
        let is_own = context.is_own(self.to);
        let mut parts = if is_own {
            let mut parts = Parts::default();
            let action = "take liquidity out of a pool";
            parts.display.push(field("Action", action));
            let recipient = format!("this wallet {}", address_text(self.to));
            parts.display.push(field("Recipient", recipient));
            let through = address_text(call.to);
            parts.display.push(field("Through", through));
            parts
        } else {
            // How much it is depends on the pool: at least this, and nobody knows how much more.
            unknown(call, self.to, context)
        };
        let kind = if is_own {
            EffectKind::Convert
        } else {
            EffectKind::Transfer
        };
        let to = if is_own { call.to } else { self.to };
        for (coin, least) in self.gets {
            let effect = context.effect(kind, coin.asset(context), Some(to), least);
            parts.effects.push(effect);
            let least = coin.text(least, context);
            parts.display.push(field("Get at least", least));
        }
        let share = format!("{} base units", self.liquidity);
        parts.display.push(field("Share of the pool", share));
        parts.display.push(field("Until", moment(self.deadline)));
        parts
    }
}
