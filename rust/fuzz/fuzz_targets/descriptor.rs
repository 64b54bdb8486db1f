//! ERC-7730 descriptors of whoever wrote them, and the data of a call after the first zero byte: read
//! or named as faulty, and what they say changes nothing but lines.
#![no_main]

use alloy_primitives::hex;
use holdfast_core::asset::Registry;
use holdfast_core::chain::ChainId;
use holdfast_core::clear::Library;
use holdfast_core::decode::decode_standalone;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

/// What the descriptors of the seeds are about.
const CONTRACT: &str = "0x1111111111111111111111111111111111111111";

fuzz_target!(|data: &[u8]| {
    let mut parts = data.splitn(2, |byte| *byte == 0);
    let file = parts.next().unwrap_or_default().to_vec();
    let call = parts.next().unwrap_or_default();
    let (library, _) = Library::load(&[("fuzz.json".to_owned(), file)]);
    let data = hex::encode_prefixed(call);
    let request = format!(r#"{{"tx":{{"to":"{CONTRACT}","data":"{data}"}}}}"#);
    let registry = Registry::new();
    let decode = |clear: Option<&Library>| {
        let text = decode_standalone(
            request.as_bytes(),
            ChainId::ETHEREUM,
            &registry,
            None,
            clear,
        );
        text.map(|text| serde_json::from_str::<Value>(&text).expect("JSON"))
    };
    match (decode(None), decode(Some(&library))) {
        (Ok(plain), Ok(told)) => {
            assert_eq!(plain["effects"], told["effects"]);
            assert_eq!(plain["opaque"], told["opaque"]);
            let lines = told["display"].as_array().expect("lines").len();
            assert!(lines <= 1_000);
        }
        (plain, told) => assert_eq!(plain, told),
    }
});
