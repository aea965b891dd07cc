//! wip
pub mod admission;
pub mod caller;
pub mod config;
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
pub mod spec;
pub mod telemetry;
pub mod upstream;
