//! What the auditor adds up.

use super::auditor::{covers, Auditor, Money, Request};

const HOUR: u64 = 3_600_000;
const DAY: u64 = 24 * HOUR;

impl Auditor {
    /// (posted, held) wei of an agent in the last hour.
    pub fn wei(&self, agent: &str, now: u64) -> (u128, u128) {
        let of_agent = self
            .requests
            .values()
            .filter(|request| request.agent == agent);
        of_agent.fold((0, 0), |(used, held), request| match request.money {
            Money::Held => (used, held + request.wei + request.fee_max),
            Money::Posted { at, wei, .. } if now < at + HOUR => (used + wei, held),
            _ => (used, held),
        })
    }

    /// (standing, held) units of the token that an agent lets others take.
    pub fn standing(&self, agent: &str) -> (u128, u128) {
        let stands = self.rights.iter().filter(|right| right.agent == agent);
        let held = self
            .requests
            .values()
            .filter(|request| request.agent == agent && request.money == Money::Held);
        let held = held.filter_map(|request| request.right.as_ref());
        (
            stands.map(|right| right.amount).sum(),
            held.map(|(_, amount)| amount).sum(),
        )
    }

    /// (posted, held) payments to a recipient in the last day. What waits for people holds nothing
    /// of what others share.
    pub fn payments(&self, to: &str, now: u64) -> (u128, u128) {
        let mut sums = (0, 0);
        for request in self.requests.values() {
            let paid = request.recipients.iter().filter(|one| *one == to).count() as u128;
            match request.money {
                Money::Held if !request.waits => sums.1 += paid,
                Money::Posted {
                    at, counted: true, ..
                } if now < at + DAY => sums.0 += paid,
                _ => {}
            }
        }
        sums
    }

    /// Requests in a scope that is frozen now.
    pub fn frozen_requests(&self) -> impl Iterator<Item = &String> {
        let frozen = |request: &Request| {
            self.freezes
                .values()
                .any(|s| covers(s, &request.agent, &request.wallet))
        };
        self.requests
            .iter()
            .filter(move |(_, request)| frozen(request))
            .map(|(id, _)| id)
    }

    /// (id, its end) of every request; an open one has none.
    pub fn ends(&self) -> impl Iterator<Item = (&String, Option<&String>)> {
        self.requests.iter().map(|(id, request)| {
            assert!(request.ends.len() <= 1, "{id} has one end");
            (id, request.ends.first())
        })
    }
}
