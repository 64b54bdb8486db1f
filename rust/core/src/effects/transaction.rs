//! Transactions: a call, or the creation of a contract.

use alloy_primitives::U256;

use super::call::{self, Call};
use super::common::native::push_value;
use super::context::Context;
use super::parts::Parts;
use super::{Decoded, Denial, EffectKind};
use crate::display::field;
use crate::request::Transaction;

pub(super) fn decode(transaction: &Transaction, context: &Context<'_>) -> Result<Decoded, Denial> {
    Ok(parts(transaction, context)?.decoded())
}

/// The sum over several transactions, each found by its number.
///
/// # Errors
/// What any of them is denied for.
pub(crate) fn decode_all(
    transactions: &[&Transaction],
    context: &Context<'_>,
) -> Result<Decoded, Denial> {
    let mut sum = Parts::default();
    let count = transactions.len();
    let action = "several calls, a transaction each";
    sum.display.push(field("Action", action));
    for (number, transaction) in transactions.iter().enumerate() {
        let title = format!("{} of {count}", number.saturating_add(1));
        sum.display.push(field("Call", title));
        sum.nest(number, parts(transaction, context)?);
    }
    Ok(sum.decoded())
}

fn parts(transaction: &Transaction, context: &Context<'_>) -> Result<Parts, Denial> {
    Ok(match transaction.to {
        Some(to) => {
            let call = Call {
                sender: context.wallet,
                to,
                value: transaction.value,
                data: &transaction.data,
                depth: 0,
            };
            call::decode(&call, context)?
        }
        None => creation(transaction, context),
    })
}

fn creation(transaction: &Transaction, context: &Context<'_>) -> Parts {
    let mut parts = Parts::default();
    let size = format!("{} bytes", transaction.data.len());
    parts.display.push(field("Action", "create a contract"));
    parts.display.push(field("Code size", size));
    push_value(None, transaction.value, &mut parts, context);
    let deploy = context.effect(EffectKind::Deploy, None, None, U256::ZERO);
    parts.effects.push(deploy);
    parts
}
