//! Both policies asked the same.

use alloy_primitives::U256;
use serde_json::{json, Value};

use crate::policy::compare::facts::facts;
use crate::policy::compare::outcome::{said_by, Outcome};
use crate::policy::compare::place::Place;
use crate::policy::compare::request::{request, Sent};
use crate::policy::compare::world::World;
use crate::policy::trial::{Call, Trial};
use crate::policy::{Decision, Facts};

/// A request of a place, as it is sent.
#[derive(Clone, Debug)]
pub(super) struct Question {
    pub agent: String,
    pub at_ms: u64,
    pub amount: U256,
    sent: Sent,
    told: Value,
    facts: Facts,
}

/// What both policies answer: the old one, then the new one.
pub(super) type Answers = [Decision; 2];

impl Question {
    /// `None` where a place has no request with this amount.
    pub fn new(world: &World<'_>, place: &Place<'_>, amount: U256) -> Option<Self> {
        let told = facts(world, place);
        Some(Self {
            agent: place.who.agent.clone(),
            at_ms: place.now_ms,
            amount,
            sent: request(world, place, amount)?,
            facts: Facts::parse(told.to_string().as_bytes()).ok()?,
            told,
        })
    }

    /// The same with another amount.
    pub fn with(&self, world: &World<'_>, place: &Place<'_>, amount: U256) -> Option<Self> {
        Some(Self {
            amount,
            sent: request(world, place, amount)?,
            ..self.clone()
        })
    }

    /// A case of `policy decide`, which happens `times` times.
    pub fn case(&self, id: &str, times: u32) -> Value {
        let params: Value = serde_json::from_str(&self.sent.1).unwrap_or_default();
        let mut case = json!({
            "id": id, "agent": self.agent, "at": self.at_ms,
            "request": { "method": self.sent.0, "params": params }, "facts": self.told,
        });
        if let Some(members) = case.as_object_mut().filter(|_| times > 1) {
            members.insert("repeat".to_owned(), json!(times));
        }
        case
    }

    fn call(&self) -> Call<'_> {
        Call {
            agent: &self.agent,
            method: self.sent.0,
            params: &self.sent.1,
            facts: &self.facts,
            now_ms: self.at_ms,
        }
    }
}

/// Both policies with what was spent under them.
#[derive(Clone, Debug)]
pub(super) struct Bench<'p> {
    world: &'p World<'p>,
    trials: [Trial; 2],
}

impl<'p> Bench<'p> {
    pub fn new(world: &'p World<'p>) -> Self {
        Self {
            world,
            trials: world.both().map(Trial::new),
        }
    }

    /// What was spent under the old and the new policy.
    pub const fn trials(&self) -> &[Trial; 2] {
        &self.trials
    }

    /// What both policies answer; `None` for what is not a request, or not of this place.
    pub fn ask(&self, question: &Question, place: &Place<'_>) -> Option<Answers> {
        let call = question.call();
        let [old, new] = &self.trials;
        let first = old.ask(self.world.old, &call).ok()?;
        let second = new.ask(self.world.new, &call).ok()?;
        let mut effects = first.effects.iter().chain(&second.effects);
        let of_place = place.is_fee() || effects.any(|effect| effect.kind == place.kind);
        of_place.then_some([first.decision, second.decision])
    }

    /// Counts what both policies answered.
    pub fn count(&mut self, answers: &Answers, at_ms: u64) -> Option<()> {
        let policies = self.world.both();
        let trials = self.trials.iter_mut().zip(policies).zip(answers);
        for ((trial, policy), decision) in trials {
            trial.count(policy, decision, at_ms).ok()?;
        }
        Some(())
    }
}

/// What comes of both answers, and who says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Outcomes {
    pub old: Outcome,
    pub new: Outcome,
    pub said_by: [String; 2],
}

impl Outcomes {
    pub fn of([old, new]: &Answers) -> Self {
        Self {
            old: Outcome::of(old),
            new: Outcome::of(new),
            said_by: [said_by(old), said_by(new)],
        }
    }

    /// Milder under the new policy.
    pub fn looser(&self) -> bool {
        self.new.is_milder_than(&self.old)
    }

    /// Milder under the old policy.
    pub fn tighter(&self) -> bool {
        self.old.is_milder_than(&self.new)
    }
}
