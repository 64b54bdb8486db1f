//! The Universal Router of Uniswap.

mod permit;
pub(in crate::effects) mod plan;
mod v4;

use crate::effects::registry::{Contract, Decoder};
use crate::protocol::Protocol;

/// 1.2 or later, where the version is not known.
const ANY: Protocol = Protocol::named("universal-router");
const V2: Protocol = Protocol::named("universal-router-v2");
const V2_1: Protocol = Protocol::named("universal-router-v2-1");

pub(in crate::effects) const DECODER: Decoder = Decoder {
    contracts: &[Contract::new(ANY, "Universal Router of Uniswap, 1.2 or later if the version is not known; never declare 1.0 or 1.1 as this").calls(|call, context| plan::decode(call, ANY, context)), Contract::new(V2, "Universal Router, 2.0").calls(|call, context| plan::decode(call, V2, context)), Contract::new(V2_1, "Universal Router, 2.1 and 2.2").calls(|call, context| plan::decode(call, V2_1, context))],
    documents: &[],
};
