//! Aggregation routers of 1inch. What comes out is checked by the router only where it passes
//! through it; a pool the call names pays whatever it likes. Orders stay opaque.

use alloy_primitives::{Address, U256};
use alloy_sol_types::SolCall;

use super::V5;
use crate::code::WarningCode;
use crate::display::warning;
use crate::effects::call::Call;
use crate::effects::common::opaque::trailing_bytes;
use crate::effects::common::trade::{Coin, Trade};
use crate::effects::context::{check_not_token, check_payee, check_recipient, Context};
use crate::effects::parts::Parts;
use crate::effects::{abi, Denial, EffectKind};
use crate::protocol::Protocol;

/// Less than the whole amount may be swapped, at the stated rate.
const PARTIAL_FILL: U256 = U256::from_limbs([1, 0, 0, 0]);
/// More of the coin is sent along than what is swapped.
const EXTRA_COIN: U256 = U256::from_limbs([2, 0, 0, 0]);
/// Stands for the coin of a chain.
const COIN: Address = Address::repeat_byte(0xee);

#[allow(missing_docs, reason = "the names are those of the ABI")]
mod calls {
    pub mod five {
        alloy_sol_types::sol! {
            struct Description { address srcToken; address dstToken; address srcReceiver; address dstReceiver; uint256 amount; uint256 minReturnAmount; uint256 flags; }
            function swap(address executor, Description desc, bytes permit, bytes data);
            function unoswap(address srcToken, uint256 amount, uint256 minReturn, uint256[] pools);
            function unoswapTo(address recipient, address srcToken, uint256 amount, uint256 minReturn, uint256[] pools);
            function uniswapV3Swap(uint256 amount, uint256 minReturn, uint256[] pools);
            function uniswapV3SwapTo(address recipient, uint256 amount, uint256 minReturn, uint256[] pools);
            function clipperSwap(address clipperExchange, address srcToken, address dstToken, uint256 inputAmount, uint256 outputAmount, uint256 goodUntil, bytes32 r, bytes32 vs);
            function clipperSwapTo(address clipperExchange, address recipient, address srcToken, address dstToken, uint256 inputAmount, uint256 outputAmount, uint256 goodUntil, bytes32 r, bytes32 vs);
        }
    }
    pub mod six {
        alloy_sol_types::sol! {
            struct Description { address srcToken; address dstToken; address srcReceiver; address dstReceiver; uint256 amount; uint256 minReturnAmount; uint256 flags; }
            function swap(address executor, Description desc, bytes data);
            function unoswap(uint256 token, uint256 amount, uint256 minReturn, uint256 dex);
            function unoswap2(uint256 token, uint256 amount, uint256 minReturn, uint256 dex, uint256 dex2);
            function unoswap3(uint256 token, uint256 amount, uint256 minReturn, uint256 dex, uint256 dex2, uint256 dex3);
            function unoswapTo(uint256 to, uint256 token, uint256 amount, uint256 minReturn, uint256 dex);
            function unoswapTo2(uint256 to, uint256 token, uint256 amount, uint256 minReturn, uint256 dex, uint256 dex2);
            function unoswapTo3(uint256 to, uint256 token, uint256 amount, uint256 minReturn, uint256 dex, uint256 dex2, uint256 dex3);
            function ethUnoswap(uint256 minReturn, uint256 dex);
            function ethUnoswap2(uint256 minReturn, uint256 dex, uint256 dex2);
            function ethUnoswap3(uint256 minReturn, uint256 dex, uint256 dex2, uint256 dex3);
            function ethUnoswapTo(uint256 to, uint256 minReturn, uint256 dex);
            function ethUnoswapTo2(uint256 to, uint256 minReturn, uint256 dex, uint256 dex2);
            function ethUnoswapTo3(uint256 to, uint256 minReturn, uint256 dex, uint256 dex2, uint256 dex3);
            function clipperSwap(address clipperExchange, uint256 srcToken, address dstToken, uint256 inputAmount, uint256 outputAmount, uint256 goodUntil, bytes32 r, bytes32 vs);
            function clipperSwapTo(address clipperExchange, address recipient, uint256 srcToken, address dstToken, uint256 inputAmount, uint256 outputAmount, uint256 goodUntil, bytes32 r, bytes32 vs);
        }
    }
}

/// A swap as far as it can be known.
struct Swap {
    /// `None`: whatever the first pool asks for.
    from: Option<Coin>,
    amount: U256,
    /// What comes out and the least of it, if the router makes sure of it.
    gets: Option<(Coin, U256)>,
    /// `None`: whoever calls.
    to: Option<Address>,
    /// Where the value goes first.
    through: Address,
    partial: bool,
    extra: bool,
}

/// What the call does; `None` for one that is not understood, or a token nobody registered.
///
/// # Errors
/// `dirty_calldata`, `recipient_forbidden`.
pub(super) fn decode(
    call: &Call<'_>,
    version: Protocol,
    context: &Context<'_>,
) -> Result<Option<Parts>, Denial> {
    let Some((selector, arguments)) = call.split() else {
        return Ok(None);
    };
    let found = if version == V5 {
        five(*selector, arguments, call)?
    } else {
        six(*selector, arguments, call)?
    };
    let Some((swap, trailing)) = found else {
        return Ok(None);
    };
    let mut parts = traded(call, &swap, context)?;
    if let Some(parts) = &mut parts {
        if trailing > 0 {
            parts.warnings.push(trailing_bytes(trailing));
        }
    }
    Ok(parts)
}

type Found = Option<(Swap, usize)>;

fn five(selector: [u8; 4], arguments: &[u8], call: &Call<'_>) -> Result<Found, Denial> {
    use calls::five as c;
    let own = call.to;
    let found = match selector {
        c::swapCall::SELECTOR => {
            let (call, trailing) = abi::prefix::<c::swapCall>(arguments)?;
            // A permit of anybody for anybody.
            if !call.permit.is_empty() {
                return Ok(None);
            }
            let desc = call.desc;
            let coins = (desc.srcToken, desc.dstToken);
            let amounts = (desc.amount, desc.minReturnAmount);
            (
                described(coins, amounts, desc.dstReceiver, desc.flags, own),
                trailing,
            )
        }
        c::unoswapCall::SELECTOR => {
            let (call, trailing) = abi::prefix::<c::unoswapCall>(arguments)?;
            let (from, amounts) = (plain(call.srcToken), (call.amount, call.minReturn));
            let Some(last) = call.pools.last() else {
                return Ok(None);
            };
            (
                pools(Some(from), amounts, last.bit(254), None, own),
                trailing,
            )
        }
        c::unoswapToCall::SELECTOR => {
            let (call, trailing) = abi::prefix::<c::unoswapToCall>(arguments)?;
            let (from, amounts) = (plain(call.srcToken), (call.amount, call.minReturn));
            let Some(last) = call.pools.last() else {
                return Ok(None);
            };
            let to = Some(call.recipient);
            (pools(Some(from), amounts, last.bit(254), to, own), trailing)
        }
        c::uniswapV3SwapCall::SELECTOR => {
            let (args, trailing) = abi::prefix::<c::uniswapV3SwapCall>(arguments)?;
            let Some(last) = args.pools.last() else {
                return Ok(None);
            };
            let amounts = (args.amount, args.minReturn);
            (
                pools(sent(call), amounts, last.bit(253), None, own),
                trailing,
            )
        }
        c::uniswapV3SwapToCall::SELECTOR => {
            let (args, trailing) = abi::prefix::<c::uniswapV3SwapToCall>(arguments)?;
            let Some(last) = args.pools.last() else {
                return Ok(None);
            };
            let (amounts, to) = ((args.amount, args.minReturn), Some(args.recipient));
            (pools(sent(call), amounts, last.bit(253), to, own), trailing)
        }
        c::clipperSwapCall::SELECTOR => {
            let (call, trailing) = abi::prefix::<c::clipperSwapCall>(arguments)?;
            let coins = (plain(call.srcToken), plain(call.dstToken));
            (
                clipper(call.clipperExchange, coins, call.inputAmount, None),
                trailing,
            )
        }
        c::clipperSwapToCall::SELECTOR => {
            let (call, trailing) = abi::prefix::<c::clipperSwapToCall>(arguments)?;
            let (coins, to) = (
                (plain(call.srcToken), plain(call.dstToken)),
                Some(call.recipient),
            );
            (
                clipper(call.clipperExchange, coins, call.inputAmount, to),
                trailing,
            )
        }
        _ => return Ok(None),
    };
    Ok(Some(found))
}

fn six(selector: [u8; 4], arguments: &[u8], call: &Call<'_>) -> Result<Found, Denial> {
    use calls::six as c;
    let own = call.to;
    macro_rules! unoswap {
        ($call:ident, $first:ident, $last:ident, $to:expr) => {{
            let (args, trailing) = abi::prefix::<c::$call>(arguments)?;
            let to: fn(&c::$call) -> Option<Address> = $to;
            // A pool of V3 takes its own token, whatever token the call names.
            let of_v3 = args.$first.wrapping_shr(253) == U256::ONE;
            let from = (!of_v3).then(|| Coin::Token(low(args.token)));
            let amounts = (args.amount, args.minReturn);
            let unwraps = args.$last.bit(252);
            (pools(from, amounts, unwraps, to(&args), own), trailing)
        }};
    }
    macro_rules! coin_unoswap {
        ($call:ident, $last:ident, $to:expr) => {{
            let (args, trailing) = abi::prefix::<c::$call>(arguments)?;
            let to: fn(&c::$call) -> Option<Address> = $to;
            let (from, amounts) = (Some(Coin::Native), (call.value, args.minReturn));
            let unwraps = args.$last.bit(252);
            (pools(from, amounts, unwraps, to(&args), own), trailing)
        }};
    }
    let found = match selector {
        c::swapCall::SELECTOR => {
            let (call, trailing) = abi::prefix::<c::swapCall>(arguments)?;
            let desc = call.desc;
            let coins = (desc.srcToken, desc.dstToken);
            let amounts = (desc.amount, desc.minReturnAmount);
            (
                described(coins, amounts, desc.dstReceiver, desc.flags, own),
                trailing,
            )
        }
        c::unoswapCall::SELECTOR => unoswap!(unoswapCall, dex, dex, |_| None),
        c::unoswap2Call::SELECTOR => unoswap!(unoswap2Call, dex, dex2, |_| None),
        c::unoswap3Call::SELECTOR => unoswap!(unoswap3Call, dex, dex3, |_| None),
        c::unoswapToCall::SELECTOR => unoswap!(unoswapToCall, dex, dex, |args| Some(low(args.to))),
        c::unoswapTo2Call::SELECTOR => {
            unoswap!(unoswapTo2Call, dex, dex2, |args| Some(low(args.to)))
        }
        c::unoswapTo3Call::SELECTOR => {
            unoswap!(unoswapTo3Call, dex, dex3, |args| Some(low(args.to)))
        }
        c::ethUnoswapCall::SELECTOR => coin_unoswap!(ethUnoswapCall, dex, |_| None),
        c::ethUnoswap2Call::SELECTOR => coin_unoswap!(ethUnoswap2Call, dex2, |_| None),
        c::ethUnoswap3Call::SELECTOR => coin_unoswap!(ethUnoswap3Call, dex3, |_| None),
        c::ethUnoswapToCall::SELECTOR => {
            coin_unoswap!(ethUnoswapToCall, dex, |args| Some(low(args.to)))
        }
        c::ethUnoswapTo2Call::SELECTOR => {
            coin_unoswap!(ethUnoswapTo2Call, dex2, |args| Some(low(args.to)))
        }
        c::ethUnoswapTo3Call::SELECTOR => {
            coin_unoswap!(ethUnoswapTo3Call, dex3, |args| Some(low(args.to)))
        }
        c::clipperSwapCall::SELECTOR => {
            let (call, trailing) = abi::prefix::<c::clipperSwapCall>(arguments)?;
            let coins = (plain(low(call.srcToken)), plain(call.dstToken));
            (
                clipper(call.clipperExchange, coins, call.inputAmount, None),
                trailing,
            )
        }
        c::clipperSwapToCall::SELECTOR => {
            let (call, trailing) = abi::prefix::<c::clipperSwapToCall>(arguments)?;
            let (coins, to) = (
                (plain(low(call.srcToken)), plain(call.dstToken)),
                Some(call.recipient),
            );
            (
                clipper(call.clipperExchange, coins, call.inputAmount, to),
                trailing,
            )
        }
        _ => return Ok(None),
    };
    Ok(Some(found))
}

/// Only the zero address stands for the coin here.
fn plain(token: Address) -> Coin {
    if token.is_zero() {
        Coin::Native
    } else {
        Coin::Token(token)
    }
}

/// The low bits of a word; the others are for the router.
fn low(word: U256) -> Address {
    Address::from_word(word.into())
}

/// The coin, if some is sent along.
fn sent(call: &Call<'_>) -> Option<Coin> {
    (!call.value.is_zero()).then_some(Coin::Native)
}

/// A swap an executor carries out; the router itself hands on what comes out, and checks how much.
fn described(
    (from, to): (Address, Address),
    (amount, least): (U256, U256),
    receiver: Address,
    flags: U256,
    through: Address,
) -> Swap {
    let coin = |token: Address| {
        if token == COIN {
            Coin::Native
        } else {
            plain(token)
        }
    };
    Swap {
        from: Some(coin(from)),
        amount,
        gets: Some((coin(to), least)),
        to: (!receiver.is_zero()).then_some(receiver),
        through,
        partial: !(flags & PARTIAL_FILL).is_zero(),
        extra: !(flags & EXTRA_COIN).is_zero(),
    }
}

/// A swap along pools. Only what is unwrapped in the end comes by way of the router.
fn pools(
    from: Option<Coin>,
    (amount, least): (U256, U256),
    unwraps: bool,
    to: Option<Address>,
    through: Address,
) -> Swap {
    Swap {
        from,
        amount,
        gets: unwraps.then_some((Coin::Native, least)),
        to,
        through,
        partial: false,
        extra: false,
    }
}

/// A swap with an exchange the call names: the router gives it the value and checks nothing.
fn clipper(
    exchange: Address,
    (from, to): (Coin, Coin),
    amount: U256,
    recipient: Option<Address>,
) -> Swap {
    Swap {
        from: Some(from),
        amount,
        gets: Some((to, U256::ZERO)),
        to: recipient,
        through: exchange,
        partial: false,
        extra: false,
    }
}

fn traded(call: &Call<'_>, swap: &Swap, context: &Context<'_>) -> Result<Option<Parts>, Denial> {
    let Some(from) = swap.from else {
        return Ok(None);
    };
    if !from.is_measured(context) {
        return Ok(None);
    }
    // Every wei that is sent along leaves.
    let mut pays = vec![(from, swap.amount)];
    match from {
        Coin::Native => pays = vec![(Coin::Native, call.value)],
        Coin::Token(_) if call.value.is_zero() => {}
        Coin::Token(_) if swap.extra => pays.push((Coin::Native, call.value)),
        Coin::Token(_) => return Ok(None),
    }
    check_recipient(swap.through)?;
    if let Some(to) = swap.to {
        check_payee(to, context)?;
        if let Some((Coin::Token(token), _)) = swap.gets {
            check_not_token(to, token)?;
        }
    }
    // What is not swapped goes back to whoever calls: in a wrapper it is anybody's there.
    let back_to_wrapper = swap.partial && call.sender != context.wallet;
    let recipient = if back_to_wrapper {
        call.sender
    } else {
        swap.to.or(call.sender).or(Some(context.signer()))
    };
    let gets: Vec<(Coin, U256)> = swap.gets.into_iter().collect();
    let trade = Trade {
        kind: EffectKind::Swap,
        action: "swap",
        pays: &pays,
        gets: &gets,
        recipient: recipient.filter(|to| *to != call.to),
        through: swap.through,
        expires: None,
    };
    let mut parts = trade.parts(context);
    if let (Some(parts), true) = (&mut parts, swap.partial) {
        let text = "less than the whole may be swapped, at the same rate: the rest comes back";
        parts.warnings.push(warning(WarningCode::PartialFill, text));
    }
    Ok(parts)
}
