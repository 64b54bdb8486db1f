//! What is read of the state: for the operator, for the service, and for agents.

pub(in crate::guard) mod outcome;
pub(in crate::guard) mod shown;
pub(in crate::guard) mod summary;
pub(in crate::guard) mod view;
