//! Transactions of a Safe this wallet is an owner of. The value is the Safe's, so the document
//! stays opaque; a delegate call could replace the whole account and is never signed.

use alloy_primitives::{Address, U256};

use super::super::context::Context;
use super::super::parts::Parts;
use super::super::Denial;
use super::message::Message;

/// Version 1.0.0 and later.
pub(super) const TRANSACTION: &str = "SafeTx(address to,uint256 value,bytes data,uint8 operation,uint256 safeTxGas,uint256 baseGas,uint256 gasPrice,address gasToken,address refundReceiver,uint256 nonce)";
/// Before version 1.0.0.
pub(super) const TRANSACTION_OLD: &str = "SafeTx(address to,uint256 value,bytes data,uint8 operation,uint256 safeTxGas,uint256 dataGas,uint256 gasPrice,address gasToken,address refundReceiver,uint256 nonce)";

pub(super) fn transaction(
    _contract: Address,
    message: &Message<'_>,
    _context: &Context<'_>,
) -> Result<Option<Parts>, Denial> {
    if message.uint("operation") != Some(U256::ZERO) {
        let text = "a delegate call of the Safe can replace the whole account";
        return Err(Denial::new("delegatecall", text));
    }
    Ok(None)
}
