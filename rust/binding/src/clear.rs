//! Clear-signing descriptors.

use holdfast_core::clear::Library;
use pyo3::prelude::*;

/// ERC-7730 descriptors, compiled once; display only.
#[pyclass(module = "holdfast._core", frozen)]
pub struct ClearSigning {
    library: Library,
    faults: Vec<(String, String)>,
}

impl ClearSigning {
    pub fn library(&self) -> &Library {
        &self.library
    }
}

#[pymethods]
impl ClearSigning {
    #[new]
    fn new(py: Python<'_>, files: Vec<(String, Vec<u8>)>) -> Self {
        let (library, faults) = py.detach(|| Library::load(&files));
        let faults = faults.into_iter().map(|fault| (fault.path, fault.text));
        Self {
            library,
            faults: faults.collect(),
        }
    }

    fn __len__(&self) -> usize {
        self.library.len()
    }

    #[getter]
    fn faults(&self) -> Vec<(String, String)> {
        self.faults.clone()
    }
}
