//! The JSON-RPC 2.0 envelope: calls of a frame, and response bytes every client can read.
//!
//! Responses are compact, on one line that ends in exactly one line feed, and have no brace inside
//! a string (`\u007b` and `\u007d` instead), because clients count braces or read lines.

mod envelope;
mod respond;

pub use envelope::{parse_frame, Call, BATCH_CALLS_MAX, INVALID_REQUEST, PARSE_ERROR};
pub use respond::{response_batch, response_error, response_result};
