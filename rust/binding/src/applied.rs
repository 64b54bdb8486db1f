//! What a command of the guard did, as Python sees it.

use holdfast_core::code::Code;
use holdfast_core::event::{Event as CoreEvent, Severity};
use holdfast_core::guard::{self, Answered, CaughtUp, RequestProgress};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString, PyTuple};

use crate::errors::refused;

/// Most wei for one unit of gas, and of tip.
type Fees = (Option<u128>, Option<u128>);

/// JSON of plain structs; writing one into memory cannot fail.
fn json(rows: &[RequestProgress]) -> Vec<u8> {
    serde_json::to_vec(rows).unwrap_or_default()
}

/// How much the event of a record matters; `None` for a step on the way.
#[pyfunction]
pub fn event_severity(record: &[u8]) -> PyResult<Option<&'static str>> {
    let event = CoreEvent::from_record(record);
    let event = event.map_err(|error| refused(Code::ReplayRecord, error))?;
    Ok(event.body.severity().map(Severity::as_str))
}

/// What old events are to a reader that was away: the severity of each, and a JSON array.
pub fn caught_up(py: Python<'_>, found: &CaughtUp) -> (Vec<Option<&'static str>>, Py<PyBytes>) {
    let severities = found.severities.iter();
    let words = severities.map(|severity| severity.map(Severity::as_str));
    (
        words.collect(),
        PyBytes::new(py, &json(&found.requests)).unbind(),
    )
}

/// One event of the journal: what it is, its record, and what it led to.
#[pyclass(module = "holdfast._core", frozen)]
pub struct Event {
    seq: u64,
    kind: Py<PyString>,
    requests: Py<PyTuple>,
    record: Py<PyBytes>,
    severity: Option<Severity>,
    after: Vec<RequestProgress>,
}

#[pymethods]
impl Event {
    #[getter]
    fn seq(&self) -> u64 {
        self.seq
    }

    #[getter]
    fn kind(&self, py: Python<'_>) -> Py<PyString> {
        self.kind.clone_ref(py)
    }

    #[getter]
    fn requests(&self, py: Python<'_>) -> Py<PyTuple> {
        self.requests.clone_ref(py)
    }

    #[getter]
    fn record(&self, py: Python<'_>) -> Py<PyBytes> {
        self.record.clone_ref(py)
    }

    #[getter]
    fn severity(&self) -> Option<&'static str> {
        self.severity.map(Severity::as_str)
    }

    /// Written only when it is asked for: most events have no reader.
    #[getter]
    fn requests_after<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        let rows = Some(&self.after).filter(|rows| !rows.is_empty());
        rows.map(|rows| PyBytes::new(py, &json(rows)))
    }
}

/// What a command did. `events` must be durable before anything of it leaves the process.
#[pyclass(module = "holdfast._core", frozen)]
pub struct Applied {
    events: Vec<Py<Event>>,
    request_id: Option<Py<PyString>>,
    order: Option<u64>,
    status: &'static str,
    answer: Answered,
    fees: Option<Fees>,
}

impl Applied {
    /// Takes over what the core gave.
    pub fn new(py: Python<'_>, applied: guard::Applied) -> PyResult<Self> {
        let order = applied.order();
        let logged = applied.logged.into_iter().zip(&applied.records);
        let events = logged.map(|(logged, record)| {
            let ids = logged.requests.iter().map(ToString::to_string);
            Py::new(
                py,
                Event {
                    seq: logged.seq,
                    kind: PyString::intern(py, logged.kind).unbind(),
                    requests: PyTuple::new(py, ids.collect::<Vec<_>>())?.unbind(),
                    record: PyBytes::new(py, record).unbind(),
                    severity: logged.severity,
                    after: logged.after,
                },
            )
        });
        Ok(Self {
            events: events.collect::<PyResult<_>>()?,
            request_id: applied
                .request
                .map(|id| PyString::new(py, &id.to_string()).unbind()),
            order,
            status: applied.status,
            answer: applied.answer,
            fees: applied.fees,
        })
    }
}

#[pymethods]
impl Applied {
    #[getter]
    fn events(&self, py: Python<'_>) -> Vec<Py<Event>> {
        self.events
            .iter()
            .map(|event| event.clone_ref(py))
            .collect()
    }

    #[getter]
    fn records(&self, py: Python<'_>) -> Vec<Py<PyBytes>> {
        let events = self.events.iter();
        events
            .map(|event| event.get().record.clone_ref(py))
            .collect()
    }

    #[getter]
    fn request_id(&self, py: Python<'_>) -> Option<Py<PyString>> {
        self.request_id.as_ref().map(|id| id.clone_ref(py))
    }

    #[getter]
    fn order(&self) -> Option<u64> {
        self.order
    }

    #[getter]
    fn status(&self) -> &'static str {
        self.status
    }

    #[getter]
    fn answer<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.answer)
    }

    #[getter]
    fn code(&self) -> &str {
        &self.answer.code
    }

    #[getter]
    fn detail(&self) -> Option<&'static str> {
        self.answer.detail
    }

    #[getter]
    fn text(&self) -> &str {
        &self.answer.text
    }

    #[getter]
    fn fees(&self) -> Option<Fees> {
        self.fees
    }
}
