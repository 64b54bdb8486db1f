//! Placeholder of the module `frame`, see docs/architecture.md.
