//! Tokens by their standard, and contracts that are about nothing but tokens.

mod disperse;
pub(in crate::effects) mod erc1155;
pub(in crate::effects) mod erc20;
mod erc4626;
pub(in crate::effects) mod erc721;
mod weth;

use crate::effects::registry::Decoder;

/// One line a protocol.
pub(in crate::effects) const DECODERS: &[Decoder] =
    &[weth::DECODER, disperse::DECODER, erc4626::DECODER];
