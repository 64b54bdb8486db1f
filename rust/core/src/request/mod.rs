//! One parsed request: the single object that feeds policy, screen, journal and signer.
//!
//! `parse` is strict and bounded, and knows nothing of policy. What it accepts it has understood
//! completely; anything else is `Malformed` with a code, a path and words.

mod calls;
mod hex;
mod message;
mod transaction;
mod typed_data;

use alloy_primitives::{Address, Bytes, B256, U256};
use serde::{Deserialize, Serialize};

use crate::chain::ChainId;
use crate::code::Detail;
use crate::json::{self, Json, Limits, Malformed};

pub use calls::{key_of_batch, Batch, BATCH_CALLS_MAX};

pub(crate) use calls::parse_object as parse_batch;
pub(crate) use hex::{bytes, parse_address, Fault};
pub(crate) use message::parse as parse_message;
pub(crate) use transaction::{parse as parse_transaction, Shape, TransactionRequest};
pub(crate) use typed_data::parse as parse_typed_data;

/// The method that takes a batch.
const SEND_CALLS: &str = "wallet_sendCalls";
/// Longest `note`, in bytes.
pub const NOTE_BYTES_MAX: usize = 512;
/// Longest `idempotencyKey`, in bytes.
pub const IDEMPOTENCY_KEY_BYTES_MAX: usize = 128;

/// Wallet methods a request can arrive by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Method {
    /// `eth_sendTransaction` and `wallet_sendCalls`: sign and broadcast.
    SendTransaction,
    /// `eth_signTransaction`: sign and hand the bytes back; counted like a send.
    SignTransaction,
    /// `personal_sign` and `eth_sign`: EIP-191 version 0x45 over the bytes.
    SignMessage,
    /// `eth_signTypedData` in every spelling: EIP-712.
    SignTypedData,
}

impl Method {
    /// Whether it makes a transaction.
    pub const fn sends(self) -> bool {
        matches!(self, Self::SendTransaction | Self::SignTransaction)
    }
}

/// What a transaction asks for. Gas, fees and nonce are the agent's hints: the guardian sets its
/// own.
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
    /// The document as canonical JSON, its values in one spelling (integers as decimal strings,
    /// addresses with checksum, `domain.chainId` as a number), `EIP712Domain` written out, types
    /// that are not used left out. The digest is the same, and the signer rebuilds it from these
    /// bytes.
    pub json: String,
    /// EIP-712 digest.
    pub digest: B256,
    /// `keccak256(encodeType)` of the primary type.
    pub type_hash: B256,
    /// The document's primary type.
    pub primary_type: String,
    /// `domain.chainId`, normalised, when present.
    pub domain_chain_id: Option<ChainId>,
    /// `domain.verifyingContract`, when present.
    pub verifying_contract: Option<Address>,
    /// `domain.name`, when present (untrusted).
    pub domain_name: Option<String>,
    /// An address in it has a wrong EIP-55 checksum: nobody can say which one was meant, so nothing
    /// of the document is understood. In `json` it is in small letters.
    pub doubtful: bool,
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
    pub chain_id: Option<ChainId>,
    /// What is asked.
    pub body: Body,
    /// The agent's words (untrusted, at most 512 bytes).
    pub note: Option<String>,
    /// The host that the agent says it pays: a claim, which makes nothing milder.
    pub merchant: Option<String>,
    /// Explicit idempotency key (1 to 128 visible ASCII characters).
    pub idempotency_key: Option<String>,
}

impl Method {
    /// The JSON-RPC names of all of them.
    pub const NAMES: [(&'static str, Self); 8] = [
        ("eth_sendTransaction", Self::SendTransaction),
        (SEND_CALLS, Self::SendTransaction),
        ("eth_signTransaction", Self::SignTransaction),
        ("personal_sign", Self::SignMessage),
        ("eth_sign", Self::SignMessage),
        ("eth_signTypedData", Self::SignTypedData),
        ("eth_signTypedData_v3", Self::SignTypedData),
        ("eth_signTypedData_v4", Self::SignTypedData),
    ];

    /// The wallet method of this JSON-RPC name, if it is one.
    pub fn from_rpc(name: &str) -> Option<Self> {
        let mut names = Self::NAMES.iter();
        names
            .find(|(known, _)| *known == name)
            .map(|(_, method)| *method)
    }
}

/// What is asked with one call of a wallet method.
///
/// Nearly all are one, and they are taken apart at once: a box would only cost them an allocation.
#[allow(clippy::large_enum_variant)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// One thing to sign.
    One(Request),
    /// Several transactions that belong together: they are judged as their sum, and not sent.
    Several(Batch),
}

/// Parses the params of a wallet method that asks for one thing to sign.
///
/// # Errors
/// As [`parse_any`], and `batch` for several at once.
pub fn parse(method: &str, params: &[u8]) -> Result<Request, Malformed> {
    match parse_any(method, params)? {
        Asked::One(request) => Ok(request),
        Asked::Several(_) => Err(Malformed::new(Detail::Batch, "", "several calls at once")),
    }
}

/// Parses the params of a wallet method.
///
/// # Errors
/// [`Malformed`] with a code of section "Malformed details" in `docs/policy/codes.md`. The code
/// `raw_hash` is a reason code of its own.
pub fn parse_any(method: &str, params: &[u8]) -> Result<Asked, Malformed> {
    let Some(kind) = Method::from_rpc(method) else {
        return Err(Malformed::new(
            Detail::Method,
            "",
            "not a method that signs",
        ));
    };
    let params = json::parse_exact(params, &Limits::REQUEST)?;
    let Some(items) = params.as_array() else {
        return Err(Malformed::new(
            Detail::Params,
            "",
            "params must be an array",
        ));
    };
    if method == SEND_CALLS {
        return one_or_several(calls::parse(items)?);
    }
    let request = match (kind, items) {
        (Method::SendTransaction | Method::SignTransaction, [fields, rest @ ..]) => {
            let parsed = transaction::parse_to_sign(fields).map_err(|fault| fault.under("0"))?;
            let options = options(rest, 1)?;
            Ok(options.into_request(
                kind,
                parsed.from,
                parsed.chain_id,
                Body::Transaction(parsed.transaction),
            ))
        }
        (Method::SignMessage, [first, second, rest @ ..]) => {
            let (from, from_at, text, text_at) = if method == "eth_sign" {
                (first, "0", second, "1")
            } else {
                (second, "1", first, "0")
            };
            let from = signer(from).map_err(|fault| fault.under(from_at))?;
            let bytes = message::parse(text).map_err(|fault| fault.under(text_at))?;
            let options = options(rest, 2)?;
            Ok(options.into_request(kind, Some(from), None, Body::Message(bytes)))
        }
        (Method::SignTypedData, [from, document, rest @ ..]) => {
            let from = signer(from).map_err(|fault| fault.under("0"))?;
            let typed = typed_data::parse(document).map_err(|fault| fault.under("1"))?;
            let options = options(rest, 2)?;
            Ok(options.into_request(kind, Some(from), None, Body::TypedData(typed)))
        }
        _ => Err(Malformed::new(Detail::Params, "", "too few params")),
    };
    request.map(Asked::One)
}

/// One transaction happens as a whole or not at all, so a batch of one call needs nothing more.
fn one_or_several(batch: Batch) -> Result<Asked, Malformed> {
    let Batch { mut calls, atomic } = batch;
    match (calls.len(), calls.pop()) {
        (1, Some(request)) => Ok(Asked::One(request)),
        (_, last) if !atomic => {
            calls.extend(last);
            Ok(Asked::Several(Batch { calls, atomic }))
        }
        _ => {
            let text = "this wallet cannot make several calls all or nothing: send them one by one";
            let fault = Malformed::new(Detail::Atomicity, "", text);
            Err(fault.under("atomicRequired").under("0"))
        }
    }
}

fn signer(value: &Json<'_>) -> Result<Address, Malformed> {
    hex::address(value).map_err(|fault| fault.here())
}

/// What an agent may say besides the request itself.
#[derive(Default)]
struct Options {
    note: Option<String>,
    merchant: Option<String>,
    idempotency_key: Option<String>,
}

impl Options {
    fn into_request(
        self,
        method: Method,
        from: Option<Address>,
        chain_id: Option<ChainId>,
        body: Body,
    ) -> Request {
        let Self {
            note,
            merchant,
            idempotency_key,
        } = self;
        Request {
            method,
            from,
            chain_id,
            body,
            note,
            merchant,
            idempotency_key,
        }
    }
}

/// Reads the optional object after the params of the method; `index` is its place.
fn options(rest: &[Json<'_>], index: usize) -> Result<Options, Malformed> {
    let members = match rest {
        [] => return Ok(Options::default()),
        [Json::Object(members)] => members,
        [_] => {
            let fault = Malformed::new(
                Detail::Params,
                "",
                "the last param may only be an options object",
            );
            return Err(fault.under_index(index));
        }
        _ => return Err(Malformed::new(Detail::Params, "", "too many params")),
    };
    let mut options = Options::default();
    for (key, value) in members {
        let slot = match key.as_ref() {
            "note" => &mut options.note,
            "merchant" => &mut options.merchant,
            "idempotencyKey" => &mut options.idempotency_key,
            _ => {
                let fault = Malformed::new(Detail::UnknownKey, "", "not an option");
                return Err(fault.under(key).under_index(index));
            }
        };
        *slot = Some(option(key, value).map_err(|fault| fault.under(key).under_index(index))?);
    }
    Ok(options)
}

/// A host name as the DNS writes it (RFC 1123), in lowercase.
pub(crate) fn is_host(text: &str) -> bool {
    let is_label = |label: &str| {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        (1..=63).contains(&label.len())
            && label.bytes().all(plain)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= 253 && text.contains('.') && text.split('.').all(is_label)
}

fn is_key(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= IDEMPOTENCY_KEY_BYTES_MAX
        && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn option(key: &str, value: &Json<'_>) -> Result<String, Malformed> {
    let Some(text) = value.as_str() else {
        return Err(Malformed::new(
            Detail::Type,
            "",
            format!("expected a string, not {}", value.kind()),
        ));
    };
    if key == "note" && text.len() > NOTE_BYTES_MAX {
        return Err(Malformed::new(
            Detail::Note,
            "",
            "the note is longer than 512 bytes",
        ));
    }
    if key == "merchant" && !is_host(text) {
        let text = "a merchant is a host name in lowercase, such as `api.example.com`";
        return Err(Malformed::new(Detail::Merchant, "", text));
    }
    if key == "idempotencyKey" && !is_key(text) {
        let text = "an idempotency key is 1 to 128 visible ASCII characters";
        return Err(Malformed::new(Detail::IdempotencyKey, "", text));
    }
    Ok(text.to_owned())
}
