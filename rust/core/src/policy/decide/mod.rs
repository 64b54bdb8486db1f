//! The ladder: one page, read top to bottom, that says how a request may go on.
//!
//! Each step only adds reasons; the verdict is the strictest of them, so no step can loosen what
//! another one said, and the order of tables in the file cannot matter. Frozen scopes are the
//! guard's business, before this page.

pub(in crate::policy) mod batch;
pub(in crate::policy) mod checks;
pub(in crate::policy) mod facts;
pub(in crate::policy) mod grants;
pub(in crate::policy) mod limits;
pub(in crate::policy) mod look_alikes;
pub(in crate::policy) mod minimum_return;
pub(in crate::policy) mod nearest;
pub(in crate::policy) mod raises;
pub(in crate::policy) mod resolve;
pub(in crate::policy) mod sight;
pub(in crate::policy) mod subject;
pub(in crate::policy) mod sums;
pub(in crate::policy) mod valuation;
pub(in crate::policy) mod verdict;

pub use subject::Subject;

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::amount::{format_units, Percent, Usd};
use crate::chain::ChainId;
use crate::code::Code;
use crate::effects::Effect;
use crate::policy::conditions::range::Fit;
use crate::policy::decide::checks::{Known, Unmet};
use crate::policy::decide::facts::Facts;
use crate::policy::decide::limits::{over_with, Charge};
use crate::policy::decide::minimum_return::Returns;
use crate::policy::decide::sums::Sums;
use crate::policy::decide::valuation::spends;
use crate::policy::decide::verdict::{Decision, Reason, Verdict};
use crate::policy::index::{Query, Slot};
use crate::policy::model::{method_of, Agent, OnExceed, Released, Route};
use crate::policy::parse::APPROVAL;
use crate::policy::schedule::Open;
use crate::policy::Policy;
use crate::request::Method;
use crate::spend::{Reservation, Spend, Spends};
use crate::window::Windows;

/// Before the seq of a one-off grant, where reasons name a rule.
const GRANT: &str = "grant:";

/// Decides a request. Pure: the same arguments give the same decision.
///
/// A one-off grant is used where the policy alone would have the request wait, or deny it.
pub fn decide(
    policy: &Policy,
    subject: &Subject<'_>,
    windows: &Windows,
    facts: &Facts,
    now_ms: u64,
) -> Decision {
    let alone = decide_under(policy, subject, windows, (facts, now_ms), None);
    if alone.verdict <= Verdict::Notify {
        return alone;
    }
    let Some(grant) = subject.granted(facts.latest(now_ms)) else {
        return alone;
    };
    let under = decide_under(policy, subject, windows, (facts, now_ms), Some(grant));
    if under.verdict < alone.verdict {
        under
    } else {
        alone
    }
}

fn decide_under(
    policy: &Policy,
    subject: &Subject<'_>,
    windows: &Windows,
    (facts, now_ms): (&Facts, u64),
    grant: Option<u64>,
) -> Decision {
    let mut ladder = Ladder {
        grant,
        ..Ladder::default()
    };
    let Some(method) = ladder.preconditions(policy, subject) else {
        return ladder.denied();
    };
    let mut spends = spends(policy, subject, method, facts, now_ms);
    spends.grant = grant;
    let asked = Asked::new(policy, subject, method, facts, now_ms);
    let known = Known {
        policy,
        subject,
        facts,
        now_ms,
    };
    let returns = Returns::of(policy, subject, facts, now_ms);
    let sums = asked.sums(&spends);
    for (effect, spend) in subject.effects.iter().zip(&spends.items) {
        let query = asked.query(effect, spend);
        let granted = ladder.grants(&known, effect, &query, &sums.grants);
        let query = Query {
            stricter: true,
            ..query
        };
        ladder.forbids(policy, effect, &query, &sums.forbids);
        ladder.reviews(policy, effect, &query, &sums.reviews);
        if let Some(least) = granted.return_min {
            ladder.returns(least, &returns, effect);
        }
        ladder.route = ladder.route.max(granted.route);
        if method == Method::SignTransaction {
            ladder.released = ladder.released.max(granted.released);
        }
        ladder.opaque(effect, granted.vouched);
        ladder.lifetime(effect, method, facts.earliest(now_ms));
        ladder.expired(effect, method, facts.latest(now_ms));
        ladder.identity(policy, effect, facts, now_ms);
    }
    ladder.unseen(subject);
    ladder.merchant(policy, subject, facts.latest(now_ms));
    ladder.fair(&returns);
    let charges = policy.charges(&spends);
    for charge in &charges {
        ladder.limit(charge, &charges, subject.own, windows, now_ms);
    }
    if ladder.verdict() == Verdict::Deny {
        return ladder.denied();
    }
    ladder.allowed(reservations(charges), spends)
}

/// What a request would count under every limit it falls under, whatever is decided; nothing for a
/// method that does not sign.
pub fn costs(
    policy: &Policy,
    subject: &Subject<'_>,
    facts: &Facts,
    now_ms: u64,
) -> Vec<Reservation> {
    let Some(method) = method_of(subject.method) else {
        return Vec::new();
    };
    policy.reservations(&spends(policy, subject, method, facts, now_ms))
}

/// A request on its way down the ladder.
struct Asked<'a> {
    policy: &'a Policy,
    subject: &'a Subject<'a>,
    agent: Option<u32>,
    method: Method,
    /// When what the operator listed must not be over, ms.
    now_ms: u64,
    /// The earlier of the guardian's time and the wall clock, ms.
    earlier_ms: u64,
    open: Open,
}

/// What the effects of one request come to under forbids, reviews and rules with amounts.
#[derive(Default)]
struct AllSums {
    forbids: Sums,
    reviews: Sums,
    grants: Sums,
}

impl<'a> Asked<'a> {
    fn new(
        policy: &'a Policy,
        subject: &'a Subject<'a>,
        method: Method,
        facts: &Facts,
        now_ms: u64,
    ) -> Self {
        let times = (facts.earliest(now_ms), facts.latest(now_ms));
        Self {
            policy,
            subject,
            agent: policy.agent_index(subject.agent),
            method,
            now_ms: times.1,
            earlier_ms: times.0,
            open: Open::at(policy.schedules(), times),
        }
    }

    /// An effect as rules see it.
    fn query(&self, effect: &Effect, spend: &Spend) -> Query<'_> {
        let policy = self.policy;
        let asks = policy.asks_payees;
        Query {
            agent: self.agent,
            wallet: self.subject.wallet,
            chain_id: self.subject.chain_id,
            method: self.method,
            kind: effect.kind,
            asset: asset_of(policy, effect),
            to: effect.to,
            hits: effect.to.map(|to| policy.lists.of(to)).unwrap_or_default(),
            now_ms: self.now_ms,
            earlier_ms: self.earlier_ms,
            open: &self.open,
            paid_ms: asks.then(|| self.subject.paid_ms(effect.to)).flatten(),
            deadline_ms: effect.deadline(),
            stricter: false,
            amount: effect.amount,
            function: policy.function_index(effect),
            usd: spend.usd.map(Usd),
        }
    }

    /// One effect is its own sum, and costs nothing here.
    fn sums(&self, spends: &Spends) -> AllSums {
        let mut sums = AllSums::default();
        let effects = self.subject.effects;
        if effects.len() < 2 {
            return sums;
        }
        let numbered = effects.iter().zip(&spends.items).zip(0u32..);
        for ((effect, spend), ordinal) in numbered {
            let query = self.query(effect, spend);
            let policy = self.policy;
            policy.grant_index.add_up(&query, ordinal, &mut sums.grants);
            let query = Query {
                stricter: true,
                ..query
            };
            policy
                .forbid_index
                .add_up(&query, ordinal, &mut sums.forbids);
            policy
                .review_index
                .add_up(&query, ordinal, &mut sums.reviews);
        }
        sums
    }
}

/// What the rules that match an effect ask for besides their tier.
#[derive(Default)]
struct Granted<'p> {
    /// All of them name the function that is called.
    vouched: bool,
    /// Percent of what leaves that must come back, and the rule that asks for most.
    return_min: Option<(Percent, &'p str)>,
    /// Private if any of them is.
    route: Route,
    /// The agent if any of them says so.
    released: Released,
}

/// Reasons so far, each with the verdict it asks for.
#[derive(Default)]
struct Ladder {
    /// The one-off grant under which the request is decided.
    grant: Option<u64>,
    route: Route,
    released: Released,
    steps: Vec<(Verdict, Reason)>,
}

impl Ladder {
    /// Who asks, from which wallet, on which chain, by which method: anything but the agent's own
    /// is denied.
    fn preconditions(&mut self, policy: &Policy, subject: &Subject<'_>) -> Option<Method> {
        let Some(agent) = policy.agent(subject.agent) else {
            self.deny(Code::AgentUnknown, None, Some(subject.agent.to_owned()));
            return None;
        };
        let wallet = subject.wallet;
        if !agent.wallets.contains(&wallet) {
            self.deny(Code::WalletNotAllowed, None, Some(wallet.to_string()));
        }
        self.chain(policy, agent, subject);
        let method = method_of(subject.method);
        if method.is_none() {
            let shown = crate::text::display_safe(subject.method, 64);
            self.deny(Code::MethodNotAllowed, None, Some(shown));
        }
        if subject.effects.iter().any(|effect| effect.from != wallet) {
            self.deny(Code::NotOwnFunds, None, None);
        }
        if subject.effects.is_empty() {
            self.deny(Code::NoGrant, None, Some("no effect".to_owned()));
        }
        method.filter(|_| self.steps.is_empty())
    }

    fn chain(&mut self, policy: &Policy, agent: &Agent, subject: &Subject<'_>) {
        let chain_id = subject.chain_id;
        if policy.chain(chain_id).is_none() {
            self.deny(Code::ChainNotAllowed, None, Some(chain_id.to_string()));
        } else if chain_id != agent.chain_id {
            self.mismatch(chain_id, agent.chain_id);
        }
        let other = subject
            .effects
            .iter()
            .find(|effect| effect.chain_id != chain_id);
        if let Some(other) = other {
            self.mismatch(other.chain_id, chain_id);
        }
    }

    fn mismatch(&mut self, observed: ChainId, wanted: ChainId) {
        let reason = Reason::new(Code::ChainMismatch);
        let reason = reason
            .found(observed.to_string())
            .allowed(wanted.to_string());
        self.steps.push((Verdict::Deny, reason));
    }

    /// A forbid that matches denies, whether by the effect's own amount or by the sum. One that cannot
    /// be judged for want of a price denies as well: an approval could not have passed it either.
    fn forbids(&mut self, policy: &Policy, effect: &Effect, query: &Query<'_>, sums: &Sums) {
        let mut first: [Option<(&str, Option<Slot>)>; 2] = [None, None];
        policy.forbid_index.find(query, sums, |slot, fits| {
            let Some(forbid) = policy.forbids.get(slot.payload as usize) else {
                return;
            };
            let [sure, unknown] = &mut first;
            let is_sure = [fits.alone, fits.together].contains(&Some(Fit::Yes));
            let place = if is_sure { sure } else { unknown };
            if place.is_none_or(|(id, _)| forbid.id.as_str() < id) {
                let summed = fits.only_together().then_some(slot);
                *place = Some((&forbid.id, summed));
            }
        });
        for (found, code) in first.into_iter().zip([Code::Forbidden, Code::PriceUnknown]) {
            let Some((id, summed)) = found else { continue };
            let mut observed = words(effect);
            let asset = effect.asset.as_ref();
            let sum = summed.and_then(|slot| policy.forbid_index.explain(slot, sums, asset));
            if let Some((sum, _)) = sum {
                observed = format!("{sum}: {observed}");
            }
            self.deny(code, Some(id), Some(observed));
        }
    }

    /// A review that matches, by the effect's own amount or by the sum, asks for its tier at the least,
    /// and so does one that cannot be judged for want of a price.
    fn reviews(&mut self, policy: &Policy, effect: &Effect, query: &Query<'_>, sums: &Sums) {
        policy.review_index.find(query, sums, |slot, fits| {
            let review = policy.reviews.get(slot.payload as usize);
            let Some(review) = review.filter(|review| !self.lifts(review.tier)) else {
                return;
            };
            let mut observed = words(effect);
            if fits.only_together() {
                let sum = policy
                    .review_index
                    .explain(slot, sums, effect.asset.as_ref());
                if let Some((sum, _)) = sum {
                    observed = format!("{sum}: {observed}");
                }
            }
            self.add(review.tier, Code::Review, Some(&review.id), Some(observed));
        });
    }

    /// Whether the grant stands for what a tier asks for: it is the word of one operator.
    fn lifts(&self, tier: Verdict) -> bool {
        let asks_one = match tier {
            Verdict::Instant | Verdict::Notify | Verdict::Delay { .. } => true,
            Verdict::Approval { quorum, .. } => quorum <= 1,
            Verdict::Deny => false,
        };
        self.grant.is_some() && asks_one
    }

    /// At least one rule must match the effect by itself, and one the sum it is part of; of all that
    /// do the strictest tier wins. With an unknown price a grant is worth an approval at most.
    ///
    /// A rule with a check that does not hold matches nothing, but whatever else grants the effect is
    /// at least as strict as this rule would have been.
    fn grants<'p>(
        &mut self,
        known: &Known<'p>,
        effect: &Effect,
        query: &Query<'_>,
        sums: &Sums,
    ) -> Granted<'p> {
        let policy = known.policy;
        let mut withheld: BTreeMap<&str, (Verdict, Unmet)> = BTreeMap::new();
        let (mut best, mut unknown) = (None, None);
        let mut named = None;
        let (mut alone, mut together) = (false, false);
        let (mut tier, mut own) = (Verdict::Instant, Verdict::Instant);
        let mut least: Option<(Percent, Reverse<&str>)> = None;
        let mut vouched = true;
        let mut route = Route::Public;
        let mut released = Released::Guardian;
        policy.grant_index.find(query, sums, |slot, fits| {
            let Some(grant) = policy.grants.get(slot.payload as usize) else {
                return;
            };
            tier = tier.strictest(grant.tier);
            vouched &= grant.names_functions;
            route = route.max(grant.route);
            released = released.max(grant.released);
            let id = grant.rule.as_str();
            let rank = Some((grant.rule_tier.order(), Reverse(id)));
            if let Some(unmet) = known.unmet(&grant.checks, effect) {
                withheld.insert(id, (grant.tier, unmet));
            } else {
                alone |= fits.alone.is_some();
                together |= fits.together.is_some();
                own = own.strictest(grant.tier);
                if rank > best {
                    best = rank;
                    named = Some((slot, fits));
                }
            }
            if fits.price_unknown() {
                unknown = unknown.max(rank);
            }
            if let Some((percent, id)) = &grant.return_min {
                least = least.max(Some((*percent, Reverse(id))));
            }
        });
        if let Some(seq) = self.grant.filter(|_| self.lifts(tier)) {
            let by = format!("{GRANT}{seq}");
            self.add(Verdict::Notify, Code::Granted, Some(&by), None);
            return Granted {
                route,
                released,
                ..Granted::default()
            };
        }
        let asset = effect.asset.as_ref();
        let explain = |slot| policy.grant_index.explain(slot, sums, asset);
        let Some((Reverse(id), (slot, fits))) = best.map(|(_, id)| id).zip(named) else {
            if withheld.is_empty() {
                let mut reason = Reason::new(Code::NoGrant).found(words(effect));
                reason.limit = policy.nearest(query);
                self.steps.push((Verdict::Deny, reason));
            }
            for (rule, (_, unmet)) in withheld {
                self.withhold(Verdict::Deny, rule, unmet);
            }
            return Granted::default();
        };
        if !together {
            self.too_much_together(id, effect, explain(slot));
            return Granted::default();
        }
        if !alone {
            self.deny(Code::NoGrant, None, Some(words(effect)));
            return Granted::default();
        }
        let summed = fits.only_together().then(|| explain(slot)).flatten();
        self.add(own, Code::Granted, Some(id), summed.map(|(sum, _)| sum));
        for (rule, (tier, unmet)) in withheld {
            self.withhold(tier, rule, unmet);
        }
        if let Some((_, Reverse(id))) = unknown {
            self.add(APPROVAL, Code::PriceUnknown, Some(id), Some(words(effect)));
        }
        Granted {
            vouched,
            return_min: least.map(|(percent, Reverse(id))| (percent, id)),
            route,
            released,
        }
    }

    /// A rule grants nothing because of a check, and what it asks for stays.
    fn withhold(&mut self, verdict: Verdict, rule: &str, unmet: Unmet) {
        let mut reason = Reason::new(Code::CheckUnmet).by(rule);
        reason.observed = Some(unmet.observed);
        reason.limit = Some(unmet.limit);
        self.steps.push((verdict, reason));
    }

    /// A rule grants the effect, and none grants all that the request does of its kind.
    fn too_much_together(
        &mut self,
        rule: &str,
        effect: &Effect,
        sum: Option<(String, Option<String>)>,
    ) {
        let (sum, most) = sum.unwrap_or_default();
        let mut reason = Reason::new(Code::NoGrant).by(rule);
        reason.observed = Some(format!("{sum}: {}", words(effect)));
        reason.limit = most;
        self.steps.push((Verdict::Deny, reason));
    }

    /// What is posted and held in the window, plus this request, must not be over the limit.
    fn limit(
        &mut self,
        charge: &Charge<'_>,
        all: &[Charge<'_>],
        own: &[Reservation],
        windows: &Windows,
        now_ms: u64,
    ) {
        let limit = charge.limit;
        if charge.price_unknown {
            // What cannot be judged is told of too.
            let (verdict, code) = match limit.on_exceed {
                OnExceed::Notify => (Verdict::Notify, Code::LimitNotice),
                _ => (APPROVAL, Code::PriceUnknown),
            };
            self.add(verdict, code, Some(&limit.id), Some(charge.key.clone()));
        }
        if charge.amount == 0 {
            return;
        }
        let over = over_with(charge, all, own, windows, now_ms);
        self.steps.extend(over.map(|(verdict, mut reason)| {
            // Otherwise nobody sees what eats the limit: the payment itself may be small.
            if (1..charge.amount).contains(&charge.fee) && reason.code == Code::LimitExceeded {
                let fee = limit.measure.words(charge.fee);
                let total = reason.observed.unwrap_or_default();
                reason.observed = Some(format!("{total}, up to {fee} of it for this fee"));
            }
            (verdict, reason)
        }));
    }

    fn verdict(&self) -> Verdict {
        let verdicts = self.steps.iter().map(|(verdict, _)| *verdict);
        verdicts.fold(Verdict::Instant, Verdict::strictest)
    }

    fn deny(&mut self, code: Code, rule: Option<&str>, observed: Option<String>) {
        self.add(Verdict::Deny, code, rule, observed);
    }

    fn add(&mut self, verdict: Verdict, code: Code, rule: Option<&str>, observed: Option<String>) {
        let mut reason = Reason::new(code);
        reason.rule = rule.map(str::to_owned);
        reason.observed = observed;
        self.steps.push((verdict, reason));
    }

    /// Most severe first, then by the precedence of codes, by rule and words.
    fn reasons(mut self) -> Vec<Reason> {
        self.steps.sort_unstable_by(|(a, x), (b, y)| {
            let words = |reason: &Reason| (reason.observed.clone(), reason.limit.clone());
            b.cmp(a)
                .then_with(|| x.code.known().cmp(&y.code.known()))
                .then_with(|| x.rule.cmp(&y.rule))
                .then_with(|| words(x).cmp(&words(y)))
        });
        let mut reasons: Vec<Reason> = self.steps.into_iter().map(|(_, reason)| reason).collect();
        reasons.dedup();
        reasons
    }

    /// What lets it go on is no reason for a denial.
    fn denied(mut self) -> Decision {
        self.steps.retain(|(_, reason)| !reason.lets_go_on());
        let reasons = self.reasons();
        Decision {
            verdict: Verdict::Deny,
            reasons,
            reservations: Vec::new(),
            route: Route::Public,
            released: Released::Guardian,
            spends: None,
        }
    }

    fn allowed(self, reservations: Vec<Reservation>, spends: Spends) -> Decision {
        let (verdict, route, released) = (self.verdict(), self.route, self.released);
        Decision {
            verdict,
            reasons: self.reasons(),
            reservations,
            route,
            released,
            spends: Some(spends),
        }
    }
}

pub(in crate::policy) fn asset_of(policy: &Policy, effect: &Effect) -> Option<u32> {
    let asset = effect.asset.as_ref()?;
    policy.asset_index(asset.identity())
}

fn reservations(charges: Vec<Charge<'_>>) -> Vec<Reservation> {
    let charged = charges.into_iter().filter(|charge| charge.amount != 0);
    let reservation = |charge: Charge<'_>| Reservation {
        limit: charge.limit.id.clone(),
        key: charge.key,
        amount: charge.amount,
    };
    charged.map(reservation).collect()
}

/// `transfer of 50 usdc to 0x…`
fn words(effect: &Effect) -> String {
    let mut words = effect.kind.as_str().to_owned();
    if effect.unlimited {
        words.push_str(" of everything");
    } else if let Some(asset) = &effect.asset {
        words.push_str(" of ");
        words.push_str(&format_units(effect.amount, asset.decimals));
    } else if !effect.amount.is_zero() {
        words.push_str(&format!(" of {} base units", effect.amount));
    }
    if let Some(asset) = &effect.asset {
        words.push(' ');
        words.push_str(&asset.id);
    }
    if let Some(function) = &effect.function {
        words.push_str(" of ");
        words.push_str(function);
    }
    if let Some(to) = effect.to {
        words.push_str(" to ");
        words.push_str(&to.to_checksum(None));
    }
    words
}
