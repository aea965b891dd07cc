//! How much? Rate limits over named keys, exact (GCRA) and bounded in memory, and the number of
//! tasks that may live at once.
//!
//! A request's [`Facts`] make [`Draw`]s, one for each bucket; [`Limiter::take`] takes them all or
//! none and gives a [`Charge`], which can be given back when Druid did not take what was paid for.
//! [`LiveTasks`] counts what the Overlord says is alive, and what was admitted since it said so.

mod cell;
mod charge;
mod limiter;
mod live;
mod rule;
mod rules;

pub use cell::Numbers;
pub use charge::{Charge, Drawn, Keeper, Level, Over, OverQuota, Receipt, Reply, Said};
pub use limiter::{Clock, Fullness, Limiter, OVERFLOW};
pub use live::{
    Full, Group, LiveDraw, LiveHold, LiveOver, LiveQuota, LiveTask, LiveTasks, Occupies, Per, Share,
};
pub use rule::{Cost, Draw, Facts, Holds, InvalidRate, KeyPart, Rate, RateLimit};
pub use rules::{LiveQuotas, RateLimits};
