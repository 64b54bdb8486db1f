//! The life of a request, and of the guardian.

mod authority;
mod batch;
mod beyond;
mod clock;
mod code;
mod contracts_seen;
mod fees_and_routes;
mod functions;
mod grants;
mod joining;
mod life;
mod load;
mod prices;
mod properties;
mod released;
mod replace;
mod standing;
mod stop;
mod summary;
