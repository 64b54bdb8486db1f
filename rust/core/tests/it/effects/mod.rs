//! What comes in, and what it does to the wallet.

mod abi_identity;
mod call_laws;
mod calls;
mod corpus;
mod docs;
mod encoding_identity;
mod exact_integers;
mod not_shown;
mod parts;
mod properties;
mod requests;
mod sign_in;
mod smoke;
mod table;
mod typed_effects;
mod unchanged;
mod universal_router;
