//! Typed-data documents that move value, one file a family. A document is known by its type hash
//! and by the contract that verifies it, never by its names; everything else stays opaque.

mod authority;
mod cow;
mod eip2612;
mod eip3009;
mod forward;
mod message;
mod nested;
mod oneinch;
pub(super) mod order;
mod permit2;
mod safe;
mod seaport;
mod uniswapx;
mod x402;
mod zeroex;

use alloy_primitives::{keccak256, Address, B256};

use super::context::Context;
use super::parts::Parts;
use super::Denial;
use crate::json::Json;
use crate::request::TypedData;
use message::Message;

/// Reads one kind of document; `None` when the contract is not one it is known for.
type Reader = fn(Address, &Message<'_>, &Context<'_>) -> Result<Option<Parts>, Denial>;

/// Every document that is understood: `encodeType` (EIP-712) and its reader.
const KNOWN: [(&str, Reader); 36] = [
    (eip3009::TRANSFER, eip3009::transfer),
    (eip3009::RECEIVE, eip3009::receive),
    (eip3009::CANCEL, eip3009::cancel),
    (eip2612::PERMIT, eip2612::permit),
    (eip2612::DAI_PERMIT, eip2612::dai_permit),
    (permit2::SINGLE, permit2::single),
    (permit2::BATCH, permit2::batch),
    (permit2::TRANSFER, permit2::transfer),
    (permit2::BATCH_TRANSFER, permit2::batch_transfer),
    (safe::TRANSACTION, safe::transaction),
    (safe::TRANSACTION_OLD, safe::transaction),
    (x402::EXACT, x402::payment),
    (x402::UPTO, x402::payment),
    (uniswapx::DUTCH, uniswapx::dutch),
    (uniswapx::EXCLUSIVE, uniswapx::dutch),
    (uniswapx::LIMIT, uniswapx::limit),
    (uniswapx::V2, uniswapx::v2),
    (uniswapx::V3, uniswapx::v3),
    (uniswapx::PRIORITY, uniswapx::priority),
    (seaport::ORDER, seaport::order),
    (cow::ORDER, cow::order),
    (zeroex::LIMIT, zeroex::order),
    (zeroex::RFQ, zeroex::order),
    (zeroex::OTC, zeroex::order),
    (oneinch::V3, oneinch::v3),
    (oneinch::V4, oneinch::v4),
    (forward::REQUEST, forward::request),
    (forward::REQUEST_5, forward::request),
    (forward::REQUEST_GSN, forward::request),
    (forward::SPONSORED, forward::sponsored),
    (forward::META, forward::meta),
    (authority::VOTES, authority::votes),
    (authority::DELEGATION, authority::delegation),
    (authority::OPERATION, authority::operation),
    (authority::BALLOT, authority::ballot),
    (authority::BALLOT_5, authority::ballot),
];

/// What the document does, or `None` for one nobody here understands.
///
/// # Errors
/// [`Denial`] for what no policy and no approval may allow.
pub(super) fn understand(
    typed: &TypedData,
    document: &Json<'_>,
    context: &Context<'_>,
) -> Result<Option<Parts>, Denial> {
    let (Some(contract), Some(message)) = (typed.verifying_contract, document.get("message"))
    else {
        return Ok(None);
    };
    let message = Message::new(message);
    if let Some(read) = known(&typed.primary_type, typed.type_hash) {
        return read(contract, &message, context);
    }
    if let Some(height) = seaport::bulk_height(&typed.primary_type, typed.type_hash) {
        return seaport::bulk(contract, &message, height, context);
    }
    if permit2::is_witness(&typed.primary_type, document) {
        return permit2::witness(contract, &message, context);
    }
    Ok(authority::nested(&typed.primary_type, contract, context))
}

/// The reader for a type. The name only saves hashing types that cannot be meant.
fn known(primary_type: &str, type_hash: B256) -> Option<Reader> {
    let named = KNOWN.iter().filter(|(kind, _)| {
        kind.strip_prefix(primary_type)
            .is_some_and(|rest| rest.starts_with('('))
    });
    let mut same = named.filter(|(kind, _)| keccak256(kind.as_bytes()) == type_hash);
    same.next().map(|(_, read)| *read)
}
