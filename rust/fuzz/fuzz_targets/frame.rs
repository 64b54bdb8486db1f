//! Frames and envelopes: any split of the stream gives the same frames, and every frame gets calls.
#![no_main]

use holdfast_core::frame::Framer;
use holdfast_core::rpc::{parse_frame, response_result};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fn frames(pieces: &[&[u8]]) -> (Vec<Vec<u8>>, bool) {
    let mut framer = Framer::new(4_096);
    let mut found = Vec::new();
    for piece in pieces {
        if let Ok(values) = framer.feed(piece) {
            found.extend(values);
        }
    }
    (found, framer.is_faulty())
}

fuzz_target!(|data: &[u8]| {
    let bytes: Vec<&[u8]> = data.chunks(1).collect();
    let (whole, faulty) = frames(&[data]);
    assert_eq!((&whole, faulty), (&frames(&bytes).0, frames(&bytes).1));
    for frame in whole {
        let (batch, calls) = parse_frame(&frame);
        assert!(batch || calls.len() == 1);
        for call in calls {
            let line = response_result(call.id_json.as_deref().unwrap_or(b"null"), &call.params);
            // Params are judged later: a lone surrogate or a huge number passes here as it came.
            if serde_json::from_slice::<Value>(&call.params).is_ok() {
                assert!(serde_json::from_slice::<Value>(&line).is_ok());
            }
        }
    }
});
