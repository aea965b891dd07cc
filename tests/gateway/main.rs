//! The gateway in process, before an embedded Overlord whose every state can be had at will.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test reads files and the clock, and prints what it measured"
)]

#[path = "../support/mod.rs"]
mod support;

mod access;
mod access_log;
mod bodies;
mod certificates;
mod failover;
mod flood;
mod ids;
mod limits;
mod lists;
mod load;
mod logins;
mod quotas;
mod secrets;
mod sharing;
mod store;
