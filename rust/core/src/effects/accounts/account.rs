//! Smart accounts the operator declared, or the wallet itself where it has code (EIP-7702): calls by
//! the account (ERC-4337 samples, ERC-7579, ERC-7821) are followed as if it was the wallet.

use alloy_primitives::{Address, Bytes, B256, U256};
use alloy_sol_types::SolCall;

use super::multicall::Item;
use super::safe::call as safe;
use crate::code::Code;
use crate::display::{address_text, field};
use crate::effects::abi::{self, dirty};
use crate::effects::call::{self, Call};
use crate::effects::common::native::push_value;
use crate::effects::common::opaque::trailing_bytes;
use crate::effects::context::Context;
use crate::effects::parts::Parts;
use crate::effects::registry::{Contract, Decoder};
use crate::effects::{Denial, EffectKind};
use crate::protocol::Protocol;

pub(in crate::effects) const ACCOUNT: Protocol = Protocol::named("account");

pub(in crate::effects) const DECODER: Decoder = Decoder {
    contracts: &[Contract::new(ACCOUNT, "a smart account of the operator").calls(decode)],
    documents: &[],
};

#[allow(missing_docs, reason = "the names are those of the ABI")]
mod calls {
    alloy_sol_types::sol! {
        function execute(address dest, uint256 value, bytes func);
        function executeBatch(address[] dest, uint256[] value, bytes[] func);
    }
    pub mod operation {
        alloy_sol_types::sol! {
            function execute(address to, uint256 value, bytes data, uint8 operation);
            function executeUserOp(address to, uint256 value, bytes data, uint8 operation);
            function executeUserOpWithErrorString(address to, uint256 value, bytes data, uint8 operation);
        }
    }
    pub mod plain {
        alloy_sol_types::sol! {
            function executeBatch(address[] dest, bytes[] func);
        }
    }
    pub mod modular {
        alloy_sol_types::sol! {
            struct Execution { address target; uint256 value; bytes callData; }
            function executeBatch(Execution[] calls);
            function execute(bytes32 mode, bytes executionCalldata);
            function executeFromExecutor(bytes32 mode, bytes executionCalldata);
        }
    }
}

/// The calls an account makes.
struct Run {
    items: Vec<Item>,
    /// There is something besides that nobody here understands.
    more: bool,
    trailing: usize,
}

impl Run {
    fn whole((items, trailing): (Vec<Item>, usize)) -> Self {
        Self {
            items,
            more: false,
            trailing,
        }
    }
}

/// What the call does; `None` for a function that is not one of these.
///
/// # Errors
/// `delegatecall`, `dirty_calldata`, and what an inner call is denied for.
pub(in crate::effects) fn decode(
    call: &Call<'_>,
    context: &Context<'_>,
) -> Result<Option<Parts>, Denial> {
    let Some(run) = read(call, context)? else {
        return Ok(None);
    };
    let mut parts = Parts::default();
    parts.display.push(field("Action", "calls by an account"));
    parts.display.push(field("Account", address_text(call.to)));
    if !context.is_own(call.to) {
        push_value(Some(call.to), call.value, &mut parts, context);
    }
    if run.more {
        let effect = context.effect(EffectKind::Call, None, Some(call.to), U256::ZERO);
        parts.effects.push(effect);
    }
    act(call, call.to, &run.items, &mut parts, context)?;
    if parts.effects.is_empty() {
        // Nothing moves, and it says so.
        let nothing = context.native_transfer(Some(call.to), U256::ZERO);
        parts.effects.push(nothing);
    }
    if run.trailing > 0 {
        parts.warnings.push(trailing_bytes(run.trailing));
    }
    Ok(Some(parts))
}

/// Adds what an account does with what it has, as if it was the wallet.
///
/// # Errors
/// What an inner call is denied for.
pub(in crate::effects) fn act(
    call: &Call<'_>,
    account: Address,
    items: &[Item],
    parts: &mut Parts,
    context: &Context<'_>,
) -> Result<(), Denial> {
    // The account speaks of its own funds and of itself as recipient.
    let own = Context {
        wallet: Some(account),
        ..*context
    };
    let count = items.len();
    for (number, item) in items.iter().enumerate() {
        if item.value.is_zero() && item.data.is_empty() {
            // Nothing moves; Safes do it to use a nonce up.
            continue;
        }
        if count > 1 {
            let title = format!("{} of {count}", number.saturating_add(1));
            parts.display.push(field("Call", title));
        }
        let inner = call.inner(Some(account), item.to, item.value, &item.data)?;
        let mut nested = call::decode(&inner, &own)?;
        for effect in &mut nested.effects {
            effect.from = context.wallet.unwrap_or(Address::ZERO);
            if own.wallet != context.wallet {
                // A right over what another account has: nothing the wallet does ends it.
                effect.claim = None;
            }
        }
        parts.nest(number, nested);
    }
    Ok(())
}

fn read(call: &Call<'_>, context: &Context<'_>) -> Result<Option<Run>, Denial> {
    use calls::{modular, operation, plain};
    let Some((selector, arguments)) = call.split() else {
        return Ok(None);
    };
    let run = match *selector {
        calls::executeCall::SELECTOR => {
            let (call, trailing) = abi::prefix::<calls::executeCall>(arguments)?;
            Run::whole((vec![item(call.dest, call.value, call.func)], trailing))
        }
        operation::executeCall::SELECTOR => {
            let (call, trailing) = abi::prefix::<operation::executeCall>(arguments)?;
            if call.operation > 1 {
                // It creates a contract.
                return Ok(None);
            }
            let items = safe::items(call.to, call.value, call.data, call.operation, context)?;
            Run::whole((items, trailing))
        }
        operation::executeUserOpCall::SELECTOR => {
            let (call, trailing) = abi::prefix::<operation::executeUserOpCall>(arguments)?;
            let items = safe::items(call.to, call.value, call.data, call.operation, context)?;
            Run::whole((items, trailing))
        }
        operation::executeUserOpWithErrorStringCall::SELECTOR => {
            let (call, trailing) =
                abi::prefix::<operation::executeUserOpWithErrorStringCall>(arguments)?;
            let items = safe::items(call.to, call.value, call.data, call.operation, context)?;
            Run::whole((items, trailing))
        }
        calls::executeBatchCall::SELECTOR => {
            let (call, trailing) = abi::prefix::<calls::executeBatchCall>(arguments)?;
            let values = if call.value.is_empty() {
                vec![U256::ZERO; call.dest.len()]
            } else {
                call.value
            };
            let Some(items) = together(call.dest, values, call.func) else {
                return Ok(None);
            };
            Run::whole((items, trailing))
        }
        plain::executeBatchCall::SELECTOR => {
            let (call, trailing) = abi::prefix::<plain::executeBatchCall>(arguments)?;
            let values = vec![U256::ZERO; call.dest.len()];
            let Some(items) = together(call.dest, values, call.func) else {
                return Ok(None);
            };
            Run::whole((items, trailing))
        }
        modular::executeBatchCall::SELECTOR => {
            let (call, trailing) = abi::prefix::<modular::executeBatchCall>(arguments)?;
            Run::whole((executions(call.calls), trailing))
        }
        modular::executeCall::SELECTOR => {
            let (call, trailing) = abi::prefix::<modular::executeCall>(arguments)?;
            return by_mode(call.mode, &call.executionCalldata, trailing);
        }
        modular::executeFromExecutorCall::SELECTOR => {
            let (call, trailing) = abi::prefix::<modular::executeFromExecutorCall>(arguments)?;
            return by_mode(call.mode, &call.executionCalldata, trailing);
        }
        _ => return Ok(None),
    };
    Ok(Some(run))
}

/// ERC-7579: a byte for the kind of the call, one for what a failure means, four unused, a selector
/// of the mode and its payload. ERC-7821 says with its selector that data may follow the calls.
fn by_mode(mode: B256, data: &[u8], trailing: usize) -> Result<Option<Run>, Denial> {
    const WITH_DATA: [u8; 8] = [0, 0, 0, 0, 0x78, 0x21, 0, 0x01];
    let Some(([kind, failure, middle @ ..], payload)) = mode.split_first_chunk::<10>() else {
        return Ok(None);
    };
    if *kind == 0xff {
        let text = "a delegate call of the account can replace all of it";
        return Err(Denial::new(Code::Delegatecall, text));
    }
    if *failure > 1 {
        return Ok(None);
    }
    let plain = *middle == [0; 8] && payload.iter().all(|byte| *byte == 0);
    match kind {
        0 if plain => Ok(Some(Run::whole((vec![packed(data)?], trailing)))),
        1 if plain => {
            let (calls,): (Vec<calls::modular::Execution>,) = abi::parameters(data)?;
            Ok(Some(Run::whole((executions(calls), trailing))))
        }
        1 if *middle == WITH_DATA => with_data(data, trailing).map(Some),
        _ => Ok(None),
    }
}

/// Calls, and perhaps data for the account besides.
fn with_data(data: &[u8], trailing: usize) -> Result<Run, Denial> {
    const TWO: U256 = U256::from_limbs([0x40, 0, 0, 0]);
    let offset = data
        .first_chunk::<32>()
        .map(|word| U256::from_be_bytes(*word));
    let (calls, more) = if offset == Some(TWO) {
        let (calls, more): (Vec<calls::modular::Execution>, Bytes) = abi::parameters(data)?;
        (calls, !more.is_empty())
    } else {
        let (calls,): (Vec<calls::modular::Execution>,) = abi::parameters(data)?;
        (calls, false)
    };
    Ok(Run {
        items: executions(calls),
        more,
        trailing,
    })
}

/// One call without padding: recipient (20 bytes), value (32) and the data.
fn packed(data: &[u8]) -> Result<Item, Denial> {
    let short = || dirty("the call of the account is too short");
    let (to, rest) = data.split_first_chunk::<20>().ok_or_else(short)?;
    let (value, rest) = rest.split_first_chunk::<32>().ok_or_else(short)?;
    let value = U256::from_be_bytes(*value);
    Ok(item(
        Address::from(*to),
        value,
        Bytes::copy_from_slice(rest),
    ))
}

/// `None` for lists that are not equally long: the account reverts.
fn together(to: Vec<Address>, values: Vec<U256>, data: Vec<Bytes>) -> Option<Vec<Item>> {
    if to.len() != values.len() || to.len() != data.len() {
        return None;
    }
    let triples = to.into_iter().zip(values).zip(data);
    let each = triples.map(|((to, value), data)| item(to, value, data));
    Some(each.collect())
}

fn executions(calls: Vec<calls::modular::Execution>) -> Vec<Item> {
    let each = calls
        .into_iter()
        .map(|one| item(one.target, one.value, one.callData));
    each.collect()
}

const fn item(to: Address, value: U256, data: Bytes) -> Item {
    // What fails stays the account's.
    Item::sure(to, value, data)
}
