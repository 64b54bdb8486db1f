//! Markets of single tokens.

pub(in crate::effects) mod seaport;

use crate::effects::registry::Decoder;

/// One line a protocol.
pub(in crate::effects) const DECODERS: &[Decoder] = &[seaport::DECODER];
