//! What the process with the keys asks of the core.

use holdfast_core::code::Code;
use holdfast_core::ordered;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::errors::{fixed, malformed};

/// A transaction without its signature.
#[pyclass(module = "holdfast._core", frozen)]
pub struct UnsignedTransaction {
    inner: ordered::Unsigned,
}

#[pymethods]
impl UnsignedTransaction {
    #[new]
    fn new(order: &[u8]) -> PyResult<Self> {
        let inner = ordered::Unsigned::from_order(order)
            .map_err(|error| malformed(Code::Malformed, format!("order: {error}"), "order"))?;
        Ok(Self { inner })
    }

    #[getter]
    fn digest<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.inner.digest.as_slice())
    }

    fn signed<'py>(
        &self,
        py: Python<'py>,
        signature: &[u8],
    ) -> PyResult<(Bound<'py, PyBytes>, Bound<'py, PyBytes>)> {
        let signed = self.inner.signed(&fixed::<65>(signature, "signature")?);
        let (raw, hash) = signed
            .ok_or_else(|| malformed(Code::Malformed, "this is no signature", "signature"))?;
        Ok((PyBytes::new(py, &raw), PyBytes::new(py, hash.as_slice())))
    }
}

#[pyfunction]
pub fn typed_data_digest<'py>(py: Python<'py>, document: &str) -> PyResult<Bound<'py, PyBytes>> {
    let digest = ordered::typed_data_digest(document)
        .map_err(|fault| malformed(fault.code, &fault.text, &fault.path))?;
    Ok(PyBytes::new(py, digest.as_slice()))
}
