//! Typed-data documents that move value. A document is known by its type hash and by the contract
//! that verifies it, never by its names; everything else stays opaque. Readers are found in
//! `registry`.

use alloy_primitives::{keccak256, Address, B256};

use crate::code::Code;
use crate::effects::accounts::authority;
use crate::effects::context::Context;
use crate::effects::markets::seaport::typed as seaport;
use crate::effects::message::Message;
use crate::effects::parts::Parts;
use crate::effects::permits::permit2::typed as permit2;
use crate::effects::registry::{self, Document};
use crate::effects::Denial;
use crate::json::Json;
use crate::request::TypedData;

/// Names of the documents that contracts of fungible tokens take.
const OF_TOKENS: [&str; 4] = [
    "Permit",
    "TransferWithAuthorization",
    "ReceiveWithAuthorization",
    "CancelAuthorization",
];

/// What the document does, or `None` for one nobody here understands.
///
/// # Errors
/// [`Denial`] for what no policy and no approval may allow.
pub(in crate::effects) fn understand(
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
    let protocol = context.named(contract).and_then(registry::contract);
    let of_protocol = protocol.is_some_and(|known| known.documents().contains(&primary_type));
    of_protocol || (context.token(contract).is_some() && OF_TOKENS.contains(&primary_type))
}

/// The reader for a type. The name only saves hashing types that cannot be meant.
fn known(primary_type: &str, type_hash: B256) -> Option<Document> {
    let named = registry::documents().filter(|(kind, _)| {
        kind.strip_prefix(primary_type)
            .is_some_and(|rest| rest.starts_with('('))
    });
    let mut same = named.filter(|(kind, _)| keccak256(kind.as_bytes()) == type_hash);
    same.next().map(|(_, read)| *read)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As their authors publish them.
    const PUBLISHED: [(&str, &str); 10] = [
        (
            "OrderComponents",
            "fa445660b7e21515a59617fcd68910b487aa5808b8abda3d78bc85df364b2c2f",
        ),
        (
            "Order",
            "d5a25ba2e97094ad7d83dc28a6572da797d6b3e7fc6663bd93efb789fc17e489",
        ),
        (
            "SafeTx",
            "bb8310d486368db6bd6f849402fdd73ad53d316b5a4b2644ad6efe0f941286d8",
        ),
        (
            "SafeTx",
            "14d461bc7412367e924637b363c7bf29b8f47e2f84869f4426e5633d8af47b20",
        ),
        (
            "ForwardRequest",
            "dd8f4b70b0f4393e889bd39128a30628a78b61816a9eb8199759e7a349657e48",
        ),
        (
            "PackedUserOperation",
            "29a0bca4af4be3421398da00295e58e6d7de38cb492214754cb6a47507dd6f8e",
        ),
        (
            "Delegation",
            "88c1d2ecf185adf710588203a5f263f0ff61be0d33da39792cde19ba9aa4331e",
        ),
        (
            "Delegation",
            "e48329057bfd03d55e49b547132e39cffd9c1820ad7b9d4c5307691425d15adf",
        ),
        (
            "Ballot",
            "150214d74d59b7d1e90c73fc22ef3d991dd0a76b046543d4d80ab92d2a50328f",
        ),
        (
            "PermitSingle",
            "f3841cd1ff0085026a6327b620b67997ce40f282c88a8e905a7a5626e310f3d0",
        ),
    ];

    #[test]
    fn types_have_the_hashes_their_authors_publish() {
        for (kind, hash) in PUBLISHED {
            let hash = hash.parse().unwrap_or_default();
            assert!(known(kind, hash).is_some(), "{kind}");
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
        let mut hashes: Vec<B256> = registry::documents()
            .map(|(kind, _)| keccak256(kind.as_bytes()))
            .collect();
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len(), registry::documents().count());
    }
}
