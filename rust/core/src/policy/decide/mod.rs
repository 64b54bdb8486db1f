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
pub(in crate::policy) mod resolve;
pub(in crate::policy) mod sight;
pub(in crate::policy) mod sums;
pub(in crate::policy) mod valuation;
pub(in crate::policy) mod verdict;

use std::cmp::Reverse;
use std::collections::BTreeMap;

use alloy_primitives::{Address, U256};

use crate::amount::{format_units, percent_text, Percent, Usd};
use crate::chain::ChainId;
use crate::code::Code;
use crate::effects::{Effect, EffectKind, Exchange};
use crate::policy::conditions::range::Fit;
use crate::policy::decide::checks::{Known, Unmet};
use crate::policy::decide::facts::Facts;
use crate::policy::decide::limits::{over_with, Charge};
use crate::policy::decide::minimum_return::Returns;
use crate::policy::decide::sight::Unseen;
use crate::policy::decide::sums::Sums;
use crate::policy::decide::valuation::spends;
use crate::policy::decide::verdict::{Decision, Reason, Verdict};
use crate::policy::index::{Query, Slot};
use crate::policy::model::{method_of, Agent, OnExceed, Released, Route};
use crate::policy::parse::APPROVAL;
use crate::policy::schedule::Open;
use crate::policy::Policy;
use crate::request::Method;
use crate::spend::{Reservation, Spend, SpendAsset, Spends};
use crate::window::{Book, Payment, Windows};

/// Before the seq of a one-off grant, where reasons name a rule.
const GRANT: &str = "grant:";
/// How long a payment signed as a document may be collected without a person's word.
const AUTHORISED_MS_MAX: u64 = 3_600_000;
/// How long an order may be filled without a person's word: as long as the longest window of a
/// limit. A market has moved by then, and whoever fills it picks the moment.
const ORDER_MS_MAX: u64 = 31 * 86_400_000;

/// What must come back in any case, of what leaves, where both have a price: prices move, and pinned
/// ones are old.
const RETURN_MIN: Percent = Percent::HALF;

/// What is asked, decoded: everything a decision depends on besides policy, windows, facts and
/// time.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Agent id.
    pub agent: &'a str,
    /// The wallet that would sign.
    pub wallet: Address,
    /// EIP-155 chain id.
    pub chain_id: ChainId,
    /// JSON-RPC spelling of the method.
    pub method: &'a str,
    /// Effects without the fee.
    pub effects: &'a [Effect],
    /// How many payments each of them is the sum of; empty where each is one.
    pub times: &'a [u32],
    /// What comes back for swaps and orders among them.
    pub exchanges: &'a [Exchange],
    /// The host that the agent says it pays.
    pub merchant: Option<&'a str>,
    /// Contracts it relies on that do not count as what they are known for.
    pub unseen: &'a [(Address, Unseen)],
    /// Something else may come to the wallet meanwhile: what is measured by its balance is not sure.
    pub owed: bool,
    /// The most the fee can be; zero for signatures.
    pub fee_wei_max: U256,
    /// What this very request holds already, so that deciding it again does not count it twice;
    /// empty the first time.
    pub own: &'a [Reservation],
    /// Who was paid before, and what operators granted; without it every payee is new.
    pub book: Option<&'a Book>,
    /// The request, where it was decided before: of grants only the one it holds counts.
    pub again: Option<&'a str>,
}

impl<'a> Subject<'a> {
    /// The same, knowing who was paid before and what is granted.
    #[must_use]
    pub fn after(self, book: &'a Book) -> Self {
        Self {
            book: Some(book),
            ..self
        }
    }

    /// The same of a request that was decided before.
    #[must_use]
    pub fn again(self, request: &'a str) -> Self {
        Self {
            again: Some(request),
            ..self
        }
    }

    /// The one-off grant that covers it: for one transfer, and nothing but its fee beside it.
    fn granted(&self, now_ms: u64) -> Option<u64> {
        let book = self.book?;
        let [effect] = self.effects else { return None };
        if effect.kind != EffectKind::Transfer || effect.asset.is_none() {
            return None;
        }
        let payment = Payment {
            agent: self.agent,
            wallet: self.chain_id.at(self.wallet),
            asset: SpendAsset::of(effect.kind, effect.asset.as_ref()),
            to: effect.to?,
            amount: u128::try_from(effect.amount).ok()?,
        };
        let Some(request) = self.again else {
            return book.grants().covering(&payment, now_ms);
        };
        let seq = book.spends(request)?.grant?;
        let covers = book.grants().still_covers(seq, &payment, request, now_ms);
        covers.then_some(seq)
    }

    /// When the agent last paid this recipient from the wallet, ms.
    fn paid_ms(&self, to: Option<Address>) -> Option<u64> {
        let to = self.chain_id.at(to?);
        let ledger = self.book?.ledger();
        ledger.last_paid(self.agent, self.wallet, to)
    }
}

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

    /// A swap or an order whose return may be worth less than the rule asks for, or nobody knows how
    /// much, needs a person.
    fn returns(&mut self, (percent, rule): (Percent, &str), returns: &Returns, effect: &Effect) {
        match returns.percent(effect) {
            None => self.add(
                APPROVAL,
                Code::PriceUnknown,
                Some(rule),
                Some(words(effect)),
            ),
            Some(found) => self.low_return(found, percent, Some(rule)),
        }
    }

    /// Without a word of any rule, less than half of what leaves is next to nothing.
    fn fair(&mut self, returns: &Returns) {
        if let Some(found) = returns.worst() {
            self.low_return(found, RETURN_MIN, None);
        }
    }

    fn low_return(&mut self, found: U256, percent: Percent, rule: Option<&str>) {
        if found >= U256::from(percent.hundredths()) {
            return;
        }
        let mut reason = Reason::new(Code::LowReturn)
            .found(format!("{}%", percent_text(found)))
            .allowed(format!("{percent}%"));
        reason.rule = rule.map(str::to_owned);
        self.steps.push((APPROVAL, reason));
    }

    /// What is not understood, and what changes who is in charge, needs a person, whatever a rule
    /// says. What the operator vouches for is understood by rules that name it, and by no others.
    fn opaque(&mut self, effect: &Effect, vouched: bool) {
        if effect.kind.is_opaque() && !(vouched && effect.function.is_some()) {
            self.add(APPROVAL, Code::Opaque, None, Some(words(effect)));
        }
        if effect.kind == EffectKind::Control {
            self.add(APPROVAL, Code::Control, None, Some(words(effect)));
        }
    }

    /// A payment signed as a document lies in somebody's hands until it is collected, an order until
    /// it is filled, a sign-in until it expires. Beyond an hour, or a month, a person must want that.
    fn lifetime(&mut self, effect: &Effect, method: Method, now_ms: u64) {
        let longest = match effect.kind {
            EffectKind::Transfer if method == Method::SignTypedData => AUTHORISED_MS_MAX,
            EffectKind::Order => ORDER_MS_MAX,
            // Only a sign-in has an end.
            EffectKind::Message if effect.expires.is_some() => ORDER_MS_MAX,
            _ => return,
        };
        let end = now_ms.saturating_add(longest);
        if effect.expires.is_none_or(|expires| expires > end) {
            self.add(APPROVAL, Code::LongLived, None, Some(words(effect)));
        }
    }

    /// A document that could be used until a time that is over can only be meant otherwise: by a
    /// mistake of the agent, or for a chain whose time is another. A person must want that.
    fn expired(&mut self, effect: &Effect, method: Method, now_ms: u64) {
        let signed = matches!(method, Method::SignTypedData | Method::SignMessage);
        let until = match effect.kind {
            EffectKind::Transfer | EffectKind::Order | EffectKind::Message => effect.expires,
            EffectKind::Allowance => {
                let submit = effect.claim.and_then(|claim| claim.submit_until);
                // Permit2 reads an end of 0 as that of the block it is submitted in.
                submit
                    .into_iter()
                    .chain(effect.expires.filter(|end| *end > 0))
                    .min()
            }
            _ => None,
        };
        if signed && until.is_some_and(|until| until <= now_ms) {
            self.add(APPROVAL, Code::AlreadyExpired, None, Some(words(effect)));
        }
    }

    /// An agent that says whom it pays must pay one of that merchant's addresses: it was told another
    /// by somebody else. What no list claims is a word like any other.
    fn merchant(&mut self, policy: &Policy, subject: &Subject<'_>, now_ms: u64) {
        let Some(host) = subject.merchant else { return };
        let claimed = policy.lists_of_host(host);
        if claimed.is_empty() {
            return;
        }
        let pays = |effect: &&Effect| EffectKind::COSTLY.contains(&effect.kind);
        for effect in subject.effects.iter().filter(pays) {
            let hits = effect.to.map(|to| policy.lists.of(to)).unwrap_or_default();
            let is_paid = hits
                .iter()
                .any(|hit| claimed.contains(&hit.list) && hit.counts(subject.chain_id, now_ms));
            if !is_paid {
                let observed = format!("{host}: {}", words(effect));
                self.add(APPROVAL, Code::MerchantMismatch, None, Some(observed));
            }
        }
    }

    /// What a contract does is known only where its code was seen: a person must look.
    fn unseen(&mut self, subject: &Subject<'_>) {
        for (at, why) in subject.unseen {
            let observed = format!("{}: {}", at.to_checksum(None), why.as_str());
            self.add(APPROVAL, Code::UnknownContract, None, Some(observed));
        }
    }

    /// An address that looks like a known one, and a contract whose code is not known to be what the
    /// operator looked at: a person must look again.
    fn identity(&mut self, policy: &Policy, effect: &Effect, facts: &Facts, now_ms: u64) {
        if let Some(known) = effect.to.and_then(|to| policy.imitated(to)) {
            let like = format!("like {}", known.to_checksum(None));
            self.add(
                APPROVAL,
                Code::LookAlike,
                None,
                Some(format!("{} {like}", words(effect))),
            );
        }
        for (address, pin) in policy.pinned(effect) {
            let code = match facts.code(address, now_ms) {
                None => Code::CodeUnknown,
                Some(found) if found != pin => Code::CodeChanged,
                Some(_) => continue,
            };
            self.add(APPROVAL, code, None, Some(address.to_checksum(None)));
        }
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
        if charge.price_unknown && limit.on_exceed != OnExceed::Notify {
            self.add(
                APPROVAL,
                Code::PriceUnknown,
                Some(&limit.id),
                Some(charge.key.clone()),
            );
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
