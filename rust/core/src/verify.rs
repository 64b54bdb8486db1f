//! Placeholder of the module `verify`, see docs/architecture.md.
