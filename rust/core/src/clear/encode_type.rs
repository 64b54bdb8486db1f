//! The type of a document, as descriptors write it.

use alloy_dyn_abi::eip712::{PropertyDef, Resolver, TypeDef};
use alloy_primitives::{keccak256, B256};
use serde_json::Value;

use super::string;

const KEY_BYTES_MAX: usize = 32_768;
const TYPES_MAX: usize = 64;

/// The type hash of a key like `Order(Asset give,uint256 nonce)Asset(address token,uint256 amount)`,
/// however it is spaced and in whatever order its inner types stand: `encodeType` has one way.
pub(super) fn hash(key: &str) -> Option<B256> {
    if key.len() > KEY_BYTES_MAX {
        return None;
    }
    let mut types = Vec::new();
    for part in key.trim().split_inclusive(')') {
        let (name, members) = part.strip_suffix(')')?.split_once('(')?;
        let members: Vec<String> = members.split(',').map(plain).collect();
        types.push(format!("{}({})", name.trim(), members.join(",")));
        if types.len() > TYPES_MAX {
            return None;
        }
    }
    let (_, inner) = types.split_first_mut()?;
    inner.sort_unstable();
    Some(keccak256(types.concat()))
}

/// One space between words, none around them.
fn plain(member: &str) -> String {
    let words: Vec<&str> = member.split_whitespace().collect();
    words.join(" ")
}

/// The type hash that the schemas of a version 1 file give a primary type, where they are in it.
pub(super) fn of_schema(schemas: &Value, primary: &str) -> Option<B256> {
    let each = schemas.as_array()?.iter();
    let mut fitting = each.filter(|schema| string(schema, "primaryType") == Some(primary));
    let types = fitting.next()?.get("types")?.as_object()?;
    if types.len() > TYPES_MAX {
        return None;
    }
    let mut resolver = Resolver::default();
    for (name, members) in types {
        let members = members.as_array()?.iter().map(|member| {
            let (kind, name) = (string(member, "type")?, string(member, "name")?);
            PropertyDef::new(kind, name).ok()
        });
        let members = members.take(TYPES_MAX).collect::<Option<Vec<_>>>()?;
        resolver.ingest(TypeDef::new(name.clone(), members).ok()?);
    }
    let encoded = resolver.encode_type(primary).ok()?;
    Some(keccak256(encoded))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const PLAIN: &str =
        "Mail(Person from,Person to,Asset give,string contents)Asset(address token)Person(string name,address wallet)";

    #[test]
    fn spaces_and_the_order_of_inner_types_do_not_matter() {
        let spaced = " Mail ( Person from, Person  to,Asset give , string contents )\
                      Person(string name,address wallet) Asset(address token)";
        assert_eq!(hash(PLAIN), Some(keccak256(PLAIN)));
        assert_eq!(hash(spaced), Some(keccak256(PLAIN)));
        assert_eq!(hash("Empty()"), Some(keccak256("Empty()")));
        for bad in ["", "Mail", "Mail(", "Mail(Person from)x"] {
            assert_eq!(hash(bad), None, "{bad}");
        }
    }

    #[test]
    fn schemas_give_the_same_hash() {
        let member = |name: &str, kind: &str| json!({"name": name, "type": kind});
        let schemas = json!([{"primaryType": "Mail", "types": {
            "Person": [member("name", "string"), member("wallet", "address")],
            "Asset": [member("token", "address")],
            "Mail": [member("from", "Person"), member("to", "Person"), member("give", "Asset"),
                     member("contents", "string")],
            "EIP712Domain": [member("name", "string")],
        }}]);
        assert_eq!(of_schema(&schemas, "Mail"), Some(keccak256(PLAIN)));
        assert_eq!(of_schema(&schemas, "Person"), None);
        assert_eq!(of_schema(&json!("https://example.org"), "Mail"), None);
    }
}
