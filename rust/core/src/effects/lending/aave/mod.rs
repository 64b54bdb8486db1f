//! Aave: pools of versions 2 and 3, and debt as a token.

mod debt;
mod pool;

use crate::effects::registry::{Contract, Decoder};
use crate::protocol::Protocol;

const V2_POOL: Protocol = Protocol::named("aave-v2-pool");
const V3_POOL: Protocol = Protocol::named("aave-v3-pool");
pub(crate) const GATEWAY: Protocol = Protocol::named("aave-gateway");
const DEBT_TOKEN: Protocol = Protocol::named("aave-debt-token");

pub(in crate::effects) const DECODER: Decoder = Decoder {
    contracts: &[
        Contract::new(V2_POOL, "lending pool of Aave, version 2").calls(pool::pool),
        Contract::new(V3_POOL, "lending pool of Aave, version 3").calls(pool::pool),
        Contract::new(GATEWAY, "supplies the coin to a pool").calls(pool::gateway),
        Contract::new(DEBT_TOKEN, "debt as a token; `asset` names the owed asset")
            .calls(debt::decode),
    ],
    documents: &[],
};
