//! Placeholder of the module `rpc`, see docs/architecture.md.
