//! The second, naive implementation of the policy, and the worlds both decide in.

pub mod naive;
pub mod world;
