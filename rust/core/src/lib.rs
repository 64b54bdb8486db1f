//! The pure core of Holdfast: strict parsing, effects, policy, limits, the state machine and the
//! evidence log.
//!
//! Nothing here reads a clock, a file, a socket or a random source; time and facts arrive as data,
//! so replaying the journal gives the same state byte for byte. There are no floats and no panics.

pub mod address;
pub mod amount;
pub mod asset;
pub mod calendar;
pub mod canonical;
pub mod chain;
pub mod clear;
pub mod code;
pub mod decode;
pub mod display;
pub mod effects;
pub mod event;
pub mod frame;
pub mod function;
pub mod guard;
pub mod json;
pub mod log;
pub mod ordered;
pub mod outcome;
pub mod policy;
pub mod protocol;
pub mod request;
pub mod rpc;
pub mod simulate;
pub mod spend;
pub mod text;
pub mod verify;
pub mod window;
