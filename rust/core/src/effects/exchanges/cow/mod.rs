//! CoW Protocol: orders that solvers settle in batches.

mod call;
mod typed;

use crate::effects::registry::{Contract, Decoder};
use crate::protocol::Protocol;

const SETTLEMENT: Protocol = Protocol::named("cow-settlement");

pub(in crate::effects) const DECODER: Decoder = Decoder {
    contracts: &[Contract::new(SETTLEMENT, "CoW Protocol")
        .calls(call::decode)
        .takes(&["Order"])],
    documents: &[(typed::ORDER, typed::order)],
};
