//! Tokens of LayerZero (OFT) and the pools of Stargate, which speak the same.

use alloy_primitives::U256;
use alloy_sol_types::SolCall;

use super::super::abi;
use super::super::context::{warning, Context};
use super::super::parts::Parts;
use super::super::Denial;
use super::bridges::{address_in, and_more, fee, Arrives, Crossing};
use super::holding::{held, with_trailing};
use super::trade::Coin;
use super::Call;

#[allow(missing_docs, reason = "the names are those of the ABI")]
mod calls {
    alloy_sol_types::sol! {
        struct SendParam { uint32 dstEid; bytes32 to; uint256 amountLD; uint256 minAmountLD; bytes extraOptions; bytes composeMsg; bytes oftCmd; }
        struct MessagingFee { uint256 nativeFee; uint256 lzTokenFee; }
        function send(SendParam sendParam, MessagingFee fee, address refundAddress);
        function sendToken(SendParam sendParam, MessagingFee fee, address refundAddress);
    }
}

/// LayerZero's numbers of chains.
const ENDPOINTS: [(u32, &str); 7] = [
    (30_101, "Ethereum"),
    (30_102, "BNB Smart Chain"),
    (30_106, "Avalanche"),
    (30_109, "Polygon PoS"),
    (30_110, "Arbitrum One"),
    (30_111, "OP Mainnet"),
    (30_184, "Base"),
];

/// What the call does; `None` for one that is not understood, and if nobody said which asset the
/// contract moves.
///
/// # Errors
/// `dirty_calldata`, `recipient_forbidden`.
pub(super) fn decode(call: &Call<'_>, context: &Context<'_>) -> Result<Option<Parts>, Denial> {
    let Some((selector, arguments)) = call.split() else {
        return Ok(None);
    };
    let (param, paid, refund, trailing) = match *selector {
        calls::sendCall::SELECTOR => {
            let (one, trailing) = abi::prefix::<calls::sendCall>(arguments)?;
            (one.sendParam, one.fee, one.refundAddress, trailing)
        }
        calls::sendTokenCall::SELECTOR => {
            let (one, trailing) = abi::prefix::<calls::sendTokenCall>(arguments)?;
            (one.sendParam, one.fee, one.refundAddress, trailing)
        }
        _ => return Ok(None),
    };
    // The token is the contract itself unless the operator says that it holds another.
    let coin = held(call.to, context).unwrap_or(Coin::Token(call.to));
    let Some(recipient) = address_in(param.to) else {
        return Ok(None);
    };
    // A fee in another token, or a command beyond the way of Stargate (a byte).
    if !paid.lzTokenFee.is_zero() || param.oftCmd.len() > 1 {
        return Ok(None);
    }
    let sent = if coin == Coin::Native {
        param.amountLD
    } else {
        U256::ZERO
    };
    let Some(for_the_way) = call.value.checked_sub(sent) else {
        return Ok(None);
    };
    let crossing = Crossing {
        coin,
        amount: param.amountLD,
        arrives: if param.minAmountLD.is_zero() {
            Arrives::Nothing
        } else {
            Arrives::AtLeast(coin.text(param.minAmountLD, context))
        },
        recipient: Some(recipient),
        destination: endpoint(param.dstEid),
        through: call.to,
    };
    let Some(mut parts) = crossing.parts(context)? else {
        return Ok(None);
    };
    fee(&mut parts, for_the_way, Some(refund), call, context)?;
    if !param.composeMsg.is_empty() {
        let text = "data goes along that the recipient acts on on the other chain";
        and_more(&mut parts, warning("hook", text), call, context);
    }
    Ok(with_trailing(Some(parts), trailing))
}

fn endpoint(number: u32) -> String {
    let mut endpoints = ENDPOINTS.iter();
    match endpoints.find(|(one, _)| *one == number) {
        Some((_, name)) => format!("{name} (LayerZero endpoint {number})"),
        None => format!("LayerZero endpoint {number}"),
    }
}
