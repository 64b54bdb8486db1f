//! Seaport 1.1 to 1.6: a market of orders for tokens of every kind.

mod abi;
mod call;
mod order;
pub(in crate::effects) mod typed;

use crate::effects::registry::{Contract, Decoder};
use crate::protocol::Protocol;

const SEAPORT: Protocol = Protocol::named("seaport");

pub(in crate::effects) const DECODER: Decoder = Decoder {
    contracts: &[Contract::new(SEAPORT, "Seaport 1.1 to 1.6")
        .calls(call::decode)
        .takes(&["OrderComponents", "BulkOrder"])],
    documents: &[(typed::ORDER, typed::order)],
};
