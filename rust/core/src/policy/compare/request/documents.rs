//! Documents (EIP-712): payments, permits and orders by signature, and one that cannot be decoded.

use alloy_primitives::{Address, U256};
use serde_json::{json, Value};

use super::calls::other_token;
use super::{checksum, returned, Sent};
use crate::asset::Standard;
use crate::effects::EffectKind;
use crate::policy::compare::place::Place;
use crate::policy::compare::world::World;

/// Where the expiry of an order starts.
const EXPIRY_BIT: usize = 192;

type Fields = &'static [(&'static str, &'static str)];

const PAYMENT: Fields = &[
    ("from", "address"),
    ("to", "address"),
    ("value", "uint256"),
    ("validAfter", "uint256"),
    ("validBefore", "uint256"),
    ("nonce", "bytes32"),
];
const PERMIT: Fields = &[
    ("owner", "address"),
    ("spender", "address"),
    ("value", "uint256"),
    ("nonce", "uint256"),
    ("deadline", "uint256"),
];
const ORDER: Fields = &[
    ("makerToken", "address"),
    ("takerToken", "address"),
    ("makerAmount", "uint128"),
    ("takerAmount", "uint128"),
    ("maker", "address"),
    ("taker", "address"),
    ("txOrigin", "address"),
    ("expiryAndNonce", "uint256"),
];
const UNKNOWN: Fields = &[("words", "string")];

/// The document with this effect, to be signed.
pub(super) fn sign(world: &World<'_>, place: &Place<'_>, amount: U256) -> Option<Sent> {
    let (payee, wallet) = (place.payee?, place.who.wallet);
    let token = place
        .asset
        .filter(|asset| asset.standard == Standard::Erc20);
    let until = place.until_s();
    let (name, fields, verifier, message) = match place.kind {
        EffectKind::Transfer => (
            "TransferWithAuthorization",
            PAYMENT,
            token?.address?,
            json!({
                "from": checksum(wallet), "to": checksum(payee), "value": amount.to_string(),
                "validAfter": "0", "validBefore": until.to_string(),
                "nonce": format!("0x{:064x}", 1),
            }),
        ),
        EffectKind::Allowance | EffectKind::Revoke => {
            // What a document takes back is all of it.
            if place.kind == EffectKind::Revoke && !amount.is_zero() {
                return None;
            }
            let message = json!({
                "owner": checksum(wallet), "spender": checksum(payee),
                "value": amount.to_string(), "nonce": "0", "deadline": until.to_string(),
            });
            ("Permit", PERMIT, token?.address?, message)
        }
        EffectKind::Order => {
            let got = other_token(world, place)?;
            let back = returned(world, place, got, amount);
            let expiry = U256::from(until).wrapping_shl(EXPIRY_BIT);
            let message = json!({
                "makerToken": checksum(token?.address?), "takerToken": checksum(got.address?),
                "makerAmount": amount.to_string(), "takerAmount": back.to_string(),
                "maker": checksum(wallet), "taker": checksum(Address::ZERO),
                "txOrigin": checksum(Address::ZERO), "expiryAndNonce": expiry.to_string(),
            });
            ("OtcOrder", ORDER, payee, message)
        }
        EffectKind::TypedData => {
            let message = json!({ "words": "a document that cannot be decoded" });
            ("Words", UNKNOWN, payee, message)
        }
        _ => return None,
    };
    let document = document(place, name, fields, verifier, &message);
    let params = json!([checksum(wallet), document]);
    Some(("eth_signTypedData_v4", params.to_string()))
}

fn document(
    place: &Place<'_>,
    name: &str,
    fields: Fields,
    verifier: Address,
    message: &Value,
) -> Value {
    let member = |(name, kind): &(&str, &str)| json!({ "name": name, "type": kind });
    let domain = [
        ("name", "string"),
        ("chainId", "uint256"),
        ("verifyingContract", "address"),
    ];
    let members: Vec<Value> = fields.iter().map(member).collect();
    let of_domain: Vec<Value> = domain.iter().map(member).collect();
    json!({
        "types": { "EIP712Domain": of_domain, name: members },
        "primaryType": name,
        "domain": {
            "name": "holdfast", "chainId": place.who.chain_id.get(),
            "verifyingContract": checksum(verifier),
        },
        "message": message,
    })
}
