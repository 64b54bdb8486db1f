//! Policy: model, compile, decide.

mod verdict;

pub use verdict::{Decision, Reason, Reservation, Verdict};
