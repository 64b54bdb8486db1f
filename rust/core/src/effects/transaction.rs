//! Transactions: native transfers, calls of known tokens, creations, and calls nobody understands.

use alloy_primitives::{hex, Address, U256};

use super::context::{
    address_text, amount_text, check_not_token, check_own_funds, check_recipient, check_spender,
    decoded, field, token_text, unlimited_warning, warning, Context,
};
use super::erc20::{self, TokenCall};
use super::{permit2, safe};
use super::{Decoded, Denial, Effect, EffectKind, Field, Warning};
use crate::asset::Asset;
use crate::request::Transaction;

pub(super) fn decode(transaction: &Transaction, context: &Context<'_>) -> Result<Decoded, Denial> {
    let Some(to) = transaction.to else {
        return Ok(creation(transaction, context));
    };
    check_recipient(to)?;
    let token = context.registry.token(context.chain_id, to);
    if transaction.data.is_empty() {
        if token.is_some() {
            check_not_token(to, to)?;
        }
        return Ok(native_send(transaction, to, context));
    }
    let Some(token) = token else {
        safe::check(&transaction.data)?;
        if to == permit2::CONTRACT && transaction.value.is_zero() {
            if let Some(understood) = permit2::decode(&transaction.data, context)? {
                return Ok(understood);
            }
        }
        let mut call = opaque_call(transaction, to, context);
        let text = "nothing is known of this contract: the call can do anything";
        call.warnings.insert(0, warning("unknown_contract", text));
        return Ok(call);
    };
    match erc20::parse(&transaction.data)? {
        Some((call, trailing)) => token_call(transaction, to, token, call, trailing, context),
        None => {
            let mut call = opaque_call(transaction, to, context);
            let text = "the contract is a known token, but this function is not understood";
            call.warnings.insert(0, warning("unknown_call", text));
            Ok(call)
        }
    }
}

fn native_send(transaction: &Transaction, to: Address, context: &Context<'_>) -> Decoded {
    let display = vec![
        field("Action", "send"),
        field("Amount", context.native_amount(transaction.value)),
        field("To", address_text(to)),
    ];
    let effects = vec![context.native_transfer(Some(to), transaction.value)];
    decoded(effects, display, unregistered(transaction.value, context))
}

fn creation(transaction: &Transaction, context: &Context<'_>) -> Decoded {
    let mut effects = Vec::new();
    let mut display = vec![
        field("Action", "create a contract"),
        field("Code size", format!("{} bytes", transaction.data.len())),
    ];
    if !transaction.value.is_zero() {
        effects.push(context.native_transfer(None, transaction.value));
        display.push(field("Amount", context.native_amount(transaction.value)));
    }
    effects.push(context.effect(EffectKind::Deploy, None, None, U256::ZERO));
    decoded(effects, display, unregistered(transaction.value, context))
}

fn opaque_call(transaction: &Transaction, to: Address, context: &Context<'_>) -> Decoded {
    let mut effects = Vec::new();
    let mut display = vec![field("Action", "call"), field("Contract", address_text(to))];
    if !transaction.value.is_zero() {
        effects.push(context.native_transfer(Some(to), transaction.value));
        display.push(field("Amount", context.native_amount(transaction.value)));
    }
    effects.push(context.effect(EffectKind::Call, None, Some(to), U256::ZERO));
    push_call_fields(transaction, &mut display);
    decoded(effects, display, unregistered(transaction.value, context))
}

fn push_call_fields(transaction: &Transaction, display: &mut Vec<Field>) {
    if let Some(selector) = transaction.data.get(..4) {
        display.push(field("Selector", hex::encode_prefixed(selector)));
    }
    display.push(field(
        "Data size",
        format!("{} bytes", transaction.data.len()),
    ));
}

fn unregistered(value: U256, context: &Context<'_>) -> Vec<Warning> {
    if value.is_zero() || context.registry.native(context.chain_id).is_some() {
        return Vec::new();
    }
    let text = "the coin of this chain is not registered: amounts are in wei and have no price";
    vec![warning("unregistered_asset", text)]
}

fn token_call(
    transaction: &Transaction,
    contract: Address,
    token: &Asset,
    call: TokenCall,
    trailing: usize,
    context: &Context<'_>,
) -> Result<Decoded, Denial> {
    let (effect, mut display) = token_effect(contract, token, call, context)?;
    let mut warnings = Vec::new();
    let mut effects = Vec::with_capacity(1);
    if !transaction.value.is_zero() {
        effects.push(context.native_transfer(Some(contract), transaction.value));
        display.push(field(
            "Value sent along",
            context.native_amount(transaction.value),
        ));
        let text = "native value goes to the token contract along with the call";
        warnings.push(warning("value_with_token_call", text));
        warnings.append(&mut unregistered(transaction.value, context));
    }
    warnings.extend(unlimited_warning(&effect));
    let whole_balance = effect.kind == EffectKind::Transfer && effect.amount == U256::MAX;
    if whole_balance {
        let text = "the amount is 2^256-1, which some tokens read as the whole balance";
        warnings.push(warning("whole_balance", text));
    } else {
        effects.push(effect);
    }
    if trailing > 0 {
        let text = format!("{trailing} bytes follow the call that nothing explains");
        warnings.push(Warning {
            code: "trailing_bytes",
            text,
        });
    }
    if whole_balance || trailing > 0 {
        effects.push(context.effect(EffectKind::Call, None, Some(contract), U256::ZERO));
        push_call_fields(transaction, &mut display);
    }
    Ok(decoded(effects, display, warnings))
}

/// The effect of a call that is understood, and its lines.
fn token_effect(
    contract: Address,
    token: &Asset,
    call: TokenCall,
    context: &Context<'_>,
) -> Result<(Effect, Vec<Field>), Denial> {
    let (kind, action, party, to, amount) = match call {
        TokenCall::Transfer { to, amount } => (EffectKind::Transfer, "send", "To", to, amount),
        TokenCall::TransferFrom { from, to, amount } => {
            check_own_funds(from, context)?;
            (
                EffectKind::Transfer,
                "send by own allowance",
                "To",
                to,
                amount,
            )
        }
        TokenCall::Approve { spender, amount } if amount.is_zero() => (
            EffectKind::Revoke,
            "revoke the allowance",
            "Spender",
            spender,
            amount,
        ),
        TokenCall::Approve { spender, amount } => (
            EffectKind::Allowance,
            "allow to take",
            "Spender",
            spender,
            amount,
        ),
        TokenCall::Increase { spender, amount } => (
            EffectKind::Allowance,
            "allow to take in addition",
            "Spender",
            spender,
            amount,
        ),
        TokenCall::Decrease { spender, amount } => (
            EffectKind::Revoke,
            "lower the allowance",
            "Spender",
            spender,
            amount,
        ),
    };
    if kind != EffectKind::Revoke {
        check_recipient(to)?;
        check_not_token(to, contract)?;
    }
    if kind == EffectKind::Allowance {
        check_spender(to, contract)?;
    }
    let effect = context.effect(kind, Some(token), Some(to), amount);
    let mut amount = amount_text(token, amount);
    if effect.unlimited {
        amount.insert_str(0, "unlimited: ");
    }
    let display = vec![
        field("Action", action),
        field("Amount", amount),
        field(party, address_text(to)),
        field("Token", token_text(token, contract)),
    ];
    Ok((effect, display))
}
