//! The standard bridge and the portal of the OP Stack (OP Mainnet, Base and others).

use alloy_primitives::{address, Address, U256};
use alloy_sol_types::SolCall;

use super::crossing::{and_more, Arrives, Crossing};
use crate::chain::ChainId;
use crate::code::WarningCode;
use crate::display::{address_text, field, warning};
use crate::effects::call::Call;
use crate::effects::common::holding::{by_owner, caller, with_trailing};
use crate::effects::common::trade::Coin;
use crate::effects::context::Context;
use crate::effects::parts::Parts;
use crate::effects::registry::{Contract, Decoder};
use crate::effects::{abi, Denial};
use crate::protocol::Protocol;

const STANDARD_BRIDGE: Protocol = Protocol::named("op-standard-bridge");
const PORTAL: Protocol = Protocol::named("op-portal");

pub(in crate::effects) const DECODER: Decoder = Decoder {
    contracts: &[
        Contract::new(
            STANDARD_BRIDGE,
            "OP Stack: tokens and the coin, on either side",
        )
        .calls(bridge)
        .arrives_later(),
        Contract::new(PORTAL, "OP Stack: transactions from Ethereum")
            .calls(portal)
            .arrives_later(),
    ],
    documents: &[],
};

#[allow(missing_docs, reason = "the names are those of the ABI")]
mod calls {
    alloy_sol_types::sol! {
        function depositETH(uint32 minGasLimit, bytes extraData);
        function depositETHTo(address to, uint32 minGasLimit, bytes extraData);
        function bridgeETH(uint32 minGasLimit, bytes extraData);
        function bridgeETHTo(address to, uint32 minGasLimit, bytes extraData);
        function depositERC20(address l1Token, address l2Token, uint256 amount, uint32 minGasLimit, bytes extraData);
        function depositERC20To(address l1Token, address l2Token, address to, uint256 amount, uint32 minGasLimit, bytes extraData);
        function bridgeERC20(address localToken, address remoteToken, uint256 amount, uint32 minGasLimit, bytes extraData);
        function bridgeERC20To(address localToken, address remoteToken, address to, uint256 amount, uint32 minGasLimit, bytes extraData);
        function withdraw(address l2Token, uint256 amount, uint32 minGasLimit, bytes extraData);
        function withdrawTo(address l2Token, address to, uint256 amount, uint32 minGasLimit, bytes extraData);
        function depositTransaction(address to, uint256 value, uint64 gasLimit, bool isCreation, bytes data);
    }
}

/// What the second layer calls its coin where a token is asked for.
const COIN: Address = address!("0xDeadDeAddeAddEAddeadDEaDDEAdDeaDDeAD0000");

/// Where the pinned contracts of Ethereum lead.
const LEADS: [(Address, &str); 4] = [
    (
        address!("0x99C9fc46f92E8a1c0deC1b1747d010903E884bE1"),
        "OP Mainnet",
    ),
    (
        address!("0xbEb5Fc579115071764c7423A4f12eDde41f106Ed"),
        "OP Mainnet",
    ),
    (
        address!("0x3154Cf16ccdb4C6d922629664174b904d80F2C35"),
        "Base",
    ),
    (
        address!("0x49048044D57e1C92A77f79988d21Fa8fAF74E97e"),
        "Base",
    ),
];

/// A token, and what it becomes if the call says so.
struct Pass {
    coin: Coin,
    amount: U256,
    recipient: Option<Address>,
    remote: Option<Address>,
}

/// A call of the standard bridge; `None` for one that is not understood.
///
/// # Errors
/// `dirty_calldata`, `recipient_forbidden`.
fn bridge(call: &Call<'_>, context: &Context<'_>) -> Result<Option<Parts>, Denial> {
    let Some((pass, trailing)) = read(call, context)? else {
        return Ok(None);
    };
    if pass.coin != Coin::Native && !call.value.is_zero() {
        return Ok(None);
    }
    let crossing = Crossing {
        coin: pass.coin,
        amount: pass.amount,
        arrives: Arrives::Same,
        recipient: pass.recipient,
        destination: destination(call, context),
        through: call.to,
    };
    let Some(mut parts) = crossing.parts(context)? else {
        return Ok(None);
    };
    if let Some(remote) = pass.remote {
        parts.display.push(field("Becomes", address_text(remote)));
        let text =
            "the call says what it becomes on the other chain: a wrong token is worth nothing";
        and_more(
            &mut parts,
            warning(WarningCode::RemoteToken, text),
            call,
            context,
        );
    }
    Ok(with_trailing(Some(parts), trailing))
}

/// A call of the portal: value and a transaction of the wallet on the other chain. `None` if that
/// transaction does anything but send the coin.
///
/// # Errors
/// `dirty_calldata`, `recipient_forbidden`.
fn portal(call: &Call<'_>, context: &Context<'_>) -> Result<Option<Parts>, Denial> {
    let Some((&calls::depositTransactionCall::SELECTOR, arguments)) = call.split() else {
        return Ok(None);
    };
    let (one, trailing) = abi::prefix::<calls::depositTransactionCall>(arguments)?;
    if one.isCreation || !one.data.is_empty() {
        return Ok(None);
    }
    // What is sent along is the wallet's there; what is sent on can be more than that.
    let amount = if context.is_own(one.to) {
        call.value
    } else {
        call.value.max(one.value)
    };
    let crossing = Crossing {
        coin: Coin::Native,
        amount,
        arrives: Arrives::Same,
        recipient: Some(one.to),
        destination: destination(call, context),
        through: call.to,
    };
    // Another sender than the wallet is another account on the other chain.
    let parts = by_owner(crossing.parts(context)?, call, context);
    Ok(with_trailing(parts, trailing))
}

fn read(call: &Call<'_>, context: &Context<'_>) -> Result<Option<(Pass, usize)>, Denial> {
    let Some((selector, arguments)) = call.split() else {
        return Ok(None);
    };
    let coin = |recipient| Pass {
        coin: Coin::Native,
        amount: call.value,
        recipient,
        remote: None,
    };
    let token = |token, remote, amount, recipient| Pass {
        coin: Coin::Token(token),
        amount,
        recipient,
        remote: Some(remote),
    };
    let back = |token: Address, amount, recipient| {
        let native = token == COIN;
        Pass {
            coin: if native {
                Coin::Native
            } else {
                Coin::Token(token)
            },
            amount: if native { call.value } else { amount },
            recipient,
            remote: None,
        }
    };
    let me = caller(call, context);
    let read = match *selector {
        calls::depositETHCall::SELECTOR => {
            let (_, trailing) = abi::prefix::<calls::depositETHCall>(arguments)?;
            (coin(me), trailing)
        }
        calls::bridgeETHCall::SELECTOR => {
            let (_, trailing) = abi::prefix::<calls::bridgeETHCall>(arguments)?;
            (coin(me), trailing)
        }
        calls::depositETHToCall::SELECTOR => {
            let (one, trailing) = abi::prefix::<calls::depositETHToCall>(arguments)?;
            (coin(Some(one.to)), trailing)
        }
        calls::bridgeETHToCall::SELECTOR => {
            let (one, trailing) = abi::prefix::<calls::bridgeETHToCall>(arguments)?;
            (coin(Some(one.to)), trailing)
        }
        calls::depositERC20Call::SELECTOR => {
            let (one, trailing) = abi::prefix::<calls::depositERC20Call>(arguments)?;
            (token(one.l1Token, one.l2Token, one.amount, me), trailing)
        }
        calls::bridgeERC20Call::SELECTOR => {
            let (one, trailing) = abi::prefix::<calls::bridgeERC20Call>(arguments)?;
            (
                token(one.localToken, one.remoteToken, one.amount, me),
                trailing,
            )
        }
        calls::depositERC20ToCall::SELECTOR => {
            let (one, trailing) = abi::prefix::<calls::depositERC20ToCall>(arguments)?;
            let to = Some(one.to);
            (token(one.l1Token, one.l2Token, one.amount, to), trailing)
        }
        calls::bridgeERC20ToCall::SELECTOR => {
            let (one, trailing) = abi::prefix::<calls::bridgeERC20ToCall>(arguments)?;
            let to = Some(one.to);
            (
                token(one.localToken, one.remoteToken, one.amount, to),
                trailing,
            )
        }
        calls::withdrawCall::SELECTOR => {
            let (one, trailing) = abi::prefix::<calls::withdrawCall>(arguments)?;
            (back(one.l2Token, one.amount, me), trailing)
        }
        calls::withdrawToCall::SELECTOR => {
            let (one, trailing) = abi::prefix::<calls::withdrawToCall>(arguments)?;
            (back(one.l2Token, one.amount, Some(one.to)), trailing)
        }
        _ => return Ok(None),
    };
    Ok(Some(read))
}

fn destination(call: &Call<'_>, context: &Context<'_>) -> String {
    let mut leads = LEADS
        .iter()
        .filter(|_| context.chain_id == ChainId::ETHEREUM);
    match leads.find(|(one, _)| *one == call.to) {
        Some((_, name)) => (*name).to_owned(),
        None => "the other chain of this bridge".to_owned(),
    }
}
