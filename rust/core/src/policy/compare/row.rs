//! One difference between two policies, as people and programs read it.

use alloy_primitives::{Address, U256};
use serde::Serialize;
use serde_json::Value;

use crate::amount::format_units;
use crate::display::moment;
use crate::policy::compare::ask::Outcomes;
use crate::policy::compare::place::{Fees, Place, Told};
use crate::policy::compare::touched::matches_effects;
use crate::policy::compare::world::World;
use crate::policy::Verdict;

/// Who gets it, by what the policies tell apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Payee {
    /// The address of the witness.
    pub address: String,
    /// Lists it is on in either policy.
    pub lists: Vec<String>,
    /// What the operator calls it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// It stands for every address that neither policy knows.
    pub anyone: bool,
}

/// What a policy makes of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Made {
    /// How the request may go on.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// The same in words, with who sends it.
    pub words: String,
    /// Rule, forbid, limit or reason code that says so.
    pub because: String,
}

/// A request that both policies decide differently, and how far that goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// The new policy is milder; otherwise it is stricter.
    pub looser: bool,
    /// The changed tables it was found by: `rule.small`.
    pub causes: Vec<String>,
    /// Agent id.
    pub agent: String,
    /// The wallet of the witness.
    pub wallet: String,
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// Kind of effect.
    pub effect: &'static str,
    /// Asset id; absent where the effect has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asset: Option<String>,
    /// The function that is called, if the operator vouches for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function: Option<String>,
    /// Absent where the effect has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payee: Option<Payee>,
    /// What the witness asks for, in whole units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount: Option<String>,
    /// The least amount for which it is so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The most; absent where it is so for every larger one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// What else must hold, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// Under the old policy.
    pub old: Made,
    /// Under the new policy.
    pub new: Made,
    /// Cases of `policy decide`: the last one is decided differently. With more than one, or with
    /// `repeat`, they are for `--stateful`.
    pub cases: Vec<Value>,
}

/// Amounts of a difference.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub from: U256,
    /// `None`: for every larger one.
    pub to: Option<U256>,
}

/// What two rows must not both say.
pub(super) type Key = (bool, String, u8, String, String, String);

/// Whether a row of the same content is there already.
pub(super) fn key(world: &World<'_>, place: &Place<'_>, outcomes: &Outcomes, looser: bool) -> Key {
    let asset = place.asset.map(|asset| format!("{:?}", asset.identity()));
    let function = place.function.map(|function| function.id.clone());
    let payee = place.payee.map(|address| class(world, place, address));
    let what = asset.or(function).unwrap_or_default();
    let (old, new) = (outcomes.old.words(), outcomes.new.words());
    let [was_said, is_said] = &outcomes.said_by;
    let made = format!("{old} {was_said} -> {new} {is_said}");
    let (agent, kind) = (place.who.agent.clone(), place.kind as u8);
    (looser, agent, kind, what, payee.unwrap_or_default(), made)
}

fn lists(world: &World<'_>, place: &Place<'_>, address: Address) -> Vec<String> {
    let mut lists: Vec<String> = Vec::new();
    for policy in world.both() {
        let hits = policy.lists.of(address).iter();
        // An entry may end in between; that it is on the list is what people know.
        let hits = hits.filter(|hit| hit.counts(place.who.chain_id, 0));
        let tables = hits.filter_map(|hit| policy.lists().get(hit.list as usize));
        lists.extend(tables.map(|list| list.id.clone()));
    }
    lists.sort_unstable();
    lists.dedup();
    lists
}

fn class(world: &World<'_>, place: &Place<'_>, address: Address) -> String {
    match lists(world, place, address) {
        lists if lists.is_empty() => address.to_string(),
        lists => lists.join(" "),
    }
}

pub(super) fn row(
    world: &World<'_>,
    place: &Place<'_>,
    outcomes: &Outcomes,
    looser: bool,
    span: Span,
    cause: &str,
) -> Row {
    let units = |amount: U256| units(place, amount);
    let [old, new] = &outcomes.said_by;
    let made = |outcome: &super::outcome::Outcome, because: &String| Made {
        verdict: outcome.verdict,
        words: outcome.words(),
        because: because.clone(),
    };
    Row {
        looser,
        causes: vec![cause.to_owned()],
        agent: place.who.agent.clone(),
        wallet: place.who.wallet.to_checksum(None),
        chain_id: place.who.chain_id.get(),
        effect: place.kind.as_str(),
        asset: place.asset.map(|asset| asset.id.clone()),
        function: place.function.map(|function| function.id.clone()),
        payee: place.payee.map(|address| payee(world, place, address)),
        amount: None,
        from: units(span.from),
        to: span.to.and_then(units),
        when: when(world, place),
        old: made(&outcomes.old, old),
        new: made(&outcomes.new, new),
        cases: Vec::new(),
    }
}

impl Row {
    /// Says what the witness asks for.
    pub(super) fn ask(&mut self, place: &Place<'_>, amount: U256) {
        self.amount = units(place, amount);
    }

    /// Keeps the causes that are sure to be those: the tables that one of the policies names for what
    /// it made, and what is about no table of its own. Where there are none, all that found it.
    pub(super) fn settle_causes(&mut self) {
        let names = |cause: &String| {
            let id = cause.split_once('.').map(|(_, id)| format!("`{id}`"));
            id.is_some_and(|id| self.old.because.contains(&id) || self.new.because.contains(&id))
        };
        let is_sure = |cause: &String| names(cause) || !matches_effects(cause);
        if self.causes.iter().any(is_sure) {
            let sure = self.causes.iter().filter(|cause| is_sure(cause));
            self.causes = sure.cloned().collect();
        }
    }

    /// Where it stands among others: looser rows first, then as people look for them.
    pub(super) fn order(&self) -> impl Ord + '_ {
        let payee = self
            .payee
            .as_ref()
            .map(|payee| (payee.anyone, &payee.lists, &payee.address));
        (
            !self.looser,
            &self.agent,
            self.effect,
            &self.asset,
            &self.function,
            payee,
        )
    }
}

fn units(place: &Place<'_>, amount: U256) -> Option<String> {
    let asset = place.asset.filter(|_| place.is_measured())?;
    Some(format_units(amount, asset.decimals))
}

fn payee(world: &World<'_>, place: &Place<'_>, address: Address) -> Payee {
    let account = place.who.chain_id.at(address);
    let label = |now_ms| {
        let mut both = world.both().into_iter();
        both.find_map(|policy| policy.label(account, now_ms).map(str::to_owned))
    };
    Payee {
        address: address.to_checksum(None),
        lists: lists(world, place, address),
        label: label(place.now_ms).or_else(|| label(0)),
        anyone: address == world.stranger,
    }
}

/// `transfer of 50 usdc to @vendors by shopper`, the last two only where they are not those of
/// another place.
pub(super) fn words(
    world: &World<'_>,
    place: &Place<'_>,
    amount: U256,
    other: &Place<'_>,
) -> String {
    let mut words = place.kind.as_str().to_owned();
    if let (Some(units), Some(asset)) = (units(place, amount), place.asset) {
        words.push_str(&format!(" of {units} {}", asset.id));
    }
    if let Some(address) = place.payee.filter(|_| place.payee != other.payee) {
        let lists = lists(world, place, address);
        let named = match (lists.is_empty(), address == world.stranger) {
            (false, _) => format!("@{}", lists.join(" and @")),
            (true, true) => "any other address".to_owned(),
            (true, false) => address.to_checksum(None),
        };
        words.push_str(&format!(" to {named}"));
    }
    if place.who.agent != other.who.agent {
        words.push_str(&format!(" by {}", place.who.agent));
    }
    words
}

/// What is special about the place.
fn when(world: &World<'_>, place: &Place<'_>) -> Option<String> {
    let mut words: Vec<String> = Vec::new();
    if place.now_ms != world.now_ms {
        words.push(format!("at {}", moment(U256::from(place.now_ms / 1000))));
    }
    match place.told {
        Told::All => {}
        Told::NewCode => words.push("with the code that the new policy pins".to_owned()),
        Told::Nothing => words.push("while prices and code are unknown".to_owned()),
        Told::OneSource => words.push("with one price source".to_owned()),
        Told::OldPrices => words.push("with an older price".to_owned()),
    }
    if place.back != u16::MAX {
        words.push("with the return in the case".to_owned());
    }
    match place.fees {
        Fees::Least => {}
        Fees::MostGas => words.push("with the highest gas".to_owned()),
        Fees::MostFee => words.push("with the highest fee".to_owned()),
        Fees::MostTip => words.push("with the highest tip".to_owned()),
    }
    (!words.is_empty()).then(|| words.join(", "))
}
