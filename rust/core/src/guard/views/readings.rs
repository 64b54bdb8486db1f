//! Which contracts have to be asked before a request is decided, and again before its order.

use alloy_primitives::{Address, Bytes, U256};
use serde::Serialize;

use crate::chain::ChainId;
use crate::guard::commands::authorise::old_facts;
use crate::guard::commands::submit_signed::open;
use crate::guard::decision::answer::bytes;
use crate::guard::decision::dedup::Match;
use crate::guard::decision::evaluate::{evaluate, Call, Known};
use crate::guard::Guard;
use crate::policy::{method_name, wanted, Facts, Resolved, Wanted};
use crate::request::Body;

/// What to ask, and the transaction after which some of it is asked.
#[derive(Serialize)]
struct Questions {
    chain_id: ChainId,
    readings: Vec<Question>,
    transaction: Option<Simulated>,
    wallet: String,
}

#[derive(Serialize)]
struct Question {
    after: bool,
    call: Bytes,
    check: String,
    contract: String,
}

/// The transaction as the guardian would send it, apart from its nonce and its fees.
#[derive(Serialize)]
struct Simulated {
    data: Bytes,
    gas: u64,
    to: Option<String>,
    value: String,
}

impl Guard {
    /// What has to be asked for a call before `submit`: JSON `{"chain_id","readings":[{"after","call",
    /// "check","contract"}],"transaction":{"data","gas","to","value"}|null,"wallet"}`, `value` in wei
    /// as a decimal string. `None` if nothing has to be, or the call joins a request or is not decided.
    pub fn readings_of_call(
        &self,
        agent: &str,
        method: &str,
        params: &[u8],
        facts: &Facts,
        now_ms: u64,
    ) -> Option<Vec<u8>> {
        let call = Call {
            agent,
            method,
            params,
            signed: false,
        };
        self.questions_of(call, facts, now_ms)
    }

    /// The same for a call in a signed envelope.
    pub fn readings_of_signed(
        &self,
        agent: &str,
        payload: &[u8],
        signature: &[u8],
        facts: &Facts,
        now_ms: u64,
    ) -> Option<Vec<u8>> {
        if !self.reads_contracts() {
            return None;
        }
        let opened = open(&self.state, agent, payload, signature, self.now(now_ms)).ok()?;
        let call = Call {
            agent,
            method: &opened.0.method,
            params: opened.0.params.as_bytes(),
            signed: true,
        };
        self.questions_of(call, facts, now_ms)
    }

    /// The same for a request that is decided again before its order.
    pub fn readings_of_request(
        &self,
        request_id: &str,
        facts: &Facts,
        now_ms: u64,
    ) -> Option<Vec<u8>> {
        if !self.reads_contracts() {
            return None;
        }
        let now = self.now(now_ms);
        let entry = self.entry(request_id).ok()?;
        let decided = entry.decided.as_deref()?;
        let then = old_facts(decided).ok()?;
        let facts = self.given(&then.clone().updated_by(facts), now);
        let resolved = self.resolve_again(entry, decided, (&then, &facts), now);
        self.questions(&resolved.ok()?, method_name(decided.method), &facts, now)
    }

    /// Whether the policy has checks at all: without any, no contract has to be asked for a call.
    pub fn reads_contracts(&self) -> bool {
        let policy = self.state.policy();
        policy.is_some_and(|policy| !policy.checks().is_empty())
    }

    fn questions_of(&self, call: Call<'_>, facts: &Facts, now_ms: u64) -> Option<Vec<u8>> {
        if !self.reads_contracts() {
            return None;
        }
        let now = self.now(now_ms);
        let facts = self.given(facts, now);
        let known = Known {
            facts: &facts,
            code: &self.code,
            now_ms: now,
        };
        let evaluated = evaluate(&self.state, call, &known).ok()?;
        let is_new = evaluated.find_match(&self.state, now) == Match::Nothing;
        if evaluated.calls > 1 || !is_new || self.over_rate(call.agent, now) {
            return None;
        }
        self.questions(&evaluated.resolved, call.method, &facts, now)
    }

    fn questions(
        &self,
        resolved: &Resolved<'_>,
        method: &str,
        facts: &Facts,
        now: u64,
    ) -> Option<Vec<u8>> {
        let policy = self.state.policy()?;
        let subject = resolved.subject(method, &[]).after(&self.state.book);
        let readings = wanted(policy, &subject, facts, now);
        if readings.is_empty() {
            return None;
        }
        let text = |address: Address| address.to_checksum(None);
        let question = |one: Wanted| Question {
            after: one.after,
            call: one.call,
            check: one.check,
            contract: text(one.contract),
        };
        let transaction = match &resolved.request.body {
            Body::Transaction(transaction) => Some(Simulated {
                data: transaction.data.clone(),
                gas: resolved.gas_max,
                to: transaction.to.map(text),
                value: U256::to_string(&transaction.value),
            }),
            Body::TypedData(_) | Body::Message(_) => None,
        };
        Some(bytes(&Questions {
            chain_id: resolved.chain.id,
            readings: readings.into_iter().map(question).collect(),
            transaction,
            wallet: text(resolved.wallet),
        }))
    }
}
