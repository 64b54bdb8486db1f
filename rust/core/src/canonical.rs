//! Placeholder of the module `canonical`, see docs/architecture.md.
