//! Swaps, and orders for one token against another.

mod cow;
mod oneinch;
mod paraswap;
mod router;
mod uniswap_v2;
mod uniswap_v3;
mod uniswapx;
mod universal_router;
mod zeroex;

use crate::effects::registry::Decoder;

/// One line a protocol.
pub(in crate::effects) const DECODERS: &[Decoder] = &[
    cow::DECODER,
    uniswapx::DECODER,
    zeroex::DECODER,
    oneinch::DECODER,
    universal_router::DECODER,
    uniswap_v2::DECODER,
    uniswap_v3::DECODER,
    paraswap::DECODER,
];
