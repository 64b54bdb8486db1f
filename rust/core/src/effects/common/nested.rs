//! Calls inside of documents: somebody else sends them, but what they do counts as the wallet's own.

use alloy_primitives::{Address, U256};

use crate::display::field;
use crate::effects::call::{self as calls, Call};
use crate::effects::context::Context;
use crate::effects::parts::Parts;
use crate::effects::{Claim, Denial, EffectKind};

/// A call that a signature lets somebody make.
pub(in crate::effects) struct Inner<'i> {
    /// Whom the called contract sees.
    pub sender: Address,
    pub to: Address,
    pub value: U256,
    pub data: &'i [u8],
}

/// What the calls do, added to `parts`, and that the document is not understood as a whole: a person
/// decides.
///
/// # Errors
/// What any of the calls is denied for.
pub(in crate::effects) fn add(
    calls: &[Inner<'_>],
    contract: Address,
    parts: &mut Parts,
    context: &Context<'_>,
) -> Result<(), Denial> {
    let count = calls.len();
    if count == 0 {
        parts.display.push(field("Call", "of nothing"));
    }
    for (number, inner) in calls.iter().enumerate() {
        if count > 1 {
            let title = format!("{} of {count}", number.saturating_add(1));
            parts.display.push(field("Call", title));
        }
        add_one(inner, number, parts, context)?;
    }
    let whole = context.effect(EffectKind::TypedData, None, Some(contract), U256::ZERO);
    parts.effects.push(whole);
    Ok(())
}

fn add_one(
    inner: &Inner<'_>,
    number: usize,
    parts: &mut Parts,
    context: &Context<'_>,
) -> Result<(), Denial> {
    let call = Call {
        sender: Some(inner.sender),
        to: inner.to,
        value: inner.value,
        data: inner.data,
        depth: 1,
    };
    if inner.value.is_zero() && inner.data.is_empty() {
        // Nothing moves; Safes do it to use a nonce up.
        parts.display.push(field("Call", "of nothing"));
        return Ok(());
    }
    // Whoever the contract sees is the one whose value it is, and who gets what comes back.
    let seen = Context {
        wallet: Some(inner.sender),
        ..*context
    };
    let mut done = calls::decode(&call, &seen)?;
    for effect in &mut done.effects {
        effect.from = context.wallet.unwrap_or_default();
        // Nobody knows when the call is made: until then nothing the wallet does ends a right that
        // it gives, and nothing ever ends one over what another account has.
        effect.claim = match effect.claim {
            Some(claim) if context.is_own(inner.sender) => Claim::signed(claim.at, None),
            _ => None,
        };
    }
    parts.nest(number, done);
    Ok(())
}
