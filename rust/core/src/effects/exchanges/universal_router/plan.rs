//! The Universal Router of Uniswap: a plan of one-byte commands, each with its input. Versions read
//! some commands differently; those are understood only where the version is known, or where every
//! version reads them alike.

use alloy_primitives::{Address, Bytes, U256};
use alloy_sol_types::SolCall;

use super::{permit, v4};
use crate::code::WarningCode;
use crate::display::{address_text, field, warning};
use crate::effects::abi::{self, dirty};
use crate::effects::call::Call;
use crate::effects::common::opaque::trailing_bytes;
use crate::effects::common::trade::Coin;
use crate::effects::context::{check_own_funds, Context};
use crate::effects::exchanges::router::flow::{Flow, Kind, Party, Take};
use crate::effects::parts::Parts;
use crate::effects::Denial;
use crate::protocol::Protocol;

/// Longer plans are opaque; real ones have less than twenty commands.
const COMMANDS_MAX: usize = 256;
/// The step may fail without the plan failing.
const ALLOW_REVERT: u8 = 0x80;
/// The caller, where a recipient is meant.
const CALLER: Address = Address::with_last_byte(1);
/// The router, where a recipient is meant.
const ROUTER: Address = Address::with_last_byte(2);
/// All the router holds, where an amount is meant.
pub(super) const ALL: U256 = U256::from_limbs([0, 0, 0, 1 << 63]);
/// As much as 160 bits can say.
const BITS_160: U256 = U256::from_limbs([u64::MAX, u64::MAX, 0xffff_ffff, 0]);
const BIPS: U256 = U256::from_limbs([10_000, 0, 0, 0]);
const PRECISE: U256 = U256::from_limbs([1_000_000_000_000_000_000, 0, 0, 0]);

#[allow(missing_docs, reason = "the names are those of the ABI")]
mod calls {
    alloy_sol_types::sol! {
        function execute(bytes commands, bytes[] inputs, uint256 deadline);
    }
    pub mod plain {
        alloy_sol_types::sol! {
            function execute(bytes commands, bytes[] inputs);
        }
    }
}

/// The inputs of the commands. A struct here is a list of parameters.
#[allow(missing_docs, reason = "the names are those of the ABI")]
mod inputs {
    alloy_sol_types::sol! {
        struct V3Swap { address recipient; uint256 amount; uint256 limit; bytes path; bool payerIsUser; }
        struct V3SwapByHop { address recipient; uint256 amount; uint256 limit; bytes path; bool payerIsUser; uint256[] prices; }
        struct V2Swap { address recipient; uint256 amount; uint256 limit; address[] path; bool payerIsUser; }
        struct V2SwapByHop { address recipient; uint256 amount; uint256 limit; address[] path; bool payerIsUser; uint256[] prices; }
        struct Pull { address token; address recipient; uint160 amount; }
        struct Pay { address token; address recipient; uint256 amount; }
        struct Wrap { address recipient; uint256 amount; }
        struct Check { address owner; address token; uint256 least; }
        struct Details { address from; address to; uint160 amount; address token; }
        struct PullBatch { Details[] details; }
        struct Plan { bytes commands; bytes[] inputs; }
        struct Bridge { address depositor; address recipient; address inputToken; address outputToken; uint256 inputAmount; uint256 outputAmount; uint256 destinationChainId; address exclusiveRelayer; uint32 quoteTimestamp; uint32 fillDeadline; uint32 exclusivityDeadline; bytes message; bool useNative; }
        struct Bridges { Bridge bridge; }
    }
}

/// One leg of Uniswap V2 or V3.
struct Leg {
    recipient: Address,
    /// What goes in, or what comes out of one that names that.
    amount: U256,
    /// The least that comes out, or the most that goes in.
    limit: U256,
    from: Address,
    to: Address,
    by_caller: bool,
    names_output: bool,
    /// The stated output comes for sure.
    kept: bool,
    /// It is measured by the balance of whoever gets it.
    measured: bool,
}

/// What the call does; `None` for a function that is not understood.
///
/// # Errors
/// `dirty_calldata`, `recipient_forbidden`, `not_own_funds`, `nesting`.
pub(super) fn decode(
    call: &Call<'_>,
    version: Protocol,
    context: &Context<'_>,
) -> Result<Option<Parts>, Denial> {
    let Some((selector, arguments)) = call.split() else {
        return Ok(None);
    };
    let (commands, inputs, deadline, trailing) = match *selector {
        calls::executeCall::SELECTOR => {
            let (call, trailing) = abi::prefix::<calls::executeCall>(arguments)?;
            (call.commands, call.inputs, Some(call.deadline), trailing)
        }
        calls::plain::executeCall::SELECTOR => {
            let (call, trailing) = abi::prefix::<calls::plain::executeCall>(arguments)?;
            (call.commands, call.inputs, None, trailing)
        }
        _ => return Ok(None),
    };
    let mut flow = Flow::new(call, context);
    // Every version refuses calls of anybody else until the plan ends.
    flow.locked = true;
    plan(call, &commands, &inputs, true, version, &mut flow)?;
    let mut parts = flow.finish(call, deadline);
    if trailing > 0 {
        parts.warnings.push(trailing_bytes(trailing));
    }
    Ok(Some(parts))
}

/// Every command of a plan; `sure` unless the plan as a whole may fail.
fn plan(
    call: &Call<'_>,
    commands: &[u8],
    inputs: &[Bytes],
    sure: bool,
    version: Protocol,
    flow: &mut Flow<'_, '_>,
) -> Result<(), Denial> {
    if commands.len() != inputs.len() {
        return Err(dirty("the plan has another number of inputs than commands"));
    }
    for (command, input) in commands.iter().zip(inputs) {
        flow.steps = flow.steps.saturating_add(1);
        if flow.steps > COMMANDS_MAX {
            not_understood(flow, "the plan is too long to be followed");
            return Ok(());
        }
        let sure = sure && command & ALLOW_REVERT == 0;
        step(call, command & !ALLOW_REVERT, input, sure, version, flow)?;
    }
    Ok(())
}

fn step(
    call: &Call<'_>,
    command: u8,
    input: &Bytes,
    sure: bool,
    version: Protocol,
    flow: &mut Flow<'_, '_>,
) -> Result<(), Denial> {
    match command {
        0x00 => swap(&v3(input, false)?, sure, flow),
        0x01 => swap(&v3(input, true)?, sure, flow),
        0x02 => {
            let pull: inputs::Pull = abi::parameters(input)?;
            let token = Coin::Token(pull.token);
            let party = recipient(pull.recipient, Some(token), flow)?;
            pull_token(token, party, U256::from(pull.amount), sure, flow);
            Ok(())
        }
        0x03 => permit::batch(input, flow),
        0x04 => {
            let sweep: inputs::Pay = abi::parameters(input)?;
            let kind = Some(coin(sweep.token));
            let party = recipient(sweep.recipient, kind, flow)?;
            if party != Party::Router {
                // Versions up to 2.1 cut the minimum to 160 bits.
                let least = sweep.amount & BITS_160;
                let hand = flow.take(kind, Take::All, sure);
                flow.give(&hand, kind, party, least, sure);
            }
            Ok(())
        }
        0x05 => {
            let pay: inputs::Pay = abi::parameters(input)?;
            let kind = Some(coin(pay.token));
            let party = recipient(pay.recipient, kind, flow)?;
            flow.pay(kind, party, stated(pay.amount), sure);
            Ok(())
        }
        0x06 => share(input, BIPS, sure, flow),
        0x07 => share(input, PRECISE, sure, flow),
        0x08 => swap(&v2(input, false, flow)?, sure, flow),
        0x09 => swap(&v2(input, true, flow)?, sure, flow),
        0x0a => permit::single(input, flow),
        0x0b => wrap(input, sure, flow),
        0x0c | 0x0f => unwrap(input, command == 0x0f, sure, flow),
        0x0d => pull_batch(input, sure, flow),
        0x0e => {
            // Only looks at a balance.
            let _: inputs::Check = abi::parameters(input)?;
            Ok(())
        }
        0x10 => v4::swap(input, sure, version, flow),
        0x21 => {
            let sub: inputs::Plan = abi::parameters(input)?;
            let inner = call.inner(call.sender, call.to, U256::ZERO, input)?;
            plan(&inner, &sub.commands, &sub.inputs, sure, version, flow)
        }
        0x40 => {
            bridge(input, flow);
            Ok(())
        }
        _ => {
            not_understood(flow, "a command of the plan is not understood");
            Ok(())
        }
    }
}

pub(in crate::effects) fn not_understood(flow: &mut Flow<'_, '_>, text: &str) {
    flow.unknown = true;
    let warning = warning(WarningCode::UnknownCommand, text);
    if !flow.parts.warnings.contains(&warning) {
        flow.parts.warnings.push(warning);
    }
}

/// The zero address stands for the chain's coin.
pub(super) fn coin(token: Address) -> Coin {
    if token.is_zero() {
        Coin::Native
    } else {
        Coin::Token(token)
    }
}

fn stated(amount: U256) -> Take {
    if amount == ALL {
        Take::All
    } else {
        Take::Exactly(amount)
    }
}

/// Who is meant by an address that may be one of the two that stand for caller and router.
pub(in crate::effects) fn recipient(
    address: Address,
    kind: Kind,
    flow: &Flow<'_, '_>,
) -> Result<Party, Denial> {
    match address {
        CALLER => Ok(flow.caller()),
        ROUTER => Ok(Party::Router),
        _ => flow.party(address, kind),
    }
}

/// Tokens of the caller that Permit2 moves.
fn pull_token(coin: Coin, party: Party, amount: U256, sure: bool, flow: &mut Flow<'_, '_>) {
    match party {
        Party::Other(to) if coin.fungible(flow.context).is_some() => {
            flow.sends.push((coin, amount, to, false));
        }
        _ => {
            let mut hand = flow.enter(coin, amount);
            hand.exact = sure;
            flow.give(&hand, Some(coin), party, U256::ZERO, sure);
        }
    }
}

fn pull_batch(input: &Bytes, sure: bool, flow: &mut Flow<'_, '_>) -> Result<(), Denial> {
    let batch: inputs::PullBatch = abi::parameters(input)?;
    for one in batch.details {
        // The owner must be the caller; only the contract around this call may be one as well.
        if flow.sender != Some(one.from) {
            check_own_funds(one.from, flow.context)?;
        }
        let token = Coin::Token(one.token);
        // These recipients are meant as they are written.
        let party = flow.party(one.to, Some(token))?;
        pull_token(token, party, U256::from(one.amount), sure, flow);
    }
    Ok(())
}

fn share(input: &Bytes, whole: U256, sure: bool, flow: &mut Flow<'_, '_>) -> Result<(), Denial> {
    let pay: inputs::Pay = abi::parameters(input)?;
    if pay.amount > whole {
        return Err(dirty("the plan pays more than all there is"));
    }
    let kind = Some(coin(pay.token));
    let party = recipient(pay.recipient, kind, flow)?;
    flow.pay_share(kind, party, (pay.amount, whole), sure);
    Ok(())
}

fn wrap(input: &Bytes, sure: bool, flow: &mut Flow<'_, '_>) -> Result<(), Denial> {
    let wrap: inputs::Wrap = abi::parameters(input)?;
    let party = recipient(wrap.recipient, None, flow)?;
    let hand = flow.take(Some(Coin::Native), stated(wrap.amount), sure);
    // "All there is" is no minimum.
    let least = match stated(wrap.amount) {
        Take::Exactly(amount) => amount,
        Take::All | Take::AtMost(_) => U256::ZERO,
    };
    flow.give(&hand, None, party, least, sure);
    Ok(())
}

fn unwrap(input: &Bytes, exactly: bool, sure: bool, flow: &mut Flow<'_, '_>) -> Result<(), Denial> {
    let unwrap: inputs::Wrap = abi::parameters(input)?;
    let kind = Some(Coin::Native);
    let party = recipient(unwrap.recipient, kind, flow)?;
    let take = if exactly {
        Take::Exactly(unwrap.amount)
    } else {
        Take::All
    };
    let hand = flow.take(None, take, sure);
    flow.give(&hand, kind, party, unwrap.amount, sure);
    Ok(())
}

/// A leg of V3, with or without the prices by hop of version 2.1: they can only make it fail.
fn v3(input: &Bytes, names_output: bool) -> Result<Leg, Denial> {
    let leg = abi::parameters::<inputs::V3Swap>(input).or_else(|denial| {
        let leg: inputs::V3SwapByHop = abi::parameters(input).map_err(|_| denial)?;
        Ok(inputs::V3Swap {
            recipient: leg.recipient,
            amount: leg.amount,
            limit: leg.limit,
            path: leg.path,
            payerIsUser: leg.payerIsUser,
        })
    })?;
    let (first, last) = path_ends(&leg.path)?;
    // A path to a named output is written from its end.
    let (from, to) = if names_output {
        (last, first)
    } else {
        (first, last)
    };
    Ok(Leg {
        recipient: leg.recipient,
        amount: leg.amount,
        limit: leg.limit,
        from,
        to,
        by_caller: leg.payerIsUser,
        names_output,
        kept: true,
        measured: false,
    })
}

/// The first and the last token of a packed path: a token, then a fee and a token for each pool.
pub(in crate::effects) fn path_ends(path: &[u8]) -> Result<(Address, Address), Denial> {
    let broken = || dirty("the path of a swap is no list of tokens and fees");
    let (first, pools) = path.split_first_chunk::<20>().ok_or_else(broken)?;
    let (last, _) = pools
        .split_last_chunk::<20>()
        .map(|(rest, last)| (last, rest))
        .ok_or_else(broken)?;
    if !pools.len().is_multiple_of(23) {
        return Err(broken());
    }
    Ok((Address::from(*first), Address::from(*last)))
}

fn v2(input: &Bytes, names_output: bool, flow: &Flow<'_, '_>) -> Result<Leg, Denial> {
    let leg = abi::parameters::<inputs::V2Swap>(input).or_else(|denial| {
        let leg: inputs::V2SwapByHop = abi::parameters(input).map_err(|_| denial)?;
        Ok(inputs::V2Swap {
            recipient: leg.recipient,
            amount: leg.amount,
            limit: leg.limit,
            path: leg.path,
            payerIsUser: leg.payerIsUser,
        })
    })?;
    let [from, between @ .., to] = leg.path.as_slice() else {
        return Err(dirty("the path of a swap has less than two tokens"));
    };
    Ok(Leg {
        recipient: leg.recipient,
        amount: leg.amount,
        limit: leg.limit,
        from: *from,
        to: *to,
        by_caller: leg.payerIsUser,
        names_output,
        // The router does not look at what comes out of a named output, and of others it compares
        // the balance of whoever gets it: a token on the way that lies about balances, or that has
        // something else paid out meanwhile, makes it as good as nothing.
        kept: flow.all_known(between),
        measured: !names_output,
    })
}

fn swap(leg: &Leg, sure: bool, flow: &mut Flow<'_, '_>) -> Result<(), Denial> {
    let (from, to) = (Coin::Token(leg.from), Coin::Token(leg.to));
    let party = recipient(leg.recipient, Some(to), flow)?;
    let (paid, least) = if leg.names_output {
        (leg.limit, leg.amount)
    } else {
        (leg.amount, leg.limit)
    };
    let hand = if leg.by_caller {
        if paid == ALL {
            // As much of the caller's as the router happens to hold.
            not_understood(flow, "the amount that the plan takes is unknown");
            return Ok(());
        }
        flow.enter(from, paid)
    } else if leg.names_output {
        flow.take(Some(from), Take::AtMost(paid), sure)
    } else {
        flow.take(Some(from), stated(paid), sure)
    };
    let least = if leg.kept { least } else { U256::ZERO };
    flow.measure(leg.measured, leg.kept, party);
    flow.swap(hand, Some(to), party, least, sure);
    Ok(())
}

/// A deposit into a bridge: what arrives elsewhere, nobody here can say.
fn bridge(input: &Bytes, flow: &mut Flow<'_, '_>) {
    if let Ok(inputs::Bridges { bridge }) = abi::parameters::<inputs::Bridges>(input) {
        let chain = bridge.destinationChainId.to_string();
        flow.parts.display.extend([
            field("Bridge to chain", chain),
            field("Recipient there", address_text(bridge.recipient)),
        ]);
    }
    not_understood(flow, "the plan sends value to another chain");
}
