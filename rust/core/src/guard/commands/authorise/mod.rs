//! The last decision before a signature: the policy and the freezes of this moment, and then the
//! order.

mod facts;
mod order;

pub(in crate::guard) use facts::{l1_fee_shown, old_facts};
pub use facts::{AuthoriseFacts, Told};
pub(in crate::guard) use order::{order_at_once, rebuild_request, typed_data};

use crate::chain::Account;
use crate::code::Code;
use crate::effects::{Effect, EffectKind};
use crate::event::{
    Authorised, Body, Decided, Denied, EffectRecord, SignedContent, SigningOrder, Stage,
};
use crate::guard::decision::evaluate::{deny, reason};
use crate::guard::state::Entry;
use crate::guard::{Applied, Guard, Refusal};
use crate::outcome::{self, Expected};
use crate::policy::{
    self, method_name, Decision, Facts, Policy, Reason, Released, Resolved, Sight, Verdict,
};
use crate::request::Method;
use facts::{Caps, InRange};

/// Why a request does not go on.
enum AuthoriseError {
    /// The policy denies it now: that ends it.
    Denied(Vec<Reason>),
    /// It cannot be done with what was given; nothing changes.
    Refused(Refusal),
}

impl From<Refusal> for AuthoriseError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl Guard {
    /// Decides again and fixes the order.
    ///
    /// # Errors
    /// [`Refusal`]: `wrong_state`, `frozen`, `nonce_unknown`, `nonce_ahead`, `malformed` where a number
    /// is negative, `chain_unavailable` where one is out of range, `l1_fee_over_cap`, or `would_differ`
    /// where a simulation shows more than what was decided. A policy that denies now is no error: the
    /// request ends as denied.
    pub fn authorise(
        &mut self,
        request_id: &str,
        facts: &AuthoriseFacts,
        now_ms: u64,
    ) -> Result<Applied, Refusal> {
        let now = self.now(now_ms);
        let entry = self.entry(request_id)?;
        if entry.stage == Stage::Frozen || self.state.frozen(&entry.agent, &entry.wallet).is_some()
        {
            return Err(Refusal::new(
                Code::Frozen,
                format!("{request_id} is in a frozen scope"),
            ));
        }
        if entry.stage != Stage::Authorising {
            let text = format!("{request_id} is {}", entry.stage.as_str());
            return Err(Refusal::new(Code::WrongState, text));
        }
        let decided = entry.decided.as_deref();
        let decided = decided.ok_or_else(|| Refusal::new(Code::Internal, "no decision"))?;
        let given = facts.in_range()?;
        let (id, digest) = (entry.id, entry.digest);
        let body = match self.order(entry, decided, &given, now) {
            Ok(order) => Body::RequestAuthorised(Box::new(Authorised { digest, id, order })),
            Err(AuthoriseError::Denied(reasons)) => {
                let by = "policy".to_owned();
                Body::RequestDenied(Denied {
                    by,
                    command: None,
                    id,
                    reasons,
                    signature: None,
                })
            }
            Err(AuthoriseError::Refused(refusal)) => return Err(refusal),
        };
        self.about(id, now, body)
    }

    fn order(
        &self,
        entry: &Entry,
        decided: &Decided,
        given: &InRange<'_>,
        now: u64,
    ) -> Result<SigningOrder, AuthoriseError> {
        let one = |reason: Reason| AuthoriseError::Denied(vec![reason]);
        let Some(policy) = self.state.policy() else {
            return Err(one(reason(Code::NoPolicy, None, None)));
        };
        let name = entry.id.to_string();
        let then = old_facts(decided)?;
        let facts = then.clone().updated_by(given.facts);
        let facts = facts.by_wall(self.state.clock.wall(now));
        let (resolved, mut decision) = self
            .decide_again(entry, decided, (&then, &facts), now)
            .map_err(one)?;
        let effects_now = resolved.decoded.effects.as_slice();
        let costs = decision.spends.take();
        if decision.route > decided.route {
            let now = "the policy sends it through the relay now: ask again".to_owned();
            return Err(one(reason(Code::RouteChanged, Some(now), None)));
        }
        if decision.released > decided.released {
            let now = "the policy leaves its sending to the agent alone now: ask again".to_owned();
            return Err(one(reason(Code::ReleasedChanged, Some(now), None)));
        }
        let effects = effects_now.iter().cloned().map(EffectRecord::from);
        let seen = decided
            .effects
            .iter()
            .filter(|effect| effect.effect != EffectKind::Fee);
        let unchanged = effects.eq(seen.cloned());
        let unchanged = unchanged && same_code(policy, effects_now, &then, &facts, now);
        let fresh = over_unseen(&decision, &decided.reasons);
        still_allowed(entry, decision, unchanged && !fresh, now).map_err(AuthoriseError::Denied)?;
        let held = self.state.book.spends(&name);
        if !costs
            .zip(held)
            .is_some_and(|(costs, held)| held.covers(&costs))
        {
            // Limits count what is held, so no more than that may be ordered.
            let more = "more than what is set aside for it".to_owned();
            return Err(one(reason(Code::NoGrant, Some(more), None)));
        }
        same_outcome(decided, given, policy, effects_now)?;
        let caps = Caps {
            gas: resolved.gas_max,
            fee: resolved.fee_per_gas_max,
            tip: resolved.priority_fee_per_gas_max,
            l1_fee: resolved.chain.l1_fee_max.map(|_| resolved.l1_fee_wei_max),
        };
        self.write_order(entry, &decided.request, given, &caps)
    }

    /// What the policy says of the request now, by what was known at its decision and what is known
    /// now.
    fn decide_again<'g>(
        &'g self,
        entry: &Entry,
        decided: &Decided,
        (then, facts): (&Facts, &Facts),
        now: u64,
    ) -> Result<(Resolved<'g>, Decision), Reason> {
        let resolved = self.resolve_again(entry, decided, (then, facts), now)?;
        let policy = self.state.policy();
        let policy = policy.ok_or_else(|| reason(Code::NoPolicy, None, None))?;
        let name = entry.id.to_string();
        let method = method_name(decided.method);
        let subject = resolved.subject(method, self.state.book.reservations(&name));
        let subject = subject.after(&self.state.book).again(&name);
        let windows = self.state.book.windows();
        let decision = policy::decide(policy, &subject, windows, facts, now);
        Ok((resolved, decision))
    }

    /// The request as it is read now.
    pub(in crate::guard) fn resolve_again<'g>(
        &'g self,
        entry: &Entry,
        decided: &Decided,
        (then, facts): (&Facts, &Facts),
        now: u64,
    ) -> Result<Resolved<'g>, Reason> {
        let policy = self.state.policy();
        let policy = policy.ok_or_else(|| reason(Code::NoPolicy, None, None))?;
        let request = rebuild_request(decided, policy)?;
        // What did not count at the decision does not count now: a person was asked about that.
        let (before, later) = self.sights(entry, then, facts, now);
        let look = |contract: Account| {
            let unseen = before.unseen(policy, contract);
            unseen.or_else(|| later.unseen(policy, contract))
        };
        let mut resolved = policy::resolve(policy, &entry.agent, request, &look)?;
        // What was set aside, and approved, for the data is the most that may be paid for it.
        resolved.cap_l1_fee(l1_fee_shown(decided));
        let name = entry.id.to_string();
        resolved.look_for_owed(policy, &self.state.book, &name, now);
        Ok(resolved)
    }

    /// Who sends what its agent asks for anew with a higher fee. Where the policy would deny that now,
    /// or the decision is forgotten, it stays as it was.
    pub(in crate::guard) fn released_now(&self, entry: &Entry, now: u64) -> Released {
        let anew = || {
            let decided = entry.decided.as_deref()?;
            let then = old_facts(decided).ok()?;
            let facts = then.clone().by_wall(self.state.clock.wall(now));
            let found = self.decide_again(entry, decided, (&then, &facts), now);
            let decision = found.ok()?.1;
            (decision.verdict != Verdict::Deny).then_some(decision.released)
        };
        match entry.method {
            Method::SignTransaction => anew().unwrap_or(entry.released),
            _ => entry.released,
        }
    }

    /// What was known of code when the request was decided, and what is known now.
    fn sights<'s>(
        &'s self,
        entry: &Entry,
        then: &'s Facts,
        facts: &'s Facts,
        now: u64,
    ) -> (Sight<'s>, Sight<'s>) {
        let first = &self.state.first_code;
        let before = Sight {
            facts: then,
            held: None,
            first,
            now_ms: entry.decided_at,
        };
        let later = Sight {
            facts,
            held: Some(&self.code),
            first,
            now_ms: now,
        };
        (before, later)
    }
}

/// Whether the decision of this moment still lets the request go on: it must have gone through
/// everything it would have to go through now.
fn still_allowed(
    entry: &Entry,
    mut decision: Decision,
    unchanged: bool,
    now: u64,
) -> Result<(), Vec<Reason>> {
    // An approval is for the effects and the code that were shown, so it does not count for others.
    let approvals = if unchanged { entry.approvals.len() } else { 0 };
    let approved = entry.quorum > 0 && approvals >= usize::from(entry.quorum);
    let goes_on = match decision.verdict {
        Verdict::Instant | Verdict::Notify => unchanged || entry.approvals.is_empty(),
        Verdict::Delay { delay_ms } => approved || now >= entry.decided_at.saturating_add(delay_ms),
        Verdict::Approval { quorum, .. } => approved && approvals >= usize::from(quorum),
        Verdict::Deny => false,
    };
    if goes_on {
        return Ok(());
    }
    if decision.verdict != Verdict::Deny {
        let stricter = format!("the policy now asks for {}", decision.verdict.as_str());
        deny(&mut decision, reason(Code::NoGrant, Some(stricter), None));
    }
    Err(decision.reasons)
}

/// Whether a limit is over that was not when people looked: they approved nothing beyond it.
fn over_unseen(decision: &Decision, shown: &[Reason]) -> bool {
    let mut over = decision.reasons.iter();
    over.any(|reason| reason.code == Code::LimitExceeded && !reason.is_among(shown))
}

/// Whether the simulation, if there was one, shows no more than what was decided.
fn same_outcome(
    decided: &Decided,
    given: &InRange<'_>,
    policy: &Policy,
    effects: &[Effect],
) -> Result<(), Refusal> {
    let (Some(simulated), SignedContent::Transaction(tx)) = (given.simulated, &decided.request)
    else {
        return Ok(());
    };
    let expected = Expected {
        wallet: decided.wallet,
        chain_id: decided.chain_id,
        called: tx.to.unwrap_or_default(),
        effects,
        registry: policy.registry(),
    };
    let found = outcome::differences(simulated, &expected);
    if found.is_empty() {
        return Ok(());
    }
    let text = format!("the chain's node simulated it: {}", found.join("; "));
    Err(Refusal::new(Code::WouldDiffer, text))
}

/// Whether no pinned contract was found with code that is neither the pinned one nor the one that
/// was found when the request was decided: a person who approves sees the code of that moment.
fn same_code(policy: &Policy, effects: &[Effect], then: &Facts, facts: &Facts, now: u64) -> bool {
    let pinned = effects.iter().flat_map(|effect| policy.pinned(effect));
    let mut found = pinned.filter_map(|(at, pin)| Some((at, pin, facts.code(at, now)?)));
    found.all(|(at, pin, code)| code == pin || then.code_seen(at) == Some(code))
}
