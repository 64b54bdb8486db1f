//! Limit orders of 1inch, versions 3 and 4. An order can name contracts that compute its price; then
//! nobody can say what comes back, but the amount that can leave is the same.

use alloy_primitives::{Address, U256};

use super::{V5, V6};
use crate::effects::common::order::{Leg, Order};
use crate::effects::common::trade::Coin;
use crate::effects::context::{check_own_funds, Context};
use crate::effects::message::Message;
use crate::effects::parts::Parts;
use crate::effects::Denial;
use crate::protocol::Protocol;

pub(super) const V3: &str = "Order(uint256 salt,address makerAsset,address takerAsset,address maker,address receiver,address allowedSender,uint256 makingAmount,uint256 takingAmount,uint256 offsets,bytes interactions)";
pub(super) const V4: &str = "Order(uint256 salt,address maker,address receiver,address makerAsset,address takerAsset,uint256 makingAmount,uint256 takingAmount,uint256 makerTraits)";

/// `makerTraits`: the order has an extension, the taker's WETH is unwrapped.
const EXTENSION_BIT: usize = 249;
const UNWRAP_BIT: usize = 247;
/// `makerTraits`: where 40 bits of expiry start; 0 is none.
const EXPIRY_BIT: usize = 80;
const EXPIRY_MASK: u64 = 0xff_ffff_ffff;

pub(super) fn v3(
    contract: Address,
    message: &Message<'_>,
    context: &Context<'_>,
) -> Result<Option<Parts>, Denial> {
    let Some(more) = message.bytes("interactions") else {
        return Ok(None);
    };
    let terms = Terms {
        protocol: V5,
        unsure: !more.is_empty(),
        unwraps: false,
        until: None,
    };
    order(contract, message, &terms, context)
}

pub(super) fn v4(
    contract: Address,
    message: &Message<'_>,
    context: &Context<'_>,
) -> Result<Option<Parts>, Denial> {
    let Some(traits) = message.uint("makerTraits") else {
        return Ok(None);
    };
    let [low, ..] = traits.wrapping_shr(EXPIRY_BIT).into_limbs();
    let expiry = U256::from(low & EXPIRY_MASK);
    let terms = Terms {
        protocol: V6,
        unsure: traits.bit(EXTENSION_BIT),
        unwraps: traits.bit(UNWRAP_BIT),
        until: Some(expiry).filter(|expiry| !expiry.is_zero()),
    };
    order(contract, message, &terms, context)
}

/// What the versions write in different ways.
struct Terms {
    protocol: Protocol,
    /// Contracts of the maker's choice compute the price.
    unsure: bool,
    unwraps: bool,
    until: Option<U256>,
}

fn order(
    contract: Address,
    message: &Message<'_>,
    terms: &Terms,
    context: &Context<'_>,
) -> Result<Option<Parts>, Denial> {
    let Some(maker) = message.address("maker") else {
        return Ok(None);
    };
    if context.protocol(contract) != Some(terms.protocol) {
        return Ok(None);
    }
    check_own_funds(maker, context)?;
    Ok(read(contract, maker, message, terms, context))
}

fn read(
    contract: Address,
    maker: Address,
    message: &Message<'_>,
    terms: &Terms,
    context: &Context<'_>,
) -> Option<Parts> {
    let given = message.address("makerAsset")?;
    context.token(given)?;
    let taken = message.address("takerAsset")?;
    let is_coin = terms.unwraps && context.protocol(taken) == Some(Protocol::WETH);
    let bought = if is_coin {
        Coin::Native
    } else {
        Coin::Token(taken)
    };
    let back = Leg::plain(bought, message.uint("takingAmount")?);
    let receiver = message.address("receiver")?;
    let is_own = receiver.is_zero() || receiver == maker;
    let (gets, others) = if is_own {
        (vec![back], Vec::new())
    } else {
        (Vec::new(), vec![(receiver, back)])
    };
    let why = "contracts the guardian does not see compute what comes back: it can be nothing";
    let order = Order {
        action: "sign an order to swap",
        owner: maker,
        gives: vec![Leg::plain(
            Coin::Token(given),
            message.uint("makingAmount")?,
        )],
        gets,
        others,
        through: contract,
        until: terms.until,
        unsure: terms.unsure.then_some(why),
    };
    order.parts(context)
}
