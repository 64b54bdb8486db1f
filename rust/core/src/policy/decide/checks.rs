//! Whether the checks of a rule hold for an effect, by the readings that came with the request, and
//! which readings it takes to say so.
//!
//! A check that does not hold takes the rule's grant away, never its tier: a reading that is missing
//! makes no verdict milder.

use alloy_primitives::{Address, Bytes};

use crate::chain::ChainId;
use crate::effects::Effect;
use crate::policy::check::Check;
use crate::policy::decide::facts::Facts;
use crate::policy::decide::valuation::spends;
use crate::policy::decide::{Asked, Subject};
use crate::policy::model::method_of;
use crate::policy::Policy;
use crate::request::Method;

/// Readings of one request at most; checks for which more would be needed do not hold.
const READINGS_MAX: usize = 32;

/// Something to ask a contract, before the request's transaction or after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The check that is the reason, by its id.
    pub check: String,
    /// EIP-155 chain id.
    pub chain_id: ChainId,
    /// The contract.
    pub contract: Address,
    /// Call data.
    pub call: Bytes,
    /// It is asked in the state that the transaction leaves.
    pub after: bool,
}

/// What is known while checks are held against an effect.
#[derive(Clone, Copy)]
pub(in crate::policy) struct Known<'a> {
    pub policy: &'a Policy,
    pub subject: &'a Subject<'a>,
    pub facts: &'a Facts,
    pub now_ms: u64,
}

/// A check that does not hold.
pub(in crate::policy) struct Unmet {
    /// Which, and what was found instead.
    pub observed: String,
    /// What it asks for.
    pub limit: String,
}

impl Known<'_> {
    /// The first of these checks that does not hold.
    pub fn unmet(&self, checks: &[u32], effect: &Effect) -> Option<Unmet> {
        let mut checks = checks.iter().map(|number| {
            let check = self.policy.checks().get(*number as usize);
            check.map_or_else(
                || {
                    Some(Unmet {
                        observed: "no such check".to_owned(),
                        limit: String::new(),
                    })
                },
                |check| self.unmet_one(check, effect),
            )
        });
        checks.find_map(|unmet| unmet)
    }

    fn unmet_one(&self, check: &Check, effect: &Effect) -> Option<Unmet> {
        let found = self.found(check, effect);
        let said = match found {
            Ok(()) => return None,
            Err(said) => said,
        };
        Some(Unmet {
            observed: format!("`{}`: {said}", check.id),
            limit: format!("{} {}", check.subject(), check.range()),
        })
    }

    /// Every node that was asked must have said what the check asks for.
    fn found(&self, check: &Check, effect: &Effect) -> Result<(), String> {
        if self.subject.chain_id != check.contract.chain_id {
            return Err("its contract is on another chain".to_owned());
        }
        let sends = method_of(self.subject.method).is_some_and(Method::sends);
        if check.after && !sends {
            return Err("a signature cannot be simulated".to_owned());
        }
        let address = check.contract.address;
        if let Some(pin) = self.policy.code_pin(check.contract) {
            if self.facts.code(address, self.now_ms) != Some(pin) {
                return Err("the contract's code is not known to be the pinned one".to_owned());
            }
        }
        let Some(call) = check.call(self.subject.wallet, effect.to) else {
            return Err("the effect has no recipient".to_owned());
        };
        let mut any = false;
        for reading in self.facts.readings(address, &call, check.after) {
            any = true;
            let source = &reading.source;
            if !reading.is_fresh(self.now_ms, check.age_ms_max) {
                return Err(format!("what {source} said is too old"));
            }
            let Some(data) = &reading.data else {
                let fault = reading.fault.as_deref().unwrap_or("it was not read");
                return Err(format!("no answer of {source}: {fault}"));
            };
            match check.measure(data) {
                Err(why) => return Err(format!("{source}: {why}")),
                Ok(measured) if !measured.holds => {
                    return Err(format!("{} is {}", check.subject(), measured.words));
                }
                Ok(_) => {}
            }
        }
        match any {
            true => Ok(()),
            false => Err("it was not read".to_owned()),
        }
    }
}

/// What has to be asked before a request can be decided: every reading that the checks of its rules
/// are about, each once.
pub fn wanted(policy: &Policy, subject: &Subject<'_>, facts: &Facts, now_ms: u64) -> Vec<Wanted> {
    let mut found: Vec<Wanted> = Vec::new();
    let Some(method) = method_of(subject.method).filter(|_| !policy.checks().is_empty()) else {
        return found;
    };
    let spends = spends(policy, subject, method, facts, now_ms);
    let asked = Asked::new(policy, subject, method, facts, now_ms);
    for (effect, spend) in subject.effects.iter().zip(&spends.items) {
        let query = asked.query(effect, spend);
        policy.grant_index.about(&query, |_, payload| {
            let grant = policy.grants.get(payload as usize);
            for number in grant.iter().flat_map(|grant| &grant.checks) {
                let check = policy.checks().get(*number as usize);
                let here = check.filter(|one| one.contract.chain_id == subject.chain_id);
                let here = here.filter(|one| !one.after || method.sends());
                let Some((check, call)) =
                    here.and_then(|one| Some((one, one.call(subject.wallet, effect.to)?)))
                else {
                    continue;
                };
                let one = Wanted {
                    check: check.id.clone(),
                    chain_id: subject.chain_id,
                    contract: check.contract.address,
                    call,
                    after: check.after,
                };
                let same = |other: &Wanted| {
                    (other.contract, &other.call, other.after)
                        == (one.contract, &one.call, one.after)
                };
                if found.len() < READINGS_MAX && !found.iter().any(same) {
                    found.push(one);
                }
            }
        });
    }
    found
}
