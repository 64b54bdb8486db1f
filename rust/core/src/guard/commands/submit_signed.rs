//! Calls of agents that have a key: the envelope is checked before anything in it counts.

use alloy_primitives::{hex, Bytes, FixedBytes};

use crate::canonical::{key, Object};
use crate::code::{Code, Detail};
use crate::event::Envelope;
use crate::guard::decision::evaluate::{reason, Call, Rejection};
use crate::guard::state::State;
use crate::guard::{Applied, Guard, Refusal};
use crate::json::{self, Json, Limits, Malformed};
use crate::policy::Facts;
use crate::verify;

/// How far ahead a signed call may expire.
const EXPIRES_AHEAD_MS: u64 = 60_000;
const NONCE_BYTES: usize = 16;

const ENVELOPE: Limits = Limits {
    max_bytes: 1 << 20,
    max_depth: 33,
    max_nodes: 20_010,
    max_string: 1 << 20,
};

/// What a payload says.
pub(in crate::guard) struct Payload {
    agent: String,
    expires_at: u64,
    pub method: String,
    nonce: [u8; NONCE_BYTES],
    pub params: String,
}

impl Guard {
    /// As `submit`, for agents with a public key. The payload is
    /// `{"agent","expires_at","method","nonce","params"}`, signed over `"holdfast agent request
    /// v1\n" || payload`.
    ///
    /// # Errors
    /// Never in a guardian that was created.
    pub fn submit_signed(
        &mut self,
        agent: &str,
        payload: &[u8],
        signature: &[u8],
        facts: &Facts,
        now_ms: u64,
    ) -> Result<Applied, Refusal> {
        let now = self.now(now_ms);
        let facts = self.given(facts, now);
        if let Some(applied) = self.frozen_flood(agent, now) {
            return Ok(applied);
        }
        let outer = Call {
            agent,
            method: "holdfast_request",
            params: payload,
            signed: true,
        };
        match open(&self.state, agent, payload, signature, now) {
            Ok((payload, envelope)) => {
                let (method, params) = (payload.method.as_str(), payload.params.as_bytes());
                let call = Call {
                    agent,
                    method,
                    params,
                    signed: true,
                };
                self.take(call, Some(envelope), &facts, now)
            }
            Err(rejection) => self.reject(outer, &rejection, now),
        }
    }

    /// Checks the envelope of a call that asks for no signature, and records nothing: the call's
    /// method, and its params, nonce and expiry as JSON `{"expires_at","method","nonce","params"}`.
    /// Whoever serves it must take each nonce once until it expires.
    ///
    /// # Errors
    /// [`Refusal`] with the code an agent is told.
    pub fn open_signed(
        &self,
        agent: &str,
        payload: &[u8],
        signature: &[u8],
        now_ms: u64,
    ) -> Result<Vec<u8>, Refusal> {
        let now = self.now(now_ms);
        let (read, envelope) = open(&self.state, agent, payload, signature, now).map_err(
            |rejection| match rejection {
                Rejection::Malformed(fault) => Refusal::new(Code::Malformed, fault.to_string()),
                Rejection::Denied(reason) => Refusal::of(reason),
            },
        )?;
        let mut out = Vec::with_capacity(read.params.len().saturating_add(128));
        let mut object = Object::new(&mut out);
        object.u64(key!("expires_at"), read.expires_at);
        object.str(key!("method"), &read.method);
        object.hex(key!("nonce"), envelope.nonce.as_slice());
        object.raw(key!("params"), read.params.as_bytes());
        object.end();
        Ok(out)
    }
}

/// Opens an envelope: signed by the agent's key, for this agent, in time, and not seen before. Live
/// code and replay both ask this.
pub(in crate::guard) fn open(
    state: &State,
    agent: &str,
    payload: &[u8],
    signature: &[u8],
    now: u64,
) -> Result<(Payload, Envelope), Rejection> {
    let denied = |code, observed| Rejection::Denied(reason(code, observed, None));
    let Some(policy) = state.policy() else {
        return Err(denied(Code::NoPolicy, None));
    };
    let Some(known) = policy.agent(agent) else {
        return Err(denied(Code::AgentUnknown, Some(agent.to_owned())));
    };
    let signed = match (&known.public_key, signature.try_into()) {
        (Some(key), Ok(signature)) => verify::agent_request(key, payload, signature),
        _ => false,
    };
    if !signed {
        return Err(denied(Code::SignatureInvalid, None));
    }
    let read = read(payload).map_err(Rejection::Malformed)?;
    if read.agent != agent {
        return Err(denied(Code::AgentMismatch, None));
    }
    let at = state.clock.of_agents(now);
    let latest = at.saturating_add(EXPIRES_AHEAD_MS);
    if read.expires_at <= at.max(state.clock.forgotten) || read.expires_at > latest {
        let observed = state.clock.of_expired(read.expires_at, now);
        return Err(denied(Code::Expired, Some(observed)));
    }
    if state
        .agent_nonces
        .contains_key(&(agent.to_owned(), read.nonce))
    {
        return Err(denied(Code::Replayed, None));
    }
    let envelope = Envelope {
        expires_at: read.expires_at,
        nonce: FixedBytes(read.nonce),
        payload: String::from_utf8_lossy(payload).into_owned(),
        signature: Bytes::copy_from_slice(signature),
    };
    Ok((read, envelope))
}

fn read(payload: &[u8]) -> Result<Payload, Malformed> {
    let tree = json::parse_exact(payload, &ENVELOPE)?;
    let Some(members) = tree.as_object() else {
        return Err(Malformed::new(Detail::Type, "", "a payload is an object"));
    };
    const KNOWN: [&str; 5] = ["agent", "expires_at", "method", "nonce", "params"];
    if let Some((key, _)) = members
        .iter()
        .find(|(key, _)| !KNOWN.contains(&key.as_ref()))
    {
        return Err(Malformed::new(Detail::UnknownKey, "", "not a member of a payload").under(key));
    }
    let text = |key: &str| {
        let value = tree.get(key).and_then(Json::as_str);
        value.ok_or_else(|| Malformed::new(Detail::Type, "", "expected a string").under(key))
    };
    let expires_at = tree.get("expires_at").and_then(Json::as_int);
    let expires_at = expires_at
        .and_then(|at| u64::try_from(at).ok())
        .ok_or_else(|| {
            Malformed::new(Detail::Type, "", "expected an integer").under("expires_at")
        })?;
    let nonce = text("nonce")?;
    let nonce = hex::decode(nonce.strip_prefix("0x").unwrap_or(nonce)).unwrap_or_default();
    let nonce = nonce
        .try_into()
        .map_err(|_| Malformed::new(Detail::Hex, "", "expected 16 bytes in hex").under("nonce"))?;
    let params = tree
        .get("params")
        .ok_or_else(|| Malformed::new(Detail::Params, "", "expected params").under("params"))?;
    Ok(Payload {
        agent: text("agent")?.to_owned(),
        expires_at,
        method: text("method")?.to_owned(),
        nonce,
        params: params.to_canonical(),
    })
}
