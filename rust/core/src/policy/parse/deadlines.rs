//! Faults of `deadline_within` and `deadline_beyond` in one table.

use super::reader::{Reader, Section};
use crate::code::PolicyCode;
use crate::policy::conditions::{Condition as _, Conditions, DeadlineBeyond};

/// Notes that no deadline can fit both.
pub(super) fn check_deadlines(
    reader: &mut Reader<'_>,
    section: Section<'_>,
    conditions: &Conditions,
) {
    let bounds = conditions.deadline_within.as_ref();
    let Some((most, least)) = bounds.zip(conditions.deadline_beyond.as_ref()) else {
        return;
    };
    let at = section.table.get(DeadlineBeyond::KEY);
    if let Some(at) = at.filter(|_| most.0 <= least.0) {
        let text = "no deadline is within the one time and beyond the other";
        let hint = "write a shorter `deadline_beyond`, or leave one out";
        reader.fault(at.span().start, PolicyCode::Conflict, text, hint);
    }
}
