//! The strict tree: accepts less than `serde_json`, means the same, and writes a canonical fixed
//! point.
#![no_main]

use holdfast_core::json::{parse, parse_exact, Limits};
use holdfast_core::text::display_safe;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|data: &[u8]| {
    if let Ok(tree) = parse(data, &Limits::REQUEST) {
        let canonical = tree.to_canonical();
        let reference: Value = serde_json::from_slice(data).expect("serde_json reads it too");
        assert_eq!(
            serde_json::from_str::<Value>(&canonical).expect("canonical"),
            reference
        );
        let again = parse(canonical.as_bytes(), &Limits::REQUEST);
        // Escapes can make the canonical text longer than the input may be.
        assert!(again.is_ok_and(|tree| tree.to_canonical() == canonical) || data.len() > 100_000);
    }
    // Only integers of any size are read on top of that, and they stay what they are.
    if let Ok(tree) = parse_exact(data, &Limits::REQUEST) {
        let strict = parse(data, &Limits::REQUEST);
        assert!(strict.is_err() || strict.as_ref() == Ok(&tree));
        let canonical = tree.to_canonical();
        let again = parse_exact(canonical.as_bytes(), &Limits::REQUEST);
        assert!(again.is_ok_and(|tree| tree.to_canonical() == canonical) || data.len() > 100_000);
    } else {
        assert!(parse(data, &Limits::REQUEST).is_err());
    }
    if let Ok(text) = std::str::from_utf8(data) {
        let shown = display_safe(text, 80);
        assert!(shown.chars().count() <= 80 && !shown.chars().any(char::is_control));
        assert_eq!(display_safe(&shown, 80), shown);
    }
});
