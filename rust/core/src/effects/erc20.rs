//! ERC-20 calls, by the selector on a contract that is known to be a token.

use alloy_primitives::{Address, U256};
use alloy_sol_types::SolCall;

use super::abi::{self as strictly, dirty};
use super::Denial;

#[allow(missing_docs, reason = "the names are those of the ABI")]
mod abi {
    alloy_sol_types::sol! {
        function transfer(address to, uint256 amount);
        function transferFrom(address from, address to, uint256 amount);
        function approve(address spender, uint256 amount);
        function increaseAllowance(address spender, uint256 amount);
        function decreaseAllowance(address spender, uint256 amount);
        function increaseApproval(address spender, uint256 amount);
        function decreaseApproval(address spender, uint256 amount);
    }
}

/// A call of a token contract that is understood completely.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenCall {
    /// `transfer(to, amount)`
    Transfer { to: Address, amount: U256 },
    /// `transferFrom(from, to, amount)`
    TransferFrom {
        from: Address,
        to: Address,
        amount: U256,
    },
    /// `approve(spender, amount)`
    Approve { spender: Address, amount: U256 },
    /// `increaseAllowance` and the older `increaseApproval`
    Increase { spender: Address, amount: U256 },
    /// `decreaseAllowance` and the older `decreaseApproval`
    Decrease { spender: Address, amount: U256 },
}

/// The call and how many bytes follow it; `None` for a selector that is not one of ours.
///
/// # Errors
/// `dirty_calldata` when the bytes are not the one canonical encoding of the call.
pub(super) fn parse(data: &[u8]) -> Result<Option<(TokenCall, usize)>, Denial> {
    let Some((selector, arguments)) = data.split_first_chunk::<4>() else {
        return Err(dirty("the call data ends within the selector"));
    };
    let (call, trailing) = match *selector {
        abi::transferCall::SELECTOR => {
            let (call, trailing) = strict::<abi::transferCall>(arguments, 2)?;
            (
                TokenCall::Transfer {
                    to: call.to,
                    amount: call.amount,
                },
                trailing,
            )
        }
        abi::transferFromCall::SELECTOR => {
            let (call, trailing) = strict::<abi::transferFromCall>(arguments, 3)?;
            let abi::transferFromCall { from, to, amount } = call;
            (TokenCall::TransferFrom { from, to, amount }, trailing)
        }
        abi::approveCall::SELECTOR => {
            let (call, trailing) = strict::<abi::approveCall>(arguments, 2)?;
            (
                TokenCall::Approve {
                    spender: call.spender,
                    amount: call.amount,
                },
                trailing,
            )
        }
        abi::increaseAllowanceCall::SELECTOR => {
            let (call, trailing) = strict::<abi::increaseAllowanceCall>(arguments, 2)?;
            (
                TokenCall::Increase {
                    spender: call.spender,
                    amount: call.amount,
                },
                trailing,
            )
        }
        abi::increaseApprovalCall::SELECTOR => {
            let (call, trailing) = strict::<abi::increaseApprovalCall>(arguments, 2)?;
            (
                TokenCall::Increase {
                    spender: call.spender,
                    amount: call.amount,
                },
                trailing,
            )
        }
        abi::decreaseAllowanceCall::SELECTOR => {
            let (call, trailing) = strict::<abi::decreaseAllowanceCall>(arguments, 2)?;
            (
                TokenCall::Decrease {
                    spender: call.spender,
                    amount: call.amount,
                },
                trailing,
            )
        }
        abi::decreaseApprovalCall::SELECTOR => {
            let (call, trailing) = strict::<abi::decreaseApprovalCall>(arguments, 2)?;
            (
                TokenCall::Decrease {
                    spender: call.spender,
                    amount: call.amount,
                },
                trailing,
            )
        }
        _ => return Ok(None),
    };
    Ok(Some((call, trailing)))
}

/// Decodes `words` words of arguments, encodes them again and compares; gives the number of bytes
/// after them.
fn strict<C: SolCall>(arguments: &[u8], words: usize) -> Result<(C, usize), Denial> {
    let length = words.saturating_mul(32);
    let Some((head, tail)) = arguments.split_at_checked(length) else {
        return Err(dirty("the call data is too short"));
    };
    let call = strictly::strict::<C>(head)?;
    Ok((call, tail.len()))
}
