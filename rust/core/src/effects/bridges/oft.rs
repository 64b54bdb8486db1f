//! Tokens of LayerZero (OFT) and the pools of Stargate, which speak the same.

use alloy_primitives::U256;
use alloy_sol_types::SolCall;

use super::crossing::{address_in, and_more, fee, Arrives, Crossing};
use crate::code::WarningCode;
use crate::display::warning;
use crate::effects::call::Call;
use crate::effects::common::holding::{held, with_trailing};
use crate::effects::common::trade::Coin;
use crate::effects::context::Context;
use crate::effects::parts::Parts;
use crate::effects::registry::{Contract, Decoder};
use crate::effects::{abi, Denial};
use crate::protocol::Protocol;

const OFT: Protocol = Protocol::named("layerzero-oft");

pub(in crate::effects) const DECODER: Decoder = Decoder {
    contracts: &[Contract::new(
        OFT,
        "a LayerZero token or a Stargate pool; `asset` names its asset",
    )
    .calls(decode)
    .arrives_later()],
    documents: &[],
};

#[allow(missing_docs, reason = "the names are those of the ABI")]
mod calls {
    alloy_sol_types::sol! {
        struct SendParam { uint32 dstEid; bytes32 to; uint256 amountLD; uint256 minAmountLD; bytes extraOptions; bytes composeMsg; bytes oftCmd; }
        struct MessagingFee { uint256 nativeFee; uint256 lzTokenFee; }
        function send(SendParam sendParam, MessagingFee fee, address refundAddress);
        function sendToken(SendParam sendParam, MessagingFee fee, address refundAddress);
    }
}

/// LayerZero's numbers of the chains whose addresses are like ours; on others the same bytes are
/// nobody's.
const ENDPOINTS: [(u32, &str); 34] = [
    (30_101, "Ethereum"),
    (30_102, "BNB Smart Chain"),
    (30_106, "Avalanche"),
    (30_109, "Polygon PoS"),
    (30_110, "Arbitrum One"),
    (30_111, "OP Mainnet"),
    (30_125, "Celo"),
    (30_145, "Gnosis"),
    (30_151, "Metis"),
    (30_165, "ZKsync Era"),
    (30_175, "Arbitrum Nova"),
    (30_181, "Mantle"),
    (30_183, "Linea"),
    (30_184, "Base"),
    (30_214, "Scroll"),
    (30_243, "Blast"),
    (30_255, "Fraxtal"),
    (30_260, "Mode"),
    (30_280, "Sei"),
    (30_290, "Taiko"),
    (30_295, "Flare"),
    (30_319, "World Chain"),
    (30_320, "Unichain"),
    (30_324, "Abstract"),
    (30_332, "Sonic"),
    (30_339, "Ink"),
    (30_340, "Soneium"),
    (30_362, "Berachain"),
    (30_365, "XDC"),
    (30_367, "HyperEVM"),
    (30_370, "Plume"),
    (30_375, "Katana"),
    (30_383, "Plasma"),
    (30_390, "Monad"),
];

/// What the call does; `None` for one that is not understood, if nobody said which asset the
/// contract moves, and for chains whose addresses are not like ours.
///
/// # Errors
/// `dirty_calldata`, `recipient_forbidden`.
fn decode(call: &Call<'_>, context: &Context<'_>) -> Result<Option<Parts>, Denial> {
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
    let (Some(recipient), Some(destination)) = (address_in(param.to), endpoint(param.dstEid))
    else {
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
        arrives: Arrives::at_least(coin, param.minAmountLD, context),
        recipient: Some(recipient),
        destination,
        through: call.to,
    };
    let Some(mut parts) = crossing.parts(context)? else {
        return Ok(None);
    };
    fee(&mut parts, for_the_way, Some(refund), call, context)?;
    if !param.composeMsg.is_empty() {
        let text = "data goes along that the recipient acts on on the other chain";
        and_more(&mut parts, warning(WarningCode::Hook, text), call, context);
    }
    if !only_gas(&param.extraOptions) {
        let text = "options are included: the fee can pay an account on the other chain with them";
        and_more(&mut parts, warning(WarningCode::Hook, text), call, context);
    }
    Ok(with_trailing(Some(parts), trailing))
}

fn endpoint(number: u32) -> Option<String> {
    let mut endpoints = ENDPOINTS.iter();
    let (_, name) = endpoints.find(|(one, _)| *one == number)?;
    Some(format!("{name} (LayerZero endpoint {number})"))
}

/// Whether the options say nothing, or only how much gas there is on the other side: type 3 (2
/// bytes), worker 1, a size of 17 (2 bytes), option 1 and the gas (16 bytes).
fn only_gas(options: &[u8]) -> bool {
    const GAS_BYTES: usize = 16;
    let gas = options.strip_prefix(&[0, 3, 1, 0, 17, 1]);
    options.is_empty() || gas.is_some_and(|gas| gas.len() == GAS_BYTES)
}
