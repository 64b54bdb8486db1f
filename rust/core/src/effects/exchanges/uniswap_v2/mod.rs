//! Router 02 of Uniswap V2, and forks with the same functions.

mod remove;
mod swap;

use crate::effects::registry::{Contract, Decoder};
use crate::protocol::Protocol;

const ROUTER: Protocol = Protocol::named("uniswap-v2-router");

pub(in crate::effects) const DECODER: Decoder = Decoder {
    contracts: &[Contract::new(
        ROUTER,
        "Router 02 of Uniswap V2, and forks with the same functions",
    )
    .calls(swap::decode)],
    documents: &[],
};
