//! Druid's words as types that cannot hold a wrong value: names, ids, patterns, versions.

mod name;
mod owner;
mod pattern;
mod patterns;
mod version;

pub use name::{DataSource, InvalidName, SupervisorId, TaskId};
pub use owner::Owner;
pub use pattern::{DataSourcePattern, InvalidPattern, matches_pattern};
pub use patterns::{DataSourcePatterns, Overrides};
pub use version::{DruidVersion, InvalidVersion};
