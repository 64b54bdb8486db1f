//! Policy and settings are in force by an operator's signature, never by a file.
//!
//! A policy that is at least as strict as the one in force needs none: it can only deny more.

use std::collections::BTreeSet;
use std::sync::Arc;

use alloy_primitives::{Bytes, B256};

use crate::canonical::{sha256, INTEGER_MAX};
use crate::code::Code;
use crate::event::{Body, ConfigLoaded, Cosigned, PolicyLoaded, PolicyScheduled, VERSION};
use crate::guard::commands::lifecycle::bad;
use crate::guard::commands::operator;
use crate::guard::fold::FoldError;
use crate::guard::state::{LoadedPolicy, State};
use crate::guard::{Applied, Guard, LoadError, Refusal, WORDS_MAX};
use crate::policy::{strictness, Policy, PolicyErrors};
use crate::text::display_safe;

/// A payload signed by an operator, and the ed25519 signature.
#[derive(Clone, Copy, Debug)]
pub struct Authority<'a> {
    /// `{"action","digest","guardian","key","revision"}`, canonical.
    pub command: &'a [u8],
    /// 64 bytes over `"holdfast operator command v1\n" || command`.
    pub signature: &'a [u8],
    /// The same of more operators: command and signature.
    pub also: &'a [(Vec<u8>, Vec<u8>)],
}

impl Authority<'_> {
    fn cosigned(&self) -> Result<Vec<Cosigned>, Refusal> {
        let also = self.also.iter().map(|(command, signature)| {
            Ok(Cosigned {
                command: text(command)?,
                signature: Bytes::copy_from_slice(signature),
            })
        });
        also.collect()
    }
}

impl Guard {
    /// Puts a policy in force: with an operator's signature over its digest and the next revision, or
    /// without one if it is at least as strict as the policy in force. The policy in force says how
    /// many operators sign a looser one. Requests that wait stay and are decided again before they are
    /// signed.
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
        let prepared =
            Prepared::new(source, self.in_force().as_ref()).map_err(LoadError::Faults)?;
        self.load_prepared(&prepared, by, authority, now_ms)
    }

    /// What a policy that is prepared elsewhere is compared with.
    pub fn in_force(&self) -> Option<InForce> {
        in_force(&self.state)
    }

    /// [`Guard::load_policy`] of a policy that was read and compared before. Where another one came
    /// into force meanwhile it is compared again.
    ///
    /// # Errors
    /// As [`Guard::load_policy`].
    pub fn load_prepared(
        &mut self,
        prepared: &Prepared,
        by: &str,
        authority: Option<Authority<'_>>,
        now_ms: u64,
    ) -> Result<Applied, LoadError> {
        let policy = &prepared.policy;
        let (digest, revision) = (prepared.digest, self.state.next_policy());
        let source = policy.source();
        let signed = match authority {
            None => None,
            Some(given) => {
                let also = given.also.iter();
                let also = also.map(|(command, signature)| (command.as_slice(), &signature[..]));
                let all = std::iter::once((given.command, given.signature)).chain(also);
                Some(signers(&self.state, (digest, revision), all).map(|by| (given, by)))
            }
        };
        enough_operators(&self.state, policy)?;
        let looser = prepared.looser_than(self.in_force().as_ref());
        let delay_ms = self.state.policy().map_or(0, Policy::loosen_delay_ms);
        let signed = match (signed, &looser) {
            (Some(Ok((given, by))), Some(_)) => Some(quorate(&self.state, by).map(|()| given)),
            (signed, _) => signed.map(|signed| signed.map(|(given, _)| given)),
        };
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
        let also = counts.map(|given| given.cosigned()).transpose()?;
        let body = Body::PolicyLoaded(PolicyLoaded {
            also: also.unwrap_or_default(),
            by: display_safe(by, 64),
            command: counts.map(|given| text(given.command)).transpose()?,
            digest,
            name: display_safe(policy.name(), 64),
            revision: Some(revision),
            signature: counts.map(|given| Bytes::copy_from_slice(given.signature)),
            source: source.to_owned(),
        });
        self.state.prepared = Some(Arc::clone(policy));
        let loaded = self.one(now_ms, body);
        self.state.prepared = None;
        Ok(loaded?)
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
            also: given.cosigned()?,
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
            also: coming.also.clone(),
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
        let Authority {
            command, signature, ..
        } = authority;
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

/// The operators who signed that this policy is in force as this revision. All signatures count, or
/// none does: one that is not good is a mistake, or worse.
fn signers<'a>(
    state: &State,
    (digest, revision): (B256, u64),
    signatures: impl Iterator<Item = (&'a [u8], &'a [u8])>,
) -> Result<usize, Refusal> {
    let mut by = BTreeSet::new();
    for (command, signature) in signatures {
        let operator =
            operator::authority(state, ("policy", digest, revision), command, signature)?;
        if !by.insert(operator) {
            let text = "an operator signed it twice: each signature is another operator's";
            return Err(Refusal::new(Code::SignatureInvalid, text));
        }
    }
    Ok(by.len())
}

/// Whether so many operators may loosen the policy in force.
fn quorate(state: &State, signed: usize) -> Result<(), Refusal> {
    let quorum = quorum_of(state);
    if u64::try_from(signed).is_ok_and(|signed| signed >= quorum) {
        return Ok(());
    }
    let text = format!(
        "{signed} of the {quorum} operators it needs signed it; each of the others runs \
         `holdfast policy sign FILE`, then `policy apply FILE --with` takes their signatures"
    );
    Err(Refusal::new(Code::SignatureInvalid, text))
}

/// How many operators loosen the policy in force. What a later program cannot read as a policy may say
/// so all the same.
fn quorum_of(state: &State) -> u64 {
    if let Some(policy) = state.policy() {
        return policy.loosen_quorum();
    }
    let loaded = state.policy.as_ref();
    let table = loaded.and_then(|loaded| loaded.source.parse::<toml::Table>().ok());
    let written = table.and_then(|table| table.get("loosen_quorum")?.as_integer());
    written
        .and_then(|quorum| u64::try_from(quorum).ok())
        .unwrap_or(1)
}

/// A policy that asks for more operators than there are could never be loosened again.
fn enough_operators(state: &State, policy: &Policy) -> Result<(), Refusal> {
    let genesis = state.genesis.as_ref();
    let operators = genesis.map_or(0, |genesis| genesis.operators.len());
    if u64::try_from(operators).is_ok_and(|operators| policy.loosen_quorum() <= operators.max(1)) {
        return Ok(());
    }
    Err(bad(format!(
        "`loosen_quorum` is {} and the guardian has {operators} operators; write a number it can meet",
        policy.loosen_quorum()
    )))
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

/// The policy that another one is compared with.
#[derive(Clone, Debug)]
pub struct InForce {
    digest: B256,
    compiled: Option<Arc<Policy>>,
}

impl InForce {
    fn of(loaded: &LoadedPolicy) -> Self {
        Self {
            digest: loaded.digest,
            compiled: loaded.compiled.clone(),
        }
    }
}

/// A policy that was read, and compared with the one in force: what takes long of loading it, and
/// needs no guardian.
#[derive(Clone, Debug)]
pub struct Prepared {
    digest: B256,
    policy: Arc<Policy>,
    against: Option<B256>,
    looser: Option<String>,
}

impl Prepared {
    /// Reads a policy and compares it.
    ///
    /// # Errors
    /// Every fault of the file.
    pub fn new(source: &str, in_force: Option<&InForce>) -> Result<Self, PolicyErrors> {
        let policy = Arc::new(Policy::parse(source)?);
        Ok(Self {
            digest: sha256(source.as_bytes()),
            against: in_force.map(|in_force| in_force.digest),
            looser: stricter(in_force, &policy, VERSION).err(),
            policy,
        })
    }

    /// Its text.
    pub fn source(&self) -> &str {
        self.policy.source()
    }

    /// The first change that is looser than the policy in force, in words.
    fn looser_than(&self, in_force: Option<&InForce>) -> Option<String> {
        if self.against == in_force.map(|in_force| in_force.digest) {
            return self.looser.clone();
        }
        stricter(in_force, &self.policy, VERSION).err()
    }
}

/// Whether a policy needs no signature after the one in force; if it does, the first change that is
/// looser in words.
fn stricter(in_force: Option<&InForce>, new: &Policy, version: u64) -> Result<(), String> {
    let Some(in_force) = in_force else {
        return Err("the first policy of a guardian is signed".to_owned());
    };
    let Some(old) = in_force.compiled.as_deref() else {
        return Err("this program cannot read the policy in force".to_owned());
    };
    // How a policy is loosened binds operators, not agents: a file of another origin must not keep them
    // from undoing what it did.
    let control = |policy: &Policy| (policy.loosen_delay_ms(), policy.loosen_quorum());
    if version > 4 && control(old) != control(new) {
        return Err("how a policy is loosened changes".to_owned());
    }
    match strictness::first_looser(old, new) {
        None => Ok(()),
        Some(text) => Err(text),
    }
}

fn in_force(state: &State) -> Option<InForce> {
    state.policy.as_ref().map(InForce::of)
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
            let first = (command.as_bytes(), signature);
            let by = on_record(state, (digest, revision), first, &data.also)?;
            agreed(state, by, &data.source, version)?;
            waited(state, data, (at, version))
        }
        (None, None) if !data.also.is_empty() => {
            Err(FoldError::Unfit("a command comes with its signature"))
        }
        (None, None) => match Policy::parse(&data.source) {
            Ok(policy) => stricter(in_force(state).as_ref(), &policy, version).map_err(|looser| {
                FoldError::Refused(format!("no operator signed the policy: {looser}"))
            }),
            // Under what cannot be read everything is denied.
            Err(_) => Ok(()),
        },
        _ => Err(FoldError::Unfit("a command comes with its signature")),
    }
}

/// How many operators signed it.
fn on_record(
    state: &State,
    named: (B256, u64),
    (command, signature): (&[u8], &Bytes),
    also: &[Cosigned],
) -> Result<usize, FoldError> {
    let also = also.iter();
    let also = also.map(|each| (each.command.as_bytes(), &each.signature[..]));
    let all = std::iter::once((command, &signature[..])).chain(also);
    signers(state, named, all).map_err(|refusal| FoldError::Refused(refusal.to_string()))
}

/// A looser policy was signed by as many operators as the one before it said.
fn agreed(state: &State, by: usize, source: &str, version: u64) -> Result<(), FoldError> {
    let refused = |refusal: Refusal| FoldError::Refused(refusal.to_string());
    if version < 5 || state.policy.is_none() {
        return Ok(());
    }
    let Ok(new) = Policy::parse(source) else {
        // Under what cannot be read everything is denied.
        return Ok(());
    };
    enough_operators(state, &new).map_err(refused)?;
    match quorate(state, by) {
        Err(refusal) if stricter(in_force(state).as_ref(), &new, version).is_err() => {
            Err(refused(refusal))
        }
        _ => Ok(()),
    }
}

/// A looser policy came into force no sooner than the one before it said.
fn waited(state: &State, data: &PolicyLoaded, (at, version): (u64, u64)) -> Result<(), FoldError> {
    let delay_ms = state.policy().map_or(0, Policy::loosen_delay_ms);
    if version < 5 || delay_ms == 0 {
        return Ok(());
    }
    let due = state
        .coming
        .as_ref()
        .filter(|coming| coming.digest == data.digest);
    if due.is_some_and(|coming| coming.due_ms <= at) {
        return Ok(());
    }
    match Policy::parse(&data.source) {
        Ok(new) if stricter(in_force(state).as_ref(), &new, version).is_ok() => Ok(()),
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
    let first = (data.command.as_bytes(), &data.signature);
    let by = on_record(state, (digest, revision), first, &data.also)?;
    quorate(state, by).map_err(|refusal| FoldError::Refused(refusal.to_string()))
}

/// What [`Guard::load_config`] made sure of.
pub(in crate::guard) fn check_config(state: &State, data: &ConfigLoaded) -> Result<(), FoldError> {
    let revision = state.next_config();
    if data.revision != revision {
        return Err(FoldError::Unfit("the settings have another revision"));
    }
    let signed = ("config", data.digest, revision);
    operator::authority(state, signed, data.command.as_bytes(), &data.signature)
        .map(|_| ())
        .map_err(|refusal| FoldError::Refused(refusal.to_string()))
}
