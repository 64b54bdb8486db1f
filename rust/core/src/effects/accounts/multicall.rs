//! Multicall, Multicall2 and Multicall3: calls for whoever asks. What the contract itself holds is
//! anybody's, so each inner call counts as if the wallet made it, and value nobody passes on is gone.

use alloy_primitives::{Address, Bytes, U256};
use alloy_sol_types::SolCall;

use crate::code::WarningCode;
use crate::display::{field, warning};
use crate::effects::call::{self, Call};
use crate::effects::common::native::push_value;
use crate::effects::common::opaque::trailing_bytes;
use crate::effects::context::Context;
use crate::effects::parts::Parts;
use crate::effects::registry::{Contract, Decoder};
use crate::effects::{abi, Denial};
use crate::protocol::Protocol;

pub(in crate::effects) const MULTICALL: Protocol = Protocol::named("multicall");

pub(in crate::effects) const DECODER: Decoder = Decoder {
    contracts: &[Contract::new(MULTICALL, "Multicall, Multicall2, Multicall3").calls(decode)],
    documents: &[],
};

#[allow(missing_docs, reason = "the names are those of the ABI")]
mod calls {
    alloy_sol_types::sol! {
        struct Call { address target; bytes callData; }
        struct Call3 { address target; bool allowFailure; bytes callData; }
        struct Call3Value { address target; bool allowFailure; uint256 value; bytes callData; }
        function aggregate(Call[] calls);
        function tryAggregate(bool requireSuccess, Call[] calls);
        function blockAndAggregate(Call[] calls);
        function tryBlockAndAggregate(bool requireSuccess, Call[] calls);
        function aggregate3(Call3[] calls);
        function aggregate3Value(Call3Value[] calls);
    }
}

/// A call of the batch.
#[derive(Debug)]
pub(in crate::effects) struct Item {
    pub to: Address,
    pub value: U256,
    pub data: Bytes,
    /// The rest goes on if it fails.
    pub may_fail: bool,
}

impl Item {
    /// A call nothing goes on without.
    pub(in crate::effects) const fn sure(to: Address, value: U256, data: Bytes) -> Self {
        Self {
            to,
            value,
            data,
            may_fail: false,
        }
    }
}

/// What the call does; `None` for a function that is not one of these.
///
/// # Errors
/// `dirty_calldata`, and what an inner call is denied for.
fn decode(call: &Call<'_>, context: &Context<'_>) -> Result<Option<Parts>, Denial> {
    let Some((selector, arguments)) = call.split() else {
        return Ok(None);
    };
    // None of these passes value on, so what fails leaves nothing behind.
    let plain = |calls: Vec<calls::Call>| {
        let each = calls.into_iter();
        let each = each.map(|one| Item::sure(one.target, U256::ZERO, one.callData));
        each.collect::<Vec<Item>>()
    };
    let (items, trailing) = match *selector {
        calls::aggregateCall::SELECTOR => {
            let (call, trailing) = abi::prefix::<calls::aggregateCall>(arguments)?;
            (plain(call.calls), trailing)
        }
        calls::blockAndAggregateCall::SELECTOR => {
            let (call, trailing) = abi::prefix::<calls::blockAndAggregateCall>(arguments)?;
            (plain(call.calls), trailing)
        }
        calls::tryAggregateCall::SELECTOR => {
            let (call, trailing) = abi::prefix::<calls::tryAggregateCall>(arguments)?;
            (plain(call.calls), trailing)
        }
        calls::tryBlockAndAggregateCall::SELECTOR => {
            let (call, trailing) = abi::prefix::<calls::tryBlockAndAggregateCall>(arguments)?;
            (plain(call.calls), trailing)
        }
        calls::aggregate3Call::SELECTOR => {
            let (call, trailing) = abi::prefix::<calls::aggregate3Call>(arguments)?;
            let each = call.calls.into_iter().map(|one| Item {
                to: one.target,
                value: U256::ZERO,
                data: one.callData,
                may_fail: one.allowFailure,
            });
            (each.collect(), trailing)
        }
        calls::aggregate3ValueCall::SELECTOR => {
            let (call, trailing) = abi::prefix::<calls::aggregate3ValueCall>(arguments)?;
            let each = call.calls.into_iter().map(|one| Item {
                to: one.target,
                value: one.value,
                data: one.callData,
                may_fail: one.allowFailure,
            });
            (each.collect(), trailing)
        }
        _ => return Ok(None),
    };
    let mut parts = batch(call, Some(call.to), &items, context)?;
    if trailing > 0 {
        parts.warnings.push(trailing_bytes(trailing));
    }
    Ok(Some(parts))
}

/// Every call of a batch that `sender` makes, and the value left over, which stays in the contract.
///
/// # Errors
/// What an inner call is denied for.
pub(in crate::effects) fn batch(
    call: &Call<'_>,
    sender: Option<Address>,
    items: &[Item],
    context: &Context<'_>,
) -> Result<Parts, Denial> {
    let mut parts = Parts::default();
    parts.display.push(field("Action", "several calls at once"));
    parts
        .display
        .push(field("Through", context.contract_text(call.to)));
    let count = items.len();
    let mut passed_on = U256::ZERO;
    let mut comes_back = U256::ZERO;
    for (number, item) in items.iter().enumerate() {
        let title = format!("{} of {count}", number.saturating_add(1));
        parts.display.push(field("Call", title));
        let inner = call.inner(sender, item.to, item.value, &item.data)?;
        parts.nest(number, call::decode(&inner, context)?);
        passed_on = passed_on.saturating_add(item.value);
        if item.may_fail {
            // To the contract, where it is anybody's; whoever asks can make it fail.
            comes_back = comes_back.saturating_add(item.value);
        }
    }
    let left = call.value.saturating_sub(passed_on);
    let left = left.saturating_add(comes_back);
    if !left.is_zero() {
        let mut rest = Parts::default();
        push_value(Some(call.to), left, &mut rest, context);
        for line in &mut rest.display {
            line.label = "Left in the contract".into();
        }
        parts.effects.append(&mut rest.effects);
        parts.display.append(&mut rest.display);
        parts.warnings.append(&mut rest.warnings);
        let text = "value stays in the contract, where anyone can take it";
        parts.warnings.push(warning(WarningCode::Leftover, text));
    } else if parts.effects.is_empty() {
        // An empty batch moves nothing, and says so.
        let nothing = context.native_transfer(Some(call.to), U256::ZERO);
        parts.effects.push(nothing);
    }
    Ok(parts)
}
