//! How many requests an agent can make: the last bound, where no limit is one.

use crate::policy::model::Agent;

/// Requests that can be decided in a span. Calls are counted by whole seconds (`guard::rate`): any 60
/// seconds have at most `requests_per_minute`, and a span that begins within a second touches one more
/// than it is long.
pub(super) fn requests(agent: &Agent, span_ms: u64) -> u64 {
    let seconds = span_ms.div_ceil(1000).saturating_add(1);
    let minutes = seconds.div_ceil(60);
    minutes.saturating_mul(u64::from(agent.requests_per_minute))
}
