//! One look at a call, shared by `submit` and `check`: what it is, what it would join, and what the
//! policy says.

use alloy_primitives::{Address, B256};
use serde::Serialize;

use crate::chain::Account;
use crate::code::{Code, Detail};
use crate::event::{match_key, EffectRecord, SignedContent};
use crate::guard::decision::answer::{self, bytes, Told};
use crate::guard::decision::dedup::{find_match, replaces, Match};
use crate::guard::state::State;
use crate::guard::{Guard, Refusal};
use crate::json::Malformed;
use crate::policy::{
    self, CodePin, CodeSeen, Decision, Facts, Policy, Privacy, Reason, Released, Resolved, Sight,
    Verdict,
};
use crate::request::{self, Asked, Body};

/// A call as it came.
#[derive(Clone, Copy, Debug)]
pub(in crate::guard) struct Call<'a> {
    pub agent: &'a str,
    pub method: &'a str,
    pub params: &'a [u8],
    /// It came inside an envelope signed by the agent's key.
    pub signed: bool,
}

pub(in crate::guard) fn unfit(fault: &Malformed) -> Refusal {
    Refusal::new(Code::Malformed, format!("facts: {fault}"))
}

/// What stops a call before it is a request.
pub(in crate::guard) enum Rejection {
    /// Not a request at all.
    Malformed(Malformed),
    /// No policy or approval could allow it.
    Denied(Reason),
}

/// What is known outside of the state when a call comes in.
#[derive(Clone, Copy)]
pub(in crate::guard) struct Known<'k> {
    pub facts: &'k Facts,
    pub code: &'k CodeSeen,
    pub now_ms: u64,
}

impl<'k> Known<'k> {
    fn sight(&self, state: &'k State) -> Sight<'k> {
        Sight {
            facts: self.facts,
            held: Some(self.code),
            first: &state.first_code,
            now_ms: self.now_ms,
        }
    }
}

/// A contract that a request relies on, with what was seen of its code, and when.
pub(in crate::guard) type Relied = (Address, (CodePin, u64));

/// A call that was read and resolved.
pub(in crate::guard) struct Evaluated<'p> {
    pub policy: &'p Policy,
    pub policy_digest: B256,
    pub resolved: Resolved<'p>,
    pub wanted: SignedContent,
    pub match_key: B256,
    pub relied: Vec<Relied>,
    /// Calls in it: of several only the sum is judged, and nothing is signed.
    pub calls: usize,
}

pub(in crate::guard) fn reason(
    code: Code,
    observed: Option<String>,
    limit: Option<String>,
) -> Reason {
    Reason {
        observed,
        limit,
        ..Reason::new(code)
    }
}

/// Parses and resolves a call, by what is known of the contracts it relies on.
pub(in crate::guard) fn evaluate<'p>(
    state: &'p State,
    call: Call<'_>,
    known: &Known<'_>,
) -> Result<Evaluated<'p>, Rejection> {
    let denied = |code, observed| Err(Rejection::Denied(reason(code, observed, None)));
    // First of all: whoever cannot sign for the agent learns nothing about its requests.
    let asking = state.policy().and_then(|policy| policy.agent(call.agent));
    if !call.signed && asking.is_some_and(|agent| agent.public_key.is_some()) {
        return denied(Code::SignatureRequired, None);
    }
    let asked = match request::parse_any(call.method, call.params) {
        Ok(asked) => asked,
        // A bare hash to sign is understood, and never signed.
        Err(fault) if fault.code == Detail::RawHash => {
            return denied(Code::RawHash, Some(fault.text))
        }
        Err(fault) => return Err(Rejection::Malformed(fault)),
    };
    let Some((loaded, policy)) = state.policy.as_ref().zip(state.policy()) else {
        return denied(Code::NoPolicy, None);
    };
    let sight = known.sight(state);
    let look = |contract: Account| sight.unseen(policy, contract);
    let (resolved, calls) = match asked {
        Asked::One(request) => (policy::resolve(policy, call.agent, request, &look), 1),
        Asked::Several(batch) => (
            policy::resolve_batch(policy, call.agent, &batch, &look),
            batch.calls().len(),
        ),
    };
    let mut resolved = resolved.map_err(Rejection::Denied)?;
    resolved.look_for_owed(policy, &state.book, "", known.now_ms);
    let wanted = SignedContent::of(&resolved.request.body);
    let wallet = resolved.account();
    let method = resolved.request.method;
    let match_key = match_key(call.agent, wallet, method, &wanted);
    let relied = resolved.decoded.relies_on.iter();
    let relied = relied.filter_map(|at| Some((*at, sight.newest(wallet.chain_id.at(*at))?)));
    Ok(Evaluated {
        relied: relied.collect(),
        policy,
        policy_digest: loaded.digest,
        resolved,
        wanted,
        match_key,
        calls,
    })
}

impl Evaluated<'_> {
    /// The effects as they are told.
    pub fn effects(&self) -> Vec<EffectRecord> {
        let effects = self.resolved.decoded.effects.iter().cloned();
        effects.map(EffectRecord::from).collect()
    }

    /// The nonce a transaction names.
    pub fn nonce(&self) -> Option<u64> {
        match &self.resolved.request.body {
            Body::Transaction(transaction) => transaction.nonce,
            _ => None,
        }
    }

    /// The fee and the tip a transaction names, wei per gas.
    pub fn fees(&self) -> (Option<u128>, Option<u128>) {
        match &self.resolved.request.body {
            Body::Transaction(transaction) => (
                transaction.max_fee_per_gas,
                transaction.max_priority_fee_per_gas,
            ),
            _ => (None, None),
        }
    }

    /// What this call would join.
    pub fn find_match(&self, state: &State, now_ms: u64) -> Match {
        let key = self.resolved.request.idempotency_key.as_deref();
        let agent = &self.resolved.agent.id;
        let found = find_match(state, agent, &self.match_key, key, now_ms);
        let Body::Transaction(transaction) = &self.resolved.request.body else {
            return found;
        };
        let wallet = self.resolved.account();
        let named = replaces(state, agent, wallet, transaction.nonce, &self.match_key);
        match (named, found) {
            // The key is another request's: then it decides alone.
            (Match::Replaces(id), Match::This(other)) if key.is_some() && id != other => found,
            (_, Match::Conflict(_)) => found,
            // It names the payment itself; what it may join otherwise is a guess.
            (Match::Replaces(_), _) => named,
            // With a key of its own another payment is meant, unless it is the same one again.
            (Match::NonceUsed(id), Match::Nothing) if key.is_some() => {
                let same = state.request(id.0);
                let same = same.is_none_or(|entry| entry.match_key == self.match_key);
                if same {
                    named
                } else {
                    found
                }
            }
            (_, Match::Nothing) => named,
            _ => found,
        }
    }

    /// What the policy says, and what the guardian adds: freezes, nonces, and how much may wait at
    /// once.
    pub fn decide(&self, state: &State, method: &str, facts: &Facts, now_ms: u64) -> Decision {
        let subject = self.resolved.subject(method, &[]).after(&state.book);
        let windows = state.book.windows();
        let mut decision = policy::decide(self.policy, &subject, windows, facts, now_ms);
        let agent = self.resolved.agent;
        if let Some(cooldown) = self.cooldown(state, now_ms) {
            deny(&mut decision, cooldown);
        }
        if let Some(freeze) = state.frozen(&agent.id, &self.resolved.wallet) {
            deny(
                &mut decision,
                reason(Code::Frozen, Some(format!("freeze {freeze}")), None),
            );
        }
        if let Some(ahead) = self.nonce_ahead(state) {
            deny(&mut decision, ahead);
        }
        if let Verdict::Approval { quorum, .. } = decision.verdict {
            let approvers = state
                .genesis
                .as_ref()
                .map_or(0, |genesis| genesis.operators.len());
            if usize::from(quorum) > approvers {
                // Waiting for keys that do not exist would only look like hope.
                let (observed, limit) = (approvers.to_string(), quorum.to_string());
                deny(
                    &mut decision,
                    reason(Code::NoApprover, Some(observed), Some(limit)),
                );
            }
        }
        if matches!(
            decision.verdict,
            Verdict::Delay { .. } | Verdict::Approval { .. }
        ) {
            let waiting = state.waiting_of(&agent.id);
            if waiting >= agent.waiting_max as usize {
                let (observed, limit) = (waiting.to_string(), agent.waiting_max.to_string());
                deny(
                    &mut decision,
                    reason(Code::WaitingFull, Some(observed), Some(limit)),
                );
            }
        }
        if self.calls > 1 {
            decision = decision.of_batch(self.calls);
        }
        decision
    }

    /// For a while after an operator denied a request of the agent, it is granted nothing.
    fn cooldown(&self, state: &State, now_ms: u64) -> Option<Reason> {
        let agent = self.resolved.agent;
        let (denied_at, cooldown_ms) = (state.denied_at.get(&agent.id)?, agent.cooldown_ms?);
        let ends = denied_at.saturating_add(cooldown_ms);
        (now_ms < ends).then(|| Reason {
            retry_at_ms: Some(ends),
            ..reason(Code::Cooldown, None, None)
        })
    }

    /// The agent's nonce is a hint. A lower one is ignored; a higher one means the agent counts on
    /// transactions the guardian knows nothing of.
    fn nonce_ahead(&self, state: &State) -> Option<Reason> {
        let Body::Transaction(transaction) = &self.resolved.request.body else {
            return None;
        };
        let hint = transaction.nonce?;
        let next = state.nonces.get(&self.resolved.account())?.peek(None);
        let next_is = |next: u64| Some(next.to_string());
        (hint > next).then(|| reason(Code::NonceAhead, Some(hint.to_string()), next_is(next)))
    }
}

/// Turns a decision into a denial for this reason before all others.
pub(in crate::guard) fn deny(decision: &mut Decision, reason: Reason) {
    decision.reasons.retain(|other| !other.lets_go_on());
    decision.reasons.insert(0, reason);
    decision.verdict = Verdict::Deny;
    decision.reservations.clear();
    decision.spends = None;
    decision.released = Released::Guardian;
}

#[derive(Serialize)]
struct Checked<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    attached: Option<String>,
    code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    effects: Option<Vec<EffectRecord>>,
    reasons: Vec<Told<'a>>,
    status: &'a str,
    text: String,
    verdict: &'a str,
}

impl Guard {
    /// What a submit would answer now, without recording or setting aside anything.
    pub fn check(
        &self,
        agent: &str,
        method: &str,
        params: &[u8],
        facts: &Facts,
        now_ms: u64,
    ) -> Vec<u8> {
        let now = self.now(now_ms);
        let facts = self.given(facts, now);
        let privacy = self.privacy(agent);
        let call = Call {
            agent,
            method,
            params,
            signed: true,
        };
        let known = Known {
            facts: &facts,
            code: &self.code,
            now_ms: now,
        };
        let evaluated = match evaluate(&self.state, call, &known) {
            Ok(evaluated) => evaluated,
            Err(Rejection::Malformed(fault)) => return answer::malformed(&fault).to_vec(),
            Err(Rejection::Denied(reason)) => {
                return answer::denied(None, &[reason], privacy, now).to_vec();
            }
        };
        let decision = evaluated.decide(&self.state, method, &facts, now);
        let attached = match evaluated.find_match(&self.state, now) {
            Match::This(id) | Match::Replaces(id) if evaluated.calls == 1 => Some(id.to_string()),
            _ => None,
        };
        let effects = evaluated.effects();
        bytes(&Checked {
            attached,
            code: decision
                .reasons
                .first()
                .map_or(Code::Granted.as_str(), |reason| reason.code.as_str()),
            effects: Some(effects).filter(|_| privacy == Privacy::Full),
            reasons: answer::told(&decision.reasons, privacy),
            status: "ok",
            text: answer::words(&decision.reasons, privacy),
            verdict: decision.verdict.as_str(),
        })
    }

    /// What this agent may be told; unknown agents are told everything there is, which is that they
    /// are unknown.
    pub(in crate::guard) fn privacy(&self, agent: &str) -> Privacy {
        let agent = self.state.policy().and_then(|policy| policy.agent(agent));
        agent.map_or(Privacy::Full, |agent| agent.privacy)
    }
}
