//! How much? Named rate limits over keys, exact (GCRA) and bounded in memory.

mod limiter;
mod rule;

pub use limiter::{Clock, Limiter, OVERFLOW};
pub use rule::{Charge, KeyPart, OverQuota, Rate, RateLimit};
