//! `holdfast decode`: what a request does, with the lines of descriptors beside it.
//!
//! Above `effects` and `clear`, which do not know each other's words: a descriptor adds lines and
//! warnings here, and nothing below this module can let it change an effect or a verdict.

mod descriptor_check;
mod raw_tx;
mod standalone;
mod well_known_tokens;

pub use standalone::{decode_standalone, DecodeError};
