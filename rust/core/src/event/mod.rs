//! Events: every change of state, and the canonical record each one is.
//!
//! A record is `{"at":ms,"data":{...},"kind":"...","seq":n,"v":4}` in RFC 8785 form. Writing is one
//! pass over structs whose fields are declared in the order of their names, so no tree is built.
//! Reading is strict: unknown members, missing members and duplicates are refused, and a record
//! that would not be written the same way again is not a record. Records of versions 1 and 2 are read
//! and written back as they are; new ones have version 3.

mod body;
mod data;
mod decided;
mod effect;
mod order;
mod severity;
mod wire;
mod wire_policy;
mod write;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

pub use body::Body;
pub use data::{
    AnswersDelivered, Approved, Attached, Cancelled, ClockJumped, ClockSet, ConfigLoaded, Cosigned,
    Denied, Envelope, Failed, FreezeLifted, FreezeSet, Genesis, GrantGiven, GrantRevoked, Held, Id,
    NonceSet, Operator, PolicyLoaded, PolicyRejected, PolicyScheduled, Refused, Reopened,
    ReplaceWhy, Replaced, RequestRef, Scope, SendOutcome, Sent, SettleOutcome, Settled, Signed,
    Started,
};
pub use decided::{
    Decided, LeftOut, MessageContent, ParamsDigest, RequestKind, SignedContent, Stage,
    TransactionContent, TypedDataContent,
};
pub use effect::{AssetRecord, EffectRecord, LineRecord, WarningRecord};
pub use order::{Authorised, MessageOrder, SigningOrder, TransactionOrder, TypedDataOrder};
pub use severity::Severity;
pub use wire::Raw;
pub use write::{approval_digest, match_key, Parts};

use crate::canonical::INTEGER_MAX;

/// Room for the record of a common decision.
const RECORD_BYTES: usize = 3584;
/// Version of the records that are written.
///
/// 1: until November 2026. 2: `policy.loaded` has `revision`, and `command` with `signature` where an
/// operator signed it; `config.loaded` and `request.reopened` exist; replay checks more of what live
/// code checks. 3: `request.replaced`, `request.held`, `answers.delivered`, `nonce.set` and
/// `clock.set` exist; `request.settled` has `proved`. 4: what stands is ended by what is proved to have
/// been mined after it. 5: `grant.given`, `grant.revoked` and
/// `policy.scheduled` exist.
pub const VERSION: u64 = 5;
/// The oldest version that is read.
const VERSION_MIN: u64 = 1;

/// A change of state, with its place in the log and its time (ms since the epoch).
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Leaf index in the log.
    pub seq: u64,
    /// When, ms since the epoch; never before the event before it, but after a `clock.set` that set
    /// the time back.
    pub at: u64,
    /// Version of its record, [`VERSION`] for a new one; never less than that of the event before it.
    pub version: u64,
    /// What.
    pub body: Body,
}

/// Why bytes are not a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Not the JSON of any record.
    #[error("not a record")]
    Malformed,
    /// A record of a later version.
    #[error("a record of a version this program does not know")]
    Version,
    /// A kind this version does not know.
    #[error("a record of a kind this program does not know")]
    Kind,
    /// Right content, other bytes than the canonical ones.
    #[error("the record is not in its canonical form")]
    NotCanonical,
}

#[derive(Serialize)]
struct Record<'a, T> {
    at: u64,
    data: &'a T,
    kind: &'static str,
    seq: u64,
    v: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRecord<'a> {
    at: u64,
    #[serde(borrow)]
    data: &'a RawValue,
    kind: &'a str,
    seq: u64,
    v: u64,
}

/// Data of a kind that has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

impl Event {
    /// A new event, of the version that is written.
    pub const fn new(seq: u64, at: u64, body: Body) -> Self {
        Self {
            seq,
            at,
            version: VERSION,
            body,
        }
    }

    /// The canonical record.
    pub fn to_record(&self) -> Vec<u8> {
        let room = match &self.body {
            Body::RequestDecided(_) => RECORD_BYTES,
            _ => 512,
        };
        let mut out = Vec::with_capacity(room);
        self.write(&mut out);
        out
    }

    /// The same for a decision whose parts are written already.
    pub fn to_record_with(&self, parts: &Parts) -> Vec<u8> {
        let mut out = Vec::with_capacity(RECORD_BYTES);
        match &self.body {
            Body::RequestDecided(data) => write::record(&mut out, self.place(), data, parts),
            _ => self.write(&mut out),
        }
        out
    }

    /// Appends the canonical record to `out`.
    pub fn write(&self, out: &mut Vec<u8>) {
        if let Body::RequestDecided(data) = &self.body {
            let parts = Parts::of(&data.effects, &data.request);
            return write::record(out, self.place(), data, &parts);
        }
        // Writing plain structs with string keys into memory has no way to fail.
        let written = self.body.write(out, self.place());
        debug_assert!(written.is_ok(), "{written:?}");
    }

    const fn place(&self) -> (u64, u64, u64) {
        (self.at, self.seq, self.version)
    }

    /// Reads a record.
    ///
    /// # Errors
    /// [`RecordError`] unless these bytes are exactly what [`Event::write`] gives.
    pub fn from_record(record: &[u8]) -> Result<Self, RecordError> {
        let raw: RawRecord<'_> =
            serde_json::from_slice(record).map_err(|_| RecordError::Malformed)?;
        if !(VERSION_MIN..=VERSION).contains(&raw.v) {
            return Err(RecordError::Version);
        }
        if raw.seq > INTEGER_MAX || raw.at > INTEGER_MAX {
            return Err(RecordError::Malformed);
        }
        let body = Body::read(raw.kind, raw.data.get())?;
        body.fits(raw.v)?;
        let event = Self {
            seq: raw.seq,
            at: raw.at,
            version: raw.v,
            body,
        };
        let mut again = Vec::with_capacity(record.len());
        event.write(&mut again);
        if again == record {
            Ok(event)
        } else {
            Err(RecordError::NotCanonical)
        }
    }
}
