//! Placeholder of the module `window`, see docs/architecture.md.
