//! Placeholder of the module `event`, see docs/architecture.md.
