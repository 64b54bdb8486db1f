//! Text, JSON and JSON-RPC frames.

use alloy_primitives::Address;
use holdfast_core::asset::Registry;
use holdfast_core::chain::ChainId;
use holdfast_core::clear::Library;
use holdfast_core::code::Detail;
use holdfast_core::decode::{decode_standalone, DecodeError};
use holdfast_core::json::{self, Limits, Malformed};
use holdfast_core::{frame, rpc, text};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyString};

use crate::errors::{malformed, refused};

const DISPLAY_CHARS_MAX: usize = 4096;

/// As the exception it becomes.
pub fn fault(fault: &Malformed) -> PyErr {
    malformed(fault.code, &fault.text, &fault.path)
}

/// Turns everything outside the allow-list into visible escapes; cuts at `max_chars` with a visible
/// mark.
#[pyfunction]
#[pyo3(signature = (text, max_chars = DISPLAY_CHARS_MAX))]
pub fn display_safe(text: &Bound<'_, PyString>, max_chars: usize) -> String {
    // Lone surrogates, which Python strings may carry, come out as replacement characters and so as
    // escapes.
    text::display_safe(&text.to_string_lossy(), max_chars)
}

/// Strictly parses JSON (no duplicate keys, no floats) and writes it as RFC 8785. With `exact`
/// integers beyond 2^53-1 are kept as they are instead of refused.
#[pyfunction]
#[pyo3(signature = (data, exact = false))]
pub fn canonical_json<'py>(
    py: Python<'py>,
    data: &[u8],
    exact: bool,
) -> PyResult<Bound<'py, PyBytes>> {
    let limits = Limits {
        max_bytes: 64 << 20,
        max_depth: 64,
        max_nodes: 4_000_000,
        max_string: 64 << 20,
    };
    let parse = if exact {
        json::parse_exact
    } else {
        json::parse
    };
    let value = parse(data, &limits).map_err(|error| fault(&error))?;
    Ok(PyBytes::new(py, value.to_canonical().as_bytes()))
}

/// The address with its EIP-55 checksum; a wrong checksum is refused.
#[pyfunction]
pub fn checksum_address(address: &str) -> PyResult<String> {
    let hex = address.strip_prefix("0x").filter(|hex| hex.len() == 40);
    let parsed = hex.and_then(|_| address.parse::<Address>().ok());
    let Some(parsed) = parsed else {
        return Err(malformed(
            Detail::Address,
            "not 20 bytes of 0x-prefixed hex",
            "",
        ));
    };
    let checked = parsed.to_checksum(None);
    let one_case = hex.is_some_and(|hex| {
        !hex.bytes().any(|b| b.is_ascii_uppercase()) || !hex.bytes().any(|b| b.is_ascii_lowercase())
    });
    if one_case || checked == address {
        Ok(checked)
    } else {
        Err(malformed(
            Detail::Checksum,
            "the EIP-55 checksum is wrong",
            "",
        ))
    }
}

/// The object of `holdfast decode`.
pub fn decode_with<'py>(
    py: Python<'py>,
    request: &[u8],
    chain_id: u64,
    registry: &Registry,
    tokens: Option<&[u8]>,
    clear: Option<&Library>,
) -> PyResult<Bound<'py, PyBytes>> {
    let chain_id = ChainId::new(chain_id);
    match decode_standalone(request, chain_id, registry, tokens, clear) {
        Ok(object) => Ok(PyBytes::new(py, object.as_bytes())),
        Err(DecodeError::Malformed(error)) => Err(fault(&error)),
        Err(DecodeError::Denied(denial)) => Err(refused(denial.code, denial.text)),
    }
}

/// Splits one connection's byte stream into JSON values.
#[pyclass(module = "holdfast._core")]
pub struct Framer {
    inner: frame::Framer,
}

#[pymethods]
impl Framer {
    #[new]
    #[pyo3(signature = (max_bytes = frame::FRAME_BYTES_MAX))]
    fn new(max_bytes: usize) -> Self {
        Self {
            inner: frame::Framer::new(max_bytes),
        }
    }

    fn feed<'py>(&mut self, py: Python<'py>, data: &[u8]) -> PyResult<Vec<Bound<'py, PyBytes>>> {
        let values = self.inner.feed(data).map_err(|error| fault(&error))?;
        Ok(values.iter().map(|value| PyBytes::new(py, value)).collect())
    }

    #[getter]
    fn pending(&self) -> usize {
        self.inner.pending()
    }
}

/// One JSON-RPC call of a frame.
#[pyclass(module = "holdfast._core", frozen)]
pub struct Call {
    id_json: Option<Py<PyBytes>>,
    method: String,
    params: Py<PyBytes>,
    error: Option<(i32, String)>,
}

impl Call {
    fn new(py: Python<'_>, call: rpc::Call) -> Self {
        Self {
            id_json: call.id_json.map(|id| PyBytes::new(py, &id).unbind()),
            method: call.method,
            params: PyBytes::new(py, &call.params).unbind(),
            error: call.error,
        }
    }
}

#[pymethods]
impl Call {
    #[getter]
    fn id_json(&self, py: Python<'_>) -> Option<Py<PyBytes>> {
        self.id_json.as_ref().map(|id| id.clone_ref(py))
    }

    #[getter]
    fn method(&self) -> &str {
        &self.method
    }

    #[getter]
    fn params(&self, py: Python<'_>) -> Py<PyBytes> {
        self.params.clone_ref(py)
    }

    #[getter]
    fn error(&self) -> Option<(i32, String)> {
        self.error.clone()
    }
}

/// (is a batch, calls). Never raises: garbage is one Call with `error` and id null.
#[pyfunction]
pub fn parse_frame(py: Python<'_>, frame: &[u8]) -> (bool, Vec<Call>) {
    let (batch, calls) = rpc::parse_frame(frame);
    (
        batch,
        calls.into_iter().map(|call| Call::new(py, call)).collect(),
    )
}

/// One compact response line ending in one newline, braces inside strings escaped (viem counts
/// them).
#[pyfunction]
pub fn response_result<'py>(py: Python<'py>, id_json: &[u8], result: &[u8]) -> Bound<'py, PyBytes> {
    PyBytes::new(py, &rpc::response_result(id_json, result))
}

/// The same for an error.
#[pyfunction]
#[pyo3(signature = (id_json, code, message, data = None))]
pub fn response_error<'py>(
    py: Python<'py>,
    id_json: &[u8],
    code: i64,
    message: &str,
    data: Option<&[u8]>,
) -> Bound<'py, PyBytes> {
    PyBytes::new(py, &rpc::response_error(id_json, code, message, data))
}

/// One line with an array of responses.
#[pyfunction]
pub fn response_batch(py: Python<'_>, responses: Vec<PyBackedBytes>) -> Bound<'_, PyBytes> {
    PyBytes::new(py, &rpc::response_batch(&responses))
}
