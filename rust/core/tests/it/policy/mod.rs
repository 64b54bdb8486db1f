//! What a policy says, and how it is counted.

mod compare;
mod deadlines;
mod decide;
mod docs;
mod facts;
mod faults;
mod functions;
mod laws;
mod lint;
mod prices;
mod returns;
mod smoke;
mod standing;
mod stories;
mod strictness;
mod sums;
mod windows;
mod worst_case;
