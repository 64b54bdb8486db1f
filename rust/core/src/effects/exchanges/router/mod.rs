//! Value on its way through a router: what several calls of one transaction do together.

pub(in crate::effects) mod flow;
pub(in crate::effects) mod multicall;
mod summary;
