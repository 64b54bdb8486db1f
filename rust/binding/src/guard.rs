//! The state machine. Only conversions are here: what is refused or decided, the core says.

use alloy_primitives::B256;
use holdfast_core::asset::Registry;
use holdfast_core::chain::ChainId;
use holdfast_core::code::{Closed as _, Code, Detail};
use holdfast_core::event::{Genesis, Id, ReplaceWhy};
use holdfast_core::guard::{
    self, Authority, LoadError, Refusal, Replacement, ReplayError, Unsettled,
};
use holdfast_core::policy::Policy;
use holdfast_core::text::display_safe;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyString};

use crate::applied::{caught_up, Applied};
use crate::clear::ClearSigning;
use crate::errors::{malformed, refused};
use crate::facts::{AuthoriseFacts, Facts, Int};
use crate::input::decode_with;
use crate::order_inputs::OrderInputs;
use crate::policy::{faults, PolicyInForce, PreparedPolicy};
use crate::request::{Outcome, RequestState};

fn refusal(error: Refusal) -> PyErr {
    if error.code == Code::Malformed {
        malformed(error.code, error.text, "")
    } else {
        refused(error.code, error.text)
    }
}

fn replay(error: ReplayError) -> PyErr {
    refused(error.code, error)
}

/// A code of the closed list.
fn known(code: &str) -> PyResult<Code> {
    let text = || format!("`{}` is not a code", display_safe(code, 64));
    Code::from_text(code).ok_or_else(|| malformed(Code::Malformed, text(), "code"))
}

fn reason_to_replace(why: &str) -> PyResult<ReplaceWhy> {
    match why {
        "fee" => Ok(ReplaceWhy::Fee),
        "gap" => Ok(ReplaceWhy::Gap),
        _ => Err(malformed(Code::Malformed, "`why` is fee or gap", "")),
    }
}

/// Python strings may carry lone surrogates; those come out as replacement characters.
fn lossy(text: &Bound<'_, PyString>) -> String {
    text.to_string_lossy().into_owned()
}

fn names(ids: Vec<Id>) -> Vec<String> {
    ids.iter().map(Id::to_string).collect()
}

type UnsettledRow<'py> = (
    String,
    String,
    u64,
    String,
    u64,
    Bound<'py, PyBytes>,
    &'static str,
    Vec<String>,
    u128,
    u128,
    u64,
    bool,
);

fn rows<'py>(py: Python<'py>, unsettled: Vec<Unsettled<'_>>) -> Vec<UnsettledRow<'py>> {
    let row = |row: Unsettled<'_>| {
        (
            row.id.to_string(),
            row.wallet.to_checksum(None),
            row.chain_id.get(),
            row.hash.to_string(),
            row.nonce,
            PyBytes::new(py, row.raw),
            row.state,
            row.earlier.iter().map(ToString::to_string).collect(),
            row.max_fee_per_gas,
            row.max_priority_fee_per_gas,
            row.signed_at,
            row.agent_alone,
        )
    };
    unsettled.into_iter().map(row).collect()
}

/// The state machine. Not thread-safe: one owner.
#[pyclass(module = "holdfast._core")]
pub struct Guard {
    inner: guard::Guard,
}

impl Guard {
    fn applied(py: Python<'_>, result: Result<guard::Applied, Refusal>) -> PyResult<Applied> {
        Applied::new(py, result.map_err(refusal)?)
    }
}

#[pymethods]
impl Guard {
    #[staticmethod]
    fn create<'py>(
        py: Python<'py>,
        genesis: &[u8],
        now_ms: u64,
    ) -> PyResult<(Self, Bound<'py, PyBytes>)> {
        let genesis: Genesis = serde_json::from_slice(genesis)
            .map_err(|error| malformed(Code::Malformed, format!("genesis: {error}"), ""))?;
        let (inner, record) = guard::Guard::create(genesis, now_ms).map_err(refusal)?;
        Ok((Self { inner }, PyBytes::new(py, &record)))
    }

    #[staticmethod]
    #[pyo3(name = "replay")]
    fn from_records(py: Python<'_>, records: Vec<PyBackedBytes>) -> PyResult<Self> {
        let inner = py
            .detach(|| guard::Guard::replay(&records))
            .map_err(replay)?;
        Ok(Self { inner })
    }

    #[staticmethod]
    fn restore(py: Python<'_>, snapshot: PyBackedBytes) -> PyResult<Self> {
        let inner = py
            .detach(|| guard::Guard::restore(&snapshot))
            .map_err(|error| refused(Code::ReplaySnapshot, error))?;
        Ok(Self { inner })
    }

    fn extend(&mut self, py: Python<'_>, records: Vec<PyBackedBytes>) -> PyResult<()> {
        let inner = &mut self.inner;
        py.detach(|| inner.extend(&records)).map_err(replay)
    }

    fn snapshot<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        let bytes = py.detach(|| self.inner.snapshot());
        PyBytes::new(py, &bytes)
    }

    fn state_digest<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        let digest = py.detach(|| self.inner.state_digest());
        PyBytes::new(py, &digest)
    }

    #[getter]
    fn size(&self) -> u64 {
        self.inner.size()
    }

    #[getter]
    fn root<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.inner.root())
    }

    fn log_range<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.inner.log_range())
    }

    #[getter]
    fn last_at(&self) -> u64 {
        self.inner.last_at()
    }

    fn started(&mut self, py: Python<'_>, version: &str, now_ms: u64) -> PyResult<Applied> {
        Self::applied(py, self.inner.started(version, now_ms))
    }

    fn stopped(&mut self, py: Python<'_>, now_ms: u64) -> PyResult<Applied> {
        Self::applied(py, self.inner.stopped(now_ms))
    }

    /// For `prepare_policy`.
    fn policy_in_force(&self) -> PolicyInForce {
        PolicyInForce {
            inner: self.inner.in_force(),
        }
    }

    #[pyo3(signature = (source, by, command, signature, now_ms, also = Vec::new(), prepared = None))]
    #[allow(clippy::too_many_arguments)] // Python calls it by position.
    fn load_policy(
        &mut self,
        py: Python<'_>,
        source: &str,
        by: &str,
        command: Option<&[u8]>,
        signature: Option<&[u8]>,
        now_ms: u64,
        also: Vec<(Vec<u8>, Vec<u8>)>,
        prepared: Option<&PreparedPolicy>,
    ) -> PyResult<Applied> {
        let authority = match (command, signature) {
            (None, None) => None,
            (command, signature) => Some(Authority {
                command: command.unwrap_or_default(),
                signature: signature.unwrap_or_default(),
                also: &also,
            }),
        };
        let prepared = prepared.filter(|prepared| prepared.inner.source() == source);
        let loaded = match prepared {
            Some(prepared) => self
                .inner
                .load_prepared(&prepared.inner, by, authority, now_ms),
            None => self.inner.load_policy(source, by, authority, now_ms),
        };
        match loaded {
            Ok(applied) => Applied::new(py, applied),
            Err(LoadError::Faults(errors)) => Err(faults(&errors)),
            Err(LoadError::Refused(error)) => Err(refusal(error)),
        }
    }

    fn load_config(
        &mut self,
        py: Python<'_>,
        digest: &str,
        by: &str,
        command: &[u8],
        signature: &[u8],
        now_ms: u64,
    ) -> PyResult<Applied> {
        let digest: B256 = digest
            .parse()
            .map_err(|_| malformed(Detail::Hex, "a digest is 32 bytes in hex", "digest"))?;
        let authority = Authority {
            command,
            signature,
            also: &[],
        };
        Self::applied(py, self.inner.load_config(digest, by, authority, now_ms))
    }

    fn reject_policy(
        &mut self,
        py: Python<'_>,
        source: &Bound<'_, PyString>,
        error: &Bound<'_, PyString>,
        by: &str,
        now_ms: u64,
    ) -> PyResult<Applied> {
        let (source, error) = (lossy(source), lossy(error));
        Self::applied(py, self.inner.reject_policy(&source, &error, by, now_ms))
    }

    fn submit(
        &mut self,
        py: Python<'_>,
        agent: &str,
        method: &Bound<'_, PyString>,
        params: &[u8],
        facts: &Facts,
        now_ms: u64,
    ) -> PyResult<Applied> {
        let method = method.to_string_lossy();
        Self::applied(
            py,
            self.inner
                .submit(agent, &method, params, facts.inner(), now_ms),
        )
    }

    fn submit_signed(
        &mut self,
        py: Python<'_>,
        agent: &str,
        payload: &[u8],
        signature: &[u8],
        facts: &Facts,
        now_ms: u64,
    ) -> PyResult<Applied> {
        Self::applied(
            py,
            self.inner
                .submit_signed(agent, payload, signature, facts.inner(), now_ms),
        )
    }

    fn open_signed<'py>(
        &self,
        py: Python<'py>,
        agent: &str,
        payload: &[u8],
        signature: &[u8],
        now_ms: u64,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let opened = self.inner.open_signed(agent, payload, signature, now_ms);
        opened
            .map(|opened| PyBytes::new(py, &opened))
            .map_err(refusal)
    }

    #[getter]
    fn reads_contracts(&self) -> bool {
        self.inner.reads_contracts()
    }

    fn readings_of_call<'py>(
        &self,
        py: Python<'py>,
        agent: &str,
        method: &Bound<'_, PyString>,
        params: &[u8],
        facts: &Facts,
        now_ms: u64,
    ) -> Option<Bound<'py, PyBytes>> {
        let (method, facts) = (method.to_string_lossy(), facts.inner());
        let asked = self
            .inner
            .readings_of_call(agent, &method, params, facts, now_ms);
        asked.map(|asked| PyBytes::new(py, &asked))
    }

    fn readings_of_signed<'py>(
        &self,
        py: Python<'py>,
        agent: &str,
        payload: &[u8],
        signature: &[u8],
        facts: &Facts,
        now_ms: u64,
    ) -> Option<Bound<'py, PyBytes>> {
        let facts = facts.inner();
        let asked = self
            .inner
            .readings_of_signed(agent, payload, signature, facts, now_ms);
        asked.map(|asked| PyBytes::new(py, &asked))
    }

    fn readings_of_request<'py>(
        &self,
        py: Python<'py>,
        request_id: &str,
        facts: &Facts,
        now_ms: u64,
    ) -> Option<Bound<'py, PyBytes>> {
        let facts = facts.inner();
        let asked = self.inner.readings_of_request(request_id, facts, now_ms);
        asked.map(|asked| PyBytes::new(py, &asked))
    }

    fn check<'py>(
        &self,
        py: Python<'py>,
        agent: &str,
        method: &Bound<'_, PyString>,
        params: &[u8],
        facts: &Facts,
        now_ms: u64,
    ) -> Bound<'py, PyBytes> {
        let (method, facts) = (method.to_string_lossy(), facts.inner());
        PyBytes::new(py, &self.inner.check(agent, &method, params, facts, now_ms))
    }

    #[allow(clippy::too_many_arguments)]
    fn refuse(
        &mut self,
        py: Python<'_>,
        agent: &str,
        method: &Bound<'_, PyString>,
        params: &[u8],
        code: &str,
        text: &Bound<'_, PyString>,
        now_ms: u64,
    ) -> PyResult<Applied> {
        let (method, text) = (lossy(method), lossy(text));
        let code = known(code)?;
        Self::applied(
            py,
            self.inner
                .refuse(agent, &method, params, code, &text, now_ms),
        )
    }

    fn command(
        &mut self,
        py: Python<'_>,
        payload: &[u8],
        signature: &[u8],
        now_ms: u64,
    ) -> PyResult<Applied> {
        Self::applied(py, self.inner.command(payload, signature, now_ms))
    }

    fn freeze(
        &mut self,
        py: Python<'_>,
        scope: &[u8],
        reason: &Bound<'_, PyString>,
        actor: &Bound<'_, PyString>,
        now_ms: u64,
    ) -> PyResult<Applied> {
        let (reason, actor) = (lossy(reason), lossy(actor));
        Self::applied(py, self.inner.freeze(scope, &reason, &actor, now_ms))
    }

    fn tick(&mut self, py: Python<'_>, now_ms: u64) -> PyResult<Applied> {
        Self::applied(py, self.inner.tick(now_ms))
    }

    fn next_deadline(&self) -> Option<u64> {
        self.inner.next_deadline()
    }

    fn authorising(&self) -> Vec<String> {
        names(self.inner.authorising())
    }

    fn authorise(
        &mut self,
        py: Python<'_>,
        request_id: &str,
        facts: &AuthoriseFacts,
        now_ms: u64,
    ) -> PyResult<Applied> {
        let facts = facts.inner();
        Self::applied(py, self.inner.authorise(request_id, facts, now_ms))
    }

    fn fail(
        &mut self,
        py: Python<'_>,
        request_id: &str,
        code: &str,
        text: &Bound<'_, PyString>,
        now_ms: u64,
    ) -> PyResult<Applied> {
        let code = known(code)?;
        Self::applied(py, self.inner.fail(request_id, code, &lossy(text), now_ms))
    }

    fn signed(
        &mut self,
        py: Python<'_>,
        request_id: &str,
        payload: &[u8],
        now_ms: u64,
    ) -> PyResult<Applied> {
        Self::applied(py, self.inner.signed(request_id, payload, now_ms))
    }

    fn may_send(&self, request_id: &str) -> bool {
        self.inner.may_send(request_id)
    }

    fn sent(
        &mut self,
        py: Python<'_>,
        request_id: &str,
        outcome: &str,
        text: &Bound<'_, PyString>,
        now_ms: u64,
    ) -> PyResult<Applied> {
        Self::applied(
            py,
            self.inner.sent(request_id, outcome, &lossy(text), now_ms),
        )
    }

    fn settle(
        &mut self,
        py: Python<'_>,
        request_id: &str,
        outcome: &[u8],
        now_ms: u64,
    ) -> PyResult<Applied> {
        Self::applied(py, self.inner.settle(request_id, outcome, now_ms))
    }

    #[allow(clippy::too_many_arguments)]
    fn replace(
        &mut self,
        py: Python<'_>,
        request_id: &str,
        why: &str,
        max_fee_per_gas: Int,
        max_priority_fee_per_gas: Int,
        gas: Option<Int>,
        by: &str,
        now_ms: u64,
    ) -> PyResult<Applied> {
        let wanted = Replacement {
            why: reason_to_replace(why)?,
            max_fee_per_gas: max_fee_per_gas.0,
            max_priority_fee_per_gas: max_priority_fee_per_gas.0,
            gas: gas.map(|Int(gas)| gas),
        };
        Self::applied(py, self.inner.replace(request_id, &wanted, by, now_ms))
    }

    fn hold(
        &mut self,
        py: Python<'_>,
        request_id: &str,
        why: &Bound<'_, PyString>,
        now_ms: u64,
    ) -> PyResult<Applied> {
        Self::applied(py, self.inner.hold(request_id, &lossy(why), now_ms))
    }

    fn cancel(
        &mut self,
        py: Python<'_>,
        request_id: &str,
        by: &str,
        now_ms: u64,
    ) -> PyResult<Applied> {
        Self::applied(py, self.inner.cancel(request_id, by, now_ms))
    }

    fn delivered(&mut self, py: Python<'_>, request_id: &str, now_ms: u64) -> PyResult<Applied> {
        Self::applied(py, self.inner.delivered(request_id, now_ms))
    }

    fn answers_delivered(
        &mut self,
        py: Python<'_>,
        request_ids: Vec<String>,
        now_ms: u64,
    ) -> PyResult<Applied> {
        Self::applied(py, self.inner.answers_delivered(&request_ids, now_ms))
    }

    fn clock_jumped(
        &mut self,
        py: Python<'_>,
        wall_ms: u64,
        expected_ms: u64,
        now_ms: u64,
    ) -> PyResult<Applied> {
        Self::applied(py, self.inner.clock_jumped(wall_ms, expected_ms, now_ms))
    }

    fn mark_pending_answer(
        &mut self,
        py: Python<'_>,
        request_id: &str,
        now_ms: u64,
    ) -> PyResult<Applied> {
        Self::applied(py, self.inner.mark_pending_answer(request_id, now_ms))
    }

    fn request<'py>(&self, py: Python<'py>, request_id: &str) -> Option<Bound<'py, PyBytes>> {
        self.inner
            .request(request_id)
            .map(|view| PyBytes::new(py, &view))
    }

    fn outcome(&self, request_id: &str) -> Option<Outcome> {
        self.inner.outcome(request_id).map(Outcome::from)
    }

    #[pyo3(signature = (request_id, wait_ms = 0))]
    fn state(&self, request_id: &str, wait_ms: u64) -> Option<RequestState> {
        let found = self.inner.standing(request_id, wait_ms);
        found.map(RequestState::from)
    }

    fn order_inputs(&self, request_id: &str) -> Option<OrderInputs> {
        self.inner.order_inputs(request_id).map(OrderInputs::from)
    }

    fn delay_left_s(&self, request_id: &str, now_ms: u64) -> Option<u64> {
        self.inner.delay_left_s(request_id, now_ms)
    }

    fn payload<'py>(&self, py: Python<'py>, request_id: &str) -> Option<Bound<'py, PyBytes>> {
        let payload = self.inner.payload(request_id)?;
        Some(PyBytes::new(py, payload))
    }

    fn chain_of(&self, agent: &str) -> Option<u64> {
        self.inner.chain_of(agent).map(ChainId::get)
    }

    fn stage(&self, request_id: &str) -> Option<&'static str> {
        Some(self.inner.stage(request_id)?.as_str())
    }

    fn summary<'py>(&self, py: Python<'py>, request_id: &str) -> Option<Bound<'py, PyBytes>> {
        self.inner
            .summary(request_id)
            .map(|summary| PyBytes::new(py, &summary))
    }

    fn catch_up(
        &self,
        py: Python<'_>,
        records: Vec<PyBackedBytes>,
    ) -> PyResult<(Vec<Option<&'static str>>, Py<PyBytes>)> {
        let found = py.detach(|| self.inner.catch_up(&records));
        let found = found.map_err(|error| refused(Code::ReplayRecord, error))?;
        Ok(caught_up(py, &found))
    }

    fn request_listed<'py>(
        &self,
        py: Python<'py>,
        request_id: &str,
    ) -> Option<Bound<'py, PyBytes>> {
        self.inner
            .request_listed(request_id)
            .map(|view| PyBytes::new(py, &view))
    }

    fn named(&self, agent: &str, batch_id: &str) -> Option<String> {
        let found = self.inner.named(agent, batch_id);
        found.map(|id| id.to_string())
    }

    fn open_requests(&self) -> Vec<String> {
        names(self.inner.open_requests())
    }

    fn to_sign(&self) -> Vec<(String, u64)> {
        let orders = self.inner.to_sign().into_iter();
        orders.map(|(id, seq)| (id.to_string(), seq)).collect()
    }

    fn to_sign_again(&self) -> Vec<(String, u64)> {
        let orders = self.inner.to_sign_again().into_iter();
        orders.map(|(id, seq)| (id.to_string(), seq)).collect()
    }

    fn unsettled<'py>(&self, py: Python<'py>) -> Vec<UnsettledRow<'py>> {
        rows(py, self.inner.unsettled())
    }

    fn mined<'py>(&self, py: Python<'py>) -> Vec<UnsettledRow<'py>> {
        rows(py, self.inner.mined())
    }

    fn gaps(&self) -> Vec<(String, String, u64, u64)> {
        let gaps = self.inner.gaps().into_iter();
        gaps.map(|(id, wallet, nonce)| {
            let (chain_id, wallet) = (wallet.chain_id.get(), wallet.address.to_checksum(None));
            (id.to_string(), wallet, chain_id, nonce)
        })
        .collect()
    }

    fn status<'py>(&self, py: Python<'py>, now_ms: u64) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.inner.status(now_ms))
    }

    fn grants<'py>(&self, py: Python<'py>, now_ms: u64) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.inner.grants(now_ms))
    }

    fn limits<'py>(
        &self,
        py: Python<'py>,
        agent: Option<&str>,
        now_ms: u64,
    ) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.inner.limits(agent, now_ms))
    }

    fn agent<'py>(&self, py: Python<'py>, agent: &str) -> Option<Bound<'py, PyBytes>> {
        self.inner.agent(agent).map(|view| PyBytes::new(py, &view))
    }

    fn agents(&self) -> Vec<String> {
        self.inner.agents()
    }

    fn chains<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.inner.chains())
    }

    fn code_pins<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.inner.code_pins())
    }

    fn code_believed<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.inner.code_believed())
    }

    fn see_code(&mut self, chain_id: u64, facts: &Facts) {
        self.inner.see_code(ChainId::new(chain_id), facts.inner());
    }

    fn prices<'py>(&self, py: Python<'py>, facts: &Facts, now_ms: u64) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.inner.prices(facts.inner(), now_ms))
    }

    fn next_nonce(&self, wallet: &str, chain_id: u64) -> Option<u64> {
        self.inner.next_nonce(wallet, ChainId::new(chain_id))
    }

    fn nonce_owner(&self, wallet: &str, chain_id: u64, nonce: u64) -> Option<String> {
        let owner = self
            .inner
            .nonce_owner(wallet, ChainId::new(chain_id), nonce);
        owner.map(|id| id.to_string())
    }

    #[pyo3(signature = (request, chain_id, clear = None))]
    fn decode<'py>(
        &self,
        py: Python<'py>,
        request: &[u8],
        chain_id: u64,
        clear: Option<PyRef<'_, ClearSigning>>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let nothing = Registry::new();
        let policy = self.inner.state().policy();
        let registry = policy.map_or(&nothing, Policy::registry);
        let clear = clear.as_deref().map(ClearSigning::library);
        decode_with(py, request, chain_id, registry, None, clear)
    }
}
