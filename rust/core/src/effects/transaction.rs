//! Transactions: a call, or the creation of a contract.

use alloy_primitives::U256;

use super::calls::{self, Call};
use super::context::{field, Context};
use super::parts::Parts;
use super::{Decoded, Denial, EffectKind};
use crate::request::Transaction;

pub(super) fn decode(transaction: &Transaction, context: &Context<'_>) -> Result<Decoded, Denial> {
    let parts = match transaction.to {
        Some(to) => {
            let call = Call {
                sender: context.wallet,
                to,
                value: transaction.value,
                data: &transaction.data,
                depth: 0,
            };
            calls::decode(&call, context)?
        }
        None => creation(transaction, context),
    };
    Ok(parts.decoded())
}

fn creation(transaction: &Transaction, context: &Context<'_>) -> Parts {
    let mut parts = Parts::default();
    let size = format!("{} bytes", transaction.data.len());
    parts.display.push(field("Action", "create a contract"));
    parts.display.push(field("Code size", size));
    calls::push_value(None, transaction.value, &mut parts, context);
    let deploy = context.effect(EffectKind::Deploy, None, None, U256::ZERO);
    parts.effects.push(deploy);
    parts
}
