//! Who sent a request: what its headers claim, and who that turned out to be.

mod credentials;
mod principal;
mod source;

pub use credentials::{Credentials, InvalidCredentials};
pub use principal::Principal;
pub use source::Source;
