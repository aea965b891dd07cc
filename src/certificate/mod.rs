//! What certificates say: chains and keys in PEM, how long they hold, whom they name.
//!
//! Bytes in, facts out. Nothing here decides whether a certificate can be trusted: that is the
//! work of rustls, at the listener and towards the Overlords. Nothing here prints a key.

mod files;
mod fit;
mod name;
mod pem;

pub use files::Files;
pub use fit::{authorities, pair};
pub use name::{InvalidName, Name, Nameless, names};
pub use pem::{Chain, Unusable, key};
