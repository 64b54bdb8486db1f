//! Orders of CoW Protocol: solvers settle them in batches through one contract, never worse than the
//! order says.

use alloy_primitives::{address, Address};

use super::SETTLEMENT;
use crate::display::field;
use crate::effects::common::order::{Leg, Order};
use crate::effects::common::trade::Coin;
use crate::effects::context::Context;
use crate::effects::message::Message;
use crate::effects::parts::Parts;
use crate::effects::Denial;

pub(super) const ORDER: &str = "Order(address sellToken,address buyToken,address receiver,uint256 sellAmount,uint256 buyAmount,uint32 validTo,bytes32 appData,uint256 feeAmount,string kind,bool partiallyFillable,string sellTokenBalance,string buyTokenBalance)";

/// Stands for the coin of the chain among what is bought.
const COIN: Address = address!("0xEeeeeEeeeEeEeeEeEeEeeEEEeeeeEeeeeeeeEEeE");

pub(super) fn order(
    contract: Address,
    message: &Message<'_>,
    context: &Context<'_>,
) -> Result<Option<Parts>, Denial> {
    if context.protocol(contract) != Some(SETTLEMENT) {
        return Ok(None);
    }
    Ok(read(contract, message, context))
}

/// The owner is whoever signs: the order does not name it.
fn read(contract: Address, message: &Message<'_>, context: &Context<'_>) -> Option<Parts> {
    let owner = context.wallet.unwrap_or_default();
    let sold = message.address("sellToken")?;
    // The amounts hold for both kinds: at most this is sold, at least that is bought.
    let known = matches!(message.text("kind")?, "sell" | "buy");
    // Balances kept inside of another contract are not understood.
    let plain =
        message.text("sellTokenBalance")? == "erc20" && message.text("buyTokenBalance")? == "erc20";
    context.token(sold)?;
    if !known || !plain {
        return None;
    }
    // The fee is taken on top of what is sold.
    let amount = message.uint("sellAmount")?;
    let amount = amount.saturating_add(message.uint("feeAmount")?);
    let bought = match message.address("buyToken")? {
        COIN => Coin::Native,
        token => Coin::Token(token),
    };
    let back = Leg::plain(bought, message.uint("buyAmount")?);
    let receiver = message.address("receiver")?;
    let is_own = receiver.is_zero() || receiver == owner;
    let order = Order {
        action: "sign an order to swap",
        owner,
        gives: vec![Leg::plain(Coin::Token(sold), amount)],
        gets: if is_own { vec![back] } else { Vec::new() },
        others: if is_own {
            Vec::new()
        } else {
            vec![(receiver, back)]
        },
        through: contract,
        until: Some(message.uint("validTo")?),
        unsure: None,
    };
    let mut parts = order.parts(context)?;
    let data = message.text("appData")?.to_owned();
    parts.display.push(field("App data", data));
    Some(parts)
}
