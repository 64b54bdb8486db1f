//! Uniswap V3: its two routers, and positions in its pools.

mod positions;
mod swap;

use crate::effects::registry::{Contract, Decoder};
use crate::protocol::Protocol;

const ROUTER: Protocol = Protocol::named("uniswap-v3-router");
const ROUTER_02: Protocol = Protocol::named("uniswap-v3-router-02");
const POSITIONS: Protocol = Protocol::named("uniswap-v3-positions");

pub(in crate::effects) const DECODER: Decoder = Decoder {
    contracts: &[
        Contract::new(ROUTER, "SwapRouter")
            .calls(|call, context| swap::decode(call, ROUTER, context)),
        Contract::new(ROUTER_02, "SwapRouter02")
            .calls(|call, context| swap::decode(call, ROUTER_02, context)),
        Contract::new(
            POSITIONS,
            "positions of Uniswap V3 (NonfungiblePositionManager)",
        )
        .calls(positions::decode),
    ],
    documents: &[],
};
