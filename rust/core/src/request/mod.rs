//! One parsed request: the single object that feeds policy, screen, journal and signer.
//!
//! `parse` is strict and bounded, and knows nothing of policy. What it accepts it has understood completely; anything
//! else is `Malformed` with a code, a path and words.

use alloy_primitives::{Address, Bytes, B256, U256};
use serde::{Deserialize, Serialize};

/// Wallet methods a request can arrive by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Method {
    /// `eth_sendTransaction`: sign and broadcast.
    SendTransaction,
    /// `eth_signTransaction`: sign and hand the bytes back; counted like a send.
    SignTransaction,
    /// `personal_sign` and `eth_sign`: EIP-191 version 0x45 over the bytes.
    SignMessage,
    /// `eth_signTypedData` in every spelling: EIP-712.
    SignTypedData,
}

/// What a transaction asks for. Gas, fees and nonce are the agent's hints: the guardian sets its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// Recipient or contract; `None` is contract creation.
    pub to: Option<Address>,
    /// Native value in wei.
    pub value: U256,
    /// Call data or init code.
    pub data: Bytes,
    /// Gas limit the agent asked for.
    pub gas: Option<u64>,
    /// Highest fee per gas the agent named, in wei (`gasPrice` counts as both).
    pub max_fee_per_gas: Option<u128>,
    /// Highest tip per gas the agent named, in wei.
    pub max_priority_fee_per_gas: Option<u128>,
    /// Nonce the agent named.
    pub nonce: Option<u64>,
}

/// A typed-data document that hashed without doubt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypedData {
    /// The document as canonical JSON; the signer rebuilds its digest from these bytes.
    pub json: String,
    /// EIP-712 digest.
    pub digest: B256,
    /// The document's primary type.
    pub primary_type: String,
    /// `domain.chainId`, normalised, when present.
    pub domain_chain_id: Option<u64>,
    /// `domain.verifyingContract`, when present.
    pub verifying_contract: Option<Address>,
    /// `domain.name`, when present (untrusted).
    pub domain_name: Option<String>,
}

/// What is asked to be signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// A transaction.
    Transaction(Transaction),
    /// An EIP-712 document.
    TypedData(TypedData),
    /// Message bytes, before the EIP-191 prefix.
    Message(Bytes),
}

/// A request that has been parsed completely.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// How it arrived.
    pub method: Method,
    /// The wallet named by the agent, if it named one.
    pub from: Option<Address>,
    /// The chain named by the agent in the transaction, if it named one.
    pub chain_id: Option<u64>,
    /// What is asked.
    pub body: Body,
    /// The agent's words (untrusted, at most 512 bytes).
    pub note: Option<String>,
    /// Explicit idempotency key (1 to 128 visible ASCII characters).
    pub idempotency_key: Option<String>,
}
