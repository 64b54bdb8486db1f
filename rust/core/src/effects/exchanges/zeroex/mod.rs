//! The Exchange Proxy of 0x, version 4.

mod call;
mod typed;

use crate::effects::registry::{Contract, Decoder};
use crate::protocol::Protocol;

const EXCHANGE: Protocol = Protocol::named("zeroex");

pub(in crate::effects) const DECODER: Decoder = Decoder {
    contracts: &[Contract::new(EXCHANGE, "Exchange Proxy of 0x, version 4")
        .calls(call::decode)
        .takes(&["LimitOrder", "RfqOrder", "OtcOrder"])],
    documents: &[
        (typed::LIMIT, typed::order),
        (typed::RFQ, typed::order),
        (typed::OTC, typed::order),
    ],
};
