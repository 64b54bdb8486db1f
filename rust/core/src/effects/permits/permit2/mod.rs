//! Permit2: the contract that many tokens are allowed to once and for all.

mod call;
mod signed;
pub(in crate::effects) mod typed;

use crate::effects::registry::{Contract, Decoder};
use crate::protocol::Protocol;

pub(in crate::effects) const PERMIT2: Protocol = Protocol::named("permit2");

pub(in crate::effects) const DECODER: Decoder = Decoder {
    contracts: &[Contract::new(PERMIT2, "Permit2")
        .calls(call::decode)
        .takes(&[
            "PermitSingle",
            "PermitBatch",
            "PermitTransferFrom",
            "PermitBatchTransferFrom",
            "PermitWitnessTransferFrom",
            "PermitBatchWitnessTransferFrom",
        ])],
    documents: &[
        (typed::SINGLE, typed::single),
        (typed::BATCH, typed::batch),
        (typed::TRANSFER, typed::transfer),
        (typed::BATCH_TRANSFER, typed::batch_transfer),
    ],
};
