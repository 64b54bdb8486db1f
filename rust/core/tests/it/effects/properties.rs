//! Properties of the way in, for inputs nobody thought of. Also the short form of the fuzz targets
//! on a stable toolchain.

use alloy_dyn_abi::TypedData;
use alloy_primitives::{address, Address, Bytes, U256, U512};
use holdfast_core::amount::{format_units, parse_decimal_units, usd_value, usd_value_low, Price};
use holdfast_core::asset::{Asset, Registry, Standard};
use holdfast_core::chain::ChainId;
use holdfast_core::decode::decode_standalone;
use holdfast_core::effects::{decode, EffectKind};
use holdfast_core::frame::Framer;
use holdfast_core::json::{self, Limits};
use holdfast_core::request::{self, Body, Transaction};
use holdfast_core::rpc::{parse_frame, response_error, response_result};
use holdfast_core::text::display_safe;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{json, Value};

const WALLET: Address = address!("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
const TOKEN: Address = address!("0x5FbDB2315678afecb367f032d93F642f64180aa3");

const METHODS: [&str; 7] = [
    "eth_sendTransaction",
    "eth_signTransaction",
    "personal_sign",
    "eth_sign",
    "eth_signTypedData",
    "eth_signTypedData_v3",
    "eth_signTypedData_v4",
];

/// Honest params to start from.
const SEEDS: [&str; 4] = [
    r#"[{"from":"0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266","to":"0x5fbdb2315678afecb367f032d93f642f64180aa3","value":"0x0","gas":"0x5208","maxFeePerGas":"0x77359400","nonce":"0x1","chainId":"0x7a69","type":"0x2","accessList":[],"data":"0xa9059cbb00000000000000000000000070997970c51812dc3a010c7d01b50e0d17dc79c80000000000000000000000000000000000000000000000000000000002faf080"},{"note":"rent","idempotencyKey":"k"}]"#,
    r#"["0x68656c6c6f","0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"]"#,
    r#"["0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266","0x68656c6c6f"]"#,
    r#"["0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",{"types":{"EIP712Domain":[{"name":"name","type":"string"},{"name":"chainId","type":"uint256"}],"M":[{"name":"a","type":"N[]"},{"name":"b","type":"int8"}],"N":[{"name":"c","type":"bytes4"},{"name":"d","type":"string"}]},"primaryType":"M","domain":{"name":"D","chainId":31337},"message":{"a":[{"c":"0x01020304","d":"x"}],"b":-1}}]"#,
];

fn registry() -> Registry {
    let asset = |id: &str, address: Option<Address>, decimals| {
        let standard = if address.is_some() {
            Standard::Erc20
        } else {
            Standard::Native
        };
        let (id, symbol) = (id.to_owned(), id.to_uppercase());
        Asset {
            id,
            chain_id: ChainId::new(31337),
            address,
            standard,
            symbol,
            decimals,
        }
    };
    let mut registry = Registry::new();
    registry.insert(asset("eth", None, 18));
    registry.insert(asset("usdc", Some(TOKEN), 6));
    registry
}

fn transaction(to: Option<Address>, data: Vec<u8>, value: U256) -> Body {
    Body::Transaction(Transaction {
        to,
        value,
        data: Bytes::from(data),
        gas: None,
        max_fee_per_gas: None,
        max_priority_fee_per_gas: None,
        nonce: None,
    })
}

/// Bytes, tokens of JSON, and honest params with a few places overwritten, cut or doubled.
fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let token = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\\",
        "\"a\"",
        "\"0x\"",
        "\"to\":",
        "\"data\":",
        "1",
        "-1",
        "1.5",
        "1e9",
        "true",
        "null",
        "\\ud800",
        "\"\\u0000\"",
        " ",
        "\n",
    ]);
    let tokens =
        prop::collection::vec(token, 0..40).prop_map(|tokens| tokens.concat().into_bytes());
    let edits = prop::collection::vec((any::<Index>(), any::<u8>(), 0u8..4), 0..6);
    let mutated = (0..SEEDS.len(), edits).prop_map(|(seed, edits)| {
        let mut bytes = SEEDS[seed].as_bytes().to_vec();
        for (place, byte, how) in edits {
            if bytes.is_empty() {
                break;
            }
            let at = place.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => bytes.truncate(at),
                2 => bytes.insert(at, byte),
                _ => {
                    let tail = bytes[at..].to_vec();
                    bytes.extend(tail);
                }
            }
        }
        bytes
    });
    prop_oneof![
        1 => prop::collection::vec(any::<u8>(), 0..200),
        2 => tokens,
        4 => mutated,
    ]
}

/// A JSON value of the subset we accept.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-json::INTEGER_MAX..=json::INTEGER_MAX).prop_map(Value::from),
        "[^\u{0}]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::hash_map("[^\u{0}]{0,6}", inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn word(bytes: &[u8]) -> Vec<u8> {
    let mut word = vec![0; 32 - bytes.len()];
    word.extend_from_slice(bytes);
    word
}

proptest! {
    #[test]
    fn no_input_makes_a_parser_panic(bytes in hostile(), method in 0..METHODS.len(), cut in any::<Index>()) {
        let _ = json::parse(&bytes, &Limits::REQUEST);
        let _ = parse_frame(&bytes);
        let (first, second) = bytes.split_at(cut.index(bytes.len() + 1));
        let mut framer = Framer::new(256);
        let _ = framer.feed(first).and_then(|_| framer.feed(second));
        if let Ok(request) = request::parse(METHODS[method], &bytes) {
            let _ = decode(&request.body, ChainId::new(31337).at(WALLET), &registry());
        }
        let _ = decode_standalone(&bytes, ChainId::ETHEREUM, &Registry::new(), Some(&bytes), None);
        let _ = display_safe(&String::from_utf8_lossy(&bytes), 40);
        let raw = format!("{{\"raw_tx\":\"{}\"}}", Bytes::from(bytes));
        let _ = decode_standalone(raw.as_bytes(), ChainId::ETHEREUM, &Registry::new(), None, None);
    }

    #[test]
    fn what_is_accepted_is_what_serde_json_reads(bytes in hostile()) {
        if let Ok(parsed) = json::parse(&bytes, &Limits::REQUEST) {
            let reference: Value = serde_json::from_slice(&bytes).unwrap();
            let canonical = parsed.to_canonical();
            prop_assert_eq!(serde_json::from_str::<Value>(&canonical).unwrap(), reference);
        }
    }

    #[test]
    fn canonical_json_is_a_fixed_point(value in value()) {
        let text = value.to_string();
        let parsed = json::parse(text.as_bytes(), &Limits::REQUEST).unwrap();
        let canonical = parsed.to_canonical();
        prop_assert_eq!(serde_json::from_str::<Value>(&canonical).unwrap(), value);
        let again = json::parse(canonical.as_bytes(), &Limits::REQUEST).unwrap();
        prop_assert_eq!(again.to_canonical(), canonical);
    }

    #[test]
    fn frames_do_not_depend_on_how_they_are_split(
        values in prop::collection::vec((value(), "[ \r\n\t]{0,3}"), 0..5),
        garbage in any::<bool>(),
        cuts in prop::collection::vec(any::<Index>(), 0..8),
    ) {
        let mut stream = String::new();
        let mut expected = Vec::new();
        for (value, space) in values {
            let frame = json!([value]).to_string();
            stream.push_str(&frame);
            stream.push_str(&space);
            expected.push(frame.into_bytes());
        }
        if garbage {
            stream.push('x');
        }
        let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
        places.extend([0, stream.len()]);
        places.sort_unstable();
        let mut bytewise: Vec<usize> = (0..=stream.len()).collect();
        bytewise.dedup();
        for places in [places, bytewise] {
            let mut framer = Framer::default();
            let mut found = Vec::new();
            for pair in places.windows(2) {
                if let Ok(frames) = framer.feed(&stream.as_bytes()[pair[0]..pair[1]]) {
                    found.extend(frames);
                }
            }
            prop_assert_eq!(&found, &expected);
            prop_assert_eq!(framer.feed(b"").is_err(), garbage);
            prop_assert_eq!(framer.pending(), 0);
        }
    }

    #[test]
    fn responses_keep_their_meaning_and_their_form(result in value(), message in "\\PC{0,20}") {
        let pretty = serde_json::to_vec_pretty(&result).unwrap();
        for line in [
            response_result(b"\"{\"", &pretty),
            response_error(b"-1", -32600, &message, Some(&pretty)),
        ] {
            prop_assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1);
            prop_assert_eq!(line.last(), Some(&b'\n'));
            let read: Value = serde_json::from_slice(&line).unwrap();
            let payload = read.get("result").unwrap_or_else(|| &read["error"]["data"]);
            prop_assert_eq!(payload, &result);
            // A client that counts braces and knows no strings sees one object.
            let text = String::from_utf8(line).unwrap();
            let (mut depth, mut ends) = (0i64, Vec::new());
            for (at, character) in text.char_indices() {
                depth += i64::from(character == '{') - i64::from(character == '}');
                if depth == 0 && character == '}' {
                    ends.push(at);
                }
            }
            prop_assert_eq!(ends, vec![text.len() - 2]);
        }
    }

    #[test]
    fn a_token_call_decodes_to_what_was_encoded(
        which in 0usize..5, party in any::<[u8; 20]>(), amount in any::<[u8; 32]>(), scale in 0usize..33,
    ) {
        let party = Address::from(party);
        prop_assume!(party.0[..18] != [0; 18] && party != TOKEN);
        let mut amount = amount;
        amount[..scale].fill(0);
        let amount = U256::from_be_bytes(amount);
        prop_assume!(amount != U256::MAX);
        let (selector, kind) = [
            ([0xa9, 0x05, 0x9c, 0xbb], EffectKind::Transfer),
            ([0x23, 0xb8, 0x72, 0xdd], EffectKind::Transfer),
            ([0x09, 0x5e, 0xa7, 0xb3], EffectKind::Allowance),
            ([0x39, 0x50, 0x93, 0x51], EffectKind::Allowance),
            ([0xa4, 0x57, 0xc2, 0xd7], EffectKind::Revoke),
        ][which];
        let kind = if which == 2 && amount.is_zero() { EffectKind::Revoke } else { kind };
        let mut data = selector.to_vec();
        if which == 1 {
            data.extend(word(WALLET.as_slice()));
        }
        data.extend(word(party.as_slice()));
        data.extend(amount.to_be_bytes::<32>());
        let decoded = decode(&transaction(Some(TOKEN), data, U256::ZERO), ChainId::new(31337).at(WALLET), &registry()).unwrap();
        prop_assert_eq!(decoded.effects.len(), 1);
        let effect = &decoded.effects[0];
        prop_assert_eq!((effect.kind, effect.to, effect.amount), (kind, Some(party), amount));
        prop_assert_eq!(effect.asset.as_ref().map(|asset| asset.id.as_str()), Some("usdc"));
        let limit = (U256::from(1) << 96) - U256::from(1);
        prop_assert_eq!(effect.unlimited, kind == EffectKind::Allowance && amount >= limit);
        prop_assert!(!decoded.opaque);
    }

    #[test]
    fn every_bit_of_a_token_call_counts(bit in 0usize..68 * 8, party in any::<[u8; 20]>()) {
        prop_assume!(party[..18] != [0; 18]);
        let mut data = vec![0xa9, 0x05, 0x9c, 0xbb];
        data.extend(word(&party));
        data.extend(U256::from(50_000_000).to_be_bytes::<32>());
        let whole = decode(&transaction(Some(TOKEN), data.clone(), U256::ZERO), ChainId::new(31337).at(WALLET), &registry());
        data[bit / 8] ^= 1 << (bit % 8);
        let other = decode(&transaction(Some(TOKEN), data, U256::ZERO), ChainId::new(31337).at(WALLET), &registry());
        prop_assert_ne!(whole, other);
    }

    #[test]
    fn no_transaction_is_without_an_effect(
        to in prop::option::of(any::<[u8; 20]>()), token in any::<bool>(),
        data in prop::collection::vec(any::<u8>(), 0..120), value in any::<u64>(),
    ) {
        let to = to.map(|to| if token { TOKEN } else { Address::from(to) });
        let body = transaction(to, data.clone(), U256::from(value));
        if let Ok(decoded) = decode(&body, ChainId::new(31337).at(WALLET), &registry()) {
            prop_assert!(!decoded.effects.is_empty());
            let moved = decoded.effects.iter().any(|effect| effect.kind == EffectKind::Transfer
                && effect.asset.as_ref().is_none_or(|asset| asset.id == "eth") && effect.amount == U256::from(value));
            prop_assert!(moved || value == 0);
            if to != Some(TOKEN) && !data.is_empty() {
                prop_assert!(decoded.opaque);
            }
        }
    }

    #[test]
    fn amounts_survive_being_written(amount in any::<[u64; 4]>(), limbs in 0usize..5, decimals in 0u8..=77) {
        let mut amount = amount;
        amount[limbs..].fill(0);
        let amount = U256::from_limbs(amount);
        prop_assert_eq!(parse_decimal_units(&format_units(amount, decimals), decimals), Ok(amount));
    }

    #[test]
    fn dollars_are_the_smallest_number_not_below_the_truth(
        amount in any::<u128>(), shift in 0u32..128, decimals in 0u8..=36, price in 1u64..,
    ) {
        let amount = U256::from(amount >> shift);
        let price = Price::parse(&format_units(U256::from(price), 18)).unwrap();
        let product = U512::from(amount) * U512::from(price.atto_usd());
        let unit = U512::from(10).pow(U512::from(u32::from(decimals) + 12));
        match usd_value(amount, decimals, price) {
            Some(usd) => {
                let usd = U512::from(usd.0);
                prop_assert!(usd * unit >= product);
                prop_assert!(usd.is_zero() || (usd - U512::from(1)) * unit < product);
                let low = U512::from(usd_value_low(amount, decimals, price).unwrap().0);
                prop_assert!(low * unit <= product && (low + U512::from(1)) * unit > product);
            }
            None => prop_assert!(product > U512::from(u128::MAX) * unit),
        }
    }

    #[test]
    fn shown_text_is_bounded_harmless_and_stable(text in any::<String>(), max in 0usize..120) {
        let shown = display_safe(&text, max);
        prop_assert!(shown.chars().count() <= max);
        prop_assert!(!shown.chars().any(char::is_control));
        prop_assert_eq!(display_safe(&shown, max), shown.clone());
    }

    #[test]
    fn a_document_hashes_like_alloy_hashes_it(
        a in any::<[u8; 32]>(), b in any::<i64>(), c in any::<[u8; 20]>(), d in prop::collection::vec(any::<u8>(), 0..40),
        e in prop::collection::vec("[^\u{0}]{0,8}", 0..4), f in any::<bool>(), g in any::<[u8; 7]>(), chain in 1u64..,
    ) {
        let document = json!({
            "types": {
                "A": [{"name": "a", "type": "uint256"}, {"name": "bs", "type": "B[]"}, {"name": "f", "type": "bool"}],
                "B": [{"name": "b", "type": "int64"}, {"name": "c", "type": "address"}, {"name": "d", "type": "bytes"},
                      {"name": "e", "type": "string[]"}, {"name": "g", "type": "bytes7[2]"}],
            },
            "primaryType": "A",
            "domain": {"name": "N", "version": "1", "chainId": chain.to_string()},
            "message": {"a": U256::from_be_bytes(a).to_string(), "f": f, "bs": [{
                "b": b.to_string(), "c": format!("{:?}", Address::from(c)), "d": Bytes::from(d).to_string(), "e": e,
                "g": [Bytes::copy_from_slice(&g).to_string(), "0x00000000000000"],
            }, {
                "b": 0, "c": "0x0000000000000000000000000000000000000000", "d": "0x", "e": [],
                "g": ["0x00000000000000", "0x00000000000000"],
            }]},
        });
        let params = json!([WALLET.to_string(), document]).to_string();
        let Body::TypedData(parsed) = request::parse("eth_signTypedData_v4", params.as_bytes()).unwrap().body else {
            panic!("not typed data");
        };
        let reference: TypedData = serde_json::from_value(document).unwrap();
        prop_assert_eq!(parsed.digest, reference.eip712_signing_hash().unwrap());
        let read_back: TypedData = serde_json::from_str(&parsed.json).unwrap();
        prop_assert_eq!(parsed.digest, read_back.eip712_signing_hash().unwrap());
    }
}
