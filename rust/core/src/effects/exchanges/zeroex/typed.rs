//! Limit orders of 0x, version 4. Market makers and takers that an order names can only narrow who
//! may fill it.

use alloy_primitives::{Address, U256};

use super::EXCHANGE;
use crate::display::{address_text, field};
use crate::effects::common::order::{Leg, Order};
use crate::effects::common::trade::Coin;
use crate::effects::context::{check_own_funds, Context};
use crate::effects::message::Message;
use crate::effects::parts::Parts;
use crate::effects::Denial;

pub(super) const LIMIT: &str = "LimitOrder(address makerToken,address takerToken,uint128 makerAmount,uint128 takerAmount,uint128 takerTokenFeeAmount,address maker,address taker,address sender,address feeRecipient,bytes32 pool,uint64 expiry,uint256 salt)";
pub(super) const RFQ: &str = "RfqOrder(address makerToken,address takerToken,uint128 makerAmount,uint128 takerAmount,address maker,address taker,address txOrigin,bytes32 pool,uint64 expiry,uint256 salt)";
pub(super) const OTC: &str = "OtcOrder(address makerToken,address takerToken,uint128 makerAmount,uint128 takerAmount,address maker,address taker,address txOrigin,uint256 expiryAndNonce)";

/// Where the expiry starts in `expiryAndNonce`.
const EXPIRY_BIT: usize = 192;

pub(super) fn order(
    contract: Address,
    message: &Message<'_>,
    context: &Context<'_>,
) -> Result<Option<Parts>, Denial> {
    let Some(maker) = message.address("maker") else {
        return Ok(None);
    };
    if context.protocol(contract) != Some(EXCHANGE) {
        return Ok(None);
    }
    check_own_funds(maker, context)?;
    Ok(read(contract, maker, message, context))
}

fn read(
    contract: Address,
    maker: Address,
    message: &Message<'_>,
    context: &Context<'_>,
) -> Option<Parts> {
    let token = message.address("makerToken")?;
    context.token(token)?;
    let expiry = message.uint("expiry");
    let packed = message.uint("expiryAndNonce");
    let until: U256 = expiry.or_else(|| packed.map(|packed| packed.wrapping_shr(EXPIRY_BIT)))?;
    let bought = Coin::Token(message.address("takerToken")?);
    let order = Order {
        action: "sign an order to swap",
        owner: maker,
        gives: vec![Leg::plain(Coin::Token(token), message.uint("makerAmount")?)],
        gets: vec![Leg::plain(bought, message.uint("takerAmount")?)],
        others: Vec::new(),
        through: contract,
        until: Some(until),
        unsure: None,
    };
    let mut parts = order.parts(context)?;
    let taker = message.address("taker")?;
    if !taker.is_zero() {
        parts
            .display
            .push(field("Only filled by", address_text(taker)));
    }
    Some(parts)
}
