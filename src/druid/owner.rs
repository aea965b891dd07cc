//! Whom a task or a supervisor belongs to.

use super::DataSource;

/// The datasources of something that exists in the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// These; at least one.
    DataSources(Vec<DataSource>),
    /// It exists, and its datasource cannot be told or has no name that a grant could cover: it
    /// is for those who may touch everything.
    Unnamed,
}
