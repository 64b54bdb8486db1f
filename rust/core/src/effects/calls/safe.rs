//! Calls of a Safe account. What it does with its own value stays opaque here; running foreign code
//! as the Safe is never signed.

use alloy_sol_types::SolCall;

use super::super::Denial;

#[allow(missing_docs, reason = "the names are those of the ABI")]
mod calls {
    alloy_sol_types::sol! {
        function execTransaction(address to, uint256 value, bytes data, uint8 operation, uint256 safeTxGas, uint256 baseGas, uint256 gasPrice, address gasToken, address refundReceiver, bytes signatures);
        function execTransactionFromModule(address to, uint256 value, bytes data, uint8 operation);
    }
}

/// # Errors
/// `delegatecall` for any operation of a Safe but a plain call. The selectors are the Safe's own:
/// on another contract the denial costs nothing that was understood.
pub(super) fn check(data: &[u8]) -> Result<(), Denial> {
    let Some((selector, arguments)) = data.split_first_chunk::<4>() else {
        return Ok(());
    };
    let operation = match *selector {
        calls::execTransactionCall::SELECTOR => {
            calls::execTransactionCall::abi_decode_raw(arguments).map(|call| call.operation)
        }
        calls::execTransactionFromModuleCall::SELECTOR => {
            calls::execTransactionFromModuleCall::abi_decode_raw(arguments)
                .map(|call| call.operation)
        }
        _ => return Ok(()),
    };
    match operation {
        Ok(0) => Ok(()),
        Ok(_) => {
            let text = "a delegate call of the Safe can replace the whole account";
            Err(Denial::new("delegatecall", text))
        }
        Err(_) => Err(super::super::abi::dirty(
            "the call of the Safe does not decode",
        )),
    }
}
