//! What is read of the state: for the operator, for the service, and for agents.

pub(in crate::guard) mod grants;
pub(in crate::guard) mod order_inputs;
pub(in crate::guard) mod outcome;
pub(in crate::guard) mod progress;
mod readings;
pub(in crate::guard) mod request;
pub(in crate::guard) mod sender;
pub(in crate::guard) mod shown;
pub(in crate::guard) mod status;
pub(in crate::guard) mod summary;
