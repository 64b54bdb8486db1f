//! Real data nobody here wrote: transactions of every type and EIP-712 vectors. Skipped, with a
//! message, where the corpus is not beside the repository.
#![allow(clippy::print_stderr)]

use std::path::{Path, PathBuf};
use std::process::Command;

use alloy_primitives::{hex, keccak256, Address, U256};
use holdfast_core::asset::{Asset, Registry, Standard};
use holdfast_core::chain::ChainId;
use holdfast_core::decode::{decode_standalone, DecodeError};
use holdfast_core::effects;
use holdfast_core::request::{self, Body, Transaction};
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
    let chain_id = ChainId::new(chain_id);
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
                Err(DecodeError::Malformed(fault)) => assert_eq!(fault.code.as_str(), "blob"),
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
            let found = [r, s].map(hex::encode_prefixed);
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

/// Plans that were checked by hand: what each does in the end.
const PLANS: [(&str, &[&str]); 19] = [
    (
        "_UNISWAP_V2_1000_USDC_FOR_ETH",
        &["swap usdc 1000000000 router"],
    ),
    (
        "_UNISWAP_V2_1000_USDC_FOR_ETH_PERMIT",
        &[
            "allowance usdc 1000000000 spender",
            "swap usdc 1000000000 router",
        ],
    ),
    (
        "_UNISWAP_V2_10_DAI_FOR_ETH_2_HOP",
        &["swap dai 10000000000000000000 router"],
    ),
    (
        "_UNISWAP_V2_ETH_FOR_1000_USDC",
        &["swap eth 865187348843453974 router"],
    ),
    (
        "_UNISWAP_V3_1_ETH_FOR_USDC",
        &["swap eth 1000000000000000000 router"],
    ),
    (
        "_UNISWAP_V3_1000_USDC_FOR_ETH",
        &["swap usdc 1000000000 router"],
    ),
    (
        "_UNISWAP_V3_1_ETH_FOR_DAI_2_HOP",
        &["swap eth 1000000000000000000 router"],
    ),
    (
        "_UNISWAP_V3_ETH_FOR_1000_DAI_2_HOP",
        &["swap eth 864590811545248284 router"],
    ),
    // The first leg pays the pair of the second one directly: nobody here knows the pair.
    (
        "_UNISWAP_MIXED_1_ETH_FOR_DAI",
        &["transfer eth 1000000000000000000 pair"],
    ),
    (
        "_UNISWAP_MIXED_1_ETH_FOR_DAI_V2_FIRST",
        &["swap eth 1000000000000000000 router"],
    ),
    (
        "_UNISWAP_MIXED_1_ETH_FOR_DAI_V2_ONLY",
        &["swap eth 1000000000000000000 router"],
    ),
    (
        "_UNISWAP_MIXED_DAI_FOR_ETH",
        &["swap dai 1000000000000000000000 router"],
    ),
    (
        "_UNISWAP_SPLIT_TWO_ROUTES_ETH_TO_USDC",
        &["swap eth 3000000000000000000 router"],
    ),
    (
        "_UNISWAP_V2_1000_USDC_FOR_ETH_WITH_WETH_FEE",
        &["transfer usdc 50000000 fees", "swap usdc 950000000 router"],
    ),
    (
        "_UNISWAP_V3_DAI_FOR_1_ETH_2_HOP_WITH_WETH_FEE",
        &[
            "transfer dai 70804964950937806788 fees",
            "swap dai 1345294334067818328959 router",
        ],
    ),
    (
        "_UNISWAP_V2_ETH_FOR_1000_USDC_WITH_FLAT_FEE",
        &[
            "swap eth 908447786440026214 router",
            "transfer usdc 50000000 fees",
        ],
    ),
    (
        "_UNISWAP_V3_1_ETH_FOR_USDC_WITH_FLAT_FEE",
        &[
            "swap eth 1000000000000000000 router",
            "transfer usdc 50000000 fees",
        ],
    ),
    (
        "_FOUNDATION_BUY_ITEM",
        &["transfer eth 10000000000000000 router", "call - 0 router"],
    ),
    (
        "_ERC20_FOR_1_LOOKSRARE_NFT",
        &["transfer usdc 386972659 router", "call - 0 router"],
    ),
];
const PARTIES: [(&str, &str); 4] = [
    ("router", "0x3fC91A3afd70395Cd496C647d5a6CC9D4B2b7FAD"),
    ("spender", "0xE808C1cfeebb6cb36B537B82FA7c9EEf31415a05"),
    ("pair", "0xAE461cA67B15dc8dc81CE7615e0320dA1A9aB8D5"),
    ("fees", "0xbBbBBBBbbBBBbbbBbbBbbbbBBbBbbbbBbBbbBBbB"),
];

fn mainnet() -> Registry {
    let mut registry = Registry::new();
    let assets = [
        ("eth", None, Standard::Native, 18),
        (
            "usdc",
            Some("0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"),
            Standard::Erc20,
            6,
        ),
        (
            "dai",
            Some("0x6B175474E89094C44Da98b954EedeAC495271d0F"),
            Standard::Erc20,
            18,
        ),
        (
            "weth",
            Some("0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2"),
            Standard::Erc20,
            18,
        ),
    ];
    for (id, address, standard, decimals) in assets {
        registry.insert(Asset {
            id: id.to_owned(),
            chain_id: ChainId::ETHEREUM,
            address: address.map(|address| address.parse().unwrap()),
            standard,
            symbol: id.to_uppercase(),
            decimals,
        });
    }
    registry
}

fn written(effect: &effects::Effect) -> String {
    let asset = effect.asset.as_ref().map_or("-", |asset| &asset.id);
    let to = effect.to.unwrap().to_string();
    let named = PARTIES.iter().find(|(_, address)| *address == to);
    let to = named.map_or(to.as_str(), |(name, _)| name);
    format!("{} {asset} {} {to}", effect.kind.as_str(), effect.amount)
}

#[test]
fn plans_of_the_universal_router_decode() {
    let Some(cases) = corpus("encoding/universal-router.json.gz") else {
        return;
    };
    let registry = mainnet();
    let mut checked = 0;
    let cases = cases.as_array().unwrap();
    for case in cases {
        let name = case["name"].as_str().unwrap();
        let value: U256 = case["value"].as_str().unwrap().parse().unwrap();
        let body = Body::Transaction(Transaction {
            to: Some(PARTIES[0].1.parse().unwrap()),
            value,
            data: case["calldata"].as_str().unwrap().parse().unwrap(),
            gas: None,
            max_fee_per_gas: None,
            max_priority_fee_per_gas: None,
            nonce: None,
        });
        let found = effects::decode(
            &body,
            ChainId::ETHEREUM.at(Address::repeat_byte(0xaa)),
            &registry,
        )
        .unwrap_or_else(|denial| panic!("{name}: {denial}"));
        let told: Vec<String> = found.effects.iter().map(written).collect();
        if let Some((_, right)) = PLANS.iter().find(|(one, _)| *one == name) {
            assert_eq!(told, *right, "{name}");
            checked += 1;
        }
        // Trades of Uniswap are understood, markets of single tokens are not.
        assert_eq!(found.opaque, !name.starts_with("_UNISWAP"), "{name}");
        let coins = found
            .effects
            .iter()
            .filter(|effect| effect.asset.as_ref().is_some_and(|asset| asset.id == "eth"));
        let leaves: U256 = coins.map(|effect| effect.amount).sum();
        assert_eq!(leaves, value, "{name}: all of the value is counted");
    }
    assert_eq!((cases.len(), checked), (35, PLANS.len()));
}
