//! Calls inside of documents: somebody else sends them, but what they do counts as the wallet's own.

use alloy_primitives::{Address, U256};

use super::super::calls::{self, Call};
use super::super::context::{field, Context};
use super::super::parts::Parts;
use super::super::{Denial, EffectKind};

/// A call that a signature lets somebody make.
pub(super) struct Inner<'i> {
    /// Whom the called contract sees.
    pub sender: Address,
    pub to: Address,
    pub value: U256,
    pub data: &'i [u8],
}

/// What the calls do, added to `parts`, and that the document is not understood as a whole: a
/// person decides.
///
/// # Errors
/// What the call is denied for.
pub(super) fn add(
    calls: &[Inner<'_>],
    contract: Address,
    parts: &mut Parts,
    context: &Context<'_>,
) -> Result<(), Denial> {
    for (number, inner) in calls.iter().enumerate() {
        if calls.len() > 1 {
            let title = format!("{} of {}", number.saturating_add(1), calls.len());
            parts.display.push(field("Call", title));
        }
        one(number, inner, parts, context)?;
    }
    let whole = context.effect(EffectKind::TypedData, None, Some(contract), U256::ZERO);
    parts.effects.push(whole);
    Ok(())
}

fn one(
    number: usize,
    inner: &Inner<'_>,
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
    }
    parts.nest(number, done);
    Ok(())
}
