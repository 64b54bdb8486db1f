//! Permit2: allowances by signature for every token that trusts it. The owner is whoever signs. Who
//! gets the tokens is not signed: the spender chooses, so each element is an allowance to it.

use alloy_primitives::{Address, U256};

use super::PERMIT2;
use crate::asset::Asset;
use crate::code::WarningCode;
use crate::display::{address_text, amount_text, field, moment, token_text, warning, DisplayLine};
use crate::effects::context::{
    allowance_display, check_spender, unlimited_warning, until_ms, Context,
};
use crate::effects::message::Message;
use crate::effects::parts::Parts;
use crate::effects::{Claim, Denial, Effect, EffectKind};
use crate::json::Json;

pub(super) const SINGLE: &str = "PermitSingle(PermitDetails details,address spender,uint256 sigDeadline)PermitDetails(address token,uint160 amount,uint48 expiration,uint48 nonce)";
pub(super) const BATCH: &str = "PermitBatch(PermitDetails[] details,address spender,uint256 sigDeadline)PermitDetails(address token,uint160 amount,uint48 expiration,uint48 nonce)";
pub(super) const TRANSFER: &str = "PermitTransferFrom(TokenPermissions permitted,address spender,uint256 nonce,uint256 deadline)TokenPermissions(address token,uint256 amount)";
pub(super) const BATCH_TRANSFER: &str = "PermitBatchTransferFrom(TokenPermissions[] permitted,address spender,uint256 nonce,uint256 deadline)TokenPermissions(address token,uint256 amount)";

/// One token a spender may take.
struct Part {
    token: Address,
    amount: U256,
    /// Unix seconds when the right ends; 0 is the block the signature is submitted in.
    until: U256,
    /// How many further elements of the document are in the amount.
    more: u32,
}

pub(super) fn single(
    contract: Address,
    message: &Message<'_>,
    context: &Context<'_>,
) -> Result<Option<Parts>, Denial> {
    let Some(part) = message.inner("details").as_ref().and_then(details) else {
        return Ok(None);
    };
    allowances(contract, message, "sigDeadline", vec![part], context)
}

pub(super) fn batch(
    contract: Address,
    message: &Message<'_>,
    context: &Context<'_>,
) -> Result<Option<Parts>, Denial> {
    let items = message.items("details");
    let Some(parts) = items.and_then(|mut items| items.try_fold(Vec::new(), with(details))) else {
        return Ok(None);
    };
    allowances(contract, message, "sigDeadline", parts, context)
}

pub(super) fn transfer(
    contract: Address,
    message: &Message<'_>,
    context: &Context<'_>,
) -> Result<Option<Parts>, Denial> {
    let until = message.uint("deadline").unwrap_or(U256::MAX);
    let permitted = message.inner("permitted");
    let Some(part) = permitted.and_then(|permitted| permission(&permitted, until)) else {
        return Ok(None);
    };
    allowances(contract, message, "deadline", vec![part], context)
}

pub(super) fn batch_transfer(
    contract: Address,
    message: &Message<'_>,
    context: &Context<'_>,
) -> Result<Option<Parts>, Denial> {
    let until = message.uint("deadline").unwrap_or(U256::MAX);
    let read = |item: &Message<'_>| permission(item, until);
    let items = message.items("permitted");
    let Some(parts) = items.and_then(|mut items| items.try_fold(Vec::new(), with(read))) else {
        return Ok(None);
    };
    allowances(contract, message, "deadline", parts, context)
}

/// Whether the type is a transfer with a witness: the four members of a transfer and one more. The
/// spender promises to obey the witness; what it can take is bounded without it.
pub(in crate::effects) fn is_witness(primary_type: &str, document: &Json<'_>) -> bool {
    let permitted = match primary_type {
        "PermitWitnessTransferFrom" => "TokenPermissions",
        "PermitBatchWitnessTransferFrom" => "TokenPermissions[]",
        _ => return false,
    };
    let Some(types) = document.get("types") else {
        return false;
    };
    let own = [
        ("permitted", permitted),
        ("spender", "address"),
        ("nonce", "uint256"),
        ("deadline", "uint256"),
    ];
    let own_and_one = own.len().saturating_add(1);
    let permission = [("token", "address"), ("amount", "uint256")];
    members(types, primary_type, &own) == Some(own_and_one)
        && members(types, "TokenPermissions", &permission) == Some(permission.len())
}

/// How many members the type has, if these come first.
fn members(types: &Json<'_>, name: &str, first: &[(&str, &str)]) -> Option<usize> {
    let declared = types.get(name)?.as_array()?;
    let text =
        |member: &Json<'_>, key: &str| member.get(key).and_then(Json::as_str).map(str::to_owned);
    let mut pairs = first.iter().zip(declared);
    let same = pairs.all(|((name, kind), member)| {
        text(member, "name").as_deref() == Some(*name)
            && text(member, "type").as_deref() == Some(*kind)
    });
    (same && declared.len() >= first.len()).then_some(declared.len())
}

pub(in crate::effects) fn witness(
    contract: Address,
    message: &Message<'_>,
    context: &Context<'_>,
) -> Result<Option<Parts>, Denial> {
    let read = if message.items("permitted").is_some() {
        batch_transfer
    } else {
        transfer
    };
    let mut understood = read(contract, message, context)?;
    if let Some(understood) = &mut understood {
        let text = "what the spender promises to do in return is not checked by the guardian";
        understood
            .warnings
            .push(warning(WarningCode::Witness, text));
    }
    Ok(understood)
}

fn with<'j>(
    read: impl Fn(&Message<'j>) -> Option<Part>,
) -> impl FnMut(Vec<Part>, Message<'j>) -> Option<Vec<Part>> {
    move |mut parts, item| {
        parts.push(read(&item)?);
        Some(parts)
    }
}

fn details(details: &Message<'_>) -> Option<Part> {
    Some(Part {
        token: details.address("token")?,
        amount: details.uint("amount")?,
        until: details.uint("expiration")?,
        more: 0,
    })
}

fn permission(permitted: &Message<'_>, until: U256) -> Option<Part> {
    Some(Part {
        token: permitted.address("token")?,
        amount: permitted.uint("amount")?,
        until,
        more: 0,
    })
}

/// Elements of the same token are one allowance of their sum: split into many, each below what a rule
/// allows at once, they would count as one request and still move it all.
fn summed(parts: Vec<Part>) -> Vec<Part> {
    let mut sums: Vec<Part> = Vec::new();
    for part in parts {
        match sums.iter_mut().find(|sum| sum.token == part.token) {
            Some(sum) => {
                if !sum.amount.is_zero() && !part.amount.is_zero() {
                    sum.more = sum.more.saturating_add(1);
                }
                sum.amount = sum.amount.saturating_add(part.amount);
                sum.until = sum.until.max(part.until);
            }
            None => sums.push(part),
        }
    }
    sums
}

/// One allowance a token; one unknown token leaves the whole document opaque.
fn allowances(
    contract: Address,
    message: &Message<'_>,
    deadline: &str,
    parts: Vec<Part>,
    context: &Context<'_>,
) -> Result<Option<Parts>, Denial> {
    let (Some(spender), Some(deadline)) = (message.address("spender"), message.uint(deadline))
    else {
        return Ok(None);
    };
    if context.protocol(contract) != Some(PERMIT2) || parts.is_empty() {
        return Ok(None);
    }
    let parts = summed(parts);
    let many = parts.len() > 1;
    let mut understood = Parts::default();
    if many {
        let action = "allow to take several tokens through Permit2";
        understood.display.push(field("Action", action));
        let spender = address_text(spender);
        understood.display.push(field("Spender", spender));
    }
    for (number, part) in parts.into_iter().enumerate() {
        let Some(token) = context.token(part.token) else {
            return Ok(None);
        };
        let (kind, action) = if part.amount.is_zero() {
            (EffectKind::Revoke, "revoke the allowance at Permit2")
        } else {
            check_spender(spender, part.token, context)?;
            (EffectKind::Allowance, "allow to take through Permit2")
        };
        let end = if part.until.is_zero() {
            deadline
        } else {
            part.until
        };
        let mut effect = context.effect(kind, Some(token), Some(spender), part.amount);
        if kind == EffectKind::Allowance {
            effect.expires = until_ms(end);
            effect.claim = Claim::signed(contract, until_ms(deadline));
        }
        if many {
            effect.path = number.to_string();
            let line = line_of_many(token, part.token, end, &effect);
            understood.display.push(line);
        } else {
            let shown = allowance_display(action, token, part.token, &effect);
            understood.display.extend(shown);
            if kind == EffectKind::Allowance {
                understood.display.push(field("Allowed until", moment(end)));
            }
        }
        let unlimited = unlimited_warning(&effect);
        let new = unlimited.filter(|one| !understood.warnings.contains(one));
        understood.warnings.extend(new);
        // Limits by count count each element; the amount of all is in the first.
        let further = Effect {
            amount: U256::ZERO,
            unlimited: false,
            ..effect.clone()
        };
        let more = usize::try_from(part.more).unwrap_or(usize::MAX);
        understood.effects.push(effect);
        understood
            .effects
            .extend(std::iter::repeat_n(further, more));
    }
    understood
        .display
        .push(field("To be used until", moment(deadline)));
    Ok(Some(understood))
}

/// One token of several: `50 USDC 0xA0b8… until …`.
fn line_of_many(token: &Asset, contract: Address, end: U256, effect: &Effect) -> DisplayLine {
    if effect.kind == EffectKind::Revoke {
        return field("Revoke", token_text(token, contract));
    }
    let contract = address_text(contract);
    let amount = amount_text(token, effect.amount);
    let unlimited = if effect.unlimited { "unlimited: " } else { "" };
    let text = format!("{unlimited}{amount} ({contract}) until {}", moment(end));
    field("Take at most", text)
}
