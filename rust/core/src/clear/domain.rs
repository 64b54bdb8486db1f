//! What a descriptor demands of a document's domain beyond chain and contract.

use std::borrow::Cow;

use alloy_primitives::{hex, Address, B256, U256};
use alloy_sol_types::Eip712Domain;
use serde_json::Value;

use super::string;
use super::value::text_of;
use crate::json::Json;

/// The first member of the domain that is not what the descriptor (`context.eip712`) is for.
pub(super) fn misfit(context: &Value, domain: &Json<'_>) -> Option<String> {
    let wanted = context.get("domain").and_then(Value::as_object);
    let mut members = wanted.into_iter().flatten();
    let differing = members.find(|(name, wanted)| {
        let wanted = text_of(wanted);
        let own = domain.get(name).and_then(written);
        own.is_none_or(|own| match name.as_str() {
            "verifyingContract" => !own.eq_ignore_ascii_case(&wanted),
            _ => own != wanted.as_str(),
        })
    });
    if let Some((name, _)) = differing {
        return Some(name.clone());
    }
    let wanted: B256 = string(context, "domainSeparator")?.parse().ok()?;
    (separator(domain) != Some(wanted)).then(|| "separator".to_owned())
}

fn written<'j>(value: &'j Json<'_>) -> Option<Cow<'j, str>> {
    match value.as_int() {
        Some(number) => Some(Cow::Owned(number.to_string())),
        None => value.as_str().map(Cow::Borrowed),
    }
}

/// Of a canonical domain.
fn separator(domain: &Json<'_>) -> Option<B256> {
    let text = |name: &str| domain.get(name).and_then(written);
    let chain_id = text("chainId").map(|id| U256::from_str_radix(&id, 10));
    let contract = text("verifyingContract").map(|address| address.parse::<Address>());
    let salt = text("salt").map(|salt| hex::decode(salt.as_ref()));
    let salt = salt.transpose().ok()?;
    let domain = Eip712Domain::new(
        text("name").map(|name| Cow::Owned(name.into_owned())),
        text("version").map(|version| Cow::Owned(version.into_owned())),
        chain_id.transpose().ok()?,
        contract.transpose().ok()?,
        salt.map(|salt| B256::try_from(salt.as_slice()))
            .transpose()
            .ok()?,
    );
    Some(domain.separator())
}
