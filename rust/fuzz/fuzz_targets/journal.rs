//! What is read back from disk: records, snapshots and signed notes. Damaged ones are refused.
#![no_main]

use holdfast_core::guard::Guard;
use holdfast_core::log::{open_note, parse_checkpoint};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = open_note(data, "origin", &[7; 32]);
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = parse_checkpoint(text);
    }
    let records: Vec<&[u8]> = data.split(|byte| *byte == b'\n').collect();
    if let Ok(guard) = Guard::replay(&records) {
        let again = Guard::restore(&guard.snapshot()).expect("its own snapshot");
        assert_eq!(guard.state_digest(), again.state_digest());
    }
    let _ = Guard::restore(data);
});
