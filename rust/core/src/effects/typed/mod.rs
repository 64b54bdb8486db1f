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
use crate::code::Code;
use crate::json::Json;
use crate::protocol::Protocol;
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
    if is_claimed(&typed.primary_type, contract, context) {
        let text = "the document has the name of a known type and is of another one";
        return Err(Denial::new(Code::TypeMismatch, text));
    }
    Ok(authority::nested(&typed.primary_type, contract, context))
}

/// Whether the contract takes documents of this name, which then have the known type. One with
/// another type is worth nothing there: it is only there to look like the known one.
fn is_claimed(primary_type: &str, contract: Address, context: &Context<'_>) -> bool {
    let of_protocol: &[&str] = match context.named(contract) {
        Some(Protocol::Permit2) => &[
            "PermitSingle",
            "PermitBatch",
            "PermitTransferFrom",
            "PermitBatchTransferFrom",
            "PermitWitnessTransferFrom",
            "PermitBatchWitnessTransferFrom",
        ],
        Some(Protocol::Seaport) => &["OrderComponents", "BulkOrder"],
        Some(Protocol::CowSettlement | Protocol::OneInchV5 | Protocol::OneInchV6) => &["Order"],
        Some(Protocol::ZeroEx) => &["LimitOrder", "RfqOrder", "OtcOrder"],
        Some(Protocol::Safe) => &["SafeTx"],
        _ => &[],
    };
    let of_tokens: &[&str] = match context.token(contract) {
        Some(_) => &[
            "Permit",
            "TransferWithAuthorization",
            "ReceiveWithAuthorization",
            "CancelAuthorization",
        ],
        None => &[],
    };
    of_protocol.contains(&primary_type) || of_tokens.contains(&primary_type)
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

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::hex;

    /// As their authors publish them.
    const PUBLISHED: [(&str, &str); 10] = [
        (
            seaport::ORDER,
            "fa445660b7e21515a59617fcd68910b487aa5808b8abda3d78bc85df364b2c2f",
        ),
        (
            cow::ORDER,
            "d5a25ba2e97094ad7d83dc28a6572da797d6b3e7fc6663bd93efb789fc17e489",
        ),
        (
            safe::TRANSACTION,
            "bb8310d486368db6bd6f849402fdd73ad53d316b5a4b2644ad6efe0f941286d8",
        ),
        (
            safe::TRANSACTION_OLD,
            "14d461bc7412367e924637b363c7bf29b8f47e2f84869f4426e5633d8af47b20",
        ),
        (
            forward::REQUEST,
            "dd8f4b70b0f4393e889bd39128a30628a78b61816a9eb8199759e7a349657e48",
        ),
        (
            authority::OPERATION,
            "29a0bca4af4be3421398da00295e58e6d7de38cb492214754cb6a47507dd6f8e",
        ),
        (
            authority::DELEGATION,
            "88c1d2ecf185adf710588203a5f263f0ff61be0d33da39792cde19ba9aa4331e",
        ),
        (
            authority::VOTES,
            "e48329057bfd03d55e49b547132e39cffd9c1820ad7b9d4c5307691425d15adf",
        ),
        (
            authority::BALLOT,
            "150214d74d59b7d1e90c73fc22ef3d991dd0a76b046543d4d80ab92d2a50328f",
        ),
        (
            permit2::SINGLE,
            "f3841cd1ff0085026a6327b620b67997ce40f282c88a8e905a7a5626e310f3d0",
        ),
    ];

    #[test]
    fn types_have_the_hashes_their_authors_publish() {
        for (kind, hash) in PUBLISHED {
            assert_eq!(hex::encode(keccak256(kind.as_bytes())), hash, "{kind}");
        }
    }

    #[test]
    fn bulk_orders_have_the_hashes_their_authors_publish() {
        for (height, hash) in [
            (
                1,
                "3ca2711d29384747a8f61d60aad3c450405f7aaff5613541dee28df2d6986d32",
            ),
            (
                24,
                "1d51df90cba8de7637ca3e8fe1e3511d1dc2f23487d05dbdecb781860c21ac1c",
            ),
        ] {
            let found = seaport::bulk_height("BulkOrder", hash.parse().unwrap_or_default());
            assert_eq!(found, Some(height));
        }
        assert_eq!(seaport::bulk_height("BulkOrder", B256::ZERO), None);
    }

    #[test]
    fn no_type_is_written_twice() {
        let mut hashes: Vec<B256> = KNOWN
            .iter()
            .map(|(kind, _)| keccak256(kind.as_bytes()))
            .collect();
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len(), KNOWN.len());
    }
}
