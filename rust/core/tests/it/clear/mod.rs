//! Descriptors of ERC-7730.

mod binding;
mod formats;
mod hostile;
mod signing;
