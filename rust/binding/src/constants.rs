//! What the core defines once, as constants of the module: the lists that Python classifies by.

use holdfast_core::code::{Closed, Code, Detail, PolicyCode, WarningCode};
use holdfast_core::effects::EffectKind;
use holdfast_core::event::{Body, Severity, Stage};
use holdfast_core::policy::CODE_AGE_MS_MAX;
use holdfast_core::request::Method;
use pyo3::prelude::*;
use pyo3::types::{PyFrozenSet, PyTuple};

/// `(list, text, class, meaning, what to do)`.
type Row = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
);

fn rows<C: Closed>(list: &'static str) -> impl Iterator<Item = Row> {
    C::ALL.iter().map(move |code| {
        let class = code.class().as_str();
        (list, code.as_str(), class, code.meaning(), code.next_step())
    })
}

/// Every code of every closed list, each list in its order of precedence.
#[pyfunction]
pub fn codes() -> Vec<Row> {
    rows::<Code>("code")
        .chain(rows::<Detail>("detail"))
        .chain(rows::<WarningCode>("warning"))
        .chain(rows::<PolicyCode>("policy"))
        .collect()
}

fn kinds<'py>(py: Python<'py>, is: fn(EffectKind) -> bool) -> PyResult<Bound<'py, PyFrozenSet>> {
    let kinds = EffectKind::ALL.into_iter().filter(|kind| is(*kind));
    PyFrozenSet::new(py, kinds.map(EffectKind::as_str))
}

fn stages<'py>(py: Python<'py>, is: fn(Stage) -> bool) -> PyResult<Bound<'py, PyFrozenSet>> {
    let stages = Stage::ALL.into_iter().filter(|stage| is(*stage));
    PyFrozenSet::new(py, stages.map(Stage::as_str))
}

/// Adds them to the module.
pub fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    let all = PyTuple::new(py, EffectKind::ALL.map(EffectKind::as_str))?;
    module.add("EFFECT_KINDS", all)?;
    module.add("LEAVING_EFFECTS", kinds(py, EffectKind::leaves)?)?;
    module.add("MEASURED_EFFECTS", kinds(py, EffectKind::is_measured)?)?;
    module.add("OPAQUE_EFFECTS", kinds(py, EffectKind::is_opaque)?)?;
    let all = PyTuple::new(py, Stage::ALL.map(Stage::as_str))?;
    module.add("STATES", all)?;
    module.add("END_STATES", stages(py, Stage::is_end)?)?;
    module.add("WAITING_STATES", stages(py, Stage::is_waiting)?)?;
    module.add("EVENT_KINDS", PyTuple::new(py, Body::KINDS)?)?;
    let all = PyTuple::new(py, Severity::ALL.map(Severity::as_str))?;
    module.add("SEVERITIES", all)?;
    module.add(
        "SIGNING_METHODS",
        PyFrozenSet::new(py, Method::NAMES.map(|(name, _)| name))?,
    )?;
    module.add("CODE_AGE_MS_MAX", CODE_AGE_MS_MAX)
}
