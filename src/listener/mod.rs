//! The edge: accepted connections, header blocks under a deadline, every byte of them checked.
//!
//! Pingora's own listener never times out a kept-alive connection, lets some twenty malformed forms
//! of a header through (run on 0.9.1), and its HTTP/1 session parses a second time what had to be
//! checked before, into two maps: a sixth of what a small request cost. So accept loop, check and
//! session are ours: a whole header block is read and checked with `head::check`, and handed on as
//! a [`Session`], which reads the body and writes the answer.

mod accept;
mod chunks;
mod connection;
mod date;
mod drain;
mod head;
mod request;
mod session;
mod slots;
mod tls;

pub use accept::{Arrival, Listener, Serve};
pub use connection::{EdgeRefusal, Settings, Verdict};
pub use drain::{Drain, Phase};
pub use head::{Framing, Limits, Refused};
pub use request::Request;
pub use session::{Length, Session};
pub use tls::{ClientFiles, Tls, TlsError, TlsFiles};
