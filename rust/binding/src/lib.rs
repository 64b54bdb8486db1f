//! The Python face of the core: conversions only, no decisions. The types are written down in
//! `python/holdfast/_core.pyi`, which is checked by stubtest.

mod applied;
mod clear;
mod constants;
mod errors;
mod evidence;
mod facts;
mod guard;
mod input;
mod order;
mod order_inputs;
mod policy;
mod request;

use pyo3::pymodule;

/// The Rust core.
#[pymodule]
mod _core {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::errors::{HoldfastError, MalformedError, PolicyError};
    #[pymodule_export]
    use crate::evidence::{
        checkpoint_body, ed25519_verify, open_note, signed_note, verify_commit,
        verify_operator_command, CommitKey, LogTree,
    };
    #[pymodule_export]
    use crate::input::{
        canonical_json, checksum_address, display_safe, parse_frame, response_batch,
        response_error, response_result, Call, Framer,
    };

    #[pymodule_export]
    use crate::applied::{event_severity, Applied, Event};
    #[pymodule_export]
    use crate::clear::ClearSigning;
    #[pymodule_export]
    use crate::constants::codes;
    #[pymodule_export]
    use crate::facts::{AuthoriseFacts, Facts, Simulated};
    #[pymodule_export]
    use crate::guard::Guard;
    #[pymodule_export]
    use crate::order::{typed_data_digest, UnsignedTransaction};
    #[pymodule_export]
    use crate::order_inputs::OrderInputs;
    #[pymodule_export]
    use crate::policy::{
        check_policy, compare_policies, decode, decode_again, key_places, policy_changes,
        policy_explained, policy_worst_case, prepare_policy, PolicyInForce, PreparedPolicy,
        Simulator,
    };
    #[pymodule_export]
    use crate::request::{Outcome, RequestState};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        crate::constants::add(module)
    }

    #[pymodule_export]
    #[allow(non_upper_case_globals)]
    const __version__: &str = env!("CARGO_PKG_VERSION");
}
