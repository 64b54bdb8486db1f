//! Documents that hand over authority: votes, delegations, whole accounts. Most stay opaque, with a
//! word on what they are.

use alloy_primitives::{Address, U256};

use crate::code::WarningCode;
use crate::display::{address_text, field, moment, warning};
use crate::effects::call::{self as calls, Call};
use crate::effects::context::Context;
use crate::effects::message::Message;
use crate::effects::parts::Parts;
use crate::effects::registry::Decoder;
use crate::effects::{Denial, EffectKind};

pub(in crate::effects) const DECODER: Decoder = Decoder {
    contracts: &[],
    documents: &[
        (VOTES, votes),
        (DELEGATION, delegation),
        (OPERATION, operation),
        (BALLOT, ballot),
        (BALLOT_5, ballot),
    ],
};

/// Votes of a token (ERC-5805).
const VOTES: &str = "Delegation(address delegatee,uint256 nonce,uint256 expiry)";
/// ERC-7710: somebody acts as the account, as far as the caveats allow.
const DELEGATION: &str = "Delegation(address delegate,address delegator,bytes32 authority,Caveat[] caveats,uint256 salt)Caveat(address enforcer,bytes terms)";
/// ERC-4337, from version 0.8 of the entry point on.
const OPERATION: &str = "PackedUserOperation(address sender,uint256 nonce,bytes initCode,bytes callData,bytes32 accountGasLimits,uint256 preVerificationGas,bytes32 gasFees,bytes paymasterAndData)";
/// Governors, before and after version 5 of OpenZeppelin.
const BALLOT: &str = "Ballot(uint256 proposalId,uint8 support)";
const BALLOT_5: &str = "Ballot(uint256 proposalId,uint8 support,address voter,uint256 nonce)";

/// Who votes changes; nothing else can be done with it, if the contract is a known token.
fn votes(
    contract: Address,
    message: &Message<'_>,
    context: &Context<'_>,
) -> Result<Option<Parts>, Denial> {
    let (Some(delegatee), Some(expiry)) = (message.address("delegatee"), message.uint("expiry"))
    else {
        return Ok(None);
    };
    let display = vec![
        field("Action", "give votes to another account"),
        field("To", address_text(delegatee)),
        field("Token", address_text(contract)),
        field("To be used until", moment(expiry)),
    ];
    let mut parts = Parts::new(Vec::new(), display, Vec::new());
    control(
        contract,
        "gives votes to another account",
        &mut parts,
        context,
    );
    if context.token(contract).is_none() {
        whole(contract, &mut parts, context);
    }
    Ok(Some(parts))
}

fn delegation(
    contract: Address,
    message: &Message<'_>,
    context: &Context<'_>,
) -> Result<Option<Parts>, Denial> {
    let mut parts = Parts::default();
    let action = "let another account act as this one";
    parts.display.push(field("Action", action));
    if let Some(delegate) = message.address("delegate") {
        parts.display.push(field("To", address_text(delegate)));
    }
    let caveats = message.items("caveats").map_or(0, Iterator::count);
    parts.display.push(field("Caveats", caveats.to_string()));
    let text = "lets another account act as this one, as far as its caveats allow";
    control(contract, text, &mut parts, context);
    whole(contract, &mut parts, context);
    Ok(Some(parts))
}

/// What the account does is followed if it is a known one. Who pays for it and what the account
/// does before is not in the call, so it is never understood completely.
fn operation(
    contract: Address,
    message: &Message<'_>,
    context: &Context<'_>,
) -> Result<Option<Parts>, Denial> {
    let mut parts = Parts::default();
    let action = "sign an operation of a smart account";
    parts.display.push(field("Action", action));
    let data = message.bytes("callData").unwrap_or_default();
    if let Some(sender) = message.address("sender") {
        parts.display.push(field("Account", address_text(sender)));
        if !data.is_empty() {
            let call = Call {
                sender: Some(contract),
                to: sender,
                value: U256::ZERO,
                data: &data,
                depth: 1,
            };
            parts.nest(0, calls::decode(&call, context)?);
        }
    }
    whole(contract, &mut parts, context);
    Ok(Some(parts))
}

fn ballot(
    contract: Address,
    _message: &Message<'_>,
    context: &Context<'_>,
) -> Result<Option<Parts>, Denial> {
    let mut parts = Parts::default();
    parts.display.push(field("Action", "vote"));
    whole(contract, &mut parts, context);
    Ok(Some(parts))
}

/// Documents that carry the hash or the content of another one (ERC-7739), by their names: for
/// display only, they are opaque under any name.
pub(in crate::effects) fn nested(
    primary_type: &str,
    contract: Address,
    context: &Context<'_>,
) -> Option<Parts> {
    if !matches!(primary_type, "TypedDataSign" | "PersonalSign") {
        return None;
    }
    let mut parts = Parts::default();
    let action = "sign another document for a smart account";
    parts.display.push(field("Action", action));
    let text = "a signature inside of another: the account takes it for one of its own";
    parts
        .warnings
        .push(warning(WarningCode::NestedSignature, text));
    whole(contract, &mut parts, context);
    Some(parts)
}

fn control(contract: Address, text: &str, parts: &mut Parts, context: &Context<'_>) {
    let effect = context.effect(EffectKind::Control, None, Some(contract), U256::ZERO);
    parts.effects.push(effect);
    parts.warnings.push(warning(WarningCode::Control, text));
}

/// The document is not understood as a whole.
fn whole(contract: Address, parts: &mut Parts, context: &Context<'_>) {
    let effect = context.effect(EffectKind::TypedData, None, Some(contract), U256::ZERO);
    parts.effects.push(effect);
}
