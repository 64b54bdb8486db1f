//! What the process with the keys takes from the core: hashes of what it signs, computed from the
//! content, and the bytes of a signed transaction. Whether an order may be signed it looks at itself.

use alloy_consensus::{SignableTransaction as _, TxEip1559};
use alloy_eips::eip2718::Encodable2718 as _;
use alloy_primitives::{Signature, TxKind, B256};

use crate::event::TransactionOrder;
use crate::json::{Json, Malformed};
use crate::request;

/// The EIP-712 digest of a document.
///
/// # Errors
/// [`Malformed`] for what is no EIP-712 document.
pub fn typed_data_digest(document: &str) -> Result<B256, Malformed> {
    request::parse_typed_data(&Json::Str(document.into())).map(|read| read.digest)
}

/// An EIP-1559 transaction without its signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsigned {
    transaction: TxEip1559,
    /// What its wallet signs.
    pub digest: B256,
}

impl Unsigned {
    /// The transaction of the `order` of a `request.authorised`, as JSON.
    ///
    /// # Errors
    /// Words for what is no such order.
    pub fn from_order(order: &[u8]) -> Result<Self, serde_json::Error> {
        let order: TransactionOrder = serde_json::from_slice(order)?;
        let transaction = TxEip1559 {
            chain_id: order.chain_id.get(),
            nonce: order.nonce,
            gas_limit: order.gas,
            max_fee_per_gas: order.max_fee_per_gas,
            max_priority_fee_per_gas: order.max_priority_fee_per_gas,
            to: order.to.map_or(TxKind::Create, TxKind::Call),
            value: order.value,
            access_list: Default::default(),
            input: order.data,
        };
        let digest = transaction.signature_hash();
        Ok(Self {
            transaction,
            digest,
        })
    }

    /// Its bytes and hash with this signature, `r || s || v`; `None` for what is no signature.
    pub fn signed(&self, signature: &[u8; 65]) -> Option<(Vec<u8>, B256)> {
        let signature = Signature::from_raw_array(signature).ok()?;
        let signed = self.transaction.clone().into_signed(signature);
        Some((signed.encoded_2718(), *signed.hash()))
    }
}
