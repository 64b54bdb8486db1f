//! The guardian's time against the wall clock, and an operator's word that sets it.
//!
//! The service tells with `clock.jumped` how far the two are apart. While they are, what has a
//! deadline is judged by both and by the stricter answer.

use serde::{Deserialize, Serialize};

use crate::canonical::INTEGER_MAX;
use crate::code::Code;
use crate::event::{Body, ClockJumped, ClockSet};
use crate::guard::commands::lifecycle::bad;
use crate::guard::commands::operator::{self, Command};
use crate::guard::fold::FoldError;
use crate::guard::retention;
use crate::guard::state::State;
use crate::guard::{Guard, Refusal};
use crate::json::Json;
use crate::policy::Facts;

/// Clocks that differ by no more count as the same.
const TOLERANCE_MS: u64 = 60_000;

/// What the state knows of clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockKnown {
    /// How far the guardian's time is ahead of the wall clock, ms; zero within the tolerance.
    ahead_ms: u64,
    /// How far it is behind.
    behind_ms: u64,
    /// Seq of the last `clock.set`; zero without one.
    pub set: u64,
    /// The latest expiry of a signed call whose nonce was forgotten: no earlier one counts again.
    pub forgotten: u64,
}

impl ClockKnown {
    /// What the wall clock shows, where that is not the guardian's time.
    pub fn wall(self, now: u64) -> Option<u64> {
        let apart = self.ahead_ms > 0 || self.behind_ms > 0;
        let wall = now.saturating_sub(self.ahead_ms);
        apart.then(|| wall.saturating_add(self.behind_ms).min(INTEGER_MAX))
    }

    /// The time by which signed calls expire: agents read the wall clock, so where that is ahead it
    /// is theirs. Their nonces are kept by the guardian's time, which only keeps them longer.
    pub(in crate::guard) fn of_agents(self, now: u64) -> u64 {
        now.saturating_add(self.behind_ms)
    }

    /// An expiry that does not count, and why, where the clock is the reason.
    pub(in crate::guard) fn of_expired(self, expires_at: u64, now: u64) -> String {
        match self.ahead_ms {
            0 => expires_at.to_string(),
            ahead => format!(
                "{expires_at}; the guardian's time is {now}, {} s ahead of the system's clock: \
                 `holdfast clock`",
                ahead / 1000
            ),
        }
    }

    /// The nonce of a call that expired then is forgotten.
    pub(in crate::guard) fn forgot(&mut self, expires_at: u64) {
        self.forgotten = self.forgotten.max(expires_at);
    }

    fn apart(&mut self, wall_ms: u64, own_ms: u64) {
        let far = |ms: u64| if ms > TOLERANCE_MS { ms } else { 0 };
        self.ahead_ms = far(own_ms.saturating_sub(wall_ms));
        self.behind_ms = far(wall_ms.saturating_sub(own_ms));
    }
}

impl Guard {
    /// Facts given with a call, and the wall clock where that shows another time: the service tells of
    /// that with `clock.jumped` alone.
    pub(in crate::guard) fn given(&self, facts: &Facts, now: u64) -> Facts {
        facts.clone().by_wall(self.state.clock.wall(now))
    }
}

/// The guardian's time after an event.
pub(in crate::guard) const fn after(body: &Body, at: u64) -> u64 {
    match body {
        Body::ClockSet(data) => data.to_ms,
        _ => at,
    }
}

/// Whether the command was signed since the clock was set last. Times before that may come again, and
/// with them commands that were carried out and forgotten.
///
/// # Errors
/// [`Refusal`] `clock_set`.
pub(in crate::guard) fn since_set(state: &State, command: &Command<'_>) -> Result<(), Refusal> {
    let named = command.signed.tree.get("clock");
    let named = named.map_or(Some(0), |named| u64::try_from(named.as_int()?).ok());
    if named == Some(state.clock.set) {
        return Ok(());
    }
    let text = match state.clock.set {
        0 => "`clock` names the event that set the clock: there is none".to_owned(),
        seq => {
            format!("the clock was set: sign anew, with {seq} as `clock` (`clock_set` of status)")
        }
    };
    Err(Refusal::new(Code::ClockSet, text))
}

/// The event of a signed `clock`.
pub(in crate::guard) fn commanded(state: &State, command: &Command<'_>) -> Result<Body, Refusal> {
    command.only(&["to_ms"])?;
    let signed = &command.signed;
    let to_ms = signed.tree.get("to_ms").and_then(Json::as_int);
    let to_ms = to_ms.and_then(|ms| u64::try_from(ms).ok());
    let to_ms = to_ms.filter(|ms| *ms > 0 && *ms <= INTEGER_MAX);
    let to_ms = to_ms.ok_or_else(|| bad("`to_ms` is a time in ms"))?;
    operator::first_time(state, command)?;
    Ok(Body::ClockSet(ClockSet {
        by: signed.by.clone(),
        command: signed.payload.to_owned(),
        signature: signed.signature.clone(),
        to_ms,
    }))
}

/// A start: the service says anew how far the clocks are apart.
pub(in crate::guard) fn started(state: &mut State) {
    let at = state.last_at;
    apart(state, at, at);
}

pub(in crate::guard) fn jumped(state: &mut State, data: &ClockJumped) {
    apart(state, data.wall_ms, data.expected_ms);
}

fn apart(state: &mut State, wall_ms: u64, own_ms: u64) {
    state.clock.apart(wall_ms, own_ms);
    state.book.clock_ahead(state.clock.ahead_ms);
}

/// The time is another one from now on. What was posted keeps its time and counts until its window is
/// over by the new one; what the limits forgot by the old one counts again.
pub(in crate::guard) fn set(
    state: &mut State,
    seq: u64,
    at: u64,
    data: &ClockSet,
) -> Result<(), FoldError> {
    let mut clock = state.clock;
    clock.apart(clock.wall(at).unwrap_or(at), data.to_ms);
    clock.set = seq;
    let policy = state.policy.as_ref();
    let policy = policy.and_then(|loaded| loaded.compiled.clone());
    if let Some(policy) = policy.filter(|_| data.to_ms < at) {
        let mut book = state.book.clone();
        book.clock_ahead(clock.ahead_ms);
        book.load(&*policy, data.to_ms)
            .map_err(|error| FoldError::Limits(error.to_string()))?;
        state.book = book;
    }
    state.clock = clock;
    state.book.clock_ahead(clock.ahead_ms);
    operator::remember(state, &data.command);
    if data.to_ms < at {
        turn_back(state, at, data.to_ms);
    }
    Ok(())
}

/// What only keeps agents from asking again too soon must not keep them waiting for days.
fn turn_back(state: &mut State, from_ms: u64, to_ms: u64) {
    for rate in state.rates.values_mut() {
        rate.turn_back(from_ms, to_ms);
    }
    let later = |at: u64| at > to_ms;
    let told = state.requests.iter();
    let told = told.filter(|(_, entry)| entry.delivered_at.is_some_and(later));
    for seq in told.map(|(seq, _)| *seq).collect::<Vec<_>>() {
        if let Some(entry) = state.requests.get_mut(&seq) {
            entry.delivered_at = Some(to_ms);
        }
        retention::retain(state, seq);
    }
}
