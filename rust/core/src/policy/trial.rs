//! What a policy decides in cases that are never signed: the same parser, decoder, resolution and ladder
//! as the guardian's, with a book of its own.
//!
//! `policy decide` and the search of `policy diff` both ask here, so what one of them finds the other
//! repeats.

use crate::chain::Account;
use crate::code::{Code, Detail};
use crate::effects::Effect;
use crate::json::Malformed;
use crate::policy::{
    costs, decide, resolve, resolve_batch, Decision, Facts, FirstSeen, LimitView, Policy, Reason,
    Reservation, Sight, Verdict,
};
use crate::request::{self, Asked};
use crate::window::{Book, Happened, Windows};

/// One request of one agent at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Call<'c> {
    /// Agent id.
    pub agent: &'c str,
    /// JSON-RPC spelling of the method.
    pub method: &'c str,
    /// Its params as JSON.
    pub params: &'c str,
    /// What is known besides.
    pub facts: &'c Facts,
    /// Ms since the epoch.
    pub now_ms: u64,
}

/// What a policy makes of a case.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The decision.
    pub decision: Decision,
    /// What it is about.
    pub effects: Vec<Effect>,
    /// Every limit that it counts under, where that was asked for.
    pub limits: Option<Vec<LimitView>>,
}

impl Answer {
    fn denied_by(reason: Reason) -> Self {
        Self {
            decision: Decision::denied_by(reason),
            effects: Vec::new(),
            limits: None,
        }
    }
}

type Fill = fn(&Windows, &[Reservation]) -> Result<Option<Windows>, Malformed>;

/// What was spent in earlier cases under one policy.
#[derive(Clone, Debug)]
pub struct Trial {
    book: Book,
}

impl Trial {
    /// Nothing was spent yet.
    pub fn new(policy: &Policy) -> Self {
        Self {
            book: Book::for_policy(policy),
        }
    }

    /// What was spent so far.
    pub fn book(&self) -> &Book {
        &self.book
    }

    /// What the policy decides. Nothing is counted.
    ///
    /// # Errors
    /// [`Malformed`] for a request that is not what it must be, with the path from the case.
    pub fn ask(&self, policy: &Policy, call: &Call<'_>) -> Result<Answer, Malformed> {
        self.answer(policy, call, None::<Fill>, false)
    }

    /// The same with windows that `fill` makes of those there are and of what the request costs, and
    /// with every limit that it counts under, if `views` asks for them.
    ///
    /// # Errors
    /// As [`Trial::ask`], and those of `fill`.
    pub fn answer(
        &self,
        policy: &Policy,
        call: &Call<'_>,
        fill: Option<impl FnOnce(&Windows, &[Reservation]) -> Result<Option<Windows>, Malformed>>,
        views: bool,
    ) -> Result<Answer, Malformed> {
        let (facts, now_ms) = (call.facts, call.now_ms);
        let parsed = match request::parse_any(call.method, call.params.as_bytes()) {
            Err(fault) if fault.code == Detail::RawHash => {
                let reason = Reason::new(Code::RawHash).found(fault.text);
                return Ok(Answer::denied_by(reason));
            }
            parsed => parsed.map_err(|fault| fault.under("params").under("request"))?,
        };
        let sight = Sight {
            facts,
            held: None,
            first: &FirstSeen::new(),
            now_ms,
        };
        let look = |contract: Account| sight.unseen(policy, contract);
        let (resolved, calls) = match parsed {
            Asked::One(request) => (resolve(policy, call.agent, request, &look), 1),
            Asked::Several(batch) => (
                resolve_batch(policy, call.agent, &batch, &look),
                batch.calls().len(),
            ),
        };
        let mut resolved = match resolved {
            Ok(resolved) => resolved,
            Err(reason) => return Ok(Answer::denied_by(reason)),
        };
        resolved.look_for_owed(policy, &self.book, "", now_ms);
        let subject = resolved.subject(call.method, &[]).after(&self.book);
        let costs = || costs(policy, &subject, facts, now_ms);
        let filled = fill.map(|fill| fill(self.book.windows(), &costs()));
        let filled = filled.transpose()?.flatten();
        let windows = filled.as_ref().unwrap_or(self.book.windows());
        let mut decision = decide(policy, &subject, windows, facts, now_ms);
        let limits = views.then(|| policy.reserved_views(windows, &costs(), &[], now_ms));
        if calls > 1 {
            decision = decision.of_batch(calls);
        }
        Ok(Answer {
            decision,
            effects: resolved.decoded.effects,
            limits,
        })
    }

    /// Counts a decision: what is not denied is taken as settled at once.
    ///
    /// # Errors
    /// [`Malformed`] with `window`, where a sum would overflow.
    pub fn count(
        &mut self,
        policy: &Policy,
        decision: &Decision,
        now_ms: u64,
    ) -> Result<(), Malformed> {
        let Some(spends) = decision.spends.clone() else {
            return Ok(());
        };
        let reservations = decision.reservations.clone();
        let counted = self.book.hold("case", spends, reservations, now_ms);
        counted
            .and_then(|()| self.book.post(Some(policy), "case", Happened::LAST, now_ms))
            .map_err(|error| Malformed::new(Detail::Window, "", error.to_string()))
    }
}

impl Decision {
    /// A denial for one reason.
    pub fn denied_by(reason: Reason) -> Self {
        Self {
            verdict: Verdict::Deny,
            reasons: vec![reason],
            reservations: Vec::new(),
            route: Default::default(),
            released: Default::default(),
            spends: None,
        }
    }
}
