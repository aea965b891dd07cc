//! The gateway in process, before an embedded Overlord whose every state can be had at will.

#[path = "../support/mod.rs"]
mod support;

mod access;
mod bodies;
mod failover;
mod limits;
mod lists;
