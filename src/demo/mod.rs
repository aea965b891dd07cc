//! An Overlord in memory: for the demonstration, and for tests that need one whose every state can
//! be had at will.
//!
//! It answers Druid 28.0.0's Overlord API as the real one was recorded to answer: statuses, headers
//! and their order, bodies, the redirects of followers and the pages of an election. Tasks are
//! simulated: they wait for one of a few slots, run for a time by the clock that is handed in, and
//! end. A [`Cluster`] keeps tasks and supervisors, as Druid's metadata store does; each [`Node`]
//! serves it on an address of its own, in a [`Role`] that may change at any time, and with the
//! [`Fault`]s that a test asks for.
//!
//! A task's context may say how its simulation goes: `"simulate": "failed"` lets it fail,
//! `"simulateRunTime"` is how long it runs in milliseconds (a `noop` has its `runTime`),
//! `"simulateLogBytes"` the length of its log (4,096 unless it says so, at most 1 GiB).
//!
//! What it does not do: it reads specs with Jackson's rules but not with Druid's classes, so most
//! of what Druid's constructors refuse is accepted; it runs a submission when its body is complete,
//! not when its JSON is; it inflates no bodies, compresses no answers, reads UTF-8 only, prints no
//! stack traces, and keeps nothing.

mod answer;
mod api;
mod cluster;
mod faults;
mod jackson;
mod lists;
mod media;
mod node;
mod payload;
mod spec;
mod stream;
mod supervisors;
mod target;
mod task;
mod tour;
mod typed;
mod value;
mod workers;

#[cfg(test)]
mod tests;

pub use cluster::{Clock, Cluster, Settings};
pub use faults::{Fault, Received, Role};
pub use node::Node;
pub use tour::{Before, STOPS, Seen, Stop, TourError};
