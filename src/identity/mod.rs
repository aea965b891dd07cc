//! Who is it? Credentials in, a principal out; passwords are checked off the request's thread.

mod argon2id;
mod basic;
mod bcrypt;
mod cache;
mod password;
mod users;

pub use argon2id::hash_password;
pub use basic::{Authenticator, Failure};
pub use password::HashError;
pub use users::{Account, InvalidUser, Users};
