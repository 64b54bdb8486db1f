//! Across: a deposit here that somebody fills on the other chain, or that comes back after a while.

use alloy_primitives::{Address, Bytes, B256, U256};
use alloy_sol_types::SolCall;

use super::crossing::{address_in, and_more, chain_text, Arrives, Crossing};
use crate::chain::ChainId;
use crate::code::WarningCode;
use crate::display::{address_text, field, moment, warning};
use crate::effects::call::Call;
use crate::effects::common::holding::with_trailing;
use crate::effects::common::trade::Coin;
use crate::effects::context::Context;
use crate::effects::parts::Parts;
use crate::effects::registry::{Contract, Decoder};
use crate::effects::{abi, Denial};
use crate::protocol::Protocol;

const SPOKE_POOL: Protocol = Protocol::named("across-spoke-pool");

pub(in crate::effects) const DECODER: Decoder = Decoder {
    contracts: &[Contract::new(SPOKE_POOL, "Across")
        .calls(decode)
        .arrives_later()],
    documents: &[],
};

#[allow(missing_docs, reason = "the names are those of the ABI")]
mod calls {
    alloy_sol_types::sol! {
        function depositV3(address depositor, address recipient, address inputToken, address outputToken, uint256 inputAmount, uint256 outputAmount, uint256 destinationChainId, address exclusiveRelayer, uint32 quoteTimestamp, uint32 fillDeadline, uint32 exclusivityParameter, bytes message);
        function deposit(bytes32 depositor, bytes32 recipient, bytes32 inputToken, bytes32 outputToken, uint256 inputAmount, uint256 outputAmount, uint256 destinationChainId, bytes32 exclusiveRelayer, uint32 quoteTimestamp, uint32 fillDeadline, uint32 exclusivityParameter, bytes message);
    }
}

struct Deposit {
    depositor: Address,
    recipient: Address,
    pays: Address,
    gets: Address,
    paid: U256,
    got: U256,
    chain: U256,
    until: u32,
    message: Bytes,
}

/// What the call does; `None` for one that is not understood.
///
/// # Errors
/// `dirty_calldata`, `recipient_forbidden`.
fn decode(call: &Call<'_>, context: &Context<'_>) -> Result<Option<Parts>, Denial> {
    let Some((deposit, trailing)) = read(call)? else {
        return Ok(None);
    };
    // With value the coin pays, and all of it; the token named is then its wrapped form.
    if !call.value.is_zero() && call.value != deposit.paid {
        return Ok(None);
    }
    let coin = if call.value.is_zero() {
        Coin::Token(deposit.pays)
    } else {
        Coin::Native
    };
    // Who deposits gets it back if nobody fills it.
    let parties = [deposit.recipient, deposit.depositor];
    let foreign = parties.into_iter().find(|party| !context.is_own(*party));
    let crossing = Crossing {
        coin,
        amount: deposit.paid,
        arrives: arrives(&deposit, context),
        recipient: Some(foreign.unwrap_or(deposit.recipient)),
        destination: chain_text(deposit.chain),
        through: call.to,
    };
    let Some(mut parts) = crossing.parts(context)? else {
        return Ok(None);
    };
    let until = moment(U256::from(deposit.until));
    parts.display.push(field("To be filled until", until));
    if !deposit.message.is_empty() {
        let text = "data goes along that the recipient acts on on the other chain";
        and_more(&mut parts, warning(WarningCode::Hook, text), call, context);
    }
    Ok(with_trailing(Some(parts), trailing))
}

/// Only what is registered on the other chain is known to be worth something.
fn arrives(deposit: &Deposit, context: &Context<'_>) -> Arrives {
    if deposit.got.is_zero() {
        return Arrives::Nothing;
    }
    let chain = u64::try_from(deposit.chain).ok().map(ChainId::new);
    let asset = chain.and_then(|chain| context.registry.token(chain.at(deposit.gets)));
    match asset {
        Some(asset) => Arrives::AtLeast(asset.clone(), deposit.got),
        None => {
            let text = format!(
                "{} base units of {}",
                deposit.got,
                address_text(deposit.gets)
            );
            Arrives::Unregistered(text)
        }
    }
}

fn read(call: &Call<'_>) -> Result<Option<(Deposit, usize)>, Denial> {
    let Some((selector, arguments)) = call.split() else {
        return Ok(None);
    };
    match *selector {
        calls::depositV3Call::SELECTOR => {
            let (one, trailing) = abi::prefix::<calls::depositV3Call>(arguments)?;
            let deposit = Deposit {
                depositor: one.depositor,
                recipient: one.recipient,
                pays: one.inputToken,
                gets: one.outputToken,
                paid: one.inputAmount,
                got: one.outputAmount,
                chain: one.destinationChainId,
                until: one.fillDeadline,
                message: one.message,
            };
            Ok(Some((deposit, trailing)))
        }
        calls::depositCall::SELECTOR => {
            let (one, trailing) = abi::prefix::<calls::depositCall>(arguments)?;
            Ok(in_words(one).map(|deposit| (deposit, trailing)))
        }
        _ => Ok(None),
    }
}

/// The same with 32 bytes for every address; `None` if one of them is none.
fn in_words(one: calls::depositCall) -> Option<Deposit> {
    let words: [B256; 4] = [
        one.depositor,
        one.recipient,
        one.inputToken,
        one.outputToken,
    ];
    let [depositor, recipient, pays, gets] = words.map(address_in);
    Some(Deposit {
        depositor: depositor?,
        recipient: recipient?,
        pays: pays?,
        gets: gets?,
        paid: one.inputAmount,
        got: one.outputAmount,
        chain: one.destinationChainId,
        until: one.fillDeadline,
        message: one.message,
    })
}
