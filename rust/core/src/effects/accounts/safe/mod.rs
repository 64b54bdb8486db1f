//! Safe: an account of several owners. Its calls are followed by their selector, wherever they are.

pub(in crate::effects) mod call;
mod typed;

use crate::effects::registry::{Contract, Decoder};
use crate::protocol::Protocol;

pub(in crate::effects) const SAFE: Protocol = Protocol::named("safe");
const MULTISEND: Protocol = Protocol::named("safe-multisend");
/// Without delegate calls in the batch.
pub(in crate::effects) const MULTISEND_CALL_ONLY: Protocol =
    Protocol::named("safe-multisend-call-only");

pub(in crate::effects) const DECODER: Decoder = Decoder {
    contracts: &[
        Contract::new(SAFE, "a Safe; its calls are followed by their selector").takes(&["SafeTx"]),
        Contract::new(MULTISEND, "runs a batch as the Safe that calls it"),
        Contract::new(MULTISEND_CALL_ONLY, "the same without delegate calls"),
    ],
    documents: &[
        (typed::TRANSACTION, typed::transaction),
        (typed::TRANSACTION_OLD, typed::transaction),
    ],
};
