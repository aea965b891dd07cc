//! An Overlord in memory: for the demonstration, and for tests that need one whose every state can
//! be had at will.
//!
//! It answers Druid 28.0.0's Overlord API as the real one was recorded to answer: statuses, bodies,
//! content types, the redirects of followers and the pages of an election. Tasks are simulated:
//! they wait for one of a few slots, run for a time, and end. What it does not do: it reads specs
//! leniently like Druid but not with Druid's classes, so most of what Druid's constructors refuse
//! is accepted; it inflates no bodies, compresses no answers, and keeps nothing.

mod answer;
mod api;
mod cluster;
mod lists;
mod node;
mod supervisors;
mod target;
mod task;
mod tour;

pub use cluster::{Cluster, Settings};
pub use node::{Fault, Node, Received, Role};
pub use tour::{Before, STOPS, Seen, Stop, TourError};
