//! The upper bound on what one hijacked agent can move without a person.

mod attack;
mod table;
mod world;
