//! Another transaction for the nonce of one that is signed: a higher fee, or nothing at all in its
//! place. The same effects, within what was decided and what the chain allows.

use alloy_primitives::{Bytes, U256};

use crate::canonical::INTEGER_MAX;
use crate::code::Code;
use crate::event::{Body, Held, Id, ReplaceWhy, Replaced, RequestKind, Stage, TransactionOrder};
use crate::guard::commands::authorise::{l1_fee_shown, Told};
use crate::guard::commands::lifecycle::bad;
use crate::guard::fold::replace::{current, set_aside};
use crate::guard::fold::FoldError;
use crate::guard::state::{Entry, State};
use crate::guard::{Applied, Guard, Refusal, WORDS_MAX};
use crate::policy::Verdict;
use crate::request::Method;
use crate::text::display_safe;

/// Who asks, when no operator does.
pub(in crate::guard) const BY_AGENT: &str = "agent";
pub(in crate::guard) const BY_GUARDIAN: &str = "guardian";

/// Nodes take a replacement only if it pays at least a tenth more.
const MORE: u128 = 11;
const THAN: u128 = 10;

/// The transaction that is to take the place of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replacement {
    /// A higher fee, or a gap to close.
    pub why: ReplaceWhy,
    /// wei per gas.
    pub max_fee_per_gas: Told,
    /// wei per gas, a part of the fee.
    pub max_priority_fee_per_gas: Told,
    /// For what closes a gap: a transfer of nothing to the wallet itself.
    pub gas: Option<Told>,
}

impl Guard {
    /// Fixes an order that takes the place of signed bytes. `by` is `agent`, whose replacement may
    /// raise what is set aside while limits have room, or `guardian`, which stays within what was
    /// decided.
    ///
    /// # Errors
    /// [`Refusal`]: `malformed`, `wrong_state`, `frozen`, `replacement_underpriced`, `fee_over_cap`,
    /// or the code of the limit that has no room.
    pub fn replace(
        &mut self,
        request_id: &str,
        given: &Replacement,
        by: &str,
        now_ms: u64,
    ) -> Result<Applied, Refusal> {
        let now = self.now(now_ms);
        let wei = |told: Told, name: &str| match told {
            Told::Number(wei) => Ok(wei),
            Told::TooLarge | Told::Negative => Err(bad(format!("`{name}` is out of range"))),
        };
        let fee = wei(given.max_fee_per_gas, "max_fee_per_gas")?;
        let tip = wei(given.max_priority_fee_per_gas, "max_priority_fee_per_gas")?;
        let gas = match given.gas {
            None => None,
            Some(gas) => {
                let gas = u64::try_from(wei(gas, "gas")?).ok();
                let gas = gas.filter(|gas| *gas <= INTEGER_MAX);
                Some(gas.ok_or_else(|| bad("`gas` is out of range"))?)
            }
        };
        let by = match by {
            BY_AGENT => BY_AGENT,
            BY_GUARDIAN => BY_GUARDIAN,
            _ => return Err(bad("`by` is agent or guardian")),
        };
        let entry = self.entry(request_id)?;
        let order = match (given.why, by) {
            (ReplaceWhy::Fee, _) => with_fees(entry, fee, tip)?,
            (ReplaceWhy::Gap, BY_GUARDIAN) => {
                let gas = gas.ok_or_else(|| bad("`gas` is missing"))?;
                filler(&self.state, entry, gas, fee, tip)?
            }
            _ => {
                return Err(bad(
                    "`why` is fee or gap; a payment is taken back by an operator",
                ))
            }
        };
        let mut data = Replaced {
            by: by.to_owned(),
            command: None,
            digest: entry.digest,
            fee_wei_max: None,
            id: entry.id,
            order,
            released: match by {
                BY_AGENT => self.released_now(entry, now),
                _ => entry.released,
            },
            signature: None,
            why: given.why,
        };
        data.fee_wei_max = raised(&self.state, entry, &data.order);
        check(&self.state, &data, now)?;
        self.about(data.id, now, Body::RequestReplaced(Box::new(data)))
    }

    /// Signed bytes that no node took, or has any more, wait for a person from now on.
    ///
    /// # Errors
    /// [`Refusal`] when it is not signed or sent, and when its bytes move nothing.
    pub fn hold(&mut self, request_id: &str, why: &str, now_ms: u64) -> Result<Applied, Refusal> {
        let entry = self.entry(request_id)?;
        if !can_be_held(entry) {
            let text = format!("{request_id} is {}", entry.stage.as_str());
            return Err(Refusal::new(Code::WrongState, text));
        }
        let why = display_safe(why, WORDS_MAX);
        let body = Body::RequestHeld(Held { id: entry.id, why });
        let id = entry.id;
        self.about(id, self.now(now_ms), body)
    }

    /// Orders that take the place of others and have no signature, with the seq of their
    /// `request.replaced`.
    pub fn to_sign_again(&self) -> Vec<(Id, u64)> {
        let unsettled = self.state.unsettled.iter();
        let entries = unsettled.filter_map(|seq| self.state.request(*seq));
        let orders = entries.filter_map(|entry| Some((entry.id, entry.replacing.as_ref()?.seq)));
        orders.collect()
    }
}

/// Bytes that pay, and that the guardian sends.
pub(in crate::guard) fn can_be_held(entry: &Entry) -> bool {
    let bytes = entry.signed.as_ref();
    matches!(entry.stage, Stage::Signed | Stage::Sent)
        && bytes.is_some_and(|bytes| !bytes.moves_nothing)
}

/// The order that was signed last with other fees.
pub(in crate::guard) fn with_fees(
    entry: &Entry,
    fee: u128,
    tip: u128,
) -> Result<TransactionOrder, Refusal> {
    let order = current(entry).ok_or_else(|| out_of_place(entry))?;
    Ok(TransactionOrder {
        max_fee_per_gas: fee,
        max_priority_fee_per_gas: tip,
        ..order.clone()
    })
}

/// A transfer of nothing to the wallet itself, with the nonce and the gas of what was signed last.
pub(in crate::guard) fn nothing(
    entry: &Entry,
    fee: u128,
    tip: u128,
) -> Result<TransactionOrder, Refusal> {
    let order = with_fees(entry, fee, tip)?;
    Ok(TransactionOrder {
        data: Bytes::new(),
        to: Some(entry.wallet),
        value: U256::ZERO,
        ..order
    })
}

/// The same for a nonce that this request gave back.
fn filler(
    state: &State,
    entry: &Entry,
    gas: u64,
    fee: u128,
    tip: u128,
) -> Result<TransactionOrder, Refusal> {
    let nonce = gap_of(state, entry).ok_or_else(|| {
        let text = format!("{} left no gap", entry.id);
        Refusal::new(Code::WrongState, text)
    })?;
    Ok(TransactionOrder {
        chain_id: entry.chain_id,
        data: Bytes::new(),
        gas,
        kind: Default::default(),
        max_fee_per_gas: fee,
        max_priority_fee_per_gas: tip,
        nonce,
        to: Some(entry.wallet),
        value: U256::ZERO,
        wallet: entry.wallet,
    })
}

/// Whether another request has its nonce, which it gave back, or gets it next.
fn taken_by_another(state: &State, entry: &Entry) -> bool {
    let book = state.nonces.get(&entry.account());
    let nonce = current(entry).map(|order| order.nonce);
    let Some((book, nonce)) = book.zip(nonce) else {
        return false;
    };
    // Above the next one it would leave a gap of its own.
    let ahead = nonce > book.next();
    ahead || book.owner(nonce).is_some_and(|owner| owner != entry.id.0)
}

/// The nonce this request gave back and nobody has taken since.
fn gap_of(state: &State, entry: &Entry) -> Option<u64> {
    let book = state.nonces.get(&entry.account())?;
    let mut free = book.free().filter(|(_, owner)| *owner == entry.id.0);
    free.next().map(|(nonce, _)| nonce)
}

fn out_of_place(entry: &Entry) -> Refusal {
    let text = format!(
        "{} is {}: no transaction of it is out",
        entry.id,
        entry.stage.as_str()
    );
    Refusal::new(Code::WrongState, text)
}

fn fee_of(order: &TransactionOrder) -> U256 {
    U256::from(order.gas).saturating_mul(U256::from(order.max_fee_per_gas))
}

/// The most an order can cost in fees: its gas, and what was set aside for its data on another
/// chain.
pub(in crate::guard) fn fee_max(entry: &Entry, order: &TransactionOrder) -> U256 {
    let decided = entry.decided.as_deref();
    let for_data = decided.map_or(U256::ZERO, l1_fee_shown);
    fee_of(order).saturating_add(for_data)
}

/// The most the fee can be, if that is more than is set aside or was decided.
pub(in crate::guard) fn raised(
    state: &State,
    entry: &Entry,
    order: &TransactionOrder,
) -> Option<U256> {
    let held = state.book.spends(&entry.id.to_string())?;
    let (held, wanted) = (U256::from(held.fee_wei()), fee_max(entry, order));
    let beyond = within_decision(entry, order).is_err();
    (wanted > held || beyond).then_some(wanted.max(held))
}

/// [`fits`], in words.
pub(in crate::guard) fn check(state: &State, data: &Replaced, now: u64) -> Result<(), Refusal> {
    fits(state, data, now).map_err(|no| match no {
        ReplaceError::Refused(refusal) => refusal,
        ReplaceError::Fold(error) => Refusal::new(Code::WrongState, error.to_string()),
    })
}

/// Why a replacement does not count.
pub(in crate::guard) enum ReplaceError {
    /// In words for whoever asked.
    Refused(Refusal),
    /// It does not follow.
    Fold(FoldError),
}

impl From<FoldError> for ReplaceError {
    fn from(error: FoldError) -> Self {
        Self::Fold(error)
    }
}

impl From<Refusal> for ReplaceError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// Whether this order may take the place of what was signed: live code and replay both ask this.
pub(in crate::guard) fn fits(state: &State, data: &Replaced, now: u64) -> Result<(), ReplaceError> {
    let entry = state.request(data.id.0).ok_or(FoldError::NoRequest)?;
    let commanded = data.command.is_some();
    if entry.kind != RequestKind::Transaction || data.digest != entry.digest {
        return Err(FoldError::Unfit("the order is for another request").into());
    }
    let bytes = entry.signed.as_ref();
    let taken_back = bytes.is_some_and(|bytes| bytes.moves_nothing && bytes.commanded);
    if !commanded && !taken_back && state.frozen(&entry.agent, &entry.wallet).is_some() {
        let text = format!("{} is in a frozen scope", entry.id);
        return Err(Refusal::new(Code::Frozen, text).into());
    }
    let waiting = entry.replacing.as_ref();
    if !commanded && waiting.is_some_and(|order| order.commanded) {
        let text = format!("what an operator commanded for {} is on its way", entry.id);
        return Err(Refusal::new(Code::WrongState, text).into());
    }
    if !commanded && entry.recalled {
        let text = format!(
            "an operator took {} back: only an operator goes on",
            entry.id
        );
        return Err(Refusal::new(Code::WrongState, text).into());
    }
    same(state, entry, data)?;
    sent_by(entry, data)?;
    within_chain(state, &data.order)?;
    let order = &data.order;
    if order.max_priority_fee_per_gas > order.max_fee_per_gas {
        return Err(bad("the tip is part of the fee and cannot be more").into());
    }
    if !commanded {
        may_be_raised(entry, data)?;
    }
    match data.fee_wei_max {
        Some(fee) if fee < fee_of(order) => {
            Err(FoldError::Unfit("less is set aside than the fee can be").into())
        }
        Some(_) if !commanded => room(state, entry, data, now),
        None if data.why == ReplaceWhy::Gap => room(state, entry, data, now),
        Some(_) => Ok(()),
        None if raised(state, entry, order).is_some() => {
            Err(FoldError::Unfit("more than is set aside for it").into())
        }
        None => Ok(()),
    }
}

/// Beyond what was decided only an agent may go, where no person was asked.
fn may_be_raised(entry: &Entry, data: &Replaced) -> Result<(), ReplaceError> {
    let verdict = entry.decided.as_deref().map(|decided| decided.verdict);
    let alone = matches!(verdict, Some(Verdict::Instant | Verdict::Notify));
    if alone && data.by == BY_AGENT {
        return Ok(());
    }
    within_decision(entry, &data.order)
}

/// What it moves, and from which state it follows.
fn same(state: &State, entry: &Entry, data: &Replaced) -> Result<(), ReplaceError> {
    let order = &data.order;
    let out = state.unsettled.contains(&entry.id.0) && entry.signed.is_some();
    let expected = match data.why {
        ReplaceWhy::Gap => {
            let ended = entry.stage.is_end() && entry.stage != Stage::Released;
            if !ended || entry.outcome.is_some() {
                return Err(out_of_place(entry).into());
            }
            let (fee, tip) = (order.max_fee_per_gas, order.max_priority_fee_per_gas);
            filler(state, entry, order.gas, fee, tip)?
        }
        _ if !out => return Err(out_of_place(entry).into()),
        ReplaceWhy::Fee => {
            let live = matches!(entry.stage, Stage::Signed | Stage::Sent | Stage::Released);
            let cancels = entry
                .signed
                .as_ref()
                .is_some_and(|bytes| bytes.moves_nothing);
            if !live && !cancels {
                return Err(out_of_place(entry).into());
            }
            with_fees(entry, order.max_fee_per_gas, order.max_priority_fee_per_gas)?
        }
        ReplaceWhy::Cancel if taken_by_another(state, entry) => {
            let text = format!(
                "the nonce of {} is another payment's by now, or will be",
                entry.id
            );
            return Err(Refusal::new(Code::NonceOut, text).into());
        }
        ReplaceWhy::Cancel => {
            nothing(entry, order.max_fee_per_gas, order.max_priority_fee_per_gas)?
        }
    };
    if expected != *order {
        return Err(FoldError::Unfit("the order is not what takes its place").into());
    }
    let more = |new: u128, old: u128| {
        new.saturating_mul(THAN) >= old.saturating_mul(MORE) && (new > old || old == 0)
    };
    let before = current(entry).filter(|_| data.why != ReplaceWhy::Gap);
    let pays_more = before.is_none_or(|before| {
        more(order.max_fee_per_gas, before.max_fee_per_gas)
            && more(
                order.max_priority_fee_per_gas,
                before.max_priority_fee_per_gas,
            )
    });
    if pays_more {
        return Ok(());
    }
    let text = "a replacement pays at least a tenth more, in fee and in tip".to_owned();
    Err(Refusal::new(Code::ReplacementUnderpriced, text).into())
}

/// Only what its agent asks for anew is another's to send, by the policy of that moment.
fn sent_by(entry: &Entry, data: &Replaced) -> Result<(), ReplaceError> {
    let anew = data.by == BY_AGENT && data.command.is_none();
    let released = entry.method == Method::SignTransaction || data.released.is_guardian();
    if released && (anew || data.released == entry.released) {
        return Ok(());
    }
    Err(FoldError::Unfit("who sends it stays what it was").into())
}

fn within_chain(state: &State, order: &TransactionOrder) -> Result<(), ReplaceError> {
    let chain = state
        .policy()
        .and_then(|policy| policy.chain(order.chain_id));
    let Some(chain) = chain else {
        let text = format!("the policy knows no chain {}", order.chain_id);
        return Err(Refusal::new(Code::ChainUnknown, text).into());
    };
    let within = order.gas <= chain.gas_max
        && order.max_fee_per_gas <= chain.fee_per_gas_max
        && order.max_priority_fee_per_gas <= chain.priority_fee_per_gas_max;
    if within {
        return Ok(());
    }
    let text = format!(
        "a fee of {} wei a gas is over the caps of the chain: {} wei, of it {} wei as tip",
        order.max_fee_per_gas, chain.fee_per_gas_max, chain.priority_fee_per_gas_max
    );
    Err(Refusal::new(Code::FeeOverCap, text).into())
}

/// Within the caps that were decided, and shown to whoever approved.
fn within_decision(entry: &Entry, order: &TransactionOrder) -> Result<(), ReplaceError> {
    let Some(decided) = entry.decided.as_deref() else {
        return Err(FoldError::Unfit("the decision is not known any more").into());
    };
    let within = decided.gas_max.is_some_and(|max| order.gas <= max)
        && decided
            .fee_per_gas_max
            .is_some_and(|max| order.max_fee_per_gas <= max)
        && decided
            .priority_fee_per_gas_max
            .is_some_and(|max| order.max_priority_fee_per_gas <= max);
    if within {
        return Ok(());
    }
    let text = format!("{} may not cost more than was decided", entry.id);
    Err(Refusal::new(Code::FeeOverCap, text).into())
}

/// More is set aside while the limits have room for it.
fn room(state: &State, entry: &Entry, data: &Replaced, now: u64) -> Result<(), ReplaceError> {
    let policy = state
        .policy()
        .ok_or(FoldError::Unfit("there is no policy"))?;
    let Some(spends) = set_aside(state, entry, data) else {
        return Ok(());
    };
    let own = state.book.reservations(&entry.id.to_string());
    let asked = policy.reservations(&spends);
    let over = policy.over_raised(&asked, own, state.book.windows(), now);
    match over.first() {
        None => Ok(()),
        Some(reason) => {
            let text = crate::guard::decision::answer::words(&over, crate::policy::Privacy::Full);
            let code = reason.code.known().unwrap_or(Code::Internal);
            Err(Refusal::new(code, text).into())
        }
    }
}
