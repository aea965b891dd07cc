//! Who is it? Credentials in, a principal out; passwords are checked off the request's thread.
//!
//! [`Users`] is what one configuration knows; the [`Authenticator`] outlives it and remembers what
//! came of earlier logins.

mod api_key;
mod argon2id;
mod authenticator;
mod back_off;
mod basic;
mod bcrypt;
mod cache;
mod certificate;
mod password;
mod recent;
mod token;
mod users;

pub use api_key::api_key;
pub use argon2id::hash_password;
pub use authenticator::{Authenticator, Clock, Failure};
pub use certificate::Certificates;
pub use password::HashError;
pub use token::{Address, CaError, InvalidIssuer, InvalidKeys, IssuerSettings, Issuers, Keys};
pub use users::{Account, InvalidUser, Users};
