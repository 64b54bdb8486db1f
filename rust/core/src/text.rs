//! Placeholder of the module `text`, see docs/architecture.md.
