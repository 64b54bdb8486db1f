//! Calls of Seaport: filling the orders of others, and the wallet's own orders on chain. The caller
//! of a fill pays what the order asks for and gets what it offers.

use std::collections::HashMap;

use alloy_primitives::{Address, U256};
use alloy_sol_types::SolCall;

use super::abi as calls;
use super::order::Components;
use crate::code::WarningCode;
use crate::display::{field, warning};
use crate::effects::call::Call;
use crate::effects::common::native::push_value;
use crate::effects::common::opaque::trailing_bytes;
use crate::effects::common::order::{Leg, Which};
use crate::effects::common::trade::{Coin, Trade};
use crate::effects::context::Context;
use crate::effects::parts::Parts;
use crate::effects::{abi, Denial, EffectKind};

/// What the call does; `None` for a function that is not understood: orders can be matched with each
/// other in ways their legs do not tell.
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
            let (one, trailing) = abi::prefix::<calls::fulfillOrderCall>(arguments)?;
            (Fill::from(&one.order).parts(call, context), trailing)
        }
        calls::fulfillAdvancedOrderCall::SELECTOR => {
            let (one, trailing) = abi::prefix::<calls::fulfillAdvancedOrderCall>(arguments)?;
            let fill = Fill::from(&one.order).to(one.recipient);
            (fill.parts(call, context), trailing)
        }
        calls::fulfillAvailableOrdersCall::SELECTOR => {
            let (many, trailing) = abi::prefix::<calls::fulfillAvailableOrdersCall>(arguments)?;
            let fills = many.orders.iter().map(Fill::from);
            (fill_several(call, fills, context)?, trailing)
        }
        calls::fulfillAvailableAdvancedOrdersCall::SELECTOR => {
            let (many, trailing) =
                abi::prefix::<calls::fulfillAvailableAdvancedOrdersCall>(arguments)?;
            let fills = many.orders.iter();
            let fills = fills.map(|order| Fill::from(order).to(many.recipient));
            (fill_several(call, fills, context)?, trailing)
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

fn fill_basic(
    call: &Call<'_>,
    order: &calls::BasicOrderParameters,
    context: &Context<'_>,
) -> Option<Parts> {
    Fill::all(order.components()?).parts(call, context)
}

/// An order of somebody else that the caller takes.
struct Fill {
    order: Components,
    /// Of how many parts, how many.
    part: (U256, U256),
    /// `None` is the caller.
    recipient: Option<Address>,
    /// What it is if something surely comes back.
    kind: EffectKind,
}

impl From<&calls::Order> for Fill {
    fn from(order: &calls::Order) -> Self {
        Self::all(Components::from(&order.parameters))
    }
}

impl From<&calls::AdvancedOrder> for Fill {
    fn from(order: &calls::AdvancedOrder) -> Self {
        Self {
            part: (U256::from(order.numerator), U256::from(order.denominator)),
            ..Self::all(Components::from(&order.parameters))
        }
    }
}

impl Fill {
    const fn all(order: Components) -> Self {
        Self {
            order,
            part: (U256::ONE, U256::ONE),
            recipient: None,
            kind: EffectKind::Swap,
        }
    }

    /// The zero address stands for the caller.
    fn to(self, recipient: Address) -> Self {
        Self {
            recipient: Some(recipient).filter(|to| !to.is_zero()),
            ..self
        }
    }

    /// What the caller pays, all of it, for what it gets; `None` for an order that is odd.
    fn parts(&self, call: &Call<'_>, context: &Context<'_>) -> Option<Parts> {
        let order = &self.order;
        let (some, of) = self.part;
        // An order of the wallet itself needs no signature here: what it offers would leave, too.
        let is_own = context.is_own(order.offerer) || call.sender == Some(order.offerer);
        if is_own || !order.is_fixed() || some.is_zero() || of < some {
            return None;
        }
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
            let least = item.least().checked_mul(some)?.checked_div(of)?;
            gets.push(item.leg(least, context)?);
        }
        let recipient = self.recipient.or(call.sender);
        // What is offered arrives first: fees in the same token are paid out of it.
        if recipient == call.sender {
            settle(&mut pays, &mut gets);
        }
        let trade = Trade {
            kind: self.kind,
            action: "fill an order of the market",
            pays: &pairs(&pays),
            gets: &pairs(&gets),
            recipient,
            through: call.to,
            expires: None,
        };
        let mut parts = trade.parts(context)?;
        if some != of && call.value.is_zero() {
            // What is paid counts as a whole, so what comes back for it does.
            let gets = parts.exchanges.iter_mut().flat_map(|one| &mut one.gets);
            for (_, amount) in gets {
                *amount = amount.saturating_mul(of).checked_div(some)?;
            }
        }
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
}

fn pairs(legs: &[Leg]) -> Vec<(Coin, U256)> {
    legs.iter().map(|leg| (leg.coin, leg.amount)).collect()
}

/// Several orders, as many as are still there. What they cost is counted; whether everything that is
/// paid for arrives depends on how the caller groups it, which is not followed: a person decides.
fn fill_several(
    call: &Call<'_>,
    fills: impl ExactSizeIterator<Item = Fill>,
    context: &Context<'_>,
) -> Result<Option<Parts>, Denial> {
    let mut parts = Parts::default();
    let action = format!("fill up to {} orders of the market", fills.len());
    parts.display.push(field("Action", action));
    push_value(Some(call.to), call.value, &mut parts, context);
    let paid_once = Call {
        value: U256::ZERO,
        ..*call
    };
    for (number, fill) in fills.enumerate() {
        let fill = Fill {
            kind: EffectKind::Transfer,
            ..fill
        };
        let Some(mut inner) = fill.parts(&paid_once, context) else {
            return Ok(None);
        };
        // Orders for the coin share what is sent along.
        inner.effects.retain(|effect| !effect.amount.is_zero());
        parts.nest(number, inner);
    }
    let text = "which of the orders are filled, and what arrives of them, is not followed";
    parts
        .warnings
        .push(warning(WarningCode::SeveralOrders, text));
    let whole = context.effect(EffectKind::Call, None, Some(call.to), U256::ZERO);
    parts.effects.push(whole);
    Ok(Some(parts))
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
        field("Through", context.contract_text(call.to)),
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
