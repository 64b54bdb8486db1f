//! Real data nobody here wrote: transactions of every type and EIP-712 vectors. Skipped, with a
//! message, where the corpus is not beside the repository.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr
)]

use std::path::{Path, PathBuf};
use std::process::Command;

use alloy_primitives::{hex, keccak256, Address};
use holdfast_core::asset::Registry;
use holdfast_core::effects::{decode_standalone, DecodeError};
use holdfast_core::request::{self, Body};
use k256::ecdsa::SigningKey;
use serde_json::{json, Value};

fn corpus(name: &str) -> Option<Value> {
    let folder = std::env::var_os("HOLDFAST_CORPUS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus"),
        PathBuf::from,
    );
    let path = folder.join(name);
    if !path.exists() {
        eprintln!("skipped: no corpus at {}", path.display());
        return None;
    }
    if path.extension().is_none_or(|extension| extension != "gz") {
        return Some(serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap());
    }
    let unpacked = Command::new("gzip").arg("-dc").arg(&path).output().unwrap();
    assert!(
        unpacked.status.success(),
        "gzip failed on {}",
        path.display()
    );
    Some(serde_json::from_slice(&unpacked.stdout).unwrap())
}

fn decode(request: &Value, chain_id: u64) -> Result<Value, DecodeError> {
    let request = request.to_string();
    decode_standalone(request.as_bytes(), chain_id, &Registry::new(), None, None)
        .map(|text| serde_json::from_str(&text).unwrap())
}

#[test]
fn raw_transactions_of_types_0_to_2_have_the_digest_that_was_signed() {
    let Some(cases) = corpus("encoding/transactions.json.gz") else {
        return;
    };
    let mut checked = 0;
    for case in cases.as_array().unwrap() {
        let text = |key: &str| case[key].as_str().unwrap();
        let chain = case["transaction"]["chainId"].as_str().map_or(0, |hex| {
            u64::from_str_radix(hex.trim_start_matches("0x"), 16).unwrap_or(1)
        });
        let key = hex::decode(text("privateKey")).unwrap();
        let signer = Address::from_private_key(&key.as_slice().try_into().unwrap());
        for shape in ["Legacy", "Eip155", "Berlin", "London"] {
            if text(&format!("unsigned{shape}")).is_empty() {
                // A vector without a chain id has no EIP-155 form.
                continue;
            }
            let unsigned = hex::decode(text(&format!("unsigned{shape}"))).unwrap();
            let digest = keccak256(&unsigned).to_string();
            for form in ["unsigned", "signed"] {
                let raw = text(&format!("{form}{shape}"));
                let name = format!("{} {form}{shape}", case["name"]);
                let found = match decode(&json!({ "raw_tx": raw }), chain) {
                    Ok(found) => found,
                    Err(DecodeError::Denied(_)) => continue,
                    Err(error) => panic!("{name}: {error:?}"),
                };
                assert_eq!(found["digest"], digest, "{name}");
                if form == "signed" {
                    for effect in found["effects"].as_array().unwrap() {
                        assert_eq!(effect["from"], signer.to_string(), "{name}");
                    }
                }
                checked += 1;
            }
        }
        for form in ["unsignedCancun", "signedCancun"] {
            let raw = text(form);
            if raw.is_empty() {
                continue;
            }
            match decode(&json!({ "raw_tx": raw }), chain) {
                Err(DecodeError::Malformed(fault)) => assert_eq!(fault.code, "blob"),
                other => panic!("{}: {other:?}", case["name"]),
            }
        }
    }
    assert!(
        checked > 10_000,
        "only {checked} raw transactions were checked"
    );
}

#[test]
fn signatures_over_the_digests_are_those_of_the_vectors() {
    let Some(cases) = corpus("encoding/transactions.json.gz") else {
        return;
    };
    let mut checked = 0;
    for case in cases.as_array().unwrap() {
        let text = |key: &str| case[key].as_str().unwrap();
        let key = SigningKey::from_slice(&hex::decode(text("privateKey")).unwrap()).unwrap();
        for shape in ["Legacy", "Eip155", "Berlin", "London"] {
            let unsigned = text(&format!("unsigned{shape}"));
            let wanted = &case[format!("signature{shape}")];
            if unsigned.is_empty() || wanted.is_null() {
                continue;
            }
            let digest = keccak256(hex::decode(unsigned).unwrap());
            let (signature, _) = key.sign_prehash_recoverable(digest.as_slice()).unwrap();
            let (r, s) = signature.split_bytes();
            let found = [r, s].map(|half| hex::encode_prefixed(half));
            let both = ["r", "s"].map(|half| wanted[half].as_str().unwrap());
            assert_eq!(found, both, "{} {shape}", case["name"]);
            checked += 1;
        }
    }
    assert!(checked > 5_000, "only {checked} signatures were checked");
}

fn typed(document: &Value) -> Result<request::TypedData, holdfast_core::json::Malformed> {
    let params = json!(["0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266", document]).to_string();
    match request::parse("eth_signTypedData_v4", params.as_bytes())?.body {
        Body::TypedData(document) => Ok(document),
        other => panic!("{other:?}"),
    }
}

#[test]
fn typed_data_vectors_have_their_digest_also_when_read_back() {
    let Some(cases) = corpus("encoding/typed-data.json.gz") else {
        return;
    };
    let mut checked = 0;
    for case in cases.as_array().unwrap() {
        let document = json!({
            "types": case["types"], "primaryType": case["primaryType"],
            "domain": case["domain"], "message": case["data"],
        });
        let parsed = typed(&document).unwrap_or_else(|e| panic!("{}: {e:?}", case["name"]));
        assert_eq!(
            parsed.digest.to_string(),
            case["digest"],
            "{}",
            case["name"]
        );
        let again = typed(&serde_json::from_str(&parsed.json).unwrap()).unwrap();
        assert_eq!(again, parsed, "{}", case["name"]);
        checked += 1;
    }
    assert_eq!(checked, 60);
}

#[test]
fn real_transactions_and_documents_decode() {
    let Some(cases) = corpus("clear-signing/cases.json") else {
        return;
    };
    let mut refused = Vec::new();
    let cases = cases.as_array().unwrap();
    for case in cases {
        let result = if let Some(raw) = case["rawTx"].as_str() {
            let chain = [
                1, 10, 56, 100, 130, 137, 1868, 8453, 42161, 43114, 59144, 11_155_111,
            ];
            chain
                .into_iter()
                .map(|chain| decode(&json!({ "raw_tx": raw }), chain))
                .find(|result| !matches!(result, Err(DecodeError::Denied(_))))
                .map_or(Ok(()), |result| {
                    result.map(|_| ()).map_err(|e| format!("{e:?}"))
                })
        } else {
            let document = match &case["typedData"] {
                Value::String(text) => serde_json::from_str(text).unwrap(),
                other => other.clone(),
            };
            typed(&document).map(|_| ()).map_err(|e| format!("{e:?}"))
        };
        if let Err(error) = result {
            refused.push(format!("{} {}: {error}", case["id"], case["description"]));
        }
    }
    eprintln!(
        "{} of {} refused\n{}",
        refused.len(),
        cases.len(),
        refused.join("\n")
    );
    assert!(refused.len() * 20 < cases.len());
}
