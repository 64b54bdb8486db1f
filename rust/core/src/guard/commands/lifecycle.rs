//! What happens to a request by time, by the service, and on the chain.

use alloy_primitives::{B256, U256};
use serde::Deserialize;

use crate::canonical::INTEGER_MAX;
use crate::code::Code;
use crate::event::{
    AnswersDelivered, Body, Cancelled, Failed, Id, RequestKind, RequestRef, SendOutcome, Sent,
    SettleOutcome, Settled, Stage,
};
use crate::guard::fold::life::{is_past, mined};
use crate::guard::fold::replace::current;
use crate::guard::state::Entry;
use crate::guard::{Applied, Guard, Refusal, WORDS_MAX};
use crate::text::display_safe;

/// An agent that asks for the same outcome again and again leaves one event a second.
const DELIVERED_AGAIN_MS: u64 = 1000;

/// What the service says about the end of a transaction. Numbers may be decimal strings.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Outcome {
    outcome: SettleOutcome,
    #[serde(default)]
    block_number: Option<Number>,
    #[serde(default)]
    block_hash: Option<B256>,
    #[serde(default)]
    gas_used: Option<Number>,
    #[serde(default)]
    fee_wei: Option<Number>,
    /// Which of its transactions was mined, where it has several.
    #[serde(default)]
    hash: Option<B256>,
    /// More than one node's word, or none is needed.
    proved: bool,
}

/// An integer as JSON integer or decimal string.
#[derive(Deserialize)]
#[serde(untagged)]
pub(in crate::guard) enum Number {
    Small(u64),
    Text(String),
}

impl Number {
    pub(in crate::guard) fn big(&self) -> Option<U256> {
        match self {
            Self::Small(value) => Some(U256::from(*value)),
            Self::Text(text) => {
                let read = || U256::from_str_radix(text, 10).ok();
                self.is_integer().then(read).flatten()
            }
        }
    }

    /// Whether it is one at all, of whatever size.
    pub(in crate::guard) fn is_integer(&self) -> bool {
        match self {
            Self::Small(_) => true,
            Self::Text(text) => !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()),
        }
    }

    /// Within what a JSON integer can carry.
    pub(in crate::guard) fn small(&self) -> Option<u64> {
        u64::try_from(self.big()?)
            .ok()
            .filter(|value| *value <= INTEGER_MAX)
    }
}

pub(in crate::guard) fn bad(text: impl Into<String>) -> Refusal {
    Refusal::new(Code::Malformed, text)
}

impl Guard {
    /// Expires what was not answered in time and matures delays.
    ///
    /// # Errors
    /// Never in a guardian that was created.
    pub fn tick(&mut self, now_ms: u64) -> Result<Applied, Refusal> {
        let now = self.now(now_ms);
        let mut applied = Applied::default();
        while let Some((due, seq)) = self
            .state
            .due
            .first()
            .copied()
            .filter(|(due, _)| *due <= now)
        {
            let Some(entry) = self.state.requests.get(&seq) else {
                return Err(Refusal::new(
                    Code::Internal,
                    format!("r{seq} is due at {due}: unknown"),
                ));
            };
            let data = RequestRef { id: entry.id };
            let body = match entry.stage {
                Stage::WaitingDelay => Body::RequestMatured(data),
                _ => Body::RequestExpired(data),
            };
            self.apply(now, body, &mut applied)?;
        }
        if let Some(body) = self.due_policy(now) {
            self.apply(now, body, &mut applied)?;
        }
        Ok(applied)
    }

    /// When `tick` next has something to do.
    pub fn next_deadline(&self) -> Option<u64> {
        let due = self.state.due.first().map(|(due, _)| *due);
        let coming = self.state.coming.as_ref().map(|coming| coming.due_ms);
        due.into_iter().chain(coming).min()
    }

    /// It could not be authorised: nothing was signed.
    ///
    /// # Errors
    /// [`Refusal`] when the request is not on its way to a signature.
    pub fn fail(
        &mut self,
        request_id: &str,
        code: Code,
        text: &str,
        now_ms: u64,
    ) -> Result<Applied, Refusal> {
        let id = self.unsigned(request_id, &[Stage::Authorising, Stage::Authorised])?;
        let (code, text) = (code.into(), display_safe(text, WORDS_MAX));
        let body = Body::RequestFailed(Failed { code, id, text });
        self.about(id, self.now(now_ms), body)
    }

    /// Takes back a request that is not signed.
    ///
    /// # Errors
    /// [`Refusal`] when it is signed or over.
    pub fn cancel(&mut self, request_id: &str, by: &str, now_ms: u64) -> Result<Applied, Refusal> {
        let unsigned = [
            Stage::WaitingApproval,
            Stage::WaitingDelay,
            Stage::Authorising,
            Stage::Authorised,
        ];
        let id = self.unsigned(request_id, &unsigned)?;
        let body = Body::RequestCancelled(Cancelled {
            by: display_safe(by, 64),
            id,
            why: String::new(),
        });
        self.about(id, self.now(now_ms), body)
    }

    fn unsigned(&self, request_id: &str, stages: &[Stage]) -> Result<Id, Refusal> {
        let entry = self.entry(request_id)?;
        if stages.contains(&entry.stage) {
            return Ok(entry.id);
        }
        let text = format!("{request_id} is {}", entry.stage.as_str());
        Err(Refusal::new(Code::WrongState, text))
    }

    /// Whether the signed bytes of a request may go out now. Ask right before every broadcast. Those of
    /// one that was mined may: a reorganisation can undo that.
    pub fn may_send(&self, request_id: &str) -> bool {
        self.entry(request_id).is_ok_and(|entry| {
            let bytes = entry.signed.as_ref();
            let (nothing, commanded) = bytes.map_or((false, false), |bytes| {
                (bytes.moves_nothing, bytes.commanded)
            });
            let frozen = self.state.frozen(&entry.agent, &entry.wallet).is_some();
            let stage = match entry.stage {
                Stage::Signed | Stage::Sent | Stage::Confirmed => true,
                Stage::Released => entry.kind == RequestKind::Transaction && !entry.stopped,
                // What was undone on the chain gave its amount back: it may not happen after all.
                _ => nothing,
            };
            let order = entry.replacing.as_ref();
            let taken_back =
                !nothing && (entry.recalled || order.is_some_and(|order| order.moves_nothing));
            // Whoever asks, and for whatever reason: its agent alone sends it.
            let ours = stage && !entry.agent_alone();
            ours && !taken_back && (!frozen || (nothing && commanded))
        })
    }

    /// What a node said to the bytes.
    ///
    /// # Errors
    /// [`Refusal`] for an unknown outcome, and when the request has no bytes out or its end is
    /// known.
    pub fn sent(
        &mut self,
        request_id: &str,
        outcome: &str,
        text: &str,
        now_ms: u64,
    ) -> Result<Applied, Refusal> {
        let id = self.unsettled_id(request_id)?;
        let outcome = match outcome {
            "accepted" => SendOutcome::Accepted,
            "known" => SendOutcome::Known,
            "rejected" => SendOutcome::Rejected,
            "unknown" => SendOutcome::Unknown,
            _ => return Err(bad("`outcome` is accepted, known, rejected or unknown")),
        };
        let body = Body::RequestSent(Sent {
            id,
            outcome,
            text: display_safe(text, WORDS_MAX),
        });
        self.about(id, self.now(now_ms), body)
    }

    /// How the transaction ended on the chain: what it moved is posted, or void by proof.
    ///
    /// # Errors
    /// [`Refusal`] for anything that is no outcome, and when the end is known already.
    pub fn settle(
        &mut self,
        request_id: &str,
        outcome: &[u8],
        now_ms: u64,
    ) -> Result<Applied, Refusal> {
        let id = self.unsettled_id(request_id)?;
        let given: Outcome =
            serde_json::from_slice(outcome).map_err(|error| bad(format!("outcome: {error}")))?;
        let small = |number: Option<Number>, name: &str| match number {
            None => Ok(None),
            Some(number) => {
                let small = number.small();
                small
                    .map(Some)
                    .ok_or_else(|| bad(format!("`{name}` is out of range")))
            }
        };
        let fee_wei = match given.fee_wei {
            None => None,
            Some(fee) => Some(fee.big().ok_or_else(|| bad("`fee_wei` is out of range"))?),
        };
        let mut outcome = given.outcome;
        let past = is_past(&self.state, self.entry(request_id)?);
        if outcome == SettleOutcome::Dropped && !given.proved && !past {
            let text = format!("nothing proves that {request_id} can never be mined");
            return Err(Refusal::new(Code::Unproved, text));
        }
        if outcome != SettleOutcome::Dropped {
            let entry = self.entry(request_id)?;
            let mined = mined(entry, given.hash).map_err(|error| bad(error.to_string()))?;
            if mined.moves_nothing {
                outcome = SettleOutcome::Cancelled;
            }
        }
        let block_number = small(given.block_number, "block_number")?;
        let body = Body::RequestSettled(Settled {
            block_hash: given.block_hash,
            block_number,
            fee_wei,
            gas_used: small(given.gas_used, "gas_used")?,
            hash: given.hash,
            id,
            outcome,
            proved: Some(given.proved),
        });
        let now = self.now(now_ms);
        let mut applied = self.about(id, now, body)?;
        for past in self.past(id) {
            let body = Body::RequestSettled(Settled {
                block_hash: given.block_hash,
                block_number,
                fee_wei: None,
                gas_used: None,
                hash: None,
                id: past,
                outcome: SettleOutcome::Dropped,
                proved: Some(given.proved),
            });
            self.apply(now, body, &mut applied)?;
        }
        Ok(applied)
    }

    /// What was denied after its signature, and can never be mined since this one was: with the same
    /// proof.
    fn past(&self, id: Id) -> Vec<Id> {
        let nonce = |entry: &Entry| {
            let order = current(entry)?;
            Some((entry.account(), order.nonce))
        };
        let mined = self.state.request(id.0).and_then(nonce);
        let unsettled = self.state.unsettled.iter();
        let others = unsettled.filter_map(|seq| self.state.request(*seq));
        let past = others.filter(|entry| nonce(entry) == mined && is_past(&self.state, entry));
        past.map(|entry| entry.id).collect()
    }

    fn unsettled_id(&self, request_id: &str) -> Result<Id, Refusal> {
        let entry = self.entry(request_id)?;
        // What closes a gap is among them before it is signed.
        if self.state.unsettled.contains(&entry.id.0) && entry.signed.is_some() {
            return Ok(entry.id);
        }
        let text = format!(
            "{request_id} is {}: no transaction of it is out",
            entry.stage.as_str()
        );
        Err(Refusal::new(Code::WrongState, text))
    }

    /// The outcome was handed to the agent after a pending answer. Within a second of the last time
    /// that changes nothing.
    ///
    /// # Errors
    /// [`Refusal`] when there is no outcome yet.
    pub fn delivered(&mut self, request_id: &str, now_ms: u64) -> Result<Applied, Refusal> {
        let entry = self.entry(request_id)?;
        if entry.answer_at.is_none() {
            let text = format!("{request_id} is {}: no outcome yet", entry.stage.as_str());
            return Err(Refusal::new(Code::WrongState, text));
        }
        let (id, now) = (entry.id, self.now(now_ms));
        let just_now = |at: u64| now < at.saturating_add(DELIVERED_AGAIN_MS);
        if entry.delivered_at.is_some_and(just_now) {
            let status = entry.stage.as_str();
            return Ok(Applied {
                request: Some(id),
                status,
                ..Applied::default()
            });
        }
        self.about(id, now, Body::RequestDelivered(RequestRef { id }))
    }

    /// Agents that did not have to come back have these answers. Ids nobody knows are left out.
    ///
    /// # Errors
    /// Never in a guardian that was created.
    pub fn answers_delivered(
        &mut self,
        request_ids: &[String],
        now_ms: u64,
    ) -> Result<Applied, Refusal> {
        let known = request_ids.iter().filter_map(|id| self.state.entry(id));
        let news = known.filter(|entry| entry.delivered_at.is_none());
        let ids: Vec<Id> = news.map(|entry| entry.id).collect();
        if ids.is_empty() {
            return Ok(Applied::default());
        }
        self.one(now_ms, Body::AnswersDelivered(AnswersDelivered { ids }))
    }

    /// A pending answer is about to leave for an instant request. Marking twice, or an id nobody
    /// knows, changes nothing.
    ///
    /// # Errors
    /// Never in a guardian that was created.
    pub fn mark_pending_answer(
        &mut self,
        request_id: &str,
        now_ms: u64,
    ) -> Result<Applied, Refusal> {
        let Ok(entry) = self.entry(request_id) else {
            return Ok(Applied::default());
        };
        let id = entry.id;
        if entry.answered_pending {
            let status = entry.stage.as_str();
            return Ok(Applied {
                request: Some(id),
                status,
                ..Applied::default()
            });
        }
        self.about(
            id,
            self.now(now_ms),
            Body::RequestPending(RequestRef { id }),
        )
    }
}
