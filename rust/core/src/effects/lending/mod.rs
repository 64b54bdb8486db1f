//! Lending and staking.

pub(in crate::effects) mod aave;
mod compound;
mod staking;

use crate::effects::registry::Decoder;

/// One line a protocol.
pub(in crate::effects) const DECODERS: &[Decoder] =
    &[aave::DECODER, compound::DECODER, staking::DECODER];
