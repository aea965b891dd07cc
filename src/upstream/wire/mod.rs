//! HTTP/1.1 towards an Overlord: one whole request at a time over a connection of Pingora's
//! connector, and its answer in the four framings that there are (RFC 9112, section 6.3).
//!
//! Asking over Pingora's own client session was a quarter of what a small request cost: it is made
//! for any proxy, and its pool has a task for each connection that waits (docs/performance.md). What two
//! parsers could frame differently ends the exchange here, and its connection with it.

mod chunked;
mod connection;
mod head;
mod pool;

pub(super) use connection::Connection;
pub use connection::WireError;
pub use head::Head;
pub(super) use head::write as request_head;
pub(super) use pool::Pool;

/// An answer that is not HTTP/1.1 as it must be, in words that show nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(&'static str);
