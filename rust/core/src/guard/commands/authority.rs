//! Policy and settings are in force by an operator's signature, never by a file.
//!
//! A policy that is at least as strict as the one in force needs none: it can only deny more.

use alloy_primitives::{Bytes, B256};

use crate::canonical::{sha256, INTEGER_MAX};
use crate::code::Code;
use crate::event::{Body, ConfigLoaded, PolicyLoaded, PolicyScheduled};
use crate::guard::commands::lifecycle::bad;
use crate::guard::commands::operator;
use crate::guard::fold::FoldError;
use crate::guard::state::State;
use crate::guard::{Applied, Guard, LoadError, Refusal, WORDS_MAX};
use crate::policy::{strictness, Policy};
use crate::text::display_safe;

/// A payload signed by an operator, and the ed25519 signature.
#[derive(Clone, Copy, Debug)]
pub struct Authority<'a> {
    /// `{"action","digest","guardian","key","revision"}`, canonical.
    pub command: &'a [u8],
    /// 64 bytes over `"holdfast operator command v1\n" || command`.
    pub signature: &'a [u8],
}

impl Guard {
    /// Puts a policy in force: with an operator's signature over its digest and the next revision, or
    /// without one if it is at least as strict as the policy in force. Requests that wait stay and
    /// are decided again before they are signed.
    ///
    /// # Errors
    /// [`LoadError`]; the policy before stays in force. `policy_unsigned` names the first change that
    /// is looser and why the signature, if there was one, does not count.
    pub fn load_policy(
        &mut self,
        source: &str,
        by: &str,
        authority: Option<Authority<'_>>,
        now_ms: u64,
    ) -> Result<Applied, LoadError> {
        let policy = Policy::parse(source).map_err(LoadError::Faults)?;
        let (digest, revision) = (sha256(source.as_bytes()), self.state.next_policy());
        let signed = match authority {
            None => None,
            Some(given) => Some(
                operator::authority(
                    &self.state,
                    ("policy", digest, revision),
                    given.command,
                    given.signature,
                )
                .map(|()| given),
            ),
        };
        let looser = stricter(&self.state, &policy).err();
        let delay_ms = self.state.policy().map_or(0, Policy::loosen_delay_ms);
        if let (Some(Ok(given)), Some(looser), 1..) = (&signed, &looser, delay_ms) {
            return self.schedule((source, policy.name(), by), *given, looser, now_ms);
        }
        let counts = match signed {
            Some(Ok(given)) => Some(given),
            other => {
                let why = other.and_then(Result::err);
                if let Some(looser) = looser {
                    return Err(unsigned(&looser, why));
                }
                None
            }
        };
        let body = Body::PolicyLoaded(PolicyLoaded {
            by: display_safe(by, 64),
            command: counts.map(|given| text(given.command)).transpose()?,
            digest,
            name: display_safe(policy.name(), 64),
            revision: Some(revision),
            signature: counts.map(|given| Bytes::copy_from_slice(given.signature)),
            source: source.to_owned(),
        });
        Ok(self.one(now_ms, body)?)
    }

    /// A looser policy waits as long as the one in force says. The same one again changes nothing.
    fn schedule(
        &mut self,
        (source, name, by): (&str, &str, &str),
        given: Authority<'_>,
        looser: &str,
        now_ms: u64,
    ) -> Result<Applied, LoadError> {
        let (digest, now) = (sha256(source.as_bytes()), self.now(now_ms));
        if self
            .state
            .coming
            .as_ref()
            .is_some_and(|coming| coming.digest == digest)
        {
            return Ok(Applied::default());
        }
        let delay_ms = self.state.policy().map_or(0, Policy::loosen_delay_ms);
        let body = Body::PolicyScheduled(PolicyScheduled {
            by: display_safe(by, 64),
            command: text(given.command)?,
            digest,
            due_ms: now.saturating_add(delay_ms).min(INTEGER_MAX),
            looser: display_safe(looser, WORDS_MAX),
            name: display_safe(name, 64),
            revision: self.state.next_policy(),
            signature: Bytes::copy_from_slice(given.signature),
            source: source.to_owned(),
        });
        Ok(self.one(now_ms, body)?)
    }

    /// The policy that was to come into force by now, as the event that puts it there.
    pub(in crate::guard) fn due_policy(&self, now: u64) -> Option<Body> {
        let coming = self
            .state
            .coming
            .as_ref()
            .filter(|coming| coming.due_ms <= now)?;
        Some(Body::PolicyLoaded(PolicyLoaded {
            by: coming.by.clone(),
            command: Some(coming.command.clone()),
            digest: coming.digest,
            name: coming.name.clone(),
            revision: Some(coming.revision),
            signature: Some(coming.signature.clone()),
            source: coming.source.clone(),
        }))
    }

    /// Notes the settings of the service that an operator signed, by the SHA-256 of what the service
    /// makes of them.
    ///
    /// # Errors
    /// [`Refusal`]: `malformed`, `signature_invalid`, `digest_mismatch` or `revision_mismatch`; the
    /// settings before stay in force.
    pub fn load_config(
        &mut self,
        digest: B256,
        by: &str,
        authority: Authority<'_>,
        now_ms: u64,
    ) -> Result<Applied, Refusal> {
        let revision = self.state.next_config();
        let Authority { command, signature } = authority;
        operator::authority(
            &self.state,
            ("config", digest, revision),
            command,
            signature,
        )?;
        let body = Body::ConfigLoaded(ConfigLoaded {
            by: display_safe(by, 64),
            command: text(command)?,
            digest,
            revision,
            signature: Bytes::copy_from_slice(signature),
        });
        self.one(now_ms, body)
    }
}

fn text(command: &[u8]) -> Result<String, Refusal> {
    let text = std::str::from_utf8(command);
    text.map(str::to_owned)
        .map_err(|_| bad("a command is UTF-8"))
}

fn unsigned(looser: &str, why: Option<Refusal>) -> LoadError {
    let signature = match why {
        None => "an operator signs it: `holdfast policy apply FILE`".to_owned(),
        Some(refusal) => format!("its signature does not count: {}", refusal.text),
    };
    LoadError::Refused(Refusal::new(
        Code::PolicyUnsigned,
        format!("{looser}; {signature}"),
    ))
}

/// Whether a policy needs no signature after the one in force; if it does, the first change that is
/// looser in words.
fn stricter(state: &State, new: &Policy) -> Result<(), String> {
    if state.policy.is_none() {
        return Err("the first policy of a guardian is signed".to_owned());
    }
    let Some(old) = state.policy() else {
        return Err("this program cannot read the policy in force".to_owned());
    };
    match strictness::first_looser(old, new) {
        None => Ok(()),
        Some(text) => Err(text),
    }
}

/// What [`Guard::load_policy`] made sure of. Records of version 1 have no signatures.
pub(in crate::guard) fn check_policy(
    state: &State,
    data: &PolicyLoaded,
    (at, version): (u64, u64),
) -> Result<(), FoldError> {
    if version < 2 {
        return Ok(());
    }
    let revision = state.next_policy();
    if data.revision != Some(revision) {
        return Err(FoldError::Unfit("the policy has another revision"));
    }
    match (&data.command, &data.signature) {
        (Some(command), Some(signature)) => {
            let digest = sha256(data.source.as_bytes());
            let signed = ("policy", digest, revision);
            operator::authority(state, signed, command.as_bytes(), signature)
                .map_err(|refusal| FoldError::Refused(refusal.to_string()))?;
            waited(state, data, (at, version))
        }
        (None, None) => match Policy::parse(&data.source) {
            Ok(policy) => stricter(state, &policy).map_err(|looser| {
                FoldError::Refused(format!("no operator signed the policy: {looser}"))
            }),
            // Under what cannot be read everything is denied.
            Err(_) => Ok(()),
        },
        _ => Err(FoldError::Unfit("a command comes with its signature")),
    }
}

/// A looser policy came into force no sooner than the one before it said.
fn waited(state: &State, data: &PolicyLoaded, (at, version): (u64, u64)) -> Result<(), FoldError> {
    let Some(old) = state
        .policy()
        .filter(|old| version > 4 && old.loosen_delay_ms() > 0)
    else {
        return Ok(());
    };
    let due = state
        .coming
        .as_ref()
        .filter(|coming| coming.digest == data.digest);
    if due.is_some_and(|coming| coming.due_ms <= at) {
        return Ok(());
    }
    match Policy::parse(&data.source) {
        Ok(new) if strictness::first_looser(old, &new).is_none() => Ok(()),
        _ => Err(FoldError::Unfit("a looser policy did not wait")),
    }
}

/// What [`Guard::schedule`] made sure of.
pub(in crate::guard) fn check_scheduled(
    state: &State,
    data: &PolicyScheduled,
    at: u64,
) -> Result<(), FoldError> {
    let (revision, digest) = (state.next_policy(), sha256(data.source.as_bytes()));
    let delay_ms = state.policy().map_or(0, Policy::loosen_delay_ms);
    let due = at.saturating_add(delay_ms).min(INTEGER_MAX);
    if data.revision != revision || data.digest != digest || data.due_ms != due || delay_ms == 0 {
        return Err(FoldError::Unfit(
            "the policy does not wait as the one in force says",
        ));
    }
    let signed = ("policy", digest, revision);
    operator::authority(state, signed, data.command.as_bytes(), &data.signature)
        .map_err(|refusal| FoldError::Refused(refusal.to_string()))
}

/// What [`Guard::load_config`] made sure of.
pub(in crate::guard) fn check_config(state: &State, data: &ConfigLoaded) -> Result<(), FoldError> {
    let revision = state.next_config();
    if data.revision != revision {
        return Err(FoldError::Unfit("the settings have another revision"));
    }
    let signed = ("config", data.digest, revision);
    operator::authority(state, signed, data.command.as_bytes(), &data.signature)
        .map_err(|refusal| FoldError::Refused(refusal.to_string()))
}
