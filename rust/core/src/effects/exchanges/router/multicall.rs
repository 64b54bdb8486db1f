//! Payments of the routers of Uniswap V3: the steps of a multicall that fetch what a swap left in the
//! router, wrap, unwrap, or use a permit.

use alloy_primitives::{Address, U256};
use alloy_sol_types::SolCall;

use super::flow::{part_of, Flow, Kind, Party, Take};
use crate::effects::abi::{self, dirty};
use crate::effects::common::opaque::trailing_bytes;
use crate::effects::common::trade::Coin;
use crate::effects::context::{allowance_display, unlimited_warning};
use crate::effects::exchanges::universal_router::plan::not_understood;
use crate::effects::{Denial, EffectKind};

const BIPS: U256 = U256::from_limbs([10_000, 0, 0, 0]);

#[allow(missing_docs, reason = "the names are those of the ABI")]
mod calls {
    alloy_sol_types::sol! {
        function unwrapWETH9(uint256 amountMinimum, address recipient);
        function refundETH();
        function sweepToken(address token, uint256 amountMinimum, address recipient);
        function unwrapWETH9WithFee(uint256 amountMinimum, address recipient, uint256 feeBips, address feeRecipient);
        function sweepTokenWithFee(address token, uint256 amountMinimum, address recipient, uint256 feeBips, address feeRecipient);
        function selfPermit(address token, uint256 value, uint256 deadline, uint8 v, bytes32 r, bytes32 s);
        function selfPermitIfNecessary(address token, uint256 value, uint256 deadline, uint8 v, bytes32 r, bytes32 s);
        function selfPermitAllowed(address token, uint256 nonce, uint256 expiry, uint8 v, bytes32 r, bytes32 s);
        function selfPermitAllowedIfNecessary(address token, uint256 nonce, uint256 expiry, uint8 v, bytes32 r, bytes32 s);
    }
    /// To the caller; only the second router has these.
    pub mod own {
        alloy_sol_types::sol! {
            function unwrapWETH9(uint256 amountMinimum);
            function sweepToken(address token, uint256 amountMinimum);
            function unwrapWETH9WithFee(uint256 amountMinimum, uint256 feeBips, address feeRecipient);
            function sweepTokenWithFee(address token, uint256 amountMinimum, uint256 feeBips, address feeRecipient);
            function wrapETH(uint256 value);
            function pull(address token, uint256 value);
        }
    }
}

/// The arguments of a step; bytes after them are said.
///
/// # Errors
/// `dirty_calldata`.
pub(in crate::effects) fn read<C: SolCall>(
    arguments: &[u8],
    flow: &mut Flow<'_, '_>,
) -> Result<C, Denial> {
    let (call, trailing) = abi::prefix::<C>(arguments)?;
    if trailing > 0 {
        flow.parts.warnings.push(trailing_bytes(trailing));
    }
    Ok(call)
}

/// Whether the step is one of these.
pub(in crate::effects) fn step(
    selector: [u8; 4],
    arguments: &[u8],
    second: bool,
    flow: &mut Flow<'_, '_>,
) -> Result<bool, Denial> {
    let coin = Some(Coin::Native);
    match selector {
        calls::unwrapWETH9Call::SELECTOR => {
            let call: calls::unwrapWETH9Call = read(arguments, flow)?;
            let party = flow.party(call.recipient, coin)?;
            fetch(None, coin, party, call.amountMinimum, flow);
        }
        calls::sweepTokenCall::SELECTOR => {
            let call: calls::sweepTokenCall = read(arguments, flow)?;
            let token = Some(Coin::Token(call.token));
            let party = flow.party(call.recipient, token)?;
            fetch(token, token, party, call.amountMinimum, flow);
        }
        calls::refundETHCall::SELECTOR => {
            let _: calls::refundETHCall = read(arguments, flow)?;
            fetch(coin, coin, flow.caller(), U256::ZERO, flow);
        }
        calls::unwrapWETH9WithFeeCall::SELECTOR => {
            let call: calls::unwrapWETH9WithFeeCall = read(arguments, flow)?;
            let party = flow.party(call.recipient, coin)?;
            let fee = (call.feeBips, call.feeRecipient);
            with_fee(None, coin, party, call.amountMinimum, fee, flow)?;
        }
        calls::sweepTokenWithFeeCall::SELECTOR => {
            let call: calls::sweepTokenWithFeeCall = read(arguments, flow)?;
            let token = Some(Coin::Token(call.token));
            let party = flow.party(call.recipient, token)?;
            let fee = (call.feeBips, call.feeRecipient);
            with_fee(token, token, party, call.amountMinimum, fee, flow)?;
        }
        calls::selfPermitCall::SELECTOR => {
            let call: calls::selfPermitCall = read(arguments, flow)?;
            permit(call.token, call.value, flow);
        }
        calls::selfPermitIfNecessaryCall::SELECTOR => {
            let call: calls::selfPermitIfNecessaryCall = read(arguments, flow)?;
            permit(call.token, call.value, flow);
        }
        calls::selfPermitAllowedCall::SELECTOR => {
            let call: calls::selfPermitAllowedCall = read(arguments, flow)?;
            permit(call.token, U256::MAX, flow);
        }
        calls::selfPermitAllowedIfNecessaryCall::SELECTOR => {
            let call: calls::selfPermitAllowedIfNecessaryCall = read(arguments, flow)?;
            permit(call.token, U256::MAX, flow);
        }
        _ if second => return own(selector, arguments, flow),
        _ => return Ok(false),
    }
    Ok(true)
}

fn own(selector: [u8; 4], arguments: &[u8], flow: &mut Flow<'_, '_>) -> Result<bool, Denial> {
    let coin = Some(Coin::Native);
    let caller = flow.caller();
    match selector {
        calls::own::unwrapWETH9Call::SELECTOR => {
            let call: calls::own::unwrapWETH9Call = read(arguments, flow)?;
            fetch(None, coin, caller, call.amountMinimum, flow);
        }
        calls::own::sweepTokenCall::SELECTOR => {
            let call: calls::own::sweepTokenCall = read(arguments, flow)?;
            let token = Some(Coin::Token(call.token));
            fetch(token, token, caller, call.amountMinimum, flow);
        }
        calls::own::unwrapWETH9WithFeeCall::SELECTOR => {
            let call: calls::own::unwrapWETH9WithFeeCall = read(arguments, flow)?;
            let fee = (call.feeBips, call.feeRecipient);
            with_fee(None, coin, caller, call.amountMinimum, fee, flow)?;
        }
        calls::own::sweepTokenWithFeeCall::SELECTOR => {
            let call: calls::own::sweepTokenWithFeeCall = read(arguments, flow)?;
            let token = Some(Coin::Token(call.token));
            let fee = (call.feeBips, call.feeRecipient);
            with_fee(token, token, caller, call.amountMinimum, fee, flow)?;
        }
        calls::own::wrapETHCall::SELECTOR => {
            let call: calls::own::wrapETHCall = read(arguments, flow)?;
            let hand = flow.take(coin, Take::Exactly(call.value), true);
            flow.put(None, &hand);
        }
        calls::own::pullCall::SELECTOR => {
            let call: calls::own::pullCall = read(arguments, flow)?;
            let token = Coin::Token(call.token);
            let hand = flow.enter(token, call.value);
            flow.put(Some(token), &hand);
        }
        _ => return Ok(false),
    }
    Ok(true)
}

/// All of what the router holds goes to the party, as `out`.
fn fetch(held: Kind, out: Kind, party: Party, least: U256, flow: &mut Flow<'_, '_>) {
    if party == Party::Router && held == out {
        return;
    }
    let hand = flow.take(held, Take::All, true);
    flow.give(&hand, out, party, least, true);
    run_others(out, party, flow);
}

/// Whoever gets the coin runs, and so does a token nobody registered.
fn run_others(out: Kind, party: Party, flow: &mut Flow<'_, '_>) {
    let runs = match out {
        Some(Coin::Native) => matches!(party, Party::Other(_)),
        Some(Coin::Token(token)) => !flow.all_known(&[token]),
        None => false,
    };
    if runs {
        flow.expose();
    }
}

/// The same after a share of it went elsewhere. The least amount is checked before.
fn with_fee(
    held: Kind,
    out: Kind,
    party: Party,
    least: U256,
    (bips, to): (U256, Address),
    flow: &mut Flow<'_, '_>,
) -> Result<(), Denial> {
    if bips > BIPS {
        return Err(dirty("the plan pays more than all there is"));
    }
    let taker = flow.party(to, out)?;
    flow.pay_share(held, taker, (bips, BIPS), true);
    let least = least.saturating_sub(part_of(least, (bips, BIPS)));
    fetch(held, out, party, least, flow);
    run_others(out, taker, flow);
    Ok(())
}

/// A permit of the caller for the router itself.
fn permit(token: Address, amount: U256, flow: &mut Flow<'_, '_>) {
    let context = flow.context;
    let Some(asset) = context.token(token) else {
        not_understood(
            flow,
            "the plan allows to take a token that is not registered",
        );
        return;
    };
    let kind = if amount.is_zero() {
        EffectKind::Revoke
    } else {
        EffectKind::Allowance
    };
    let effect = context.effect(kind, Some(asset), Some(flow.router), amount);
    let action = "use a signature that allows to take";
    let shown = allowance_display(action, asset, token, &effect);
    flow.parts.warnings.extend(unlimited_warning(&effect));
    flow.parts.display.extend(shown);
    flow.parts.effects.push(effect);
}
