//! The facts of a decision as they go on record.

use std::collections::BTreeSet;

use alloy_primitives::Address;

use crate::canonical::{key, string, Object};
use crate::effects::Effect;
use crate::guard::decision::evaluate::Relied;
use crate::guard::seen_code;
use crate::policy::{Facts, Policy};

/// Canonical JSON: what is said of code only where the request touches it, since every contract of
/// the chain is told of with every call; and what was seen of the contracts that it relies on.
pub(in crate::guard) fn written(
    facts: &Facts,
    policy: &Policy,
    effects: &[Effect],
    relied: &[Relied],
) -> String {
    let mut out = Vec::new();
    let mut object = Object::new(&mut out);
    if facts.code_on_record().is_some() || !relied.is_empty() {
        code(object.key(key!("code")), facts, policy, effects, relied);
    }
    if let Some(prices) = facts.prices_on_record() {
        object.raw(key!("prices"), prices.as_bytes());
    }
    if let Some(readings) = facts.readings_on_record() {
        object.raw(key!("readings"), readings.as_bytes());
    }
    if let Some(at) = facts.wall_ms() {
        object.u64(key!("wall_ms"), at);
    }
    object.end();
    String::from_utf8(out).unwrap_or_default()
}

fn code(out: &mut Vec<u8>, facts: &Facts, policy: &Policy, effects: &[Effect], relied: &[Relied]) {
    let pinned = effects.iter().flat_map(|effect| policy.pinned(effect));
    let pinned = pinned.map(|(address, _)| address);
    let touched: BTreeSet<Address> = pinned.chain(facts.contracts_read()).collect();
    let is_kept = |at: &Address| touched.contains(at) && relied.iter().all(|(one, _)| one != at);
    let told = facts.code_on_record().unwrap_or_default().iter();
    let told = told.filter(|told| is_kept(&told.address));
    let told = told.map(|told| (told.name.clone(), told.fact.clone()));
    let seen = relied.iter();
    let seen = seen.map(|(at, seen)| (at.to_checksum(None), seen_code::fact(*seen)));
    let mut members: Vec<(String, String)> = told.chain(seen).collect();
    members.sort_unstable();
    out.push(b'{');
    for (index, (name, fact)) in members.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        string(out, name);
        out.push(b':');
        out.extend_from_slice(fact.as_bytes());
    }
    out.push(b'}');
}
