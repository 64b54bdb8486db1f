//! Calls of Seaport: filling the orders of others, and the wallet's own orders on chain. The caller
//! of a fill pays what the order asks for and gets what it offers.

use std::collections::HashMap;

use alloy_primitives::{Address, U256};
use alloy_sol_types::SolCall;

use super::super::abi;
use super::super::context::{address_text, field, Context};
use super::super::parts::Parts;
use super::super::typed::order::{Leg, Which};
use super::super::{Denial, EffectKind};
use super::erc20::trailing_bytes;
use super::seaport_abi as calls;
use super::seaport_order::Components;
use super::trade::{Coin, Trade};
use super::Call;

/// What the call does; `None` for a function that is not understood: several orders at once can be
/// matched with each other in ways their legs do not tell.
///
/// # Errors
/// `dirty_calldata`, and what an order of the wallet is denied for.
pub(super) fn decode(call: &Call<'_>, context: &Context<'_>) -> Result<Option<Parts>, Denial> {
    let Some((selector, arguments)) = call.split() else {
        return Ok(None);
    };
    let (parts, trailing) = match *selector {
        calls::fulfillBasicOrderCall::SELECTOR => {
            let (basic, trailing) = abi::prefix::<calls::fulfillBasicOrderCall>(arguments)?;
            (fill_basic(call, &basic.parameters, context), trailing)
        }
        calls::fulfillBasicOrder_efficient_6GL6ycCall::SELECTOR => {
            let (basic, trailing) =
                abi::prefix::<calls::fulfillBasicOrder_efficient_6GL6ycCall>(arguments)?;
            (fill_basic(call, &basic.parameters, context), trailing)
        }
        calls::fulfillOrderCall::SELECTOR => {
            let (fill, trailing) = abi::prefix::<calls::fulfillOrderCall>(arguments)?;
            let order = Components::from(&fill.order.parameters);
            (fill_order(call, &order, ALL, None, context), trailing)
        }
        calls::fulfillAdvancedOrderCall::SELECTOR => {
            let (fill, trailing) = abi::prefix::<calls::fulfillAdvancedOrderCall>(arguments)?;
            let order = Components::from(&fill.order.parameters);
            let part = (
                U256::from(fill.order.numerator),
                U256::from(fill.order.denominator),
            );
            let recipient = Some(fill.recipient).filter(|to| !to.is_zero());
            (fill_order(call, &order, part, recipient, context), trailing)
        }
        // What is left cannot be paid for.
        _ if !call.value.is_zero() => return Ok(None),
        calls::cancelCall::SELECTOR => {
            let (cancel, trailing) = abi::prefix::<calls::cancelCall>(arguments)?;
            let action = format!("cancel {} orders", cancel.orders.len());
            (Some(revoke(call, action, context)), trailing)
        }
        calls::incrementCounterCall::SELECTOR => {
            let (_, trailing) = abi::prefix::<calls::incrementCounterCall>(arguments)?;
            let action = "cancel all orders".to_owned();
            (Some(revoke(call, action, context)), trailing)
        }
        calls::validateCall::SELECTOR => {
            let (validate, trailing) = abi::prefix::<calls::validateCall>(arguments)?;
            (put_on_chain(call, &validate.orders, context)?, trailing)
        }
        _ => return Ok(None),
    };
    Ok(parts.map(|mut parts| {
        if trailing > 0 {
            parts.warnings.push(trailing_bytes(trailing));
        }
        parts
    }))
}

/// The whole order.
const ALL: (U256, U256) = (U256::ONE, U256::ONE);

fn fill_basic(
    call: &Call<'_>,
    order: &calls::BasicOrderParameters,
    context: &Context<'_>,
) -> Option<Parts> {
    fill_order(call, &order.components()?, ALL, None, context)
}

/// `part` is a fraction; a recipient of `None` is the caller.
fn fill_order(
    call: &Call<'_>,
    order: &Components,
    part: (U256, U256),
    recipient: Option<Address>,
    context: &Context<'_>,
) -> Option<Parts> {
    // An order of the wallet itself needs no signature here: what it offers would leave, too.
    let is_own = context.is_own(order.offerer) || call.sender == Some(order.offerer);
    if is_own || !order.is_fixed() || part.0.is_zero() || part.1 < part.0 {
        return None;
    }
    let recipient = recipient.or(call.sender);
    let mut pays: Vec<Leg> = Vec::new();
    for item in &order.consideration {
        let leg = item.leg(item.most(), context)?;
        // The coin cannot be taken, only sent along.
        if leg.coin != Coin::Native {
            pays.push(leg);
        }
    }
    if !call.value.is_zero() {
        pays.push(Leg::plain(Coin::Native, call.value));
    }
    let mut gets: Vec<Leg> = Vec::new();
    for item in &order.offer {
        if item.kind == 0 {
            return None;
        }
        let least = item.least().checked_mul(part.0)?.checked_div(part.1)?;
        gets.push(item.leg(least, context)?);
    }
    // What is offered arrives first: fees in the same token are paid out of it.
    if recipient == call.sender {
        settle(&mut pays, &mut gets);
    }
    let pairs = |legs: &[Leg]| {
        let each = legs.iter().map(|leg| (leg.coin, leg.amount));
        each.collect::<Vec<(Coin, U256)>>()
    };
    let (paid, got) = (pairs(&pays), pairs(&gets));
    let trade = Trade {
        kind: EffectKind::Swap,
        action: "fill an order of the market",
        pays: &paid,
        gets: &got,
        recipient,
        through: call.to,
        expires: None,
    };
    let mut parts = trade.parts(context)?;
    for leg in pays.iter().chain(&gets) {
        if leg.which != Which::Alike {
            parts.display.push(field("Item", leg.text(context)));
        }
    }
    if parts.effects.is_empty() {
        let nothing = context.native_transfer(Some(call.to), U256::ZERO);
        parts.effects.push(nothing);
    }
    Some(parts)
}

/// Takes what is paid in a fungible token off what is got of it, where that is enough.
fn settle(pays: &mut Vec<Leg>, gets: &mut [Leg]) {
    let mut places: HashMap<Address, usize> = HashMap::new();
    for (place, got) in gets.iter().enumerate() {
        if let (Coin::Token(token), Which::Alike) = (got.coin, got.which) {
            places.entry(token).or_insert(place);
        }
    }
    pays.retain(|paid| {
        let (Coin::Token(token), Which::Alike) = (paid.coin, paid.which) else {
            return true;
        };
        let got = places.get(&token).and_then(|place| gets.get_mut(*place));
        let Some(got) = got.filter(|got| got.amount >= paid.amount) else {
            return true;
        };
        got.amount = got.amount.saturating_sub(paid.amount);
        false
    });
}

fn revoke(call: &Call<'_>, action: String, context: &Context<'_>) -> Parts {
    let effect = context.effect(EffectKind::Revoke, None, Some(call.to), U256::ZERO);
    let display = vec![
        field("Action", action),
        field("Through", address_text(call.to)),
    ];
    Parts::new(vec![effect], display, Vec::new())
}

/// An order put on chain by its offerer needs no signature any more.
fn put_on_chain(
    call: &Call<'_>,
    orders: &[calls::Order],
    context: &Context<'_>,
) -> Result<Option<Parts>, Denial> {
    let mut parts = Parts::default();
    for (number, order) in orders.iter().enumerate() {
        let total = U256::from(order.parameters.consideration.len());
        let order_parts = Components::from(&order.parameters);
        // Otherwise some of what is asked for is not part of the order that stays.
        let same = order.parameters.totalOriginalConsiderationItems == total;
        let is_own = context.wallet.is_none() || context.is_own(order_parts.offerer);
        if !same || !is_own {
            return Ok(None);
        }
        let action = "put an order on the market";
        match order_parts.parts(call.to, action, context)? {
            Some(inner) => parts.nest(number, inner),
            None => return Ok(None),
        }
    }
    Ok((!orders.is_empty()).then_some(parts))
}
