//! Policy files: checking, simulating, and decoding with a registry.

use alloy_primitives::Address;
use holdfast_core::asset::Registry;
use holdfast_core::code::Code;
use holdfast_core::guard::{self, InForce, Prepared};
use holdfast_core::policy::{self, Policy, PolicyErrors};
use holdfast_core::simulate;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::clear::ClearSigning;
use crate::errors::{refused, PolicyError};
use crate::input::decode_with;

/// `PolicyError(code, text, faults)`, faults a list of (line, column, code, text, hint).
pub fn faults(errors: &PolicyErrors) -> PyErr {
    let rows: Vec<_> = errors
        .faults()
        .iter()
        .map(|fault| {
            (
                fault.line,
                fault.column,
                fault.code.as_str(),
                fault.text.clone(),
                fault.hint.clone(),
            )
        })
        .collect();
    PolicyError::new_err((Code::PolicyInvalid.as_str(), errors.to_string(), rows))
}

/// Parses and lints. Without a time nothing is said of list entries that expire. With `wallets`, the
/// addresses that a guardian has keys for, every other wallet is a fault.
#[pyfunction]
#[pyo3(signature = (source, now_ms=None, wallets=None))]
pub fn check_policy<'py>(
    py: Python<'py>,
    source: &str,
    now_ms: Option<u64>,
    wallets: Option<Vec<String>>,
) -> PyResult<Bound<'py, PyBytes>> {
    let held: Option<Vec<Address>> = wallets
        .map(|wallets| wallets.iter().map(|wallet| wallet.parse()).collect())
        .transpose()
        .map_err(|error| refused(Code::Malformed, error))?;
    let summary = py
        .detach(|| policy::check(source, now_ms, held.as_deref()))
        .map_err(|errors| faults(&errors))?;
    let json = serde_json::to_vec(&summary).map_err(|error| refused(Code::Internal, error))?;
    Ok(PyBytes::new(py, &json))
}

/// The policy in force of a guard, for `prepare_policy`.
#[pyclass(module = "holdfast._core", frozen)]
pub struct PolicyInForce {
    pub inner: Option<InForce>,
}

/// A policy that was read and compared with the one in force.
#[pyclass(module = "holdfast._core", frozen)]
pub struct PreparedPolicy {
    pub inner: Prepared,
}

/// Reads a policy and compares it with the one in force, without holding any other thread up.
#[pyfunction]
pub fn prepare_policy(
    py: Python<'_>,
    source: &str,
    in_force: &PolicyInForce,
) -> PyResult<PreparedPolicy> {
    let against = in_force.inner.as_ref();
    let inner = py
        .detach(|| Prepared::new(source, against))
        .map_err(|errors| faults(&errors))?;
    Ok(PreparedPolicy { inner })
}

/// What changes from one policy to another, as a JSON list of `{"looser", "path", "text"}`.
#[pyfunction]
pub fn policy_changes<'py>(
    py: Python<'py>,
    old_source: &str,
    new_source: &str,
) -> PyResult<Bound<'py, PyBytes>> {
    let parse = |source: &str| Policy::parse(source).map_err(|errors| faults(&errors));
    let (old, new) = (parse(old_source)?, parse(new_source)?);
    let changes = policy::strictness::changes(&old, &new);
    let json = serde_json::to_vec(&changes).map_err(|error| refused(Code::Internal, error))?;
    Ok(PyBytes::new(py, &json))
}

/// The most that one hijacked agent can have signed without a person, as a JSON list of agents: of all
/// of them, or of the one with this id.
#[pyfunction]
#[pyo3(signature = (source, agent=None, now_ms=None))]
pub fn policy_worst_case<'py>(
    py: Python<'py>,
    source: &str,
    agent: Option<&str>,
    now_ms: Option<u64>,
) -> PyResult<Bound<'py, PyBytes>> {
    let policy = Policy::parse(source).map_err(|errors| faults(&errors))?;
    let cases = policy::worst_case::worst_case(&policy, agent, now_ms);
    let json = serde_json::to_vec(&cases).map_err(|error| refused(Code::Internal, error))?;
    Ok(PyBytes::new(py, &json))
}

/// A policy in words, as a JSON list of what it says about each agent.
#[pyfunction]
pub fn policy_explained<'py>(py: Python<'py>, source: &str) -> PyResult<Bound<'py, PyBytes>> {
    let policy = Policy::parse(source).map_err(|errors| faults(&errors))?;
    let json = serde_json::to_vec(&policy.explained());
    let json = json.map_err(|error| refused(Code::Internal, error))?;
    Ok(PyBytes::new(py, &json))
}

/// How one policy compares with another, with witnesses: the JSON object of `policy diff`.
#[pyfunction]
pub fn compare_policies<'py>(
    py: Python<'py>,
    old_source: &str,
    new_source: &str,
    now_ms: u64,
) -> PyResult<Bound<'py, PyBytes>> {
    let parse = |source: &str| Policy::parse(source).map_err(|errors| faults(&errors));
    let (old, new) = (parse(old_source)?, parse(new_source)?);
    let found = py.detach(|| policy::compare::compare(&old, &new, now_ms));
    let json = serde_json::to_vec(&found).map_err(|error| refused(Code::Internal, error))?;
    Ok(PyBytes::new(py, &json))
}

/// Every key of a TOML text as `(pointer, line, column)`.
#[pyfunction]
pub fn key_places(source: &str) -> PyResult<Vec<(String, usize, usize)>> {
    let found = policy::key_places(source).map_err(|errors| faults(&errors))?;
    let rows = found.into_iter();
    Ok(rows
        .map(|(path, place)| (path, place.line, place.column))
        .collect())
}

/// The object of `holdfast decode`.
#[pyfunction]
#[pyo3(signature = (request, chain_id, policy, tokens, clear=None))]
pub fn decode<'py>(
    py: Python<'py>,
    request: &[u8],
    chain_id: u64,
    policy: Option<&str>,
    tokens: Option<&[u8]>,
    clear: Option<PyRef<'_, ClearSigning>>,
) -> PyResult<Bound<'py, PyBytes>> {
    let clear = clear.as_deref().map(ClearSigning::library);
    match policy {
        Some(source) => {
            let policy = Policy::parse(source).map_err(|errors| faults(&errors))?;
            decode_with(py, request, chain_id, policy.registry(), tokens, clear)
        }
        None => decode_with(py, request, chain_id, &Registry::new(), tokens, clear),
    }
}

/// What this program's decoders make of a request view under the policy that decided it.
#[pyfunction]
pub fn decode_again<'py>(
    py: Python<'py>,
    view: &[u8],
    policy: &str,
) -> PyResult<Bound<'py, PyBytes>> {
    let policy = Policy::parse(policy).map_err(|errors| faults(&errors))?;
    let found = guard::decode_again(view, &policy).map_err(|no| refused(no.code, no.text))?;
    Ok(PyBytes::new(py, &found))
}

/// `policy decide`: cases against a policy, no journal. Never raises for a case; a malformed one is
/// a deny.
#[pyclass(module = "holdfast._core")]
pub struct Simulator {
    inner: simulate::Simulator,
}

#[pymethods]
impl Simulator {
    #[new]
    fn new(py: Python<'_>, policy: &str, stateful: bool) -> PyResult<Self> {
        // A guardian compiles its candidate while it decides by the policy in force.
        let inner = py
            .detach(|| simulate::Simulator::new(policy, stateful))
            .map_err(|errors| faults(&errors))?;
        Ok(Self { inner })
    }

    fn decide<'py>(&mut self, py: Python<'py>, case: &[u8]) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.inner.decide(case))
    }
}
