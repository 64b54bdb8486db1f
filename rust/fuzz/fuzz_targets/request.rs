//! Params of every wallet method: parsed completely or refused, and what is parsed decodes or is
//! denied.
#![no_main]

use holdfast_core::asset::Registry;
use holdfast_core::chain::ChainId;
use holdfast_core::code::Detail;
use holdfast_core::effects::decode;
use holdfast_core::request::{parse, Body};
use libfuzzer_sys::fuzz_target;

const METHODS: [&str; 5] = [
    "eth_sendTransaction",
    "personal_sign",
    "eth_sign",
    "eth_signTypedData",
    "eth_signTypedData_v4",
];

fuzz_target!(|data: &[u8]| {
    let Some((first, params)) = data.split_first() else {
        return;
    };
    let method = METHODS[usize::from(*first) % METHODS.len()];
    let Ok(request) = parse(method, params) else {
        return;
    };
    let wallet = request.from.unwrap_or_default();
    let _ = decode(
        &request.body,
        ChainId::ETHEREUM.at(wallet),
        &Registry::new(),
    );
    if let Body::TypedData(document) = request.body {
        let again = format!("[\"{wallet:?}\",{}]", document.json);
        match parse("eth_signTypedData_v4", again.as_bytes()).map(|request| request.body) {
            // What was doubtful is written in small letters, which nobody doubts.
            Ok(Body::TypedData(second)) if document.doubtful => {
                assert_eq!((document.digest, false), (second.digest, second.doubtful));
            }
            Ok(Body::TypedData(second)) => assert_eq!(document, second),
            // Spelled out it can be over a bound.
            Ok(_) => panic!("another kind of request"),
            Err(fault) => assert!(matches!(
                fault.code,
                Detail::JsonTooLarge | Detail::JsonNodes
            )),
        }
    }
});
