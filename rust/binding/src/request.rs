//! What is known of one request, in types: what the service needs on the way of a payment.

use holdfast_core::guard::{Outcome as CoreOutcome, Standing};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// What an agent is told of a request: a `result`, or words and data of why there is none.
#[pyclass(module = "holdfast._core", frozen)]
pub struct Outcome {
    inner: CoreOutcome,
}

impl From<CoreOutcome> for Outcome {
    fn from(inner: CoreOutcome) -> Self {
        Self { inner }
    }
}

#[pymethods]
impl Outcome {
    #[getter]
    fn status(&self) -> &'static str {
        self.inner.status
    }

    #[getter]
    fn result<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        let result = self.inner.result.as_deref();
        result.map(|result| PyBytes::new(py, result))
    }

    #[getter]
    fn text(&self) -> &str {
        &self.inner.text
    }

    #[getter]
    fn data<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.inner.data)
    }

    #[getter]
    fn is_final(&self) -> bool {
        self.inner.is_final
    }
}

/// Where a request stands.
#[pyclass(module = "holdfast._core", frozen)]
pub struct RequestState {
    inner: Standing,
}

impl From<Standing> for RequestState {
    fn from(inner: Standing) -> Self {
        Self { inner }
    }
}

#[pymethods]
impl RequestState {
    #[getter]
    fn agent(&self) -> &str {
        &self.inner.agent
    }

    #[getter]
    fn wallet(&self) -> String {
        self.inner.wallet.to_checksum(None)
    }

    #[getter]
    fn chain_id(&self) -> u64 {
        self.inner.chain_id.get()
    }

    #[getter]
    fn method(&self) -> &'static str {
        self.inner.method
    }

    #[getter]
    fn stage(&self) -> &'static str {
        self.inner.stage.as_str()
    }

    #[getter]
    fn since(&self) -> u64 {
        self.inner.since
    }

    #[getter]
    fn delivered(&self) -> bool {
        self.inner.delivered
    }

    #[getter]
    fn is_transaction(&self) -> bool {
        self.inner.is_transaction
    }

    #[getter]
    fn is_private(&self) -> bool {
        self.inner.is_private
    }

    #[getter]
    fn waits_for(&self) -> Option<&'static str> {
        self.inner.waits.map(|waits| waits.what)
    }

    #[getter]
    fn until(&self) -> Option<u64> {
        self.inner.waits?.until
    }

    #[getter]
    fn hash(&self) -> Option<String> {
        self.inner.hash.map(|hash| hash.to_string())
    }

    #[getter]
    fn is_replaced(&self) -> bool {
        self.inner.is_replaced
    }

    #[getter]
    fn nonce(&self) -> Option<u64> {
        self.inner.order.map(|(nonce, _, _)| nonce)
    }

    #[getter]
    fn fee_per_gas(&self) -> Option<u128> {
        self.inner.order.map(|(_, fee, _)| fee)
    }

    #[getter]
    fn priority_fee_per_gas(&self) -> Option<u128> {
        self.inner.order.map(|(_, _, tip)| tip)
    }
}
