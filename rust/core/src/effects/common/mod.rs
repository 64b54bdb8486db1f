//! What decoders of every protocol share. Nothing here knows a protocol.

pub(in crate::effects) mod holding;
pub(in crate::effects) mod native;
pub(in crate::effects) mod nested;
pub(in crate::effects) mod opaque;
pub(in crate::effects) mod order;
pub(in crate::effects) mod trade;
