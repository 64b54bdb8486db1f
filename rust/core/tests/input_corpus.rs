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
use holdfast_core::asset::{Asset, Registry, Standard};
use holdfast_core::effects::{self, decode_standalone, DecodeError};
use holdfast_core::request::{self, Body, Transaction};
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

const ROUTERS: [&str; 1] = ["0x3fC91A3afd70395Cd496C647d5a6CC9D4B2b7FAD"];

fn mainnet() -> Registry {
    let mut registry = Registry::new();
    let assets = [
        ("eth", None, Standard::Native, 18),
        ("usdc", Some("0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"), Standard::Erc20, 6),
        ("dai", Some("0x6B175474E89094C44Da98b954EedeAC495271d0F"), Standard::Erc20, 18),
        ("weth", Some("0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2"), Standard::Erc20, 18),
    ];
    for (id, address, standard, decimals) in assets {
        registry.insert(Asset {
            id: id.to_owned(),
            chain_id: 1,
            address: address.map(|address| address.parse().unwrap()),
            standard,
            symbol: id.to_uppercase(),
            decimals,
        });
    }
    registry
}

#[test]
fn plans_of_the_universal_router_decode() {
    let Some(cases) = corpus("encoding/universal-router.json.gz") else {
        return;
    };
    let registry = mainnet();
    let wallet = Address::repeat_byte(0xaa);
    let cases = cases.as_array().unwrap();
    for case in cases {
        let name = case["name"].as_str().unwrap();
        for router in ROUTERS {
            let body = Body::Transaction(Transaction {
                to: Some(router.parse().unwrap()),
                value: case["value"].as_str().unwrap().parse().unwrap(),
                data: case["calldata"].as_str().unwrap().parse().unwrap(),
                gas: None,
                max_fee_per_gas: None,
                max_priority_fee_per_gas: None,
                nonce: None,
            });
            let found = effects::decode(&body, wallet, 1, &registry)
                .unwrap_or_else(|denial| panic!("{name}: {denial}"));
            eprintln!("{name} {}", found.opaque);
            for e in &found.effects { eprintln!("   {} {} {} {:?}", e.kind.as_str(), e.asset.as_ref().map_or("-", |a| &a.id), e.amount, e.to); }
            for w in &found.warnings { eprintln!("   ! {}: {}", w.code, w.text); }
            for f in &found.display { eprintln!("      {}: {}", f.label, f.value); }
        }
    }
    assert_eq!(cases.len(), 35);
}
