//! Journals that are read again.

mod fuzz;
mod strict;
