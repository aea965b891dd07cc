//! Who is it? Credentials in, a principal out; passwords are checked off the request's thread.

mod basic;
mod cache;
mod certificate;
mod password;

pub use basic::{Authenticator, Failure, InvalidUser, Users};
pub use certificate::Certificates;
pub use password::{HashError, hash_password};
