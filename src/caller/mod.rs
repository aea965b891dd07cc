//! Who sent a request: what its headers claim, and who that turned out to be.

mod algorithm;
mod credentials;
mod principal;
mod source;

pub use algorithm::{Algorithm, UnknownAlgorithm};
pub use credentials::{Credentials, InvalidCredentials, Schemes, is_key};
pub use principal::Principal;
pub use source::{Network, Source};
