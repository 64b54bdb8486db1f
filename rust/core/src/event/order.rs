//! `request.authorised`: the order the signer builds its bytes from.

use alloy_primitives::{Address, Bytes, B256, U256};
use serde::{Deserialize, Serialize};

use super::data::Id;
use super::wire;
use crate::chain::ChainId;

/// Data of `request.authorised`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Authorised {
    /// The digest of the request it carries out.
    pub digest: B256,
    /// Which request.
    #[serde(with = "wire::id")]
    pub id: Id,
    /// What to sign.
    pub order: SigningOrder,
}

/// Exactly what is to be signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum SigningOrder {
    /// An EIP-1559 transaction.
    Transaction(TransactionOrder),
    /// An EIP-712 document.
    TypedData(TypedDataOrder),
    /// An EIP-191 message.
    Message(MessageOrder),
}

macro_rules! kind_word {
    ($name:ident, $word:literal) => {
        /// The one word the `kind` of this order can be.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        pub enum $name {
            /// That word.
            #[default]
            #[serde(rename = $word)]
            Word,
        }
    };
}

kind_word!(IsTransaction, "transaction");
kind_word!(IsTypedData, "typed-data");
kind_word!(IsMessage, "message");

/// Every field of the transaction; the access list is always empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransactionOrder {
    /// EIP-155 chain id.
    pub chain_id: ChainId,
    /// Call data or init code.
    pub data: Bytes,
    /// Gas limit.
    pub gas: u64,
    /// `transaction`
    pub kind: IsTransaction,
    /// Wei per gas.
    #[serde(with = "wire::u128")]
    pub max_fee_per_gas: u128,
    /// Wei per gas.
    #[serde(with = "wire::u128")]
    pub max_priority_fee_per_gas: u128,
    /// Nonce.
    pub nonce: u64,
    /// Recipient or contract; null creates a contract.
    #[serde(with = "wire::eip55_option")]
    pub to: Option<Address>,
    /// Wei.
    #[serde(with = "wire::decimal")]
    pub value: U256,
    /// Who signs.
    #[serde(with = "wire::eip55")]
    pub wallet: Address,
}

/// A document and its digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TypedDataOrder {
    /// EIP-155 chain id.
    pub chain_id: ChainId,
    /// EIP-712 digest.
    pub digest: B256,
    /// The document, canonical.
    pub json: String,
    /// `typed-data`
    pub kind: IsTypedData,
    /// Who signs.
    #[serde(with = "wire::eip55")]
    pub wallet: Address,
}

/// A message and its digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MessageOrder {
    /// EIP-155 chain id.
    pub chain_id: ChainId,
    /// EIP-191 digest.
    pub digest: B256,
    /// `message`
    pub kind: IsMessage,
    /// The bytes before the prefix.
    pub message: Bytes,
    /// Who signs.
    #[serde(with = "wire::eip55")]
    pub wallet: Address,
}

impl SigningOrder {
    /// The nonce it uses up, for a transaction.
    pub const fn nonce(&self) -> Option<u64> {
        match self {
            Self::Transaction(order) => Some(order.nonce),
            Self::TypedData(_) | Self::Message(_) => None,
        }
    }
}
