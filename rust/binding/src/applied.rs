//! What a command of the guard did, as Python sees it.

use holdfast_core::guard;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// What a command did. `records` must be durable before anything of it leaves the process.
#[pyclass(module = "holdfast._core", frozen)]
pub struct Applied {
    records: Vec<Py<PyBytes>>,
    request_id: Option<String>,
    status: &'static str,
    answer: Vec<u8>,
}

impl Applied {
    /// Takes over what the core gave.
    pub fn new(py: Python<'_>, applied: guard::Applied) -> Self {
        let records = applied.records.iter();
        Self {
            records: records
                .map(|record| PyBytes::new(py, record).unbind())
                .collect(),
            request_id: applied.request.map(|id| id.to_string()),
            status: applied.status,
            answer: applied.answer,
        }
    }
}

#[pymethods]
impl Applied {
    #[getter]
    fn records(&self, py: Python<'_>) -> Vec<Py<PyBytes>> {
        self.records
            .iter()
            .map(|record| record.clone_ref(py))
            .collect()
    }

    #[getter]
    fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }

    #[getter]
    fn status(&self) -> &'static str {
        self.status
    }

    #[getter]
    fn answer<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.answer)
    }
}
