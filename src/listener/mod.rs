//! The edge: accepted connections, header blocks under a deadline, bytes checked before anything
//! parses them.
//!
//! Pingora's own listener never times out a kept-alive connection and lets some twenty malformed
//! forms of a header through (run on 0.9.1), so the accept loop is ours: it reads a whole header
//! block, checks it with [`head::check`], and hands connection and bytes on as a session of
//! Pingora's HTTP/1 server, which never has to read a header itself.

mod accept;
mod chunks;
mod connection;
mod drain;
mod encrypted;
pub mod head;
mod slots;
mod stream;
mod tls;

pub use accept::{Arrival, Listener, Serve};
pub use connection::{EdgeRefusal, Settings, Verdict};
pub use drain::{Drain, Phase};
pub use tls::{ClientFiles, Tls, TlsError, TlsFiles};
