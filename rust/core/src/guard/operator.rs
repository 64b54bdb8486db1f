//! Commands signed by an operator: approve, deny, thaw. Each is carried out once: its payload is
//! remembered until it expires, because a state can come again (an approval from before a freeze
//! must not send what the freeze holds).

use alloy_primitives::{Bytes, B256};

use super::check::reason;
use super::fold_life::needed;
use super::lifecycle::bad;
use super::state::{Entry, State};
use super::{Applied, Guard, Refusal, WORDS_MAX};
use crate::canonical::sha256;
use crate::event::{Approved, Body, Denied, FreezeLifted, Id, Stage};
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

/// A command whose signature holds.
struct Command<'a> {
    by: String,
    expires_at: u64,
    payload: &'a str,
    signature: Bytes,
    tree: Json<'a>,
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
        let command = self.open_command(payload, signature, now)?;
        match command.tree.get("action").and_then(Json::as_str) {
            Some("approve") => self.approve(&command, now),
            Some("deny") => self.deny(&command, now),
            Some("thaw") => self.thaw(&command, now),
            _ => Err(bad("`action` is approve, deny or thaw")),
        }
    }

    /// Checks whose command this is before anything in it counts.
    fn open_command<'a>(
        &self,
        payload: &'a [u8],
        signature: &[u8],
        now: u64,
    ) -> Result<Command<'a>, Refusal> {
        let invalid = |text: &str| Refusal::new("signature_invalid", text);
        let tree = json::parse(payload, &COMMAND).map_err(|fault| bad(fault.to_string()))?;
        let text = std::str::from_utf8(payload).map_err(|_| bad("a command is UTF-8"))?;
        if tree.to_canonical() != text {
            return Err(bad("a command is canonical JSON"));
        }
        let genesis = self.state.genesis.as_ref();
        let genesis = genesis.ok_or_else(|| Refusal::new("internal", "no guardian"))?;
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
        let guardian = tree.get("guardian").and_then(Json::as_str);
        let guardian: Option<B256> = guardian.and_then(|text| text.parse().ok());
        if guardian != Some(genesis.log_key) {
            return Err(invalid("the command is for another guardian"));
        }
        let expires_at = tree.get("expires_at").and_then(Json::as_int);
        let expires_at = expires_at.and_then(|at| u64::try_from(at).ok());
        let expires_at = expires_at.ok_or_else(|| bad("`expires_at` is an integer"))?;
        if expires_at <= now {
            return Err(Refusal::new("expired", "the command has expired"));
        }
        if expires_at > now.saturating_add(EXPIRES_AHEAD_MS) {
            return Err(Refusal::new(
                "expired",
                "a command expires within five minutes",
            ));
        }
        let by = operator.id.clone();
        Ok(Command {
            by,
            expires_at,
            payload: text,
            signature: Bytes::copy_from_slice(signature),
            tree,
        })
    }

    fn approve(&mut self, command: &Command<'_>, now: u64) -> Result<Applied, Refusal> {
        command.only(&["digest", "request"])?;
        let entry = self.bound(command)?;
        if !matches!(entry.stage, Stage::WaitingApproval | Stage::Held) {
            return Err(wrong_state(entry));
        }
        if self.state.frozen(&entry.agent, &entry.wallet).is_some() {
            return Err(Refusal::new("frozen", "thaw first: its scope is frozen"));
        }
        let waiting = entry.stage == Stage::WaitingApproval;
        if waiting && entry.expires_at.is_none_or(|expires_at| now >= expires_at) {
            return Err(Refusal::new("expired", format!("{} has expired", entry.id)));
        }
        if entry.approvals.contains(&command.by) {
            let text = format!("`{}` has approved {} already", command.by, entry.id);
            return Err(Refusal::new("replayed", text));
        }
        self.first_time(command)?;
        let id = entry.id;
        let before = u64::try_from(entry.approvals.len()).unwrap_or(u64::MAX);
        let body = Body::RequestApproved(Approved {
            approvals: before.saturating_add(1),
            by: command.by.clone(),
            command: command.payload.to_owned(),
            id,
            quorum: u64::from(needed(entry)),
            signature: command.signature.clone(),
        });
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

    fn deny(&mut self, command: &Command<'_>, now: u64) -> Result<Applied, Refusal> {
        command.only(&["digest", "request"])?;
        let entry = self.bound(command)?;
        if !entry.stage.is_unsigned() && entry.stage != Stage::Held {
            return Err(wrong_state(entry));
        }
        self.first_time(command)?;
        let id = entry.id;
        let words = command.tree.get("reason").and_then(Json::as_str);
        let words = words.map(|words| display_safe(words, WORDS_MAX));
        let body = Body::RequestDenied(Denied {
            by: command.by.clone(),
            command: Some(command.payload.to_owned()),
            id,
            reasons: vec![reason("denied_by_operator", words, None)],
            signature: Some(command.signature.clone()),
        });
        self.about(id, now, body)
    }

    fn thaw(&mut self, command: &Command<'_>, now: u64) -> Result<Applied, Refusal> {
        command.only(&["freeze"])?;
        let freeze = command.tree.get("freeze").and_then(Json::as_int);
        let freeze = freeze.and_then(|seq| u64::try_from(seq).ok());
        let freeze = freeze.ok_or_else(|| bad("`freeze` is the seq of the freeze"))?;
        if !self.state.freezes.contains_key(&freeze) {
            let text = format!("no freeze {freeze} stands");
            return Err(Refusal::new("freeze_unknown", text));
        }
        self.first_time(command)?;
        let body = Body::FreezeLifted(FreezeLifted {
            by: command.by.clone(),
            command: command.payload.to_owned(),
            freeze,
            signature: command.signature.clone(),
        });
        self.one(now, body)
    }

    fn first_time(&self, command: &Command<'_>) -> Result<(), Refusal> {
        let known = (command.expires_at, sha256(command.payload.as_bytes()));
        if self.state.commands.contains(&known) {
            let text = "this very command was carried out before: sign a new one";
            return Err(Refusal::new("replayed", text));
        }
        Ok(())
    }

    /// The request a command names by id and digest: both must fit, so a twin needs its own.
    fn bound(&self, command: &Command<'_>) -> Result<&Entry, Refusal> {
        let id = command.tree.get("request").and_then(Json::as_str);
        let entry = self.entry(id.ok_or_else(|| bad("`request` is the id of a request"))?)?;
        let digest = command.tree.get("digest").and_then(Json::as_str);
        let digest: Option<B256> = digest.and_then(|text| text.parse().ok());
        if digest != Some(entry.digest) {
            let text = format!("the digest is not that of {}", entry.id);
            return Err(Refusal::new("digest_mismatch", text));
        }
        Ok(entry)
    }
}

impl Command<'_> {
    /// Only the members every command has and these.
    fn only(&self, names: &[&str]) -> Result<(), Refusal> {
        const ALWAYS: [&str; 5] = ["action", "expires_at", "guardian", "key", "reason"];
        let members = self.tree.as_object().unwrap_or_default();
        let unknown = members
            .iter()
            .find(|(name, _)| !ALWAYS.contains(&name.as_ref()) && !names.contains(&name.as_ref()));
        if let Some((name, _)) = unknown {
            return Err(bad(format!(
                "`{}` does not belong here",
                display_safe(name, 40)
            )));
        }
        match self.tree.get("reason") {
            Some(reason) if reason.as_str().is_none() => Err(bad("`reason` is a string")),
            _ => Ok(()),
        }
    }
}

/// Remembers a command that was carried out until it expires. One without a readable expiry never
/// passed its check.
pub(super) fn remember(state: &mut State, payload: &str) {
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
        "wrong_state",
        format!("{} is {}", entry.id, entry.stage.as_str()),
    )
}
