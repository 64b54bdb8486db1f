//! What an agent is told of a request: a result, why there is none, or that it is pending. Freezes
//! and the agent's `privacy` are looked at here and nowhere else.

use alloy_consensus::transaction::RlpEcdsaDecodableTx as _;
use alloy_consensus::TxEip1559;
use alloy_primitives::{hex, Address, Bytes, TxKind, B256, U64};
use serde::Serialize;

use crate::chain::ChainId;
use crate::code::Code;
use crate::event::{RequestKind, Stage};
use crate::guard::decision::answer::{bytes, told, Told};
use crate::guard::fold::replace::current;
use crate::guard::state::Entry;
use crate::guard::Guard;
use crate::policy::{method_name, Privacy, Reason};
use crate::request::Method;

/// What a request waits for, as its state says. The service may know more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waits {
    /// `person`, `delay`, `chain` or `signer`.
    pub what: &'static str,
    /// Since when, ms.
    pub since: u64,
    /// When it goes on or ends by itself, ms, as far as the core knows.
    pub until: Option<u64>,
}

/// Where a request stands, for the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Whose it is.
    pub agent: String,
    /// Who signs.
    pub wallet: Address,
    /// EIP-155 chain id.
    pub chain_id: ChainId,
    /// As it was called.
    pub method: &'static str,
    /// Its stage.
    pub stage: Stage,
    /// When it came into that, ms.
    pub since: u64,
    /// Its outcome was given to its agent.
    pub delivered: bool,
    /// It is a transaction.
    pub is_transaction: bool,
    /// It goes only to a private relay.
    pub is_private: bool,
    /// What it waits for.
    pub waits: Option<Waits>,
    /// Of the transaction that was signed last, or the digest that was signed.
    pub hash: Option<B256>,
    /// Nonce, fee and tip of its order, wei per gas.
    pub order: Option<(u64, u128, u128)>,
    /// An order that is to take the place of what is out waits for its signature.
    pub is_replaced: bool,
}

/// Either a `result`, or words and data of why there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// `ok`, `pending`, or how it ended: `denied`, `expired`, `cancelled`, `failed`, `frozen`,
    /// `dropped`.
    pub status: &'static str,
    /// JSON.
    pub result: Option<Vec<u8>>,
    /// For the message of an error.
    pub text: String,
    /// JSON, the data of an error.
    pub data: Vec<u8>,
    /// Asking again gives the same.
    pub is_final: bool,
}

#[derive(Serialize)]
struct Ended<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<Code>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasons: Option<Vec<Told<'a>>>,
    #[serde(rename = "requestId")]
    request_id: String,
    status: &'static str,
}

/// Of execution-apis `eth_signTransaction`.
#[derive(Serialize)]
struct SignedTransaction<'a> {
    raw: &'a Bytes,
    tx: SignedFields<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SignedFields<'a> {
    access_list: [(); 0],
    chain_id: U64,
    gas: U64,
    hash: &'a B256,
    input: &'a Bytes,
    max_fee_per_gas: String,
    max_priority_fee_per_gas: String,
    nonce: U64,
    r: String,
    s: String,
    to: Option<String>,
    #[serde(rename = "type")]
    kind: &'static str,
    v: U64,
    value: String,
    y_parity: U64,
}

impl Guard {
    /// The outcome of a request; `None` while it has none, or is not known.
    pub fn outcome(&self, request_id: &str) -> Option<Outcome> {
        let entry = self.entry(request_id).ok()?;
        if is_cancelling(entry) {
            // Its newest bytes take it back: until one of all is mined nobody knows what it will be.
            return None;
        }
        let out = matches!(
            entry.stage,
            Stage::Sent | Stage::Confirmed | Stage::Reverted
        );
        let released = entry.stage == Stage::Released;
        if let Some(signed) = entry.signed.as_ref().filter(|_| out || released) {
            let told = told_hash(entry).unwrap_or(signed.hash);
            let sign_only = entry.method == Method::SignTransaction;
            let result = match entry.kind {
                RequestKind::Transaction if sign_only => signed_transaction(&signed.payload)?,
                RequestKind::Transaction if out => quoted(told.as_slice()),
                RequestKind::Transaction => return None,
                RequestKind::TypedData | RequestKind::Message => quoted(&signed.payload),
            };
            let gives_signature = sign_only || entry.kind != RequestKind::Transaction;
            // Under a freeze not even an older signature is given out.
            if gives_signature && self.state.frozen(&entry.agent, &entry.wallet).is_some() {
                return Some(withheld(entry));
            }
            return Some(Outcome {
                status: "ok",
                result: Some(result),
                is_final: told == signed.hash,
                ..Outcome::default()
            });
        }
        Some(ended(entry, self.privacy(&entry.agent))).filter(|_| why(entry.stage).is_some())
    }

    /// Where a request stands; for `wait_ms` it may wait for its chain.
    pub fn standing(&self, request_id: &str, wait_ms: u64) -> Option<Standing> {
        let entry = self.entry(request_id).ok()?;
        let order = current(entry).map(|order| {
            let (fee, tip) = (order.max_fee_per_gas, order.max_priority_fee_per_gas);
            (order.nonce, fee, tip)
        });
        let out = matches!(entry.stage, Stage::Signed | Stage::Sent | Stage::Released);
        Some(Standing {
            agent: entry.agent.clone(),
            wallet: entry.wallet,
            chain_id: entry.chain_id,
            method: method_name(entry.method),
            stage: entry.stage,
            since: entry.since,
            delivered: entry.delivered_at.is_some(),
            is_transaction: entry.kind == RequestKind::Transaction,
            is_private: !entry.route.is_public(),
            waits: waits(entry, wait_ms),
            hash: entry.signed.as_ref().map(|signed| signed.hash),
            order,
            is_replaced: out && entry.replacing.is_some(),
        })
    }

    /// What was signed last: a transaction's bytes, or a signature.
    pub fn payload(&self, request_id: &str) -> Option<&[u8]> {
        let entry = self.entry(request_id).ok()?;
        let signed = entry.signed.as_ref()?;
        Some(&signed.payload[..]).filter(|payload| !payload.is_empty())
    }

    /// The chain an agent pays on.
    pub fn chain_of(&self, agent: &str) -> Option<ChainId> {
        Some(self.state.policy()?.agent(agent)?.chain_id)
    }

    /// Seconds until the delay of a request is over; `None` for one that waits for none.
    pub fn delay_left_s(&self, request_id: &str, now_ms: u64) -> Option<u64> {
        let entry = self.entry(request_id).ok()?;
        let until = entry
            .matures_at
            .filter(|_| entry.stage == Stage::WaitingDelay)?;
        let left = until.saturating_sub(self.now(now_ms));
        Some(left.div_ceil(1000).max(1))
    }
}

/// Of the newest bytes that a node has, or may have: those that took their place may wait for a thaw.
fn told_hash(entry: &Entry) -> Option<B256> {
    if entry.stage != Stage::Sent {
        return None;
    }
    let newest = entry.signed.iter().chain(entry.earlier.iter().rev());
    let mut out = newest.filter(|bytes| bytes.out);
    out.next().map(|bytes| bytes.hash)
}

/// What a request waits for; `None` for one that waits for nothing.
fn waits(entry: &Entry, wait_ms: u64) -> Option<Waits> {
    let since = entry.since;
    let (what, until) = match entry.stage {
        Stage::WaitingApproval => ("person", entry.expires_at),
        Stage::Held => ("person", None),
        Stage::WaitingDelay => ("delay", entry.matures_at),
        Stage::Authorising => ("chain", Some(since.saturating_add(wait_ms))),
        Stage::Authorised => ("signer", None),
        Stage::Signed => ("chain", None),
        _ if is_cancelling(entry) => ("chain", None),
        Stage::Sent | Stage::Released if entry.recalled => ("person", None),
        _ => return None,
    };
    Some(Waits { what, since, until })
}

/// Its newest bytes move nothing, and what becomes of it is open.
fn is_cancelling(entry: &Entry) -> bool {
    let taken_back = entry
        .signed
        .as_ref()
        .is_some_and(|bytes| bytes.moves_nothing);
    taken_back && matches!(entry.stage, Stage::Sent | Stage::Released)
}

fn why(stage: Stage) -> Option<&'static str> {
    Some(match stage {
        Stage::Denied => "denied",
        Stage::Expired => "no operator answered in time",
        Stage::Cancelled => "cancelled",
        Stage::Failed => "it cannot succeed and was not signed",
        Stage::Frozen => "stopped by a freeze",
        Stage::Dropped => "another transaction took its place",
        _ => return None,
    })
}

fn ended(entry: &Entry, privacy: Privacy) -> Outcome {
    let reasons: &[Reason] = match entry.decided.as_deref() {
        Some(decided) if entry.end_reasons.is_empty() => &decided.reasons,
        _ => &entry.end_reasons,
    };
    let shown = matches!(entry.stage, Stage::Denied | Stage::Failed);
    refusal(
        entry,
        &Ended {
            code: None,
            reasons: shown.then(|| told(reasons, privacy)),
            request_id: entry.id.to_string(),
            status: entry.stage.as_str(),
        },
        true,
    )
}

/// A signature exists, but its scope is frozen: after the thaw asking again gives it.
fn withheld(entry: &Entry) -> Outcome {
    let mut found = refusal(
        entry,
        &Ended {
            code: Some(Code::Frozen),
            reasons: None,
            request_id: entry.id.to_string(),
            status: "frozen",
        },
        false,
    );
    found.text = format!("request {}: stopped by a freeze", entry.id);
    found
}

fn refusal(entry: &Entry, data: &Ended<'_>, is_final: bool) -> Outcome {
    Outcome {
        status: data.status,
        result: None,
        text: format!(
            "request {}: {}",
            entry.id,
            why(entry.stage).unwrap_or_default()
        ),
        data: bytes(data),
        is_final,
    }
}

/// A JSON string of 0x hex.
fn quoted(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len().saturating_mul(2).saturating_add(4));
    out.extend_from_slice(b"\"0x");
    out.extend_from_slice(hex::encode(value).as_bytes());
    out.push(b'"');
    out
}

fn signed_transaction(raw: &[u8]) -> Option<Vec<u8>> {
    let signed = TxEip1559::eip2718_decode(&mut &raw[..]).ok()?;
    let (tx, signature) = (signed.tx(), signed.signature());
    let parity = U64::from(u64::from(signature.v()));
    Some(bytes(&SignedTransaction {
        raw: &Bytes::copy_from_slice(raw),
        tx: SignedFields {
            access_list: [],
            chain_id: U64::from(tx.chain_id),
            gas: U64::from(tx.gas_limit),
            hash: signed.hash(),
            input: &tx.input,
            max_fee_per_gas: format!("{:#x}", tx.max_fee_per_gas),
            max_priority_fee_per_gas: format!("{:#x}", tx.max_priority_fee_per_gas),
            nonce: U64::from(tx.nonce),
            r: format!("{:#x}", signature.r()),
            s: format!("{:#x}", signature.s()),
            to: match tx.to {
                TxKind::Call(to) => Some(to.to_checksum(None)),
                TxKind::Create => None,
            },
            kind: "0x2",
            v: parity,
            value: format!("{:#x}", tx.value),
            y_parity: parity,
        },
    }))
}
