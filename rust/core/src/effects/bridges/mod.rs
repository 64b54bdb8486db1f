//! Value to another chain.

mod across;
mod arbitrum;
mod cctp;
mod crossing;
mod oft;
mod op;

use crate::effects::registry::Decoder;

/// One line a protocol.
pub(in crate::effects) const DECODERS: &[Decoder] = &[
    cctp::DECODER,
    op::DECODER,
    arbitrum::DECODER,
    oft::DECODER,
    across::DECODER,
];
