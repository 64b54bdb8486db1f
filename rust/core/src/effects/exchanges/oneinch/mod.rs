//! 1inch: swaps, and limit orders.

mod call;
mod typed;

use crate::effects::registry::{Contract, Decoder};
use crate::protocol::Protocol;

const V5: Protocol = Protocol::named("oneinch-v5");
const V6: Protocol = Protocol::named("oneinch-v6");

pub(in crate::effects) const DECODER: Decoder = Decoder {
    contracts: &[
        Contract::new(V5, "router of 1inch, version 5")
            .calls(|one, context| call::decode(one, V5, context))
            .takes(&["Order"]),
        Contract::new(V6, "router of 1inch, version 6")
            .calls(|one, context| call::decode(one, V6, context))
            .takes(&["Order"]),
    ],
    documents: &[(typed::V3, typed::v3), (typed::V4, typed::v4)],
};
