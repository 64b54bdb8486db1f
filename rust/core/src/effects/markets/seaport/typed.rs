//! Orders of Seaport, one at a time or as leaves of a tree that is signed at once.

use alloy_primitives::{keccak256, Address, B256, U256};

use super::order::{Components, Item};
use super::SEAPORT;
use crate::asset::Asset;
use crate::display::{amount_text, field, DisplayLine};
use crate::effects::context::Context;
use crate::effects::hidden::Hidden;
use crate::effects::message::Message;
use crate::effects::parts::Parts;
use crate::effects::{Denial, Effect};
use crate::json::Json;

pub(super) const ORDER: &str = "OrderComponents(address offerer,address zone,OfferItem[] offer,ConsiderationItem[] consideration,uint8 orderType,uint256 startTime,uint256 endTime,bytes32 zoneHash,uint256 salt,bytes32 conduitKey,uint256 counter)ConsiderationItem(uint8 itemType,address token,uint256 identifierOrCriteria,uint256 startAmount,uint256 endAmount,address recipient)OfferItem(uint8 itemType,address token,uint256 identifierOrCriteria,uint256 startAmount,uint256 endAmount)";
const BULK_NAME: &str = "BulkOrder";
const BULK_REST: &str = "ConsiderationItem(uint8 itemType,address token,uint256 identifierOrCriteria,uint256 startAmount,uint256 endAmount,address recipient)OfferItem(uint8 itemType,address token,uint256 identifierOrCriteria,uint256 startAmount,uint256 endAmount)OrderComponents(address offerer,address zone,OfferItem[] offer,ConsiderationItem[] consideration,uint8 orderType,uint256 startTime,uint256 endTime,bytes32 zoneHash,uint256 salt,bytes32 conduitKey,uint256 counter)";
/// A tree is at most this high.
const HEIGHT_MAX: usize = 24;
/// Orders of a tree shown one by one; all of them count.
const ORDERS_SHOWN_MAX: usize = 16;

const ACTION: &str = "sign an order of the market";

pub(super) fn order(
    contract: Address,
    message: &Message<'_>,
    context: &Context<'_>,
) -> Result<Option<Parts>, Denial> {
    if context.protocol(contract) != Some(SEAPORT) {
        return Ok(None);
    }
    match components(message) {
        Some(components) => components.parts(contract, ACTION, context),
        None => Ok(None),
    }
}

/// How high the tree of a bulk order is, if the type is one.
pub(in crate::effects) fn bulk_height(primary_type: &str, type_hash: B256) -> Option<usize> {
    if primary_type != BULK_NAME {
        return None;
    }
    let mut dimensions = String::new();
    (1..=HEIGHT_MAX).find(|_| {
        dimensions.push_str("[2]");
        let kind = format!("{BULK_NAME}(OrderComponents{dimensions} tree){BULK_REST}");
        keccak256(kind.as_bytes()) == type_hash
    })
}

/// Every leaf is an order by itself; all of them count.
pub(in crate::effects) fn bulk(
    contract: Address,
    message: &Message<'_>,
    height: usize,
    context: &Context<'_>,
) -> Result<Option<Parts>, Denial> {
    let tree = message.member("tree");
    if context.protocol(contract) != Some(SEAPORT) {
        return Ok(None);
    }
    let Some(leaves) = tree.and_then(|tree| leaves(tree, height)) else {
        return Ok(None);
    };
    let mut orders = Vec::new();
    for leaf in leaves {
        match components(&Message::new(leaf)) {
            Some(filler) if filler.is_filler() => {}
            Some(order) => orders.push(order),
            None => return Ok(None),
        }
    }
    if orders.is_empty() {
        return Ok(None);
    }
    let mut parts = Parts::default();
    for (number, order) in orders.iter().enumerate() {
        let Some(mut inner) = order.parts(contract, ACTION, context)? else {
            return Ok(None);
        };
        if number >= ORDERS_SHOWN_MAX {
            inner.display.clear();
        } else {
            let title = format!("{} of {}", number.saturating_add(1), orders.len());
            parts.display.push(field("Order", title));
            // Said once, of all of them.
            inner.display.retain(|line| line.label != "Action");
        }
        parts.nest(number, inner);
    }
    let more = orders.len().saturating_sub(ORDERS_SHOWN_MAX);
    if more > 0 {
        let text = format!("{more}, not shown; their amounts are counted");
        parts.display.push(field("More orders", text));
        let mut hidden = Hidden::default();
        hidden.leave_out(more);
        parts.warnings.extend(hidden.warning());
    }
    let action = format!("sign {} orders of the market at once", orders.len());
    let mut display = vec![field("Action", action)];
    display.extend(given_in_all(&parts.effects));
    display.append(&mut parts.display);
    parts.display = display;
    Ok(Some(parts))
}

/// A line for each asset that leaves if every order is filled.
fn given_in_all(effects: &[Effect]) -> Vec<DisplayLine> {
    let mut sums: Vec<(&Asset, U256)> = Vec::new();
    for effect in effects {
        let Some(asset) = &effect.asset else {
            continue;
        };
        match sums.iter_mut().find(|(one, _)| *one == asset) {
            Some((_, sum)) => *sum = sum.saturating_add(effect.amount),
            None => sums.push((asset, effect.amount)),
        }
    }
    let lines = sums.into_iter();
    let lines = lines.map(|(asset, sum)| field("Give in all", amount_text(asset, sum)));
    lines.collect()
}

/// The leaves of a tree of this height, in order; every branch has two.
fn leaves<'j>(tree: &'j Json<'j>, height: usize) -> Option<Vec<&'j Json<'j>>> {
    let mut level = vec![tree];
    for _ in 0..height {
        let mut below = Vec::with_capacity(level.len().saturating_mul(2));
        for branch in level {
            let [left, right] = branch.as_array()? else {
                return None;
            };
            below.push(left);
            below.push(right);
        }
        level = below;
    }
    Some(level)
}

fn components(message: &Message<'_>) -> Option<Components> {
    let offer = message.items("offer")?.map(|one| item(&one, Address::ZERO));
    let consideration = message
        .items("consideration")?
        .map(|one| item(&one, one.address("recipient")?));
    Some(Components {
        offerer: message.address("offerer")?,
        zone: message.address("zone")?,
        offer: offer.collect::<Option<_>>()?,
        consideration: consideration.collect::<Option<_>>()?,
        order_type: small(message.uint("orderType")?)?,
        end: message.uint("endTime")?,
        conduit_key: B256::try_from(message.bytes("conduitKey")?.as_slice()).ok()?,
    })
}

fn item(message: &Message<'_>, recipient: Address) -> Option<Item> {
    Some(Item {
        kind: small(message.uint("itemType")?)?,
        token: message.address("token")?,
        number: message.uint("identifierOrCriteria")?,
        start: message.uint("startAmount")?,
        end: message.uint("endAmount")?,
        recipient,
    })
}

fn small(number: U256) -> Option<u8> {
    u8::try_from(number).ok()
}
