//! What a spec does: to datasources, and outside of Druid.

use crate::druid::DataSource;

/// What a submission reads, writes and occupies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Effects {
    /// Datasources that it writes.
    pub writes: Vec<DataSource>,
    /// Datasources that it reads; one that it writes too if it is named as an input.
    pub reads: Vec<DataSource>,
    /// What it reads from outside of Druid.
    pub inputs: Vec<Input>,
    /// Worker slots that it will occupy at most. `None`: they cannot be told.
    pub slots: Option<u32>,
    /// Why not all it does can be told; such a spec takes a grant that says so.
    pub opaque: Option<Opaque>,
    /// Does its type do no more than to write its datasource, so that a grant need not name it?
    pub is_plain: bool,
}

/// An input from outside of Druid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// The input source's type; of a stream its supervisor's.
    pub type_id: String,
    /// The hosts that it reaches, in small letters, without their ports.
    pub hosts: Vec<String>,
    /// The buckets that it reaches; of `azureStorage` the account, a slash and the container.
    pub buckets: Vec<String>,
    /// The files and objects that it reaches.
    pub paths: Vec<Place>,
    /// Do the three lists hold all that it reaches?
    pub is_told: bool,
}

/// A file, a folder or an object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// As it is written; an object's without a slash before it.
    pub text: String,
    /// Is everything meant that begins so?
    pub is_prefix: bool,
}

/// Why a spec cannot be seen through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opaque {
    /// The type is not among those that are known.
    UnknownType,
    /// It holds a query that is not understood.
    Query,
    /// It holds SQL that is not understood.
    Sql,
    /// It holds an input source that is not understood.
    Input,
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
            Opaque::Query => {
                "it holds a query that is not understood, which can read any datasource"
            }
            Opaque::Sql => {
                "it holds SQL that is not understood, which Druid runs with its own rights"
            }
            Opaque::Input => {
                "it holds an input source that is not understood, so what it reads cannot be told"
            }
            Opaque::Internal => "tasks of this type are submitted by Druid's own processes",
            Opaque::Sampler => "a sampler runs inside the Overlord, with its network and its files",
        }
    }
}
