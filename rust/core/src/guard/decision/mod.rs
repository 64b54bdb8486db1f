//! From a call to its verdict, its record and its answer.

pub(in crate::guard) mod answer;
pub(in crate::guard) mod decision_record;
pub(in crate::guard) mod dedup;
pub(in crate::guard) mod evaluate;
pub(in crate::guard) mod facts_record;
pub(in crate::guard) mod shorten;
