//! Errors of the core as Python exceptions. `args` starts with the code of the closed list in
//! docs/policy/codes.md.

use holdfast_core::code::{Closed, Code, Detail};
use pyo3::create_exception;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

create_exception!(
    holdfast._core,
    HoldfastError,
    PyValueError,
    "Refused by the core: `args` is `(code, text)`, code from the closed list in docs/policy/codes.md."
);
create_exception!(
    holdfast._core,
    MalformedError,
    HoldfastError,
    "Input that is not what it must be: `args` is `(code, text, path)`."
);
create_exception!(
    holdfast._core,
    PolicyError,
    HoldfastError,
    "A policy file with faults: `args` is `(code, text, faults)`."
);

/// `HoldfastError(code, text)`.
pub fn refused(code: Code, text: impl ToString) -> PyErr {
    HoldfastError::new_err((code.as_str(), text.to_string()))
}

/// `MalformedError(code, text, path)`.
pub fn malformed(code: impl Closed, text: impl ToString, path: &str) -> PyErr {
    MalformedError::new_err((code.as_str(), text.to_string(), path.to_owned()))
}

/// Bytes of a fixed length, or an error that names what they should have been.
pub fn fixed<const N: usize>(bytes: &[u8], what: &str) -> PyResult<[u8; N]> {
    bytes.try_into().map_err(|_| {
        malformed(
            Detail::Length,
            format!("{what} must have {N} bytes, this has {}", bytes.len()),
            what,
        )
    })
}
