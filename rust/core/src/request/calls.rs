//! The batch of `wallet_sendCalls` (EIP-5792).
//!
//! The wallet is a plain account: it sends transactions one at a time and can promise nothing about
//! several together. One call is one transaction, and that is all or nothing by itself; several are
//! read to the end and shown as their sum, but not sent.

use alloy_primitives::{keccak256, Address};

use super::hex::{self, Fault};
use super::{options, transaction, Body, Method, Options, Request};
use crate::chain::ChainId;
use crate::code::Detail;
use crate::json::{Json, Malformed};

/// Calls in one batch; a larger one is refused before anything of it is understood.
pub const BATCH_CALLS_MAX: usize = 64;
/// EIP-5792: 4096 bytes as hex.
const ID_CHARS_MAX: usize = 8_194;
/// The format of the parameters: the final one, and the draft many tools still write.
const VERSIONS: [&str; 2] = ["2.0.0", DRAFT];
/// In the draft several calls are one transaction unless something else is said.
const DRAFT: &str = "1.0";

/// Calls that belong together, parsed: each as the request it would be by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// At least one.
    pub(crate) calls: Vec<Request>,
    /// Only all of them or none may happen.
    pub(crate) atomic: bool,
}

impl Batch {
    /// The calls in the order they would be sent.
    pub fn calls(&self) -> &[Request] {
        &self.calls
    }
}

/// The idempotency key of a batch that the application named. Names that are no key by themselves
/// are hashed: EIP-5792 allows them to be long.
pub fn key_of_batch(id: &str) -> String {
    if super::is_key(id) {
        id.to_owned()
    } else {
        keccak256(id.as_bytes()).to_string()
    }
}

/// Reads the params of `wallet_sendCalls`.
///
/// # Errors
/// As `request::parse`, and `capability` for a capability that is neither known nor optional.
pub(super) fn parse(items: &[Json<'_>]) -> Result<Batch, Malformed> {
    let [batch, rest @ ..] = items else {
        return Err(Malformed::new(Detail::Params, "", "too few params"));
    };
    let options = options(rest, 1)?;
    parse_batch(batch, options).map_err(|fault| fault.under("0"))
}

/// Reads the object of `wallet_sendCalls`.
pub(crate) fn parse_object(batch: &Json<'_>) -> Result<Batch, Malformed> {
    parse_batch(batch, Options::default())
}

#[derive(Default)]
struct Members<'j, 'a> {
    version: Option<&'j Json<'a>>,
    id: Option<&'j Json<'a>>,
    from: Option<&'j Json<'a>>,
    chain_id: Option<&'j Json<'a>>,
    atomic: Option<&'j Json<'a>>,
    calls: Option<&'j Json<'a>>,
}

fn parse_batch(batch: &Json<'_>, mut options: Options) -> Result<Batch, Malformed> {
    let members = Members::collect(batch)?;
    let version = required(members.version, "version")?;
    let version = hex::text(version).map_err(|fault| fault.at("version"))?;
    if !VERSIONS.contains(&version) {
        return Err(Fault::new(Detail::BatchVersion, "version 2.0.0 is understood").at("version"));
    }
    if let Some(id) = members.id {
        let id = batch_id(id).map_err(|fault| fault.at("id"))?;
        if options.idempotency_key.is_some() {
            let text = "the id of the batch is its idempotency key";
            return Err(Fault::new(Detail::IdempotencyKey, text).at("id"));
        }
        options.idempotency_key = Some(key_of_batch(id));
    }
    let from = members.from.map(hex::address).transpose();
    let from = from.map_err(|fault| fault.at("from"))?;
    let chain_id = hex::chain_id(required(members.chain_id, "chainId")?)
        .map_err(|fault| fault.at("chainId"))?;
    let atomic = match (members.atomic, version) {
        (Some(Json::Bool(atomic)), _) => *atomic,
        (None, DRAFT) => true,
        (None, _) => return Err(missing("atomicRequired")),
        (Some(_), _) => {
            return Err(Fault::new(Detail::Type, "expected a boolean").at("atomicRequired"))
        }
    };
    let items = required(members.calls, "calls")?;
    let items = items
        .as_array()
        .ok_or_else(|| Fault::new(Detail::Type, "expected an array").at("calls"))?;
    let calls = calls(items, from, chain_id, &options).map_err(|fault| fault.under("calls"))?;
    Ok(Batch { calls, atomic })
}

fn calls(
    items: &[Json<'_>],
    from: Option<Address>,
    chain_id: ChainId,
    options: &Options,
) -> Result<Vec<Request>, Malformed> {
    if items.is_empty() {
        return Err(Fault::new(Detail::BatchEmpty, "there is no call").here());
    }
    if items.len() > BATCH_CALLS_MAX {
        let text = "a batch has at most 64 calls";
        return Err(Fault::new(Detail::BatchTooLarge, text).here());
    }
    let each = items.iter().enumerate().map(|(index, item)| {
        let transaction = call(item).map_err(|fault| fault.under_index(index))?;
        Ok(Request {
            method: Method::SendTransaction,
            from,
            chain_id: Some(chain_id),
            body: Body::Transaction(transaction),
            note: options.note.clone(),
            merchant: options.merchant.clone(),
            idempotency_key: options.idempotency_key.clone(),
        })
    });
    each.collect()
}

/// One call: what a transaction is without the account and what the guardian decides.
fn call(item: &Json<'_>) -> Result<super::Transaction, Malformed> {
    let Some(members) = item.as_object() else {
        return Err(Fault::new(Detail::Type, "expected a call object").here());
    };
    let mut fields = Vec::with_capacity(members.len());
    for (key, value) in members {
        match key.as_ref() {
            "to" | "data" | "value" => fields.push((key.clone(), value.clone())),
            "capabilities" => capabilities(value).map_err(|fault| fault.under("capabilities"))?,
            _ => return Err(Fault::new(Detail::UnknownKey, "not a member of a call").at(key)),
        }
    }
    Ok(transaction::parse(&Json::Object(fields))?.transaction)
}

/// None is known here, so each must say that it may be ignored.
fn capabilities(value: &Json<'_>) -> Result<(), Malformed> {
    let Some(members) = value.as_object() else {
        return Err(Fault::new(Detail::Type, "expected an object").here());
    };
    for (name, capability) in members {
        if capability.as_object().is_none() {
            return Err(Fault::new(Detail::Type, "expected an object").at(name));
        }
        match capability.get("optional") {
            Some(Json::Bool(true)) => {}
            Some(Json::Bool(false)) | None => {
                let text = "this capability is not supported, and not marked as optional";
                return Err(Fault::new(Detail::Capability, text).at(name));
            }
            Some(_) => {
                let fault = Fault::new(Detail::Type, "expected a boolean").at("optional");
                return Err(fault.under(name));
            }
        }
    }
    Ok(())
}

fn batch_id<'j>(id: &'j Json<'_>) -> Result<&'j str, Fault> {
    let id = hex::text(id)?;
    if id.is_empty() || id.len() > ID_CHARS_MAX {
        let text = "the id of a batch has 1 to 8194 characters";
        return Err(Fault::new(Detail::BatchId, text));
    }
    Ok(id)
}

fn required<'j, 'a>(value: Option<&'j Json<'a>>, key: &str) -> Result<&'j Json<'a>, Malformed> {
    value.ok_or_else(|| missing(key))
}

fn missing(key: &str) -> Malformed {
    Fault::new(Detail::Missing, "this member is missing").at(key)
}

impl<'j, 'a> Members<'j, 'a> {
    fn collect(batch: &'j Json<'a>) -> Result<Self, Malformed> {
        let Some(members) = batch.as_object() else {
            return Err(Fault::new(Detail::Type, "expected a batch object").here());
        };
        let mut found = Self::default();
        for (key, value) in members {
            let slot = match key.as_ref() {
                "version" => &mut found.version,
                "id" => &mut found.id,
                "from" => &mut found.from,
                "chainId" => &mut found.chain_id,
                "atomicRequired" => &mut found.atomic,
                "calls" => &mut found.calls,
                "capabilities" => {
                    capabilities(value).map_err(|fault| fault.under(key))?;
                    continue;
                }
                other => {
                    return Err(Fault::new(Detail::UnknownKey, "not a member of a batch").at(other))
                }
            };
            *slot = Some(value);
        }
        Ok(found)
    }
}
