//! The Merkle log, checkpoints and signature checks, for verification offline.

use holdfast_core::code::Code;
use holdfast_core::log::{self, CompactRange};
use holdfast_core::verify;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;

use crate::errors::{fixed, refused};

/// RFC 6962 tree over records, for verification offline.
#[pyclass(module = "holdfast._core")]
pub struct LogTree {
    range: CompactRange,
}

#[pymethods]
impl LogTree {
    #[new]
    fn new() -> Self {
        Self {
            range: CompactRange::new(),
        }
    }

    /// The tree that a compact range (`Guard.log_range`, `LogTree.range`) stands for.
    #[staticmethod]
    fn restore(compact: &[u8]) -> PyResult<Self> {
        let range = CompactRange::from_bytes(compact)
            .ok_or_else(|| refused(Code::RangeMalformed, "this is no compact range of a log"))?;
        Ok(Self { range })
    }

    fn extend(&mut self, py: Python<'_>, records: Vec<PyBackedBytes>) {
        let range = &mut self.range;
        py.detach(|| records.iter().for_each(|record| range.append(record)));
    }

    #[getter]
    fn size(&self) -> u64 {
        self.range.size()
    }

    #[getter]
    fn root<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.range.root())
    }

    #[getter]
    fn range<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.range.to_bytes())
    }
}

/// The key of one run, which proves every commit. Its seed never leaves it.
#[pyclass(module = "holdfast._core")]
pub struct CommitKey {
    inner: log::CommitKey,
}

#[pymethods]
impl CommitKey {
    #[new]
    fn new(origin: String, seed: &[u8]) -> PyResult<Self> {
        let seed = fixed::<32>(seed, "seed")?;
        Ok(Self {
            inner: log::CommitKey::new(origin, &seed),
        })
    }

    #[getter]
    fn public_key<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.inner.public_key())
    }

    /// Keeps the interpreter: it takes less time than to get it back.
    fn sign<'py>(&self, py: Python<'py>, size: u64, root: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
        let root = fixed::<32>(root, "root")?;
        Ok(PyBytes::new(py, &self.inner.sign(size, &root)))
    }
}

/// False for anything that is not this session key's signature over this commit.
#[pyfunction]
pub fn verify_commit(
    origin: &str,
    public_key: &[u8],
    size: u64,
    root: &[u8],
    signature: &[u8],
) -> bool {
    match (public_key.try_into(), root.try_into(), signature.try_into()) {
        (Ok(key), Ok(root), Ok(signature)) => {
            log::verify_commit(origin, key, size, root, signature)
        }
        _ => false,
    }
}

/// The C2SP checkpoint text that is signed.
#[pyfunction]
pub fn checkpoint_body<'py>(
    py: Python<'py>,
    origin: &str,
    size: u64,
    root: &[u8],
) -> PyResult<Bound<'py, PyBytes>> {
    let root = fixed::<32>(root, "root")?;
    Ok(PyBytes::new(
        py,
        log::checkpoint_body(origin, size, &root).as_bytes(),
    ))
}

/// C2SP signed note of one ed25519 signature over `body`.
#[pyfunction]
pub fn signed_note<'py>(
    py: Python<'py>,
    body: &[u8],
    key_name: &str,
    public_key: &[u8],
    signature: &[u8],
) -> PyResult<Bound<'py, PyBytes>> {
    let key = fixed::<32>(public_key, "public_key")?;
    let signature = fixed::<64>(signature, "signature")?;
    let body = std::str::from_utf8(body)
        .map_err(|_| refused(Code::NoteMalformed, "the text of a note is UTF-8"))?;
    let note = log::signed_note(body, key_name, &key, &signature)
        .map_err(|error| refused(error.code(), error))?;
    Ok(PyBytes::new(py, note.as_bytes()))
}

/// Verified (origin, size, root). Raises HoldfastError (`note_*`).
#[pyfunction]
pub fn open_note<'py>(
    py: Python<'py>,
    note: &[u8],
    key_name: &str,
    public_key: &[u8],
) -> PyResult<(String, u64, Bound<'py, PyBytes>)> {
    let key = fixed::<32>(public_key, "public_key")?;
    let opened =
        log::open_note(note, key_name, &key).map_err(|error| refused(error.code(), error))?;
    Ok((opened.origin, opened.size, PyBytes::new(py, &opened.root)))
}

/// False for anything that is not a good signature, wrong lengths included.
#[pyfunction]
pub fn ed25519_verify(public_key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    match (public_key.try_into(), signature.try_into()) {
        (Ok(key), Ok(signature)) => verify::ed25519(key, message, signature),
        _ => false,
    }
}

/// Whether an operator's key signed this command payload.
#[pyfunction]
pub fn verify_operator_command(public_key: &[u8], payload: &str, signature: &[u8]) -> bool {
    match (public_key.try_into(), signature.try_into()) {
        (Ok(key), Ok(signature)) => verify::operator_command(key, payload.as_bytes(), signature),
        _ => false,
    }
}
