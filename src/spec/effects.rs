//! What a spec does to datasources.

use crate::druid::DataSource;

/// What a submission reads, writes and occupies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Effects {
    /// Datasources that it writes.
    pub writes: Vec<DataSource>,
    /// Other datasources that it reads.
    pub reads: Vec<DataSource>,
    /// Worker slots that it will occupy at most.
    pub slots: u32,
    /// Why not all it does can be told; such a spec is for those who may do everything.
    pub opaque: Option<Opaque>,
}

/// Why a spec cannot be seen through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opaque {
    /// The type is not among those that are known.
    UnknownType,
    /// It holds a query, which can read any datasource.
    Query,
    /// It holds SQL, which the cluster runs with its own rights.
    Sql,
    /// A kind of task that only Druid's own processes submit.
    Internal,
    /// It runs inside the Overlord.
    Sampler,
}

impl Opaque {
    /// In words, for the refusal.
    pub fn reason(self) -> &'static str {
        match self {
            Opaque::UnknownType => {
                "its type is not known here, so what it reads and writes cannot be told"
            }
            Opaque::Query => "it holds a query, which can read any datasource",
            Opaque::Sql => "it holds SQL, which Druid runs with its own rights",
            Opaque::Internal => "tasks of this type are submitted by Druid's own processes",
            Opaque::Sampler => "a sampler runs inside the Overlord, with its network and its files",
        }
    }
}
