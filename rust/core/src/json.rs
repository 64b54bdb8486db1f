//! Placeholder of the module `json`, see docs/architecture.md.
