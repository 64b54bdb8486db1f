//! Whether a matcher can match anything at all in this policy.

use crate::effects::EffectKind;
use crate::policy::conditions::{Methods, Targets};
use crate::policy::model::{Bits, Matcher};
use crate::policy::Policy;
use crate::request::Method;

use EffectKind::{Call, Control, Deploy, Fee, Message, TypedData};

/// Kinds that carry no asset, and kinds that never have a `to`.
const WITHOUT_ASSET: [EffectKind; 5] = [Control, Deploy, Call, TypedData, Message];
const WITHOUT_TO: [EffectKind; 3] = [Deploy, Message, Fee];

/// All kinds but these.
fn but(kinds: &[EffectKind]) -> Bits {
    let all = EffectKind::ALL.into_iter();
    let left = all.filter(|kind| !kinds.contains(kind));
    left.fold(Bits::default(), |bits, kind| bits.with(kind as u8))
}

/// What is left of a matcher when everything that excludes itself is taken away.
pub(in crate::policy) struct Reach {
    /// At least one effect that can match has a recipient.
    pub has_recipient: bool,
    /// Only the fee can match.
    pub only_fee: bool,
}

impl Reach {
    /// The reach of a matcher, or why there is none.
    pub fn of(policy: &Policy, matcher: &Matcher) -> Result<Self, &'static str> {
        let mut kinds = matcher.kinds;
        if let Some(methods) = matcher.methods {
            kinds = both(kinds, of_methods(methods));
            some(kinds, "these methods never have these effects")?;
            // Of a document no function is called.
            if matcher.functions.is_some() && !methods.send() {
                return Err("these methods never call a function");
            }
        }
        if matcher.assets.is_some() {
            kinds = both(kinds, but(&WITHOUT_ASSET));
            some(kinds, "these effects have no asset")?;
        }
        if let Some(to) = &matcher.to {
            kinds = both(kinds, but(&WITHOUT_TO));
            some(kinds, "these effects have no recipient")?;
            if !to.addresses.is_empty() || to.lists.iter().any(|list| filled(policy, *list)) {
                excluded(to, matcher.not_to.as_deref())?;
            } else {
                return Err("the lists in `to` are empty");
            }
        }
        places(policy, matcher, kinds == Bits::kinds(&[Fee]))?;
        Ok(Self {
            has_recipient: both(kinds, but(&WITHOUT_TO)).0 != 0,
            only_fee: kinds == Bits::kinds(&[Fee]),
        })
    }
}

fn both(a: Bits, b: Bits) -> Bits {
    Bits(a.0 & b.0)
}

fn some(kinds: Bits, why: &'static str) -> Result<(), &'static str> {
    if kinds.0 == 0 {
        Err(why)
    } else {
        Ok(())
    }
}

/// What a method can lead to.
fn of_methods(methods: Methods) -> Bits {
    let mut kinds = Bits::default();
    if methods.send() {
        kinds = Bits(kinds.0 | but(&[TypedData, Message]).0);
    }
    if methods.has(Method::SignMessage) {
        kinds = kinds.with(EffectKind::Message as u8);
    }
    if methods.has(Method::SignTypedData) {
        kinds = Bits(kinds.0 | but(&[Deploy, Message, Fee]).0);
    }
    kinds
}

fn filled(policy: &Policy, list: u32) -> bool {
    policy
        .list_tables
        .get(list as usize)
        .is_some_and(|list| !list.entries.is_empty())
}

/// Everything in `to` may be taken away again by `not_to`.
fn excluded(to: &Targets, not_to: Option<&Targets>) -> Result<(), &'static str> {
    let Some(not_to) = not_to else { return Ok(()) };
    let addresses = to
        .addresses
        .iter()
        .all(|one| not_to.addresses.contains(one));
    let lists = to.lists.iter().all(|one| not_to.lists.contains(one));
    if addresses && lists {
        return Err("`not_to` takes away everything in `to`");
    }
    Ok(())
}

/// Some agent must be able to use some wallet on a chain that has one of the assets.
fn places(policy: &Policy, matcher: &Matcher, only_fee: bool) -> Result<(), &'static str> {
    let numbered = policy.agents.iter().zip(0u32..);
    let agents = numbered
        .filter(|(_, number)| {
            matcher
                .agents
                .as_ref()
                .is_none_or(|all| all.contains(number))
        })
        .map(|(agent, _)| agent);
    let mut why = "there is no agent";
    for agent in agents {
        let wallets = matcher.wallets.as_ref();
        if !wallets.is_none_or(|all| agent.wallets.iter().any(|one| all.contains(one))) {
            why = "none of the agents has one of the wallets";
            continue;
        }
        if !matcher
            .chains
            .as_ref()
            .is_none_or(|all| all.contains(&agent.chain_id))
        {
            why = "none of the agents is on one of the chains";
            continue;
        }
        let called = |number: &u32| {
            let entry = policy.functions.get(*number as usize);
            entry.is_some_and(|entry| entry.function.contract.chain_id == agent.chain_id)
        };
        if !matcher
            .functions
            .as_ref()
            .is_none_or(|all| all.iter().any(called))
        {
            why = "none of the agents is on a chain of these functions";
            continue;
        }
        let here = |number: &u32| {
            let entry = policy.assets.get(*number as usize);
            entry.is_some_and(|entry| {
                let asset = &entry.asset;
                asset.chain_id == agent.chain_id && (!only_fee || asset.address.is_none())
            })
        };
        if matcher
            .assets
            .as_ref()
            .is_none_or(|all| all.iter().any(here))
        {
            return Ok(());
        }
        why = "none of the agents is on a chain of these assets";
    }
    Err(why)
}
