//! The last decision before a signature: the policy and the freezes of this moment, and then the
//! order.

use alloy_primitives::{eip191_hash_message, Address, U256};
use serde::Deserialize;

use crate::canonical::INTEGER_MAX;
use crate::code::Code;
use crate::effects::{Effect, EffectKind};
use crate::event::{
    Authorised, Body, Decided, Denied, EffectRecord, MessageOrder, Order, Stage, TransactionOrder,
    TypedDataOrder, Wanted,
};
use crate::guard::commands::lifecycle::{bad, Number};
use crate::guard::decision::evaluate::{deny, reason, unfit};
use crate::guard::state::Entry;
use crate::guard::{Applied, Guard, Refusal};
use crate::json::{self, Json, Limits};
use crate::outcome::{self, Expected, Simulated};
use crate::policy::{
    self, method_name, Decision, Facts, Policy, Reason, Released, Resolved, Sight, Verdict,
};
use crate::request::{self, Method, Request, Transaction, TypedData};

const FACTS: Limits = Limits {
    max_bytes: 1 << 20,
    max_depth: 8,
    max_nodes: 20_000,
    // An event of a simulation can carry long lists.
    max_string: 1 << 17,
};

/// What the service found out for a transaction.
#[derive(Default)]
struct Given {
    gas: Option<u64>,
    fee: Option<u128>,
    tip: Option<u128>,
    chain_nonce: Option<u64>,
    /// More than one node says so.
    nonce_proved: bool,
    /// What the chain says the data of the transaction costs besides gas, where it says so.
    l1_fee: Option<u128>,
    /// Prices and code of this moment; without them those of the decision are used, as old as they
    /// are by now.
    prices: Option<Facts>,
    code: Option<Facts>,
    /// What the node says the transaction would do, where it could be asked.
    simulated: Option<Simulated>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GivenNumbers {
    #[serde(default)]
    gas: Option<Number>,
    #[serde(default)]
    max_fee_per_gas: Option<Number>,
    #[serde(default)]
    max_priority_fee_per_gas: Option<Number>,
    #[serde(default)]
    chain_nonce: Option<Number>,
    #[serde(default)]
    nonce_proved: bool,
    #[serde(default)]
    l1_fee: Option<Number>,
}

/// Why a request does not go on.
enum No {
    /// The policy denies it now: that ends it.
    Denied(Vec<Reason>),
    /// It cannot be done with what was given; nothing changes.
    Refused(Refusal),
}

impl From<Refusal> for No {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl Guard {
    /// Decides again and fixes the order.
    ///
    /// # Errors
    /// [`Refusal`]: `wrong_state`, `frozen`, `nonce_unknown`, `nonce_ahead`, `malformed` facts, `chain_unavailable`
    /// where a number is out of range, `l1_fee_over_cap`, or `would_differ` where a simulation shows more than what was decided. A policy that denies now is no error:
    /// the request ends as denied.
    pub fn authorise(
        &mut self,
        request_id: &str,
        facts: &[u8],
        now_ms: u64,
    ) -> Result<Applied, Refusal> {
        let now = self.now(now_ms);
        let entry = self.entry(request_id)?;
        if entry.stage == Stage::Frozen || self.state.frozen(&entry.agent, &entry.wallet).is_some()
        {
            return Err(Refusal::new(
                Code::Frozen,
                format!("{request_id} is in a frozen scope"),
            ));
        }
        if entry.stage != Stage::Authorising {
            let text = format!("{request_id} is {}", entry.stage.as_str());
            return Err(Refusal::new(Code::WrongState, text));
        }
        let decided = entry.decided.as_deref();
        let decided = decided.ok_or_else(|| Refusal::new(Code::Internal, "no decision"))?;
        let given = Given::parse(facts)?;
        let (id, digest) = (entry.id, entry.digest);
        let body = match self.order(entry, decided, &given, now) {
            Ok(order) => Body::RequestAuthorised(Box::new(Authorised { digest, id, order })),
            Err(No::Denied(reasons)) => {
                let by = "policy".to_owned();
                Body::RequestDenied(Denied {
                    by,
                    command: None,
                    id,
                    reasons,
                    signature: None,
                })
            }
            Err(No::Refused(refusal)) => return Err(refusal),
        };
        self.about(id, now, body)
    }

    fn order(
        &self,
        entry: &Entry,
        decided: &Decided,
        given: &Given,
        now: u64,
    ) -> Result<Order, No> {
        let one = |reason: Reason| No::Denied(vec![reason]);
        let Some(policy) = self.state.policy() else {
            return Err(one(reason(Code::NoPolicy, None, None)));
        };
        let name = entry.id.to_string();
        let then = old_facts(decided)?;
        let facts = given.over(then.clone());
        let facts = facts.by_wall(self.state.clock.wall(now));
        let (resolved, mut decision) = self
            .decide_again(entry, decided, (&then, &facts), now)
            .map_err(one)?;
        let effects_now = resolved.decoded.effects.as_slice();
        let costs = decision.spends.take();
        if decision.route > decided.route {
            let now = "the policy sends it through the relay now: ask again".to_owned();
            return Err(one(reason(Code::RouteChanged, Some(now), None)));
        }
        if decision.released > decided.released {
            let now = "the policy leaves its sending to the agent alone now: ask again".to_owned();
            return Err(one(reason(Code::ReleasedChanged, Some(now), None)));
        }
        let effects = effects_now.iter().cloned().map(EffectRecord::from);
        let seen = decided
            .effects
            .iter()
            .filter(|effect| effect.effect != EffectKind::Fee);
        let unchanged = effects.eq(seen.cloned());
        let unchanged = unchanged && same_code(policy, effects_now, &then, &facts, now);
        let fresh = over_unseen(&decision, &decided.reasons);
        stands(entry, decision, unchanged && !fresh, now).map_err(No::Denied)?;
        let held = self.state.book.spends(&name);
        if !costs
            .zip(held)
            .is_some_and(|(costs, held)| held.covers(&costs))
        {
            // Limits count what is held, so no more than that may be ordered.
            let more = "more than what is set aside for it".to_owned();
            return Err(one(reason(Code::NoGrant, Some(more), None)));
        }
        same_outcome(decided, given, policy, effects_now)?;
        let caps = Caps {
            gas: resolved.gas_max,
            fee: resolved.fee_per_gas_max,
            tip: resolved.priority_fee_per_gas_max,
            l1_fee: resolved.chain.l1_fee_max.map(|_| resolved.l1_fee_wei_max),
        };
        self.write_order(entry, &decided.request, given, &caps)
    }

    /// What the policy says of the request now, by what was known at its decision and what is known
    /// now.
    fn decide_again<'g>(
        &'g self,
        entry: &Entry,
        decided: &Decided,
        (then, facts): (&Facts, &Facts),
        now: u64,
    ) -> Result<(Resolved<'g>, Decision), Reason> {
        let policy = self.state.policy();
        let policy = policy.ok_or_else(|| reason(Code::NoPolicy, None, None))?;
        let request = again(decided, policy)?;
        // What did not count at the decision does not count now: a person was asked about that.
        let (before, later) = self.sights(entry, then, facts, now);
        let look = |chain_id: u64, at: Address| {
            let unseen = before.unseen(policy, chain_id, at);
            unseen.or_else(|| later.unseen(policy, chain_id, at))
        };
        let mut resolved = policy::resolve(policy, &entry.agent, request, &look)?;
        // What was set aside, and approved, for the data is the most that may be paid for it.
        resolved.cap_l1_fee(l1_fee_shown(decided));
        let name = entry.id.to_string();
        resolved.look_for_owed(policy, &self.state.book, &name, now);
        let method = method_name(decided.method);
        let subject = resolved.subject(method, self.state.book.reservations(&name));
        let windows = self.state.book.windows();
        let decision = policy::decide(policy, &subject, windows, facts, now);
        Ok((resolved, decision))
    }

    /// Who sends what its agent asks for anew with a higher fee. Where the policy would deny that now,
    /// or the decision is forgotten, it stays as it was.
    pub(in crate::guard) fn released_now(&self, entry: &Entry, now: u64) -> Released {
        let anew = || {
            let decided = entry.decided.as_deref()?;
            let then = old_facts(decided).ok()?;
            let facts = then.clone().by_wall(self.state.clock.wall(now));
            let found = self.decide_again(entry, decided, (&then, &facts), now);
            let decision = found.ok()?.1;
            (decision.verdict != Verdict::Deny).then_some(decision.released)
        };
        match entry.method {
            Method::SignTransaction => anew().unwrap_or(entry.released),
            _ => entry.released,
        }
    }

    /// What was known of code when the request was decided, and what is known now.
    fn sights<'s>(
        &'s self,
        entry: &Entry,
        then: &'s Facts,
        facts: &'s Facts,
        now: u64,
    ) -> (Sight<'s>, Sight<'s>) {
        let first = &self.state.first_code;
        let before = Sight {
            facts: then,
            held: None,
            first,
            now_ms: entry.decided_at,
        };
        let later = Sight {
            facts,
            held: Some(&self.code),
            first,
            now_ms: now,
        };
        (before, later)
    }

    fn write_order(
        &self,
        entry: &Entry,
        wanted: &Wanted,
        given: &Given,
        caps: &Caps,
    ) -> Result<Order, No> {
        let (chain_id, wallet) = (entry.chain_id, entry.wallet);
        let tx = match wanted {
            Wanted::Transaction(tx) => tx,
            Wanted::TypedData(_) | Wanted::Message(_) => {
                let order = order_of_content(chain_id, wallet, wanted);
                return order.ok_or_else(|| Refusal::new(Code::Internal, "no content").into());
            }
        };
        let (gas, fee, tip) = given.within(caps)?;
        Ok(Order::Transaction(TransactionOrder {
            chain_id,
            data: tx.data.clone(),
            gas,
            kind: Default::default(),
            max_fee_per_gas: fee,
            max_priority_fee_per_gas: tip,
            nonce: self.nonce(entry, given.chain_nonce, given.nonce_proved)?,
            to: tx.to,
            value: tx.value,
            wallet,
        }))
    }

    /// The next nonce of the ledger, or of the chain when that is proved to be further on.
    fn nonce(&self, entry: &Entry, chain: Option<u64>, proved: bool) -> Result<u64, Refusal> {
        let book = self.state.nonces.get(&(entry.wallet, entry.chain_id));
        let next = match (book, chain) {
            (Some(book), Some(chain)) if chain > book.next() && !proved => {
                let next = book.next();
                let text = format!(
                    "one node counts {chain} transactions of the wallet, the guardian gave out \
                     {next} nonces: another node has to say so too, or an operator"
                );
                return Err(Refusal::new(Code::NonceAhead, text));
            }
            // Nor does one node's word close a gap.
            (Some(book), _) if !proved => book.peek(None),
            (Some(book), chain) => book.peek(chain),
            (None, Some(chain)) => chain,
            (None, None) => {
                let text = "neither the ledger nor the facts know the nonce of this wallet";
                return Err(Refusal::new(Code::NonceUnknown, text));
            }
        };
        if next > INTEGER_MAX {
            return Err(Refusal::new(
                Code::NonceUnknown,
                "no wallet has a nonce this large",
            ));
        }
        Ok(next)
    }
}

/// The order of a request that needs nothing of its chain and of nobody, in the same step as its
/// decision: what would be decided again is what was decided just now.
pub(in crate::guard) fn order_at_once(decided: &Decided) -> Option<Order> {
    match decided.verdict {
        Verdict::Instant | Verdict::Notify => {
            order_of_content(decided.chain_id, decided.wallet, &decided.request)
        }
        Verdict::Delay { .. } | Verdict::Approval { .. } | Verdict::Deny => None,
    }
}

/// Of typed data or a message, which are ordered as they were decided; `None` for a transaction.
fn order_of_content(chain_id: u64, wallet: Address, wanted: &Wanted) -> Option<Order> {
    match wanted {
        Wanted::Transaction(_) => None,
        Wanted::TypedData(typed) => Some(Order::TypedData(TypedDataOrder {
            chain_id,
            digest: typed.typed_data_digest,
            json: typed.json.clone(),
            kind: Default::default(),
            wallet,
        })),
        Wanted::Message(message) => Some(Order::Message(MessageOrder {
            chain_id,
            digest: eip191_hash_message(&message.message),
            kind: Default::default(),
            message: message.message.clone(),
            wallet,
        })),
    }
}

/// What a node says is no number of any chain: that passes, so it is no fault of the payment.
fn no_answer(number: &Number, name: &str) -> Refusal {
    if !number.is_integer() {
        return bad(format!("`{name}` is an integer, or a decimal string"));
    }
    let text = format!("`{name}` is out of range: a node gives no usable answer");
    Refusal::new(Code::ChainUnavailable, text)
}

/// The most that may be signed.
struct Caps {
    gas: u64,
    fee: u128,
    tip: u128,
    /// `None` where the policy knows of no such fee.
    l1_fee: Option<U256>,
}

impl Given {
    fn parse(facts: &[u8]) -> Result<Self, Refusal> {
        let tree = json::parse(facts, &FACTS).map_err(|fault| unfit(&fault))?;
        let Json::Object(members) = tree else {
            return Err(bad("facts are a JSON object"));
        };
        let (mut prices, mut code, mut numbers) = (None, None, Vec::new());
        let mut simulated = None;
        for (key, value) in members {
            let part = match key.as_ref() {
                "simulated" => {
                    let read = serde_json::from_str(&value.to_canonical());
                    simulated = Some(read.map_err(|error| bad(format!("simulated: {error}")))?);
                    continue;
                }
                "prices" => &mut prices,
                "code" => &mut code,
                _ => {
                    numbers.push((key, value));
                    continue;
                }
            };
            let only = Json::Object(vec![(key, value)]);
            *part = Some(Facts::from_json(&only).map_err(|fault| unfit(&fault))?);
        }
        let numbers = Json::Object(numbers).to_canonical();
        let numbers: GivenNumbers =
            serde_json::from_str(&numbers).map_err(|error| bad(format!("facts: {error}")))?;
        let small = |number: &Option<Number>, name: &str| match number {
            None => Ok(None),
            Some(number) => number
                .small()
                .map(Some)
                .ok_or_else(|| no_answer(number, name)),
        };
        let wei = |number: &Option<Number>, name: &str| match number {
            None => Ok(None),
            Some(number) => {
                let wei = number.big().and_then(|wei| u128::try_from(wei).ok());
                wei.map(Some).ok_or_else(|| no_answer(number, name))
            }
        };
        Ok(Self {
            gas: small(&numbers.gas, "gas")?,
            fee: wei(&numbers.max_fee_per_gas, "max_fee_per_gas")?,
            tip: wei(
                &numbers.max_priority_fee_per_gas,
                "max_priority_fee_per_gas",
            )?,
            chain_nonce: small(&numbers.chain_nonce, "chain_nonce")?,
            nonce_proved: numbers.nonce_proved,
            l1_fee: wei(&numbers.l1_fee, "l1_fee")?,
            prices,
            code,
            simulated,
        })
    }

    /// The facts of the decision, with those of this moment in their place.
    fn over(&self, mut then: Facts) -> Facts {
        if let Some(prices) = &self.prices {
            then = then.with_prices_of(prices.clone());
        }
        if let Some(code) = &self.code {
            then = then.with_code_of(code.clone());
        }
        then
    }

    /// Gas, fee and tip, none of them over its cap.
    fn within(&self, caps: &Caps) -> Result<(u64, u128, u128), No> {
        let (Some(gas), Some(fee), Some(tip)) = (self.gas, self.fee, self.tip) else {
            let names = "`gas`, `max_fee_per_gas` and `max_priority_fee_per_gas`";
            return Err(bad(format!("facts of a transaction have {names}")).into());
        };
        if tip > fee {
            return Err(bad("the tip is part of the fee and cannot be more").into());
        }
        let over = |code, given: String, cap: String| {
            Err(No::Denied(vec![reason(code, Some(given), Some(cap))]))
        };
        if gas > caps.gas {
            return over(Code::GasOverCap, gas.to_string(), caps.gas.to_string());
        }
        if fee > caps.fee {
            return over(
                Code::FeeOverCap,
                format!("{fee} wei"),
                format!("{} wei", caps.fee),
            );
        }
        if tip > caps.tip {
            return over(
                Code::TipOverCap,
                format!("{tip} wei"),
                format!("{} wei", caps.tip),
            );
        }
        self.l1_fee_within(caps)?;
        Ok((gas, fee, tip))
    }

    /// What the data costs falls again, so it is no denial. A chain that does not say what it costs
    /// stops nothing: the whole cap is set aside.
    fn l1_fee_within(&self, caps: &Caps) -> Result<(), Refusal> {
        let Some((given, cap)) = self.l1_fee.zip(caps.l1_fee) else {
            return Ok(());
        };
        if U256::from(given) <= cap {
            return Ok(());
        }
        let text = format!("the data costs {given} wei on the other chain, allowed {cap} wei");
        Err(Refusal::new(Code::L1FeeOverCap, text))
    }
}

/// Whether the decision of this moment still lets the request go on: it must have gone through
/// everything it would have to go through now.
fn stands(
    entry: &Entry,
    mut decision: Decision,
    unchanged: bool,
    now: u64,
) -> Result<(), Vec<Reason>> {
    // An approval is for the effects and the code that were shown, so it does not count for others.
    let approvals = if unchanged { entry.approvals.len() } else { 0 };
    let approved = entry.quorum > 0 && approvals >= usize::from(entry.quorum);
    let goes_on = match decision.verdict {
        Verdict::Instant | Verdict::Notify => unchanged || entry.approvals.is_empty(),
        Verdict::Delay { delay_ms } => approved || now >= entry.decided_at.saturating_add(delay_ms),
        Verdict::Approval { quorum, .. } => approved && approvals >= usize::from(quorum),
        Verdict::Deny => false,
    };
    if goes_on {
        return Ok(());
    }
    if decision.verdict != Verdict::Deny {
        let stricter = format!("the policy now asks for {}", decision.verdict.as_str());
        deny(&mut decision, reason(Code::NoGrant, Some(stricter), None));
    }
    Err(decision.reasons)
}

/// Whether a limit is over that was not when people looked: they approved nothing beyond it.
fn over_unseen(decision: &Decision, shown: &[Reason]) -> bool {
    let mut over = decision.reasons.iter();
    over.any(|reason| reason.code == Code::LimitExceeded && !reason.is_among(shown))
}

/// Whether the simulation, if there was one, shows no more than what was decided.
fn same_outcome(
    decided: &Decided,
    given: &Given,
    policy: &Policy,
    effects: &[Effect],
) -> Result<(), Refusal> {
    let (Some(simulated), Wanted::Transaction(tx)) = (&given.simulated, &decided.request) else {
        return Ok(());
    };
    let expected = Expected {
        wallet: decided.wallet,
        chain_id: decided.chain_id,
        called: tx.to.unwrap_or_default(),
        effects,
        registry: policy.registry(),
    };
    let found = outcome::differences(simulated, &expected);
    if found.is_empty() {
        return Ok(());
    }
    let text = format!("the chain's node simulated it: {}", found.join("; "));
    Err(Refusal::new(Code::WouldDiffer, text))
}

/// Whether no pinned contract was found with code that is neither the pinned one nor the one that
/// was found when the request was decided: a person who approves sees the code of that moment.
fn same_code(policy: &Policy, effects: &[Effect], then: &Facts, facts: &Facts, now: u64) -> bool {
    let pinned = effects.iter().flat_map(|effect| policy.pinned(effect));
    let mut found = pinned.filter_map(|(at, pin)| Some((at, pin, facts.code(at, now)?)));
    found.all(|(at, pin, code)| code == pin || then.code_seen(at) == Some(code))
}

/// The facts of the decision.
fn old_facts(decided: &Decided) -> Result<Facts, Refusal> {
    let tree = json::parse(decided.facts.get().as_bytes(), &FACTS);
    let Ok(Json::Object(mut members)) = tree else {
        return Ok(Facts::none());
    };
    members.retain(|(key, _)| key == "prices" || key == "code");
    Facts::from_json(&Json::Object(members)).map_err(|fault| unfit(&fault))
}

/// The part of the fee that was set aside for data on another chain: what is more than gas.
pub(in crate::guard) fn l1_fee_shown(decided: &Decided) -> U256 {
    let fees = decided.effects.iter();
    let fees = fees.filter(|effect| effect.effect == EffectKind::Fee);
    let fee = fees.fold(U256::ZERO, |sum, fee| sum.saturating_add(fee.amount));
    let gas = U256::from(decided.gas_max.unwrap_or_default());
    let per_gas = U256::from(decided.fee_per_gas_max.unwrap_or_default());
    fee.saturating_sub(gas.saturating_mul(per_gas))
}

/// The request as it was decided, with caps that are no looser than those of the chain now.
pub(in crate::guard) fn again(decided: &Decided, policy: &Policy) -> Result<Request, Reason> {
    let chain = policy.chain(decided.chain_id);
    let body = match &decided.request {
        Wanted::Transaction(tx) => {
            let gas = decided
                .gas_max
                .zip(chain)
                .map(|(gas, chain)| gas.min(chain.gas_max));
            let fee = decided.fee_per_gas_max.zip(chain);
            let tip = decided.priority_fee_per_gas_max.zip(chain);
            request::Body::Transaction(Transaction {
                to: tx.to,
                value: tx.value,
                data: tx.data.clone(),
                gas,
                max_fee_per_gas: fee.map(|(fee, chain)| fee.min(chain.fee_per_gas_max)),
                max_priority_fee_per_gas: tip
                    .map(|(tip, chain)| tip.min(chain.priority_fee_per_gas_max)),
                nonce: None,
            })
        }
        Wanted::TypedData(typed) => request::Body::TypedData(
            typed_data(&typed.json)
                .filter(|read| read.digest == typed.typed_data_digest)
                .ok_or_else(|| reason(Code::Malformed, None, None))?,
        ),
        Wanted::Message(message) => request::Body::Message(message.message.clone()),
    };
    Ok(Request {
        method: decided.method,
        from: Some(decided.wallet),
        chain_id: Some(decided.chain_id).filter(|_| decided.gas_max.is_some()),
        body,
        note: None,
        idempotency_key: None,
    })
}

/// The document of a record, read again.
pub(in crate::guard) fn typed_data(document: &str) -> Option<TypedData> {
    let mut read = request::parse_typed_data(&Json::Str(document.into())).ok()?;
    // What was written down has every address with its checksum, but for those that had a wrong one.
    read.doubtful = read.json != document;
    Some(read)
}
