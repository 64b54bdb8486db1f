//! What changes the state: each command reads it, decides, and gives the events.

pub(in crate::guard) mod authorise;
pub(in crate::guard) mod authority;
pub(in crate::guard) mod freeze;
pub(in crate::guard) mod lifecycle;
pub(in crate::guard) mod operator;
pub(in crate::guard) mod operator_chain;
pub(in crate::guard) mod operator_grants;
pub(in crate::guard) mod replace;
pub(in crate::guard) mod signing;
pub(in crate::guard) mod submit;
pub(in crate::guard) mod submit_signed;
