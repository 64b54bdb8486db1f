//! The EntryPoint of ERC-4337: operations of accounts on behalf of whoever signed them, and deposits
//! that pay for them.

use alloy_primitives::{Address, Bytes, U256};
use alloy_sol_types::SolCall;

use crate::code::WarningCode;
use crate::display::{address_text, field, warning};
use crate::effects::call::{self, Call};
use crate::effects::common::holding::{by_owner, caller, unknown, with_trailing, Holding};
use crate::effects::common::native::push_value;
use crate::effects::common::trade::Coin;
use crate::effects::context::Context;
use crate::effects::parts::Parts;
use crate::effects::registry::{Contract, Decoder};
use crate::effects::{abi, Denial, EffectKind};
use crate::protocol::Protocol;

const ENTRY_POINT: Protocol = Protocol::named("entry-point");

pub(in crate::effects) const DECODER: Decoder = Decoder {
    contracts: &[Contract::new(ENTRY_POINT, "ERC-4337").calls(decode)],
    documents: &[],
};

#[allow(missing_docs, reason = "the names are those of the ABI")]
mod calls {
    alloy_sol_types::sol! {
        struct PackedUserOperation { address sender; uint256 nonce; bytes initCode; bytes callData; bytes32 accountGasLimits; uint256 preVerificationGas; bytes32 gasFees; bytes paymasterAndData; bytes signature; }
        function handleOps(PackedUserOperation[] ops, address beneficiary);
        function depositTo(address account);
        function withdrawTo(address withdrawAddress, uint256 withdrawAmount);
        function addStake(uint32 unstakeDelaySec);
        function withdrawStake(address withdrawAddress);
    }
    pub mod v06 {
        alloy_sol_types::sol! {
            struct UserOperation { address sender; uint256 nonce; bytes initCode; bytes callData; uint256 callGasLimit; uint256 verificationGasLimit; uint256 preVerificationGas; uint256 maxFeePerGas; uint256 maxPriorityFeePerGas; bytes paymasterAndData; bytes signature; }
            function handleOps(UserOperation[] ops, address beneficiary);
        }
    }
}

/// What the call does; `None` for a function that is not one of these.
///
/// # Errors
/// `dirty_calldata`, `recipient_forbidden`, and what an inner call is denied for.
fn decode(call: &Call<'_>, context: &Context<'_>) -> Result<Option<Parts>, Denial> {
    let Some((selector, arguments)) = call.split() else {
        return Ok(None);
    };
    let (parts, trailing) = match *selector {
        calls::handleOpsCall::SELECTOR => {
            let (ops, trailing) = abi::prefix::<calls::handleOpsCall>(arguments)?;
            let each = ops.ops.into_iter().map(|op| (op.sender, op.callData));
            let each: Vec<_> = each.collect();
            (Some(run(call, ops.beneficiary, &each, context)?), trailing)
        }
        calls::v06::handleOpsCall::SELECTOR => {
            let (ops, trailing) = abi::prefix::<calls::v06::handleOpsCall>(arguments)?;
            let each = ops.ops.into_iter().map(|op| (op.sender, op.callData));
            let each: Vec<_> = each.collect();
            (Some(run(call, ops.beneficiary, &each, context)?), trailing)
        }
        calls::depositToCall::SELECTOR => {
            let (deposit, trailing) = abi::prefix::<calls::depositToCall>(arguments)?;
            let parts = Holding {
                own: EffectKind::Deposit,
                action: "deposit for gas at the EntryPoint",
                coin: Coin::Native,
                amount: call.value,
                holder: Some(deposit.account),
                through: call.to,
            }
            .parts(context)?;
            (parts, trailing)
        }
        calls::addStakeCall::SELECTOR => {
            let (_, trailing) = abi::prefix::<calls::addStakeCall>(arguments)?;
            let parts = Holding {
                own: EffectKind::Deposit,
                action: "stake at the EntryPoint",
                coin: Coin::Native,
                amount: call.value,
                holder: caller(call, context),
                through: call.to,
            }
            .parts(context)?;
            (parts, trailing)
        }
        calls::withdrawToCall::SELECTOR if call.value.is_zero() => {
            let (withdraw, trailing) = abi::prefix::<calls::withdrawToCall>(arguments)?;
            let parts = Holding {
                own: EffectKind::Convert,
                action: "withdraw from the EntryPoint",
                coin: Coin::Native,
                amount: withdraw.withdrawAmount,
                holder: Some(withdraw.withdrawAddress),
                through: call.to,
            }
            .parts(context)?;
            (by_owner(parts, call, context), trailing)
        }
        calls::withdrawStakeCall::SELECTOR if call.value.is_zero() => {
            let (withdraw, trailing) = abi::prefix::<calls::withdrawStakeCall>(arguments)?;
            // The whole stake; how much that is is not in the call.
            let parts = unknown(call, withdraw.withdrawAddress, context);
            (Some(parts), trailing)
        }
        _ => return Ok(None),
    };
    Ok(with_trailing(parts, trailing))
}

/// Operations of accounts. Each is a call by the EntryPoint; who pays for it and what the account
/// does before is not in the call data of the operation, so it is never understood completely.
fn run(
    call: &Call<'_>,
    beneficiary: Address,
    ops: &[(Address, Bytes)],
    context: &Context<'_>,
) -> Result<Parts, Denial> {
    let mut parts = Parts::default();
    parts
        .display
        .push(field("Action", "run operations of accounts"));
    parts
        .display
        .push(field("Through", context.contract_text(call.to)));
    let text = address_text(beneficiary);
    parts.display.push(field("Beneficiary of the gas", text));
    push_value(Some(call.to), call.value, &mut parts, context);
    let effect = context.effect(EffectKind::Call, None, Some(call.to), U256::ZERO);
    parts.effects.push(effect);
    let text = "other accounts act: what they have counts as if it was this wallet's";
    parts
        .warnings
        .push(warning(WarningCode::OtherAccount, text));
    let count = ops.len();
    for (number, (sender, data)) in ops.iter().enumerate() {
        let title = format!("{} of {count}", number.saturating_add(1));
        parts.display.push(field("Operation", title));
        parts.display.push(field("Account", address_text(*sender)));
        if data.is_empty() {
            continue;
        }
        let inner = call.inner(Some(call.to), *sender, U256::ZERO, data)?;
        parts.nest(number, call::decode(&inner, context)?);
    }
    Ok(parts)
}
