//! Arbitrum's way in: the inbox for the coin, the gateway router for tokens.

use alloy_primitives::{Bytes, U256};
use alloy_sol_types::SolCall;

use super::crossing::{fee, Arrives, Crossing};
use crate::effects::call::Call;
use crate::effects::common::holding::{caller, with_trailing};
use crate::effects::common::trade::Coin;
use crate::effects::context::Context;
use crate::effects::parts::Parts;
use crate::effects::registry::{Contract, Decoder};
use crate::effects::{abi, Denial};
use crate::protocol::Protocol;

const INBOX: Protocol = Protocol::named("arbitrum-inbox");
const GATEWAY_ROUTER: Protocol = Protocol::named("arbitrum-gateway-router");

pub(in crate::effects) const DECODER: Decoder = Decoder {
    contracts: &[
        Contract::new(INBOX, "Arbitrum: the coin")
            .calls(inbox)
            .arrives_later(),
        Contract::new(GATEWAY_ROUTER, "Arbitrum: tokens")
            .calls(router)
            .arrives_later(),
    ],
    documents: &[],
};

#[allow(missing_docs, reason = "the names are those of the ABI")]
mod calls {
    alloy_sol_types::sol! {
        function depositEth();
        function createRetryableTicket(address to, uint256 l2CallValue, uint256 maxSubmissionCost, address excessFeeRefundAddress, address callValueRefundAddress, uint256 gasLimit, uint256 maxFeePerGas, bytes data);
        function outboundTransfer(address token, address to, uint256 amount, uint256 maxGas, uint256 gasPriceBid, bytes data);
        function outboundTransferCustomRefund(address token, address refundTo, address to, uint256 amount, uint256 maxGas, uint256 gasPriceBid, bytes data);
    }
    /// Before the inbox of Nitro.
    pub mod old {
        alloy_sol_types::sol! {
            function depositEth(uint256 maxSubmissionCost);
        }
    }
}

const DESTINATION: &str = "the Arbitrum chain of this contract";

/// A call of the inbox; `None` for one that is not understood, or that runs something there.
///
/// # Errors
/// `dirty_calldata`, `recipient_forbidden`.
fn inbox(call: &Call<'_>, context: &Context<'_>) -> Result<Option<Parts>, Denial> {
    let Some((selector, arguments)) = call.split() else {
        return Ok(None);
    };
    let (recipient, trailing) = match *selector {
        calls::depositEthCall::SELECTOR => {
            let (_, trailing) = abi::prefix::<calls::depositEthCall>(arguments)?;
            (caller(call, context), trailing)
        }
        calls::old::depositEthCall::SELECTOR => {
            let (_, trailing) = abi::prefix::<calls::old::depositEthCall>(arguments)?;
            (caller(call, context), trailing)
        }
        calls::createRetryableTicketCall::SELECTOR => {
            let (one, trailing) = abi::prefix::<calls::createRetryableTicketCall>(arguments)?;
            // Each of the three gets a part of it, or all of it if the ticket fails.
            let parties = [
                one.to,
                one.excessFeeRefundAddress,
                one.callValueRefundAddress,
            ];
            let mine = parties.iter().all(|party| context.is_own(*party));
            if !mine || !one.data.is_empty() {
                return Ok(None);
            }
            (Some(one.to), trailing)
        }
        _ => return Ok(None),
    };
    let crossing = Crossing {
        coin: Coin::Native,
        amount: call.value,
        arrives: Arrives::Same,
        recipient,
        destination: DESTINATION.to_owned(),
        through: call.to,
    };
    Ok(with_trailing(crossing.parts(context)?, trailing))
}

/// A call of the gateway router of the first layer; `None` for one that is not understood.
///
/// # Errors
/// `dirty_calldata`, `recipient_forbidden`.
fn router(call: &Call<'_>, context: &Context<'_>) -> Result<Option<Parts>, Denial> {
    let Some((selector, arguments)) = call.split() else {
        return Ok(None);
    };
    let (token, refund, to, amount, data, trailing) = match *selector {
        calls::outboundTransferCall::SELECTOR => {
            let (one, trailing) = abi::prefix::<calls::outboundTransferCall>(arguments)?;
            // The gateway gives what is not needed to whoever gets the tokens.
            let refund = Some(one.to);
            (one.token, refund, one.to, one.amount, one.data, trailing)
        }
        calls::outboundTransferCustomRefundCall::SELECTOR => {
            let (one, trailing) =
                abi::prefix::<calls::outboundTransferCustomRefundCall>(arguments)?;
            let refund = Some(one.refundTo);
            (one.token, refund, one.to, one.amount, one.data, trailing)
        }
        _ => return Ok(None),
    };
    if !is_plain(&data) {
        return Ok(None);
    }
    let crossing = Crossing {
        coin: Coin::Token(token),
        amount,
        arrives: Arrives::Same,
        recipient: Some(to),
        destination: DESTINATION.to_owned(),
        through: call.to,
    };
    let Some(mut parts) = crossing.parts(context)? else {
        return Ok(None);
    };
    fee(&mut parts, call.value, refund, call, context)?;
    Ok(with_trailing(Some(parts), trailing))
}

/// The most the submission costs, and nothing for the recipient to act on.
fn is_plain(data: &Bytes) -> bool {
    let read: Result<(U256, Bytes), Denial> = abi::parameters(data);
    read.is_ok_and(|(_, more)| more.is_empty())
}
