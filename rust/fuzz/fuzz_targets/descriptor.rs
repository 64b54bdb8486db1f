//! ERC-7730 descriptors of whoever wrote them: read or named as faulty, and what they say of a call
//! changes nothing but lines.
#![no_main]

use holdfast_core::asset::Registry;
use holdfast_core::clear::Library;
use holdfast_core::effects::decode_standalone;
use libfuzzer_sys::fuzz_target;

const CALL: &[u8] = br#"{"tx":{"to":"0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48","data":"0xa9059cbb00000000000000000000000070997970c51812dc3a010c7d01b50e0d17dc79c80000000000000000000000000000000000000000000000000000000002faf080"}}"#;

fuzz_target!(|data: &[u8]| {
    let (library, faults) = Library::load(&[("fuzz.json".to_owned(), data.to_vec())]);
    assert!(library.is_empty() || faults.is_empty());
    let registry = Registry::new();
    let plain = decode_standalone(CALL, 1, &registry, None, None).expect("a transfer");
    let told = decode_standalone(CALL, 1, &registry, None, Some(&library)).expect("a transfer");
    let effects = |text: &str| {
        let value: serde_json::Value = serde_json::from_str(text).expect("JSON");
        value["effects"].to_string()
    };
    assert_eq!(effects(&plain), effects(&told));
});
