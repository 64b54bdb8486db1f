//! Compound: markets of versions 2 and 3.

mod comet;
mod ctoken;

use crate::effects::registry::{Contract, Decoder};
use crate::protocol::Protocol;

const V2_CTOKEN: Protocol = Protocol::named("compound-v2-ctoken");
const V3_COMET: Protocol = Protocol::named("compound-v3-comet");

pub(in crate::effects) const DECODER: Decoder = Decoder {
    contracts: &[
        Contract::new(
            V2_CTOKEN,
            "a market of Compound, version 2; `asset` names its asset",
        )
        .calls(ctoken::ctoken),
        Contract::new(V3_COMET, "a market of Compound, version 3")
            .calls(comet::decode)
            .before_tokens(),
    ],
    documents: &[],
};
