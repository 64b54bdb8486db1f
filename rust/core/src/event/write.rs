//! `request.decided` and its two hashes written by hand: it is the record of every single decision,
//! and what is hashed three times is written once. That the bytes are those of the plain serializer
//! is checked by a test.

use alloy_primitives::{Address, B256};
use serde::ser::Error as _;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::decided::{Decided, LeftOut, RequestKind, SignedContent, Stage};
use super::effect::{AssetRecord, EffectRecord, LineRecord, WarningRecord};
use crate::canonical::{self, address, key, list, sha256, Key, Object};
use crate::chain::Account;
use crate::effects::EffectKind;
use crate::policy::{
    method_name, Reason, Released, Reservation, SpendAsset, Spends, StandingClaim, Verdict,
};
use crate::request::Method;

/// Parts that occur in the record and in the digest.
#[derive(Clone, Debug, Default)]
pub struct Parts {
    effects: Vec<u8>,
    request: Vec<u8>,
}

impl Parts {
    /// Writes the parts of a request.
    pub fn of(effects: &[EffectRecord], request: &SignedContent) -> Self {
        let mut parts = Self {
            effects: Vec::with_capacity(768),
            request: Vec::with_capacity(512),
        };
        list(&mut parts.effects, effects, effect);
        wanted(&mut parts.request, request, true);
        parts
    }
}

/// Two requests with the same key are "identical": gas, fees and nonce are filled in afresh by
/// clients.
pub fn match_key(agent: &str, wallet: Account, method: Method, request: &SignedContent) -> B256 {
    let mut out = Vec::with_capacity(768);
    let mut subject = Object::new(&mut out);
    subject.str(key!("agent"), agent);
    subject.u64(key!("chain_id"), wallet.chain_id.get());
    subject.plain(key!("kind"), kind(request.kind()));
    subject.plain(key!("method"), method_name(method));
    wanted(subject.key(key!("request")), request, false);
    address(subject.key(key!("wallet")), &wallet.address);
    subject.end();
    sha256(&out)
}

/// What an approval binds: this one request, with all its effects and caps.
pub fn approval_digest(data: &Decided, parts: &Parts) -> B256 {
    let mut out = Vec::with_capacity(2048);
    let mut subject = Object::new(&mut out);
    subject.str(key!("agent"), &data.agent);
    subject.u64(key!("chain_id"), data.chain_id.get());
    subject.raw(key!("effects"), &parts.effects);
    opt_decimal(&mut subject, key!("fee_per_gas_max"), data.fee_per_gas_max);
    subject.opt_u64(key!("gas_max"), data.gas_max);
    id(&mut subject, data);
    subject.plain(key!("kind"), kind(data.kind));
    subject.plain(key!("method"), method_name(data.method));
    opt_decimal(
        &mut subject,
        key!("priority_fee_per_gas_max"),
        data.priority_fee_per_gas_max,
    );
    subject.raw(key!("request"), &parts.request);
    address(subject.key(key!("wallet")), &data.wallet);
    subject.end();
    sha256(&out)
}

/// The record of a decision, with its time, number and version.
pub fn record(
    out: &mut Vec<u8>,
    (at, seq, version): (u64, u64, u64),
    data: &Decided,
    parts: &Parts,
) {
    let mut record = Object::new(out);
    record.u64(key!("at"), at);
    let start = (data.state, data.released);
    decided(record.key(key!("data")), data, start, parts);
    record.plain(key!("kind"), "request.decided");
    record.u64(key!("seq"), seq);
    record.u64(key!("v"), version);
    record.end();
}

impl Decided {
    /// Canonical JSON of the data.
    pub fn to_json(&self) -> Vec<u8> {
        self.to_json_in(self.state, self.released)
    }

    /// The same with the state the request is in by now, and who sends it by now, instead of what it
    /// started with.
    pub fn to_json_in(&self, state: Stage, released: Released) -> Vec<u8> {
        let mut out = Vec::with_capacity(4096);
        let parts = Parts::of(&self.effects, &self.request);
        decided(&mut out, self, (state, released), &parts);
        out
    }
}

/// JSON only: the bytes of [`Decided::to_json`].
impl Serialize for Decided {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let json: Result<Box<RawValue>, _> = serde_json::from_slice(&self.to_json());
        json.map_err(S::Error::custom)?.serialize(to)
    }
}

fn decided(out: &mut Vec<u8>, data: &Decided, (state, released): (Stage, Released), parts: &Parts) {
    let mut object = Object::new(out);
    object.str(key!("agent"), &data.agent);
    object.u64(key!("chain_id"), data.chain_id.get());
    object.hex(key!("digest"), data.digest.as_slice());
    list(object.key(key!("display")), &data.display, line);
    object.raw(key!("effects"), &parts.effects);
    match &data.envelope {
        Some(envelope) => {
            let mut inner = Object::new(object.key(key!("envelope")));
            inner.u64(key!("expires_at"), envelope.expires_at);
            inner.hex(key!("nonce"), envelope.nonce.as_slice());
            inner.str(key!("payload"), &envelope.payload);
            inner.hex(key!("signature"), &envelope.signature);
            inner.end();
        }
        None => object.null(key!("envelope")),
    }
    object.opt_u64(key!("expires_at"), data.expires_at);
    object.raw(key!("facts"), data.facts.get().as_bytes());
    opt_decimal(&mut object, key!("fee_per_gas_max"), data.fee_per_gas_max);
    object.opt_u64(key!("gas_max"), data.gas_max);
    id(&mut object, data);
    object.opt_str(key!("idempotency_key"), data.idempotency_key.as_deref());
    object.plain(key!("kind"), kind(data.kind));
    if let Some(left) = &data.left_out {
        left_out(object.key(key!("left_out")), left);
    }
    object.hex(key!("match_key"), data.match_key.as_slice());
    object.opt_u64(key!("matures_at"), data.matures_at);
    if let Some(merchant) = &data.merchant {
        object.str(key!("merchant"), merchant);
    }
    object.plain(key!("method"), method_name(data.method));
    object.opt_str(key!("note"), data.note.as_deref());
    object.hex(key!("policy"), data.policy.as_slice());
    opt_decimal(
        &mut object,
        key!("priority_fee_per_gas_max"),
        data.priority_fee_per_gas_max,
    );
    list(object.key(key!("reasons")), &data.reasons, reason);
    if !released.is_guardian() {
        object.plain(key!("released"), "agent");
    }
    object.raw(key!("request"), &parts.request);
    list(
        object.key(key!("reservations")),
        &data.reservations,
        reservation,
    );
    if !data.route.is_public() {
        object.plain(key!("route"), "private");
    }
    match &data.spends {
        Some(value) => spends(object.key(key!("spends")), value),
        None => object.null(key!("spends")),
    }
    object.plain(key!("state"), Stage::as_str(state));
    verdict(object.key(key!("verdict")), &data.verdict);
    address(object.key(key!("wallet")), &data.wallet);
    list(object.key(key!("warnings")), &data.warnings, warning);
    object.end();
}

fn left_out(out: &mut Vec<u8>, left: &LeftOut) {
    let mut object = Object::new(out);
    object.u64(key!("display"), left.display);
    object.u64(key!("effects"), left.effects);
    object.u64(key!("facts"), left.facts);
    match &left.params {
        Some(params) => {
            let mut inner = Object::new(object.key(key!("params")));
            inner.u64(key!("bytes"), params.bytes);
            inner.hex(key!("sha256"), params.sha256.as_slice());
            inner.end();
        }
        None => object.null(key!("params")),
    }
    object.u64(key!("payload"), left.payload);
    object.u64(key!("reasons"), left.reasons);
    object.u64(key!("request"), left.request);
    object.u64(key!("warnings"), left.warnings);
    object.end();
}

const fn kind(kind: RequestKind) -> &'static str {
    match kind {
        RequestKind::Transaction => "transaction",
        RequestKind::TypedData => "typed-data",
        RequestKind::Message => "message",
    }
}

fn id(object: &mut Object<'_>, data: &Decided) {
    let out = object.key(key!("id"));
    out.extend_from_slice(b"\"r");
    canonical::integer(out, data.id.0);
    out.push(b'"');
}

fn opt_decimal(object: &mut Object<'_>, key: Key, value: Option<u128>) {
    match value {
        Some(value) => canonical::decimal_u128(object.key(key), value),
        None => object.null(key),
    }
}

fn opt_address(object: &mut Object<'_>, key: Key, value: Option<&Address>) {
    match value {
        Some(value) => address(object.key(key), value),
        None => object.null(key),
    }
}

fn wanted(out: &mut Vec<u8>, request: &SignedContent, with_gas: bool) {
    let mut object = Object::new(out);
    match request {
        SignedContent::Transaction(tx) => {
            object.hex(key!("data"), &tx.data);
            if with_gas {
                object.opt_u64(key!("gas"), tx.gas);
            }
            opt_address(&mut object, key!("to"), tx.to.as_ref());
            object.decimal(key!("value"), tx.value);
        }
        SignedContent::TypedData(typed) => {
            object.str(key!("json"), &typed.json);
            object.hex(
                key!("typed_data_digest"),
                typed.typed_data_digest.as_slice(),
            );
        }
        SignedContent::Message(message) => object.hex(key!("message"), &message.message),
    }
    object.end();
}

fn effect(out: &mut Vec<u8>, effect: &EffectRecord) {
    let mut object = Object::new(out);
    object.decimal(key!("amount"), effect.amount);
    match &effect.asset {
        Some(value) => asset(object.key(key!("asset")), value),
        None => object.null(key!("asset")),
    }
    if let Some(doubted) = effect.doubted {
        object.decimal(key!("doubted"), doubted);
    }
    object.plain(key!("effect"), EffectKind::as_str(effect.effect));
    object.opt_u64(key!("expires"), effect.expires);
    address(object.key(key!("from")), &effect.from);
    if let Some(function) = &effect.function {
        object.str(key!("function"), function);
    }
    object.str(key!("path"), &effect.path);
    opt_address(&mut object, key!("to"), effect.to.as_ref());
    object.bool(key!("unlimited"), effect.unlimited);
    object.end();
}

fn asset(out: &mut Vec<u8>, asset: &AssetRecord) {
    let mut object = Object::new(out);
    opt_address(&mut object, key!("address"), asset.address.as_ref());
    object.u64(key!("chain_id"), asset.chain_id.get());
    object.u64(key!("decimals"), asset.decimals.into());
    object.opt_str(key!("id"), asset.id.as_deref());
    object.plain(key!("standard"), asset.standard.as_str());
    object.str(key!("symbol"), &asset.symbol);
    object.end();
}

fn line(out: &mut Vec<u8>, line: &LineRecord) {
    let mut object = Object::new(out);
    object.str(key!("label"), &line.label);
    object.str(key!("value"), &line.value);
    object.end();
}

fn warning(out: &mut Vec<u8>, warning: &WarningRecord) {
    let mut object = Object::new(out);
    object.str(key!("code"), warning.code.as_str());
    object.str(key!("text"), &warning.text);
    object.end();
}

fn reason(out: &mut Vec<u8>, reason: &Reason) {
    let mut object = Object::new(out);
    object.str(key!("code"), reason.code.as_str());
    if let Some(limit) = &reason.limit {
        object.str(key!("limit"), limit);
    }
    if let Some(observed) = &reason.observed {
        object.str(key!("observed"), observed);
    }
    if let Some(at) = reason.retry_at_ms {
        object.u64(key!("retry_at_ms"), at);
    }
    if let Some(rule) = &reason.rule {
        object.str(key!("rule"), rule);
    }
    object.end();
}

fn reservation(out: &mut Vec<u8>, reservation: &Reservation) {
    let mut object = Object::new(out);
    canonical::decimal_u128(object.key(key!("amount")), reservation.amount);
    object.str(key!("key"), &reservation.key);
    object.str(key!("limit"), &reservation.limit);
    object.end();
}

fn verdict(out: &mut Vec<u8>, verdict: &Verdict) {
    let mut object = Object::new(out);
    match *verdict {
        Verdict::Delay { delay_ms } => {
            object.u64(key!("delay_ms"), delay_ms);
            object.plain(key!("tier"), verdict.as_str());
        }
        Verdict::Approval { quorum, timeout_ms } => {
            object.u64(key!("quorum"), quorum.into());
            object.plain(key!("tier"), verdict.as_str());
            object.u64(key!("timeout_ms"), timeout_ms);
        }
        Verdict::Instant | Verdict::Notify | Verdict::Deny => {
            object.plain(key!("tier"), verdict.as_str());
        }
    }
    object.end();
}

fn claim(out: &mut Vec<u8>, claim: &StandingClaim) {
    let mut object = Object::new(out);
    object.bool(key!("adds"), claim.adds);
    opt_address(&mut object, key!("at"), claim.at.as_ref());
    object.opt_u64(key!("ends"), claim.ends);
    object.opt_u64(key!("submit_until"), claim.submit_until);
    object.end();
}

fn spends(out: &mut Vec<u8>, spends: &Spends) {
    let mut object = Object::new(out);
    object.str(key!("agent"), &spends.agent);
    object.u64(key!("chain_id"), spends.chain_id.get());
    object.u64(key!("decided_ms"), spends.decided_ms);
    if let Some(grant) = spends.grant {
        object.u64(key!("grant"), grant);
    }
    list(object.key(key!("items")), &spends.items, |out, item| {
        let mut object = Object::new(out);
        canonical::decimal_u128(object.key(key!("amount")), item.amount);
        match &item.asset {
            SpendAsset::None => object.plain(key!("asset"), "none"),
            SpendAsset::Native => object.plain(key!("asset"), "native"),
            SpendAsset::Token(token) => {
                let mut inner = Object::new(object.key(key!("asset")));
                address(inner.key(key!("token")), token);
                inner.end();
            }
        }
        match &item.claim {
            None => object.null(key!("claim")),
            Some(value) => claim(object.key(key!("claim")), value),
        }
        object.plain(key!("kind"), item.kind.as_str());
        if item.times > 1 {
            object.u64(key!("times"), item.times.into());
        }
        opt_address(&mut object, key!("to"), item.to.as_ref());
        opt_decimal(&mut object, key!("usd"), item.usd);
        object.end();
    });
    object.plain(key!("method"), method_name(spends.method));
    address(object.key(key!("wallet")), &spends.wallet);
    object.end();
}
