//! Raw transactions and what is written down: reading what was written gives the same again.

use alloy_consensus::transaction::RlpEcdsaEncodableTx;
use alloy_consensus::{SignableTransaction, Signed, TxEip1559, TxEip2930, TxLegacy};
use alloy_primitives::{hex, Address, Bytes, Signature, TxKind, B256, U256};
use holdfast_core::asset::Registry;
use holdfast_core::chain::ChainId;
use holdfast_core::decode::{decode_standalone, DecodeError};
use holdfast_core::event::{Body as Record, Event, SignedContent};
use holdfast_core::request;
use k256::ecdsa::SigningKey;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{json, Value};

use crate::support::{quantity, wallet, World};

const CHAIN: ChainId = ChainId::new(31337);

#[derive(Clone, Debug)]
struct Fields {
    to: Option<Address>,
    value: U256,
    input: Bytes,
    gas_limit: u64,
    price: u128,
    tip: u128,
    nonce: u64,
}

fn fields() -> impl Strategy<Value = Fields> {
    let small = prop_oneof![Just(0u64), 1u64..200, any::<u64>()];
    (
        prop::option::of(any::<[u8; 20]>()),
        prop_oneof![Just([0; 32]), any::<[u8; 32]>()],
        prop::collection::vec(any::<u8>(), 0..80),
        (small.clone(), any::<u64>(), small),
        0u8..57,
    )
        .prop_map(
            |(to, value, input, (gas_limit, price, nonce), shift)| Fields {
                to: to.map(Address::from),
                value: U256::from_be_bytes(value) >> (usize::from(shift) * 4),
                // Without a recipient there must be code.
                input: if to.is_none() && input.is_empty() {
                    Bytes::from_static(&[0x60])
                } else {
                    input.into()
                },
                gas_limit,
                price: u128::from(price) << (shift / 4),
                tip: u128::from(price),
                nonce: nonce.min(u64::MAX - 1),
            },
        )
}

/// The bytes of the transaction, unsigned and signed, and the hash that is signed.
fn bytes<T: SignableTransaction<Signature> + RlpEcdsaEncodableTx>(
    tx: T,
) -> (Vec<u8>, Vec<u8>, B256) {
    let unsigned = tx.encoded_for_signing();
    let digest = tx.signature_hash();
    let key = SigningKey::from_slice(&[7; 32]).unwrap();
    let (signature, recovery) = key.sign_prehash_recoverable(digest.as_slice()).unwrap();
    let signed: Signed<T> = tx.into_signed(Signature::from((signature, recovery)));
    let mut raw = Vec::new();
    signed.eip2718_encode(&mut raw);
    (unsigned, raw, digest)
}

fn encoded(kind: u8, fields: Fields) -> (Vec<u8>, Vec<u8>, B256) {
    let Fields {
        value,
        input,
        gas_limit,
        nonce,
        ..
    } = fields;
    let to = fields.to.map_or(TxKind::Create, TxKind::Call);
    let (chain_id, access_list, gas_price) = (CHAIN.get(), Default::default(), fields.price);
    match kind {
        0 => bytes(TxLegacy {
            chain_id: Some(chain_id),
            nonce,
            gas_price,
            gas_limit,
            to,
            value,
            input,
        }),
        1 => bytes(TxEip2930 {
            chain_id,
            nonce,
            gas_price,
            gas_limit,
            to,
            value,
            access_list,
            input,
        }),
        _ => bytes(TxEip1559 {
            chain_id,
            nonce,
            gas_limit,
            max_fee_per_gas: fields.price,
            max_priority_fee_per_gas: fields.tip.min(fields.price),
            to,
            value,
            access_list,
            input,
        }),
    }
}

fn shown(request: &Value) -> Result<Value, DecodeError> {
    let text = decode_standalone(
        request.to_string().as_bytes(),
        CHAIN,
        &Registry::new(),
        None,
        None,
    )?;
    Ok(serde_json::from_str(&text).unwrap())
}

fn raw(bytes: &[u8]) -> Result<Value, DecodeError> {
    shown(&json!({"raw_tx": hex::encode_prefixed(bytes)}))
}

/// The same transaction as its fields.
fn as_fields(kind: u8, fields: &Fields) -> Value {
    let mut tx = json!({
        "value": format!("0x{:x}", fields.value),
        "data": fields.input,
        "gas": quantity(fields.gas_limit.into()),
        "nonce": quantity(fields.nonce.into()),
        "type": quantity(kind.into()),
        "chainId": quantity(CHAIN.get().into()),
    });
    if let Some(to) = fields.to {
        tx["to"] = json!(hex::encode_prefixed(to));
    }
    if kind == 2 {
        tx["maxFeePerGas"] = json!(quantity(fields.price));
        tx["maxPriorityFeePerGas"] = json!(quantity(fields.tip.min(fields.price)));
    } else {
        tx["gasPrice"] = json!(quantity(fields.price));
    }
    json!({"tx": tx})
}

/// The digest of what was read, if it was.
fn digest(read: &Result<Value, DecodeError>) -> Option<String> {
    let read = read.as_ref().ok()?;
    Some(read["digest"].as_str().unwrap().to_owned())
}

proptest! {
    #[test]
    fn a_raw_transaction_is_what_its_fields_are(kind in 0u8..3, fields in fields()) {
        let (unsigned, signed, hash) = encoded(kind, fields.clone());
        let (unsigned, signed) = (raw(&unsigned), raw(&signed));
        let named = shown(&as_fields(kind, &fields));
        match &named {
            Ok(named) => {
                prop_assert_eq!(named["digest"].as_str().unwrap(), hash.to_string());
                prop_assert_eq!(named, &unsigned.unwrap());
                let signed = signed.unwrap();
                for part in ["digest", "kind", "display", "warnings"] {
                    prop_assert_eq!(&named[part], &signed[part]);
                }
            }
            // Some recipients are denied, whatever form they come in.
            Err(denied) => {
                prop_assert_eq!(denied, &unsigned.unwrap_err());
                prop_assert_eq!(denied, &signed.unwrap_err());
            }
        }
    }

    #[test]
    fn other_bytes_are_another_transaction_or_none(
        kind in 0u8..3, fields in fields(), bit in any::<Index>(), cut in any::<Index>(), signed in any::<bool>(),
    ) {
        let (unsigned, whole, hash) = encoded(kind, fields);
        let bytes = if signed { whole } else { unsigned };
        let mut flipped = bytes.clone();
        let bit = bit.index(bytes.len() * 8);
        flipped[bit / 8] ^= 1 << (bit % 8);
        let read = raw(&flipped);
        if !signed {
            prop_assert_ne!(digest(&read), Some(hash.to_string()));
        }
        // What is read of them, if anything, is what they are: the signature may be another one.
        let mut longer = bytes.clone();
        longer.push(0);
        prop_assert_eq!(digest(&raw(&longer)), None);
        prop_assert_eq!(digest(&raw(&bytes[..cut.index(bytes.len())])), None);
    }

    #[test]
    fn what_is_written_down_is_what_was_asked(
        to in any::<[u8; 20]>(), value in any::<u64>(), input in prop::collection::vec(any::<u8>(), 0..60),
        gas in prop::option::of(21_000u64..100_000), number in any::<[u8; 32]>(), text in "\\PC{0,20}",
    ) {
        let mut world = World::new();
        let from = wallet(0);
        let mut tx = json!({
            "to": hex::encode_prefixed(to), "value": quantity(value.into()), "data": hex::encode_prefixed(input),
        });
        if let Some(gas) = gas {
            tx["gas"] = json!(quantity(gas.into()));
        }
        let number = U256::from_be_bytes(number).to_string();
        let document = json!({
            "types": {"M": [{"name": "number", "type": "uint256"}, {"name": "text", "type": "string"}]},
            "primaryType": "M",
            "domain": {"chainId": CHAIN},
            "message": {"number": number, "text": text},
        });
        let asked = [
            ("eth_sendTransaction", json!([tx])),
            ("eth_signTypedData_v4", json!([from, document])),
            ("personal_sign", json!([format!("as the agent says, in so many words: {text}"), from])),
        ];
        for (method, params) in asked {
            let wanted = SignedContent::of(&request::parse(method, params.to_string().as_bytes()).unwrap().body);
            let applied = world.submit("shopper", method, &params);
            let Some(first) = applied.records.first() else {
                continue;
            };
            match Event::from_record(first).unwrap().body {
                Record::RequestDecided(data) => {
                    prop_assert_eq!(&data.request, &wanted);
                    if let SignedContent::TypedData(typed) = &data.request {
                        let again = format!("[\"{from}\",{}]", typed.json);
                        let again = request::parse(method, again.as_bytes()).unwrap();
                        prop_assert_eq!(SignedContent::of(&again.body), wanted);
                    }
                }
                Record::RequestRefused(refused) => prop_assert_eq!(refused.code.as_str(), "recipient_forbidden"),
                other => prop_assert!(false, "{:?}", other),
            }
        }
    }
}
