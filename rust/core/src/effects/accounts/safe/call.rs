//! Transactions of a Safe. The value is the Safe's, so a person always decides; what is inside is
//! followed as if it was the wallet's. Running foreign code as the Safe is never signed.

use alloy_primitives::{Address, Bytes, U256};
use alloy_sol_types::SolCall;

use super::{MULTISEND, MULTISEND_CALL_ONLY, SAFE};
use crate::code::{Code, WarningCode};
use crate::display::{address_text, field, warning};
use crate::effects::abi::{self, dirty};
use crate::effects::accounts::account;
use crate::effects::accounts::multicall::Item;
use crate::effects::call::Call;
use crate::effects::common::native::push_value;
use crate::effects::common::opaque::{self, trailing_bytes};
use crate::effects::context::Context;
use crate::effects::parts::Parts;
use crate::effects::{Denial, EffectKind};

#[allow(missing_docs, reason = "the names are those of the ABI")]
mod calls {
    alloy_sol_types::sol! {
        function execTransaction(address to, uint256 value, bytes data, uint8 operation, uint256 safeTxGas, uint256 baseGas, uint256 gasPrice, address gasToken, address refundReceiver, bytes signatures);
        function execTransactionFromModule(address to, uint256 value, bytes data, uint8 operation);
        function execTransactionFromModuleReturnData(address to, uint256 value, bytes data, uint8 operation);
        function multiSend(bytes transactions);
    }
}

/// A transaction of the Safe.
struct Transaction {
    to: Address,
    value: U256,
    data: Bytes,
    /// 0 is a call, 1 a delegate call.
    operation: u8,
    /// Gas price, gas token and receiver, if the Safe pays for the gas.
    refund: Option<(U256, Address, Address)>,
}

/// What the call does; `None` for a function that is not one of these. The selectors are the
/// Safe's own: a contract nobody declared is followed as well, and stays unknown.
///
/// # Errors
/// `delegatecall`, `dirty_calldata`, and what an inner call is denied for.
pub(in crate::effects) fn decode(
    call: &Call<'_>,
    known: bool,
    context: &Context<'_>,
) -> Result<Option<Parts>, Denial> {
    refuse_foreign_code(call)?;
    let Some((transaction, trailing)) = read(call)? else {
        return Ok(None);
    };
    let mut parts = if context.protocol(call.to) == Some(SAFE) {
        declared(call, context)
    } else {
        opaque::call(call, known, context)
    };
    if let Some((price, token, receiver)) = transaction.refund {
        let text = format!(
            "{price} for each gas of {} to {}",
            address_text(token),
            address_text(receiver)
        );
        parts.display.push(field("Refund", text));
        let text = "the Safe pays for the gas, as much as the call says: it can be everything";
        parts.warnings.push(warning(WarningCode::Refund, text));
    }
    if trailing > 0 {
        parts.warnings.push(trailing_bytes(trailing));
    }
    let items = items(
        transaction.to,
        transaction.value,
        transaction.data,
        transaction.operation,
        context,
    )?;
    account::act(call, call.to, &items, &mut parts, context)?;
    Ok(Some(parts))
}

/// A batch for MultiSend at whatever contract: a delegate call in it is never signed. Everything else
/// is for the caller to say; MultiSend itself refuses to be called.
fn refuse_foreign_code(call: &Call<'_>) -> Result<(), Denial> {
    let Some((&calls::multiSendCall::SELECTOR, arguments)) = call.split() else {
        return Ok(());
    };
    let Ok((batch, _)) = abi::prefix::<calls::multiSendCall>(arguments) else {
        return Ok(());
    };
    match unpack(&batch.transactions) {
        Err(denial) if denial.code == Code::Delegatecall => Err(denial),
        _ => Ok(()),
    }
}

/// A Safe the operator declared: it is known what this is, but not whose the value is.
fn declared(call: &Call<'_>, context: &Context<'_>) -> Parts {
    let mut parts = Parts::default();
    let text = "another account acts: what it has counts as if it was this wallet's";
    parts
        .warnings
        .push(warning(WarningCode::OtherAccount, text));
    parts.display.push(field("Action", "transaction of a Safe"));
    parts.display.push(field("Account", address_text(call.to)));
    push_value(Some(call.to), call.value, &mut parts, context);
    let effect = context.effect(EffectKind::Call, None, Some(call.to), U256::ZERO);
    parts.effects.push(effect);
    parts
}

fn read(call: &Call<'_>) -> Result<Option<(Transaction, usize)>, Denial> {
    let Some((selector, arguments)) = call.split() else {
        return Ok(None);
    };
    let read = match *selector {
        calls::execTransactionCall::SELECTOR => {
            let (call, trailing) = abi::prefix::<calls::execTransactionCall>(arguments)?;
            let refund = (call.gasPrice, call.gasToken, call.refundReceiver);
            let transaction = Transaction {
                to: call.to,
                value: call.value,
                data: call.data,
                operation: call.operation,
                refund: (!call.gasPrice.is_zero()).then_some(refund),
            };
            (transaction, trailing)
        }
        calls::execTransactionFromModuleCall::SELECTOR => {
            let (call, trailing) = abi::prefix::<calls::execTransactionFromModuleCall>(arguments)?;
            let transaction = Transaction {
                to: call.to,
                value: call.value,
                data: call.data,
                operation: call.operation,
                refund: None,
            };
            (transaction, trailing)
        }
        calls::execTransactionFromModuleReturnDataCall::SELECTOR => {
            let (call, trailing) =
                abi::prefix::<calls::execTransactionFromModuleReturnDataCall>(arguments)?;
            let transaction = Transaction {
                to: call.to,
                value: call.value,
                data: call.data,
                operation: call.operation,
                refund: None,
            };
            (transaction, trailing)
        }
        _ => return Ok(None),
    };
    Ok(Some(read))
}

/// The calls a Safe makes for one transaction: the call itself, or everything in a batch that
/// MultiSend runs as the Safe.
///
/// # Errors
/// `delegatecall` for any other foreign code, `dirty_calldata` for a batch that is not whole.
pub(in crate::effects) fn items(
    to: Address,
    value: U256,
    data: Bytes,
    operation: u8,
    context: &Context<'_>,
) -> Result<Vec<Item>, Denial> {
    if operation == 0 {
        return Ok(vec![Item::sure(to, value, data)]);
    }
    let multisend = matches!(context.protocol(to), Some(MULTISEND | MULTISEND_CALL_ONLY));
    let batch = data.split_first_chunk::<4>();
    match batch {
        Some((selector, arguments))
            if operation == 1 && multisend && *selector == calls::multiSendCall::SELECTOR =>
        {
            let batch: calls::multiSendCall = abi::strict(arguments)?;
            unpack(&batch.transactions)
        }
        _ => {
            let text = "a delegate call of the Safe can replace the whole account";
            Err(Denial::new(Code::Delegatecall, text))
        }
    }
}

/// The transactions of MultiSend: operation (1 byte), recipient (20), value (32), length of the data
/// (32) and the data, one after the other without padding.
fn unpack(mut rest: &[u8]) -> Result<Vec<Item>, Denial> {
    let short = || dirty("the batch of the Safe ends within a transaction");
    let mut items = Vec::new();
    while let Some(([operation], after)) = rest.split_first_chunk::<1>() {
        if *operation != 0 {
            let text = "a delegate call in the batch of the Safe can replace the whole account";
            return Err(Denial::new(Code::Delegatecall, text));
        }
        let (to, after) = after.split_first_chunk::<20>().ok_or_else(short)?;
        let (value, after) = after.split_first_chunk::<32>().ok_or_else(short)?;
        let (length, after) = after.split_first_chunk::<32>().ok_or_else(short)?;
        let length = usize::try_from(U256::from_be_bytes(*length)).map_err(|_| short())?;
        let (data, after) = after.split_at_checked(length).ok_or_else(short)?;
        items.push(Item::sure(
            Address::from(*to),
            U256::from_be_bytes(*value),
            Bytes::copy_from_slice(data),
        ));
        rest = after;
    }
    Ok(items)
}
