//! Calls of Permit2 with a signature sent along, and its batches.

use alloy_primitives::{Address, U256};
use alloy_sol_types::SolCall;

use super::call::{Move, Right};
use crate::effects::common::holding::with_trailing;
use crate::effects::context::{check_own_funds, Context};
use crate::effects::parts::Parts;
use crate::effects::{abi, Denial};

#[allow(missing_docs, reason = "the names are those of the ABI")]
mod calls {
    alloy_sol_types::sol! {
        struct PermitDetails { address token; uint160 amount; uint48 expiration; uint48 nonce; }
        struct PermitSingle { PermitDetails details; address spender; uint256 sigDeadline; }
        struct TokenPermissions { address token; uint256 amount; }
        struct PermitTransferFrom { TokenPermissions permitted; uint256 nonce; uint256 deadline; }
        struct SignatureTransferDetails { address to; uint256 requestedAmount; }
        function permit(address owner, PermitSingle permitSingle, bytes signature);
        function permitTransferFrom(PermitTransferFrom permit, SignatureTransferDetails transferDetails, address owner, bytes signature);
        function permitWitnessTransferFrom(PermitTransferFrom permit, SignatureTransferDetails transferDetails, address owner, bytes32 witness, string witnessTypeString, bytes signature);
    }
    pub mod batch {
        alloy_sol_types::sol! {
            struct PermitDetails { address token; uint160 amount; uint48 expiration; uint48 nonce; }
            struct PermitBatch { PermitDetails[] details; address spender; uint256 sigDeadline; }
            struct TokenPermissions { address token; uint256 amount; }
            struct PermitBatchTransferFrom { TokenPermissions[] permitted; uint256 nonce; uint256 deadline; }
            struct SignatureTransferDetails { address to; uint256 requestedAmount; }
            struct AllowanceTransferDetails { address from; address to; uint160 amount; address token; }
            function permit(address owner, PermitBatch permitBatch, bytes signature);
            function permitTransferFrom(PermitBatchTransferFrom permit, SignatureTransferDetails[] transferDetails, address owner, bytes signature);
            function permitWitnessTransferFrom(PermitBatchTransferFrom permit, SignatureTransferDetails[] transferDetails, address owner, bytes32 witness, string witnessTypeString, bytes signature);
            function transferFrom(AllowanceTransferDetails[] transferDetails);
        }
    }
}

/// What the call does; `None` for one that is not understood, or about tokens nobody registered.
///
/// # Errors
/// `dirty_calldata`, and what no policy may allow.
pub(super) fn decode(
    permit2: Address,
    selector: [u8; 4],
    arguments: &[u8],
    context: &Context<'_>,
) -> Result<Option<Parts>, Denial> {
    use calls::batch;
    let (parts, trailing) = match selector {
        calls::permitCall::SELECTOR => {
            let (call, trailing) = abi::prefix::<calls::permitCall>(arguments)?;
            check_own_funds(call.owner, context)?;
            let details = &call.permitSingle.details;
            let right = Right {
                permit2,
                token: details.token,
                spender: call.permitSingle.spender,
                amount: U256::from(details.amount),
                expiration: U256::from(details.expiration),
            };
            (right.parts(context)?, trailing)
        }
        batch::permitCall::SELECTOR => {
            let (call, trailing) = abi::prefix::<batch::permitCall>(arguments)?;
            check_own_funds(call.owner, context)?;
            let permit = &call.permitBatch;
            let rights = permit.details.iter().map(|details| {
                Right {
                    permit2,
                    token: details.token,
                    spender: permit.spender,
                    amount: U256::from(details.amount),
                    expiration: U256::from(details.expiration),
                }
                .parts(context)
            });
            (together(rights)?, trailing)
        }
        calls::permitTransferFromCall::SELECTOR => {
            let (call, trailing) = abi::prefix::<calls::permitTransferFromCall>(arguments)?;
            let moved = single(&call.permit, &call.transferDetails);
            (signed(call.owner, &[moved], context)?, trailing)
        }
        calls::permitWitnessTransferFromCall::SELECTOR => {
            let (call, trailing) = abi::prefix::<calls::permitWitnessTransferFromCall>(arguments)?;
            let moved = single(&call.permit, &call.transferDetails);
            (signed(call.owner, &[moved], context)?, trailing)
        }
        batch::permitTransferFromCall::SELECTOR => {
            let (call, trailing) = abi::prefix::<batch::permitTransferFromCall>(arguments)?;
            let moves = several(&call.permit, &call.transferDetails);
            (signed(call.owner, &moves, context)?, trailing)
        }
        batch::permitWitnessTransferFromCall::SELECTOR => {
            let (call, trailing) = abi::prefix::<batch::permitWitnessTransferFromCall>(arguments)?;
            let moves = several(&call.permit, &call.transferDetails);
            (signed(call.owner, &moves, context)?, trailing)
        }
        batch::transferFromCall::SELECTOR => {
            let (call, trailing) = abi::prefix::<batch::transferFromCall>(arguments)?;
            for one in &call.transferDetails {
                check_own_funds(one.from, context)?;
            }
            let moves = call.transferDetails.iter().map(|one| {
                Move {
                    token: one.token,
                    to: one.to,
                    amount: U256::from(one.amount),
                }
                .parts(context)
            });
            (together(moves)?, trailing)
        }
        _ => return Ok(None),
    };
    Ok(with_trailing(parts, trailing))
}

/// A transfer that is asked for; `None` if it is more than what was signed: the call reverts.
fn single(
    permit: &calls::PermitTransferFrom,
    details: &calls::SignatureTransferDetails,
) -> Option<Move> {
    let signed = &permit.permitted;
    (details.requestedAmount <= signed.amount).then_some(Move {
        token: signed.token,
        to: details.to,
        amount: details.requestedAmount,
    })
}

/// The same of a batch. Lists that are not equally long revert.
fn several(
    permit: &calls::batch::PermitBatchTransferFrom,
    details: &[calls::batch::SignatureTransferDetails],
) -> Vec<Option<Move>> {
    if permit.permitted.len() != details.len() {
        return Vec::new();
    }
    let pairs = permit.permitted.iter().zip(details);
    let each = pairs.map(|(signed, details)| {
        (details.requestedAmount <= signed.amount).then_some(Move {
            token: signed.token,
            to: details.to,
            amount: details.requestedAmount,
        })
    });
    each.collect()
}

/// Transfers by a signature of `owner`. With somebody else's signature nothing of the wallet moves,
/// and nobody here says what does.
fn signed(
    owner: Address,
    moves: &[Option<Move>],
    context: &Context<'_>,
) -> Result<Option<Parts>, Denial> {
    if context.wallet.is_some_and(|wallet| wallet != owner) {
        return Ok(None);
    }
    together(moves.iter().map(|one| match one {
        Some(one) => one.parts(context),
        None => Ok(None),
    }))
}

/// All of them, or `None` if one is not understood or there are none.
fn together(
    each: impl Iterator<Item = Result<Option<Parts>, Denial>>,
) -> Result<Option<Parts>, Denial> {
    let mut all = Parts::default();
    let mut whole = true;
    for (number, one) in each.enumerate() {
        // Goes on after one that is not understood: a later one may have to be denied.
        match one? {
            Some(one) => all.nest(number, one),
            None => whole = false,
        }
    }
    Ok((whole && !all.effects.is_empty()).then_some(all))
}
