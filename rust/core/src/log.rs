//! Placeholder of the module `log`, see docs/architecture.md.
