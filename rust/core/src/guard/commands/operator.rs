//! Commands signed by an operator: approve, deny, thaw, clock, and those of `operator_chain`. Each is
//! carried out once: its payload is
//! remembered until it expires, because a state can come again (an approval from before a freeze
//! must not send what the freeze holds). And the operators' word for a policy and for the settings.

use alloy_primitives::{Bytes, B256};

use crate::canonical::sha256;
use crate::code::Code;
use crate::event::{Approved, Body, Denied, FreezeLifted, Id, ReplaceWhy, Stage, VERSION};
use crate::guard::clock;
use crate::guard::commands::lifecycle::bad;
use crate::guard::commands::operator_chain as chain;
use crate::guard::commands::operator_grants as grants;
use crate::guard::decision::evaluate::reason;
use crate::guard::fold::life::needed;
use crate::guard::state::{Entry, State};
use crate::guard::{Applied, Guard, Refusal, WORDS_MAX};
use crate::json::{self, Json, Limits};
use crate::text::display_safe;
use crate::verify;

/// How far ahead a command may expire.
const EXPIRES_AHEAD_MS: u64 = 5 * 60 * 1000;

const COMMAND: Limits = Limits {
    max_bytes: 4096,
    max_depth: 2,
    max_nodes: 32,
    max_string: 2048,
};

/// A payload whose signature holds.
pub(in crate::guard) struct Signed<'a> {
    pub by: String,
    pub payload: &'a str,
    pub signature: Bytes,
    pub tree: Json<'a>,
}

/// A command whose signature holds and which has not expired.
pub(in crate::guard) struct Command<'a> {
    expires_at: u64,
    pub signed: Signed<'a>,
}

impl Guard {
    /// Carries out a signed command.
    ///
    /// # Errors
    /// [`Refusal`]: `signature_invalid`, `expired`, `malformed`, or why it cannot be done now.
    pub fn command(
        &mut self,
        payload: &[u8],
        signature: &[u8],
        now_ms: u64,
    ) -> Result<Applied, Refusal> {
        let now = self.now(now_ms);
        let body = carry_out(&self.state, payload, signature, (now, VERSION))?;
        match &body {
            Body::RequestApproved(Approved { id, .. }) => self.approved(*id, body, now),
            Body::RequestDenied(Denied { id, .. }) => self.about(*id, now, body),
            Body::RequestReplaced(data) => self.about(data.id, now, body),
            _ => self.one(now, body),
        }
    }

    fn approved(&mut self, id: Id, body: Body, now: u64) -> Result<Applied, Refusal> {
        let mut applied = self.about(id, now, body)?;
        if let Some(over) = self.over_once_approved(id, now) {
            self.apply(now, over, &mut applied)?;
            applied.status = self.stage_word(id);
        }
        Ok(applied)
    }

    /// With its last approval a request takes its part of the limits that others share. One that finds
    /// no room there is denied at once, so nobody waits behind it.
    fn over_once_approved(&self, id: Id, now: u64) -> Option<Body> {
        let entry = self.state.request(id.0)?;
        if entry.stage != Stage::Authorising {
            return None;
        }
        let policy = self.state.policy()?;
        let book = &self.state.book;
        let shown = entry.decided.as_ref().map(|data| data.reasons.as_slice());
        let own = book.reservations(&id.to_string());
        let reasons = policy.over_shared(own, shown.unwrap_or_default(), book.windows(), now);
        (!reasons.is_empty()).then(|| {
            Body::RequestDenied(Denied {
                by: "policy".to_owned(),
                command: None,
                id,
                reasons,
                signature: None,
            })
        })
    }
}

/// The event of a signed command at this time, in a record of this version: the one function that
/// live code and replay ask, so what is on record is what was commanded.
///
/// # Errors
/// [`Refusal`] as [`Guard::command`].
pub(in crate::guard) fn carry_out(
    state: &State,
    payload: &[u8],
    signature: &[u8],
    (now, version): (u64, u64),
) -> Result<Body, Refusal> {
    let signed = open(state, payload, signature)?;
    let expires_at = signed.tree.get("expires_at").and_then(Json::as_int);
    let expires_at = expires_at.and_then(|at| u64::try_from(at).ok());
    let expires_at = expires_at.ok_or_else(|| bad("`expires_at` is an integer"))?;
    if expires_at <= now {
        return Err(Refusal::new(Code::Expired, "the command has expired"));
    }
    if expires_at > now.saturating_add(EXPIRES_AHEAD_MS) {
        return Err(Refusal::new(
            Code::Expired,
            "a command expires within five minutes of the guardian's time",
        ));
    }
    let command = Command { expires_at, signed };
    clock::since_set(state, &command)?;
    match command.signed.text("action") {
        Some("approve") => approve(state, &command, now),
        Some("deny") => deny(state, &command, version),
        Some("thaw") => thaw(state, &command),
        Some("clock") => clock::commanded(state, &command),
        Some("bump") => chain::replace(state, &command, ReplaceWhy::Fee, now),
        Some("cancel") => chain::replace(state, &command, ReplaceWhy::Cancel, now),
        Some("nonce") => chain::nonce(state, &command, version),
        Some("grant") if version > 4 => grants::give(state, &command, now),
        Some("revoke") if version > 4 => grants::revoke(state, &command),
        _ => Err(bad(
            "`action` is approve, deny, thaw, clock, bump, cancel, nonce, grant or revoke",
        )),
    }
}

/// Whether an operator signed that what has this digest is in force as this revision. `action` is
/// `policy` or `config`. It does not expire: the revision makes it good once.
///
/// # Errors
/// [`Refusal`]: `malformed`, `signature_invalid`, `digest_mismatch` or `revision_mismatch`.
pub(in crate::guard) fn authority(
    state: &State,
    (action, digest, revision): (&str, B256, u64),
    payload: &[u8],
    signature: &[u8],
) -> Result<String, Refusal> {
    let signed = open(state, payload, signature)?;
    signed.only(&["action", "digest", "guardian", "key", "revision"])?;
    if signed.text("action") != Some(action) {
        return Err(bad(format!("`action` is {action}")));
    }
    if signed.hash("digest") != Some(digest) {
        let text = format!("the signature is for another {action}");
        return Err(Refusal::new(Code::DigestMismatch, text));
    }
    let named = signed.tree.get("revision").and_then(Json::as_int);
    if named.and_then(|named| u64::try_from(named).ok()) != Some(revision) {
        let named = named.map_or_else(|| "none".to_owned(), |named| named.to_string());
        let text = format!("the signature is for revision {named}, the next one is {revision}");
        return Err(Refusal::new(Code::RevisionMismatch, text));
    }
    Ok(signed.by)
}

/// Checks whose payload this is before anything in it counts.
fn open<'a>(state: &State, payload: &'a [u8], signature: &[u8]) -> Result<Signed<'a>, Refusal> {
    let invalid = |text: &str| Refusal::new(Code::SignatureInvalid, text);
    let tree = json::parse(payload, &COMMAND).map_err(|fault| bad(fault.to_string()))?;
    let text = std::str::from_utf8(payload).map_err(|_| bad("a command is UTF-8"))?;
    if tree.to_canonical() != text {
        return Err(bad("a command is canonical JSON"));
    }
    let genesis = state.genesis.as_ref();
    let genesis = genesis.ok_or_else(|| Refusal::new(Code::Internal, "no guardian"))?;
    let by = tree.get("key").and_then(Json::as_str);
    let operator = genesis
        .operators
        .iter()
        .find(|operator| Some(operator.id.as_str()) == by);
    let operator = operator.ok_or_else(|| invalid("no operator has this key"))?;
    let signature_bytes: &[u8; 64] = signature
        .try_into()
        .map_err(|_| invalid("a signature has 64 bytes"))?;
    if !verify::operator_command(&operator.public_key, payload, signature_bytes) {
        return Err(invalid("the signature is not that of this operator"));
    }
    let signed = Signed {
        by: operator.id.clone(),
        payload: text,
        signature: Bytes::copy_from_slice(signature),
        tree,
    };
    if signed.hash("guardian") != Some(genesis.log_key) {
        return Err(invalid("the command is for another guardian"));
    }
    Ok(signed)
}

fn approve(state: &State, command: &Command<'_>, now: u64) -> Result<Body, Refusal> {
    command.only(&["digest", "request"])?;
    let signed = &command.signed;
    let entry = bound(state, signed)?;
    if !matches!(entry.stage, Stage::WaitingApproval | Stage::Held) {
        return Err(wrong_state(entry));
    }
    if state.frozen(&entry.agent, &entry.wallet).is_some() {
        return Err(Refusal::new(
            Code::Frozen,
            "thaw first: its scope is frozen",
        ));
    }
    let waiting = entry.stage == Stage::WaitingApproval;
    if waiting && entry.expires_at.is_none_or(|expires_at| now >= expires_at) {
        return Err(Refusal::new(
            Code::Expired,
            format!("{} has expired", entry.id),
        ));
    }
    if entry.approvals.contains(&signed.by) {
        let text = format!("`{}` has approved {} already", signed.by, entry.id);
        return Err(Refusal::new(Code::Replayed, text));
    }
    first_time(state, command)?;
    let before = u64::try_from(entry.approvals.len()).unwrap_or(u64::MAX);
    Ok(Body::RequestApproved(Approved {
        approvals: before.saturating_add(1),
        by: signed.by.clone(),
        command: signed.payload.to_owned(),
        id: entry.id,
        quorum: u64::from(needed(entry)),
        signature: signed.signature.clone(),
    }))
}

fn deny(state: &State, command: &Command<'_>, version: u64) -> Result<Body, Refusal> {
    command.only(&["digest", "request"])?;
    let signed = &command.signed;
    let entry = bound(state, signed)?;
    if !entry.stage.is_unsigned() && entry.stage != Stage::Held {
        return Err(wrong_state(entry));
    }
    if version > 3 && is_taken_back(entry) {
        // Its nonce is that of what takes it back, and cannot be given to another payment.
        let text = format!(
            "{} is being taken back already: it ends once its cancellation, or the payment, is mined",
            entry.id
        );
        return Err(Refusal::new(Code::WrongState, text));
    }
    first_time(state, command)?;
    let words = signed.text("reason");
    let words = words.map(|words| display_safe(words, WORDS_MAX));
    Ok(Body::RequestDenied(Denied {
        by: signed.by.clone(),
        command: Some(signed.payload.to_owned()),
        id: entry.id,
        reasons: vec![reason(Code::DeniedByOperator, words, None)],
        signature: Some(signed.signature.clone()),
    }))
}

/// What moves nothing is out in its place, or on its way.
fn is_taken_back(entry: &Entry) -> bool {
    let bytes = entry.signed.as_ref();
    let order = entry.replacing.as_ref();
    bytes.is_some_and(|bytes| bytes.moves_nothing) || order.is_some_and(|order| order.moves_nothing)
}

fn thaw(state: &State, command: &Command<'_>) -> Result<Body, Refusal> {
    command.only(&["freeze"])?;
    let signed = &command.signed;
    let freeze = signed.tree.get("freeze").and_then(Json::as_int);
    let freeze = freeze.and_then(|seq| u64::try_from(seq).ok());
    let freeze = freeze.ok_or_else(|| bad("`freeze` is the seq of the freeze"))?;
    if !state.freezes.contains_key(&freeze) {
        let text = format!("there is no freeze {freeze}");
        return Err(Refusal::new(Code::FreezeUnknown, text));
    }
    first_time(state, command)?;
    Ok(Body::FreezeLifted(FreezeLifted {
        by: signed.by.clone(),
        command: signed.payload.to_owned(),
        freeze,
        signature: signed.signature.clone(),
    }))
}

pub(in crate::guard) fn first_time(state: &State, command: &Command<'_>) -> Result<(), Refusal> {
    let known = (
        command.expires_at,
        sha256(command.signed.payload.as_bytes()),
    );
    if state.commands.contains(&known) {
        let text = "this very command was carried out before: sign a new one";
        return Err(Refusal::new(Code::Replayed, text));
    }
    Ok(())
}

/// The request a command names by id and digest: both must fit, so a twin needs its own.
pub(in crate::guard) fn bound<'s>(
    state: &'s State,
    signed: &Signed<'_>,
) -> Result<&'s Entry, Refusal> {
    let id = signed.text("request");
    let id = id.ok_or_else(|| bad("`request` is the id of a request"))?;
    let entry = state.entry(id).ok_or_else(|| Refusal::no_request(id))?;
    if signed.hash("digest") != Some(entry.digest) {
        let text = format!("the digest is not that of {}", entry.id);
        return Err(Refusal::new(Code::DigestMismatch, text));
    }
    Ok(entry)
}

impl Signed<'_> {
    pub fn text(&self, name: &str) -> Option<&str> {
        self.tree.get(name).and_then(Json::as_str)
    }

    fn hash(&self, name: &str) -> Option<B256> {
        self.text(name).and_then(|text| text.parse().ok())
    }

    /// No members but these.
    fn only(&self, names: &[&str]) -> Result<(), Refusal> {
        let members = self.tree.as_object().unwrap_or_default();
        let unknown = members
            .iter()
            .find(|(name, _)| !names.contains(&name.as_ref()));
        match unknown {
            Some((name, _)) => Err(bad(format!(
                "`{}` does not belong here",
                display_safe(name, 40)
            ))),
            None => Ok(()),
        }
    }
}

impl Command<'_> {
    /// Only the members every command has and these.
    pub fn only(&self, names: &[&str]) -> Result<(), Refusal> {
        const ALWAYS: [&str; 6] = ["action", "clock", "expires_at", "guardian", "key", "reason"];
        self.signed.only(&[&ALWAYS, names].concat())?;
        match self.signed.tree.get("reason") {
            Some(reason) if reason.as_str().is_none() => Err(bad("`reason` is a string")),
            _ => Ok(()),
        }
    }
}

/// Remembers a command that was carried out until it expires. One without a readable expiry never
/// passed its check.
pub(in crate::guard) fn remember(state: &mut State, payload: &str) {
    let tree = json::parse(payload.as_bytes(), &COMMAND).ok();
    let expires_at = tree
        .as_ref()
        .and_then(|tree| tree.get("expires_at"))
        .and_then(Json::as_int)
        .and_then(|at| u64::try_from(at).ok());
    if let Some(expires_at) = expires_at {
        state
            .commands
            .insert((expires_at, sha256(payload.as_bytes())));
    }
}

fn wrong_state(entry: &Entry) -> Refusal {
    Refusal::new(
        Code::WrongState,
        format!("{} is {}", entry.id, entry.stage.as_str()),
    )
}
