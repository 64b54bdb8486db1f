//! Accounts, and calls that others make for them.

pub(in crate::effects) mod account;
pub(in crate::effects) mod authority;
mod entry_point;
mod forward;
pub(in crate::effects) mod multicall;
pub(in crate::effects) mod safe;

use crate::effects::registry::Decoder;

/// One line a protocol.
pub(in crate::effects) const DECODERS: &[Decoder] = &[
    multicall::DECODER,
    safe::DECODER,
    account::DECODER,
    entry_point::DECODER,
    forward::DECODER,
    authority::DECODER,
];
