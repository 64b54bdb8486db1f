//! The tests of the core through its public face: one binary, so that the core is linked once.
//!
//! `memory.rs` is a binary of its own, because it counts in an allocator of its own.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod chain;
mod clear;
mod codes;
mod effects;
mod guard;
mod laws;
mod layers;
mod log;
mod outcome;
mod policy;
mod replay;
mod support;
