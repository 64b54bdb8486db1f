//! `holdfast decode`: raw transactions and JSON, and call data on a known token.
#![no_main]

use std::fmt::Write as _;

use holdfast_core::asset::Registry;
use holdfast_core::chain::ChainId;
use holdfast_core::decode::decode_standalone;
use libfuzzer_sys::fuzz_target;

const USDC: &str = "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48";

fuzz_target!(|data: &[u8]| {
    let registry = Registry::new();
    let _ = decode_standalone(data, ChainId::ETHEREUM, &registry, Some(data), None);
    let hex = data.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    });
    for request in [
        format!("{{\"raw_tx\":\"0x{hex}\"}}"),
        format!("{{\"tx\":{{\"to\":\"{USDC}\",\"data\":\"0x{hex}\"}}}}"),
        format!("{{\"message\":\"0x{hex}\"}}"),
    ] {
        if let Ok(object) =
            decode_standalone(request.as_bytes(), ChainId::ETHEREUM, &registry, None, None)
        {
            assert!(serde_json::from_str::<serde_json::Value>(&object).is_ok());
        }
    }
});
