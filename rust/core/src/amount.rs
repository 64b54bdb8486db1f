//! Placeholder of the module `amount`, see docs/architecture.md.
