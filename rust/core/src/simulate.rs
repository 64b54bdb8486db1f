//! Placeholder of the module `simulate`, see docs/architecture.md.
