//! Transactions of a Safe this wallet is an owner of. The value is the Safe's; what it does with it
//! is shown and counts as the wallet's own, and a person decides. A delegate call could replace the
//! whole account and is never signed, but for a batch of calls.

use alloy_primitives::{Address, U256};

use super::call::items as safe_items;
use crate::code::WarningCode;
use crate::display::{address_text, field, warning};
use crate::effects::common::nested::{self, Inner};
use crate::effects::context::Context;
use crate::effects::message::Message;
use crate::effects::parts::Parts;
use crate::effects::Denial;

/// Version 1.0.0 and later.
pub(super) const TRANSACTION: &str = "SafeTx(address to,uint256 value,bytes data,uint8 operation,uint256 safeTxGas,uint256 baseGas,uint256 gasPrice,address gasToken,address refundReceiver,uint256 nonce)";
/// Before version 1.0.0.
pub(super) const TRANSACTION_OLD: &str = "SafeTx(address to,uint256 value,bytes data,uint8 operation,uint256 safeTxGas,uint256 dataGas,uint256 gasPrice,address gasToken,address refundReceiver,uint256 nonce)";

pub(super) fn transaction(
    safe: Address,
    message: &Message<'_>,
    context: &Context<'_>,
) -> Result<Option<Parts>, Denial> {
    let (Some(to), Some(value), Some(data), Some(operation)) = (
        message.address("to"),
        message.uint("value"),
        message.bytes("data"),
        message.uint("operation"),
    ) else {
        return Ok(None);
    };
    // A batch is a delegate call of a contract that is known to do nothing else; any other is refused.
    let operation = u8::try_from(operation).unwrap_or(u8::MAX);
    let items = safe_items(to, value, data.into(), operation, context)?;
    let mut parts = Parts::default();
    let display = &mut parts.display;
    display.push(field("Action", "sign a transaction of a Safe"));
    display.push(field("Safe", address_text(safe)));
    let inner: Vec<Inner<'_>> = items
        .iter()
        .map(|item| Inner {
            sender: safe,
            to: item.to,
            value: item.value,
            data: &item.data,
        })
        .collect();
    nested::add(&inner, safe, &mut parts, context)?;
    if !refunds_nothing(message) {
        let text = "the Safe pays the sender of the transaction, at a price that is signed here";
        parts.warnings.push(warning(WarningCode::Refund, text));
    }
    Ok(Some(parts))
}

fn refunds_nothing(message: &Message<'_>) -> bool {
    message.uint("gasPrice") == Some(U256::ZERO)
        && message.address("gasToken") == Some(Address::ZERO)
        && message.address("refundReceiver") == Some(Address::ZERO)
}
