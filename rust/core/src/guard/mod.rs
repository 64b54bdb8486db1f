//! The state machine: every change is an event, decided from the state and folded into it.

mod clock;
mod commands;
mod decision;
mod fold;
mod nonce;
mod rate;
mod retention;
mod seen_code;
mod snapshot;
mod state;
mod views;

use sha2::{Digest as _, Sha256};

pub use commands::authorise::{AuthoriseFacts, Told};
pub use commands::authority::{Authority, InForce, Prepared};
pub use commands::replace::Replacement;
pub use decision::answer::Answered;
pub use fold::{fold, FoldError, Origin};
pub use snapshot::SnapshotError;
pub use state::{Entry, State};
pub use views::order_inputs::{OrderInputs, TransactionInputs};
pub use views::outcome::{Outcome, Standing, Waits};
pub use views::progress::{CaughtUp, RequestProgress};
pub use views::sender::Unsettled;
pub use views::shown::decode_again;

use crate::canonical::{sha256, INTEGER_MAX};
use crate::code::Code;
use crate::event::{
    Body, ClockJumped, Event, Genesis, Held, Id, Nothing, Parts, PolicyRejected, Reopened,
    Severity, Stage, Started,
};
use crate::log::{CompactRange, Hash};
use crate::policy::{CodeSeen, PolicyErrors, Reason};
use crate::text::display_safe;
use crate::verify;

/// Longest words of others that are kept in an event, in characters.
const WORDS_MAX: usize = 500;

/// Refused by the core: nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {text}")]
pub struct Refusal {
    /// Why.
    pub code: Code,
    /// Words.
    pub text: String,
}

impl Refusal {
    /// A refusal with this code.
    pub fn new(code: Code, text: impl Into<String>) -> Self {
        Self {
            code,
            text: text.into(),
        }
    }

    /// A reason that was just made, as a refusal.
    fn of(reason: Reason) -> Self {
        let code = reason.code.known().unwrap_or(Code::Internal);
        Self::new(code, reason.observed.unwrap_or_default())
    }

    /// Whether it may pass by itself, so that the same can be tried again later.
    pub fn is_transient(&self) -> bool {
        self.code.is_transient()
    }

    fn no_request(id: &str) -> Self {
        Self::new(
            Code::RequestUnknown,
            format!("there is no request `{}`", display_safe(id, 40)),
        )
    }
}

/// Why a policy is not loaded.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LoadError {
    /// The file has faults.
    #[error("{0}")]
    Faults(PolicyErrors),
    /// What was spent already does not fit its limits.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

/// A record that cannot follow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("event {seq}: {text}")]
pub struct ReplayError {
    /// The number it should have had.
    pub seq: u64,
    /// `replay_*`
    pub code: Code,
    /// Words.
    pub text: String,
}

/// What one record of a command is, for whoever acts on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logged {
    /// Its number in the log.
    pub seq: u64,
    /// One of [`Body::KINDS`].
    pub kind: &'static str,
    /// The requests it is about.
    pub requests: Vec<Id>,
    /// How much it matters; `None` for a step on the way.
    pub severity: Option<Severity>,
    /// The requests it touched, as it left them: those it is about, and those that a freeze or a
    /// thaw covers.
    pub after: Vec<RequestProgress>,
}

/// What a command did. `records` must be durable before anything of it leaves the process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// Canonical event records, in order, already folded into the state.
    pub records: Vec<Vec<u8>>,
    /// What each of them is.
    pub logged: Vec<Logged>,
    /// The request it was about.
    pub request: Option<Id>,
    /// `go`, `waiting`, `attached`, `denied`, `refused`; after submit, the request's stage.
    pub status: &'static str,
    /// JSON for the error data of a denied, refused or pending answer.
    pub answer: Answered,
    /// Of a call that replaces a transaction: most wei for one unit of gas and of tip, where it
    /// names them.
    pub fees: Option<(Option<u128>, Option<u128>)>,
}

impl Applied {
    /// The number of the order that it fixed, if it fixed one.
    pub fn order(&self) -> Option<u64> {
        let orders = ["request.authorised", "request.replaced"];
        let fixed = self.logged.iter().find(|each| orders.contains(&each.kind));
        fixed.map(|each| each.seq)
    }
}

/// A guardian: its state and the log of how it came to be. One owner; every method that changes it
/// gives the records of what it changed.
#[derive(Clone, Debug, Default)]
pub struct Guard {
    state: State,
    log: CompactRange,
    /// What was seen of contracts; no part of the state.
    code: CodeSeen,
}

impl Guard {
    /// A new guardian and its record 0.
    ///
    /// # Errors
    /// [`Refusal`] when the genesis names no origin, the same operator twice, or an operator's key
    /// that is none.
    pub fn create(genesis: Genesis, now_ms: u64) -> Result<(Self, Vec<u8>), Refusal> {
        check_genesis(&genesis)?;
        let mut guard = Self::default();
        let mut applied = Applied::default();
        guard.apply(
            now_ms.min(INTEGER_MAX),
            Body::GuardianCreated(genesis),
            &mut applied,
        )?;
        let record = applied.records.pop().unwrap_or_default();
        Ok((guard, record))
    }

    /// The guardian these records, from 0 on, tell of.
    ///
    /// # Errors
    /// [`ReplayError`] naming the record that does not follow.
    pub fn replay<R: AsRef<[u8]>>(records: &[R]) -> Result<Self, ReplayError> {
        let mut guard = Self::default();
        guard.extend(records)?;
        if guard.size() == 0 {
            let text = "there is no first event".to_owned();
            return Err(ReplayError {
                seq: 0,
                code: Code::ReplayGenesis,
                text,
            });
        }
        Ok(guard)
    }

    /// Folds further records; those before a bad one stay folded.
    ///
    /// # Errors
    /// [`ReplayError`] naming the record that does not follow.
    pub fn extend<R: AsRef<[u8]>>(&mut self, records: &[R]) -> Result<(), ReplayError> {
        for record in records {
            let seq = self.state.seq;
            let record = record.as_ref();
            let event = Event::from_record(record).map_err(|error| ReplayError {
                seq,
                code: Code::ReplayRecord,
                text: error.to_string(),
            })?;
            fold(&mut self.state, event, Origin::Replay).map_err(|error| ReplayError {
                seq,
                code: error.code(),
                text: error.to_string(),
            })?;
            self.log.append(record);
        }
        Ok(())
    }

    /// Number of records = next seq.
    pub const fn size(&self) -> u64 {
        self.log.size()
    }

    /// RFC 6962 root over the records.
    pub fn root(&self) -> Hash {
        self.log.root()
    }

    /// The log's compact range, for another process that follows the log from here.
    pub fn log_range(&self) -> Vec<u8> {
        self.log.to_bytes()
    }

    /// Time of the last event, ms.
    pub const fn last_at(&self) -> u64 {
        self.state.last_at
    }

    /// What is known. Read only: changes come from events.
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// The daemon started. An order that was fixed and not signed is void: the policy may be another
    /// one now, so its request is decided again.
    ///
    /// # Errors
    /// Never in a guardian that was created.
    pub fn started(&mut self, version: &str, now_ms: u64) -> Result<Applied, Refusal> {
        let version = display_safe(version, 64);
        let now = self.now(now_ms);
        let mut applied = Applied::default();
        self.apply(
            now,
            Body::GuardianStarted(Started { version }),
            &mut applied,
        )?;
        let ordered = self.state.open_entries();
        let ordered = ordered.filter(|entry| entry.stage == Stage::Authorised);
        for id in ordered.map(|entry| entry.id).collect::<Vec<_>>() {
            let why = "the guardian started before the order was signed".to_owned();
            self.apply(
                now,
                Body::RequestReopened(Reopened { id, why }),
                &mut applied,
            )?;
        }
        let open = self.state.open_entries();
        let recalled = open.filter(|entry| entry.recalled && entry.stage == Stage::Signed);
        for id in recalled.map(|entry| entry.id).collect::<Vec<_>>() {
            let why = "an operator took it back, and the guardian started before that was signed";
            let why = why.to_owned();
            self.apply(now, Body::RequestHeld(Held { id, why }), &mut applied)?;
        }
        Ok(applied)
    }

    /// The daemon stops.
    ///
    /// # Errors
    /// Never in a guardian that was created.
    pub fn stopped(&mut self, now_ms: u64) -> Result<Applied, Refusal> {
        self.one(now_ms, Body::GuardianStopped(Nothing {}))
    }

    /// Notes that a policy file was refused.
    ///
    /// # Errors
    /// Never in a guardian that was created.
    pub fn reject_policy(
        &mut self,
        source: &str,
        error: &str,
        by: &str,
        now_ms: u64,
    ) -> Result<Applied, Refusal> {
        let body = Body::PolicyRejected(PolicyRejected {
            by: display_safe(by, 64),
            digest: sha256(source.as_bytes()),
            error: display_safe(error, WORDS_MAX),
        });
        self.one(now_ms, body)
    }

    /// Notes that the clock jumped.
    ///
    /// # Errors
    /// Never in a guardian that was created.
    pub fn clock_jumped(
        &mut self,
        wall_ms: u64,
        expected_ms: u64,
        now_ms: u64,
    ) -> Result<Applied, Refusal> {
        let (wall_ms, expected_ms) = (wall_ms.min(INTEGER_MAX), expected_ms.min(INTEGER_MAX));
        self.one(
            now_ms,
            Body::ClockJumped(ClockJumped {
                expected_ms,
                wall_ms,
            }),
        )
    }

    /// Time never runs backwards.
    fn now(&self, now_ms: u64) -> u64 {
        now_ms.clamp(self.state.last_at, INTEGER_MAX)
    }

    /// Writes one event, folds it and adds it to the log.
    fn apply(&mut self, at: u64, body: Body, applied: &mut Applied) -> Result<(), Refusal> {
        self.apply_with(at, body, None, applied)
    }

    /// The same for an event of which parts are written already.
    fn apply_with(
        &mut self,
        at: u64,
        body: Body,
        parts: Option<&Parts>,
        applied: &mut Applied,
    ) -> Result<(), Refusal> {
        let seq = self.state.seq;
        let (kind, requests, severity) = (body.kind(), body.requests(), body.severity());
        let scope = views::progress::scope_of(&self.state, &body);
        let event = Event::new(seq, at, body);
        let record = match parts {
            Some(parts) => event.to_record_with(parts),
            None => event.to_record(),
        };
        debug_assert_eq!(record, event.to_record());
        fold(&mut self.state, event, Origin::Live)
            .map_err(|error| Refusal::new(Code::Internal, error.to_string()))?;
        self.log.append(&record);
        applied.records.push(record);
        let after = self.after(&requests, scope.as_ref());
        applied.logged.push(Logged {
            seq,
            kind,
            requests,
            severity,
            after,
        });
        Ok(())
    }

    fn one(&mut self, now_ms: u64, body: Body) -> Result<Applied, Refusal> {
        let mut applied = Applied::default();
        self.apply(self.now(now_ms), body, &mut applied)?;
        Ok(applied)
    }

    /// One event about a request; the status is where the request is then.
    fn about(&mut self, id: Id, at: u64, body: Body) -> Result<Applied, Refusal> {
        let mut applied = Applied {
            request: Some(id),
            ..Applied::default()
        };
        self.apply(at, body, &mut applied)?;
        applied.status = self.stage_word(id);
        Ok(applied)
    }

    fn stage_word(&self, id: Id) -> &'static str {
        self.state
            .requests
            .get(&id.0)
            .map_or("", |entry| entry.stage.as_str())
    }

    fn entry(&self, request_id: &str) -> Result<&Entry, Refusal> {
        let entry = self.state.entry(request_id);
        entry.ok_or_else(|| Refusal::no_request(request_id))
    }

    /// SHA-256 over the state: equal states have equal digests, whatever way they came about.
    pub fn state_digest(&self) -> Hash {
        let mut digest = Sha256::new();
        digest.update(b"holdfast state v1\n");
        digest.update(snapshot::state_bytes(&self.state));
        digest.finalize().into()
    }
}

fn check_genesis(genesis: &Genesis) -> Result<(), Refusal> {
    let bad = |text: &str| Err(Refusal::new(Code::Malformed, text));
    if genesis.origin.is_empty() || genesis.origin.contains(|c: char| c.is_control()) {
        return bad("`origin` is the name of the log: one line, not empty");
    }
    for (index, operator) in genesis.operators.iter().enumerate() {
        if operator.id.is_empty() || operator.id == "policy" || operator.id.len() > 64 {
            return bad("an operator's `id` has 1 to 64 bytes and is not `policy`");
        }
        if !verify::is_public_key(&operator.public_key) {
            return bad("an operator's `public_key` is not an ed25519 public key");
        }
        let twin = |other: &crate::event::Operator| {
            other.id == operator.id || other.public_key == operator.public_key
        };
        if genesis
            .operators
            .iter()
            .skip(index.saturating_add(1))
            .any(twin)
        {
            return bad("two operators have the same id or the same key");
        }
    }
    Ok(())
}
