//! Payments of x402 through Permit2: the spender is a proxy that can only pay the payee the witness
//! names. `upto` lets it take less; what counts is the most.

use alloy_primitives::{Address, U256};

use super::permit2::{typed as permit2, PERMIT2};
use crate::display::{address_text, amount_text, field, moment, token_text};
use crate::effects::context::{check_not_token, check_payee, until_ms, Context};
use crate::effects::message::Message;
use crate::effects::parts::Parts;
use crate::effects::registry::{Contract, Decoder};
use crate::effects::{Denial, EffectKind};
use crate::protocol::Protocol;

const PROXY: Protocol = Protocol::named("x402-proxy");

pub(in crate::effects) const DECODER: Decoder = Decoder {
    contracts: &[Contract::new(
        PROXY,
        "passes a Permit2 transfer on to the payee of its witness",
    )],
    documents: &[(EXACT, payment), (UPTO, payment)],
};

const EXACT: &str = "PermitWitnessTransferFrom(TokenPermissions permitted,address spender,uint256 nonce,uint256 deadline,Witness witness)TokenPermissions(address token,uint256 amount)Witness(address to,uint256 validAfter)";
const UPTO: &str = "PermitWitnessTransferFrom(TokenPermissions permitted,address spender,uint256 nonce,uint256 deadline,Witness witness)TokenPermissions(address token,uint256 amount)Witness(address to,address facilitator,uint256 validAfter)";

/// A payment if the spender is the proxy, otherwise an allowance as with any witness.
fn payment(
    contract: Address,
    message: &Message<'_>,
    context: &Context<'_>,
) -> Result<Option<Parts>, Denial> {
    let proxy = message.address("spender");
    if proxy.and_then(|proxy| context.protocol(proxy)) != Some(PROXY) {
        return permit2::witness(contract, message, context);
    }
    if context.protocol(contract) != Some(PERMIT2) {
        return Ok(None);
    }
    let (Some(terms), Some(proxy)) = (Terms::read(message), proxy) else {
        return Ok(None);
    };
    let Some(token) = context.token(terms.token) else {
        return Ok(None);
    };
    check_payee(terms.to, context)?;
    check_not_token(terms.to, terms.token)?;
    let kind = EffectKind::Transfer;
    let mut effect = context.effect(kind, Some(token), Some(terms.to), terms.amount);
    effect.expires = until_ms(terms.deadline);
    let label = if terms.facilitator.is_some() {
        "Amount at most"
    } else {
        "Amount"
    };
    let mut display = vec![
        field("Action", "authorise a payment"),
        field(label, amount_text(token, terms.amount)),
        field("To", address_text(terms.to)),
        field("Token", token_text(token, terms.token)),
        field("Through", context.contract_text(proxy)),
    ];
    if let Some(facilitator) = terms.facilitator {
        display.push(field("Collected by", address_text(facilitator)));
    }
    if terms.after > U256::ONE {
        display.push(field("Valid from", moment(terms.after)));
    }
    display.push(field("Valid until", moment(terms.deadline)));
    Ok(Some(Parts::new(vec![effect], display, Vec::new())))
}

struct Terms {
    token: Address,
    amount: U256,
    to: Address,
    /// Whoever says how much it is, in `upto`.
    facilitator: Option<Address>,
    after: U256,
    deadline: U256,
}

impl Terms {
    fn read(message: &Message<'_>) -> Option<Self> {
        let permitted = message.inner("permitted")?;
        let witness = message.inner("witness")?;
        Some(Self {
            token: permitted.address("token")?,
            amount: permitted.uint("amount")?,
            to: witness.address("to")?,
            facilitator: witness.address("facilitator"),
            after: witness.uint("validAfter")?,
            deadline: message.uint("deadline")?,
        })
    }
}
