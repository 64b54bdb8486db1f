//! EIP-712 documents.
//!
//! Libraries disagree about documents that are not quite right, and a digest they disagree about is
//! a trap. So only documents with one meaning pass: every member is declared, every declared member
//! is there, values are in range, the domain is made of the five standard members in their order,
//! types are finite and all of it is bounded. Hashing is `alloy`'s, composed here so that each type
//! is hashed once however often it is used.

mod domain;
mod schema;
mod value;

use std::borrow::Cow;

use alloy_primitives::{keccak256, B256};

use super::TypedData;
use crate::code::Detail;
use crate::json::{self, Json, Limits, Malformed};
use domain::Domain;
use schema::Schema;

/// Parses a document given as an object, or as a string that holds one (both occur under every
/// spelling).
///
/// # Errors
/// Codes `typed_*`, those of JSON when it is a string, and those of hex and addresses, with the
/// place.
pub(crate) fn parse(value: &Json<'_>) -> Result<TypedData, Malformed> {
    match value {
        Json::Object(_) => parse_document(value),
        Json::Str(text) => parse_document(&json::parse_exact(text.as_bytes(), &Limits::REQUEST)?),
        other => {
            let text = format!("expected a typed-data document, not {}", other.kind());
            Err(Malformed::new(Detail::Type, "", text))
        }
    }
}

fn parse_document(document: &Json<'_>) -> Result<TypedData, Malformed> {
    let [types, primary_type, domain, message] =
        members(document, ["types", "primaryType", "domain", "message"])?;
    let primary = primary_type.as_str().ok_or_else(|| {
        Malformed::new(Detail::TypedTypes, "", "`primaryType` must be a string")
            .under("primaryType")
    })?;
    let schema = Schema::compile(types, primary)?;
    let domain = Domain::parse(domain, schema.declared_domain())?;
    let (hash, message) = value::hash_struct(&schema, schema.primary(), message)
        .map_err(|fault| fault.under("message"))?;
    let doubtful = domain.doubtful || schema.is_doubtful();
    let digest = digest(domain.separator(), hash);
    let canonical = Json::Object(vec![
        (Cow::Borrowed("types"), schema.to_json(domain.type_json())),
        (
            Cow::Borrowed("primaryType"),
            Json::Str(Cow::Borrowed(primary)),
        ),
        (Cow::Borrowed("domain"), domain.to_json()),
        (Cow::Borrowed("message"), message),
    ]);
    Ok(TypedData {
        json: canonical.to_canonical(),
        digest,
        type_hash: schema
            .get(schema.primary())
            .map_or(B256::ZERO, |primary| primary.type_hash),
        primary_type: primary.to_owned(),
        domain_chain_id: domain.chain_id,
        verifying_contract: domain.verifying_contract,
        domain_name: domain.name,
        doubtful,
    })
}

/// `keccak256(0x19 0x01 || domain separator || struct hash)`, EIP-712.
fn digest(separator: B256, struct_hash: B256) -> B256 {
    let mut preimage = [0; 66];
    let (prefix, hashes) = preimage.split_at_mut(2);
    prefix.copy_from_slice(b"\x19\x01");
    let (first, second) = hashes.split_at_mut(32);
    first.copy_from_slice(separator.as_slice());
    second.copy_from_slice(struct_hash.as_slice());
    keccak256(preimage)
}

/// The members of an object that must have exactly these keys.
fn members<'j, 'a, const N: usize>(
    value: &'j Json<'a>,
    keys: [&str; N],
) -> Result<[&'j Json<'a>; N], Malformed> {
    let Some(found) = value.as_object() else {
        let text = format!("expected an object, not {}", value.kind());
        return Err(Malformed::new(Detail::Type, "", text));
    };
    if let Some((key, _)) = found.iter().find(|(key, _)| !keys.contains(&key.as_ref())) {
        return Err(
            Malformed::new(Detail::TypedExtra, "", "not a member of this object").under(key),
        );
    }
    let mut values = [value; N];
    for (slot, key) in values.iter_mut().zip(keys) {
        let missing =
            || Malformed::new(Detail::TypedMissing, "", "this member is missing").under(key);
        *slot = value.get(key).ok_or_else(missing)?;
    }
    Ok(values)
}
