//! # overgate
//!
//! The admission controller that Apache Druid lacks: a gateway in front of a cluster's Overlords. It
//! understands every request that crosses it, refuses what must not pass, and forwards the rest
//! byte for byte.
//!
//! **Everything that decides is a pure function.** The modules down to [`admission`] contain no
//! socket, file, clock, task or log line: the same functions serve the proxy and the commands that
//! judge offline. Around them stand the edges, where I/O lives, and the shell, which serves clients.
//! Pingora's connector dials the Overlords; what is spoken is read and written here, strictly, on
//! both sides ([`listener`], [`upstream`]). `tests/architecture.rs` holds the layers apart.
//!
//! In reading order:
//!
//! | layer | modules | may use |
//! | --- | --- | --- |
//! | words | [`druid`], [`json`], [`finding`] | each other |
//! | reading: what does the request say? | [`route`], [`certificate`], [`caller`], [`spec`] | words |
//! | judging | [`schema`], [`policy`], [`quota`], [`disclosure`] | the above, not each other |
//! | deciding | [`admission`]: the one pipeline, every check in its order | the above |
//! | edges | [`config`], [`identity`], [`upstream`], [`store`], [`telemetry`] | the above, not each other |
//! | shell | [`listener`], [`gateway`], [`admin`], [`demo`] | the above |
//! | doors | [`server`], [`cli`] | everything |
//!
//! One request's way: the [`listener`] reads a header block under a deadline and checks its bytes;
//! the [`gateway`] drives [`admission`], fetching the facts that it asks for (who it is, whose task
//! it is, the body); what is admitted carries a [`policy::Permit`], which only `policy` can make,
//! and goes to the leader that [`upstream`] knows; one [`telemetry::Outcome`] tells what became of
//! it.

pub mod admin;
pub mod admission;
pub mod caller;
pub mod certificate;
pub mod cli;
pub mod config;
pub mod demo;
pub mod disclosure;
pub mod druid;
pub mod finding;
pub mod gateway;
pub mod identity;
pub mod json;
pub mod listener;
pub mod policy;
pub mod quota;
pub mod route;
pub mod schema;
pub mod server;
pub mod spec;
pub mod store;
pub mod telemetry;
pub mod upstream;
