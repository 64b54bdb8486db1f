//! Signatures that let somebody take tokens.

mod eip2612;
mod eip3009;
pub(in crate::effects) mod permit2;
mod x402;

use crate::effects::registry::Decoder;

/// One line a protocol.
pub(in crate::effects) const DECODERS: &[Decoder] = &[
    eip2612::DECODER,
    eip3009::DECODER,
    permit2::DECODER,
    x402::DECODER,
];
