//! EIP-3009: a payment somebody else submits, as x402 `exact` uses it. It counts when it is signed,
//! for whoever holds it can use it until `validBefore`.

use alloy_primitives::{Address, U256};

use crate::display::{address_text, amount_text, field, moment, token_text};
use crate::effects::context::{check_own_funds, check_payee, until_ms, Context};
use crate::effects::message::Message;
use crate::effects::parts::Parts;
use crate::effects::registry::Decoder;
use crate::effects::{Denial, EffectKind};

pub(in crate::effects) const DECODER: Decoder = Decoder {
    contracts: &[],
    documents: &[(TRANSFER, transfer), (RECEIVE, receive), (CANCEL, cancel)],
};

const TRANSFER: &str = "TransferWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)";
const RECEIVE: &str = "ReceiveWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)";
const CANCEL: &str = "CancelAuthorization(address authorizer,bytes32 nonce)";

/// Anybody may submit it.
fn transfer(
    contract: Address,
    message: &Message<'_>,
    context: &Context<'_>,
) -> Result<Option<Parts>, Denial> {
    payment("authorise a payment", contract, message, context)
}

/// Only the payee may submit it.
fn receive(
    contract: Address,
    message: &Message<'_>,
    context: &Context<'_>,
) -> Result<Option<Parts>, Denial> {
    payment(
        "authorise a payment the payee collects",
        contract,
        message,
        context,
    )
}

fn payment(
    action: &'static str,
    contract: Address,
    message: &Message<'_>,
    context: &Context<'_>,
) -> Result<Option<Parts>, Denial> {
    let Some(token) = context.token(contract) else {
        return Ok(None);
    };
    let (Some(from), Some(to), Some(value)) = (
        message.address("from"),
        message.address("to"),
        message.uint("value"),
    ) else {
        return Ok(None);
    };
    let (Some(after), Some(before)) = (message.uint("validAfter"), message.uint("validBefore"))
    else {
        return Ok(None);
    };
    check_own_funds(from, context)?;
    check_payee(to, context)?;
    let mut effect = context.effect(EffectKind::Transfer, Some(token), Some(to), value);
    effect.expires = until_ms(before);
    let mut display = vec![
        field("Action", action),
        field("Amount", amount_text(token, value)),
        field("To", address_text(to)),
        field("Token", token_text(token, contract)),
    ];
    if after > U256::ONE {
        display.push(field("Valid from", moment(after)));
    }
    display.push(field("Valid until", moment(before)));
    Ok(Some(Parts::new(vec![effect], display, Vec::new())))
}

/// Takes an authorisation back that nobody used yet.
fn cancel(
    contract: Address,
    message: &Message<'_>,
    context: &Context<'_>,
) -> Result<Option<Parts>, Denial> {
    let token = context.token(contract);
    let (Some(token), Some(owner)) = (token, message.address("authorizer")) else {
        return Ok(None);
    };
    check_own_funds(owner, context)?;
    let effect = context.effect(EffectKind::Revoke, Some(token), Some(contract), U256::ZERO);
    let display = vec![
        field("Action", "cancel an authorised payment"),
        field("Token", token_text(token, contract)),
        field("Authorisation", message.text("nonce").unwrap_or_default()),
    ];
    Ok(Some(Parts::new(vec![effect], display, Vec::new())))
}
