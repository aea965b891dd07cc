//! How many tasks live: what the Overlord's list says, and what was admitted since it said so.
//!
//! The list shows every task, whoever submitted it. It is a moment old, so what was admitted here is
//! counted from the moment of its admission until a list that was asked for after Druid's answer
//! has come: from then on the list knows.

use std::collections::BTreeMap;
use std::sync::Arc;

mod count;
mod state;

pub use count::{Full, LiveHold, LiveTasks};

use super::rule::{Cost, Facts, Holds};
use crate::druid::{DataSource, DataSourcePatterns, Overrides};

/// What has a quota of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Per {
    /// All together.
    All,
    /// Each datasource.
    DataSource,
    /// Each of these roles: the tasks of the datasources that it may submit to, whoever did.
    Role(BTreeMap<Arc<str>, DataSourcePatterns>),
}

/// A quota of live tasks as configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveQuota {
    /// Its name.
    pub name: Arc<str>,
    /// What has a quota of its own.
    pub per: Per,
    /// The datasources whose tasks count; empty: any.
    pub datasources: DataSourcePatterns,
    /// The types of tasks that count, as the Overlord lists them; empty: any.
    pub task_types: Vec<String>,
    /// Tasks, or the slots that they occupy.
    pub count: Cost,
    /// So many may live.
    pub most: u32,
    /// Datasources with a number of their own: the first that fits counts.
    pub overrides: Overrides<u32>,
    /// Does it refuse?
    pub holds: Holds,
}

/// What a quota is counted over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Group {
    /// All tasks.
    All,
    /// Those of a datasource.
    DataSource(DataSource),
    /// Those of a role's datasources.
    Role(Arc<str>),
}

/// What a submission wants of a quota.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveDraw {
    /// The quota.
    pub quota: Arc<LiveQuota>,
    /// What it is counted over.
    pub group: Group,
    /// So many may live.
    pub most: u32,
    /// So many more would.
    pub want: u32,
    /// Does the quota refuse this submission?
    pub holds: Holds,
}

/// What a submission will bring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Occupies {
    /// The datasource that it writes.
    pub datasource: Option<DataSource>,
    /// The type of its tasks, as the Overlord lists them.
    pub task_type: String,
    /// Tasks.
    pub tasks: u32,
    /// Slots, its sub-tasks' included.
    pub slots: u32,
    /// The supervisor whose tasks they are: those of it that live already are among them, and it
    /// starts them in its own time.
    pub supervisor: Option<String>,
}

impl Occupies {
    fn of(&self, count: Cost) -> u32 {
        match count {
            Cost::Request => self.tasks,
            Cost::Slots => self.slots,
        }
    }
}

/// A live task, as the Overlord lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveTask {
    /// Its id.
    pub id: String,
    /// The id of the task that started it, or its own, or a supervisor's name.
    pub group: String,
    /// Its type.
    pub task_type: String,
    /// What it writes.
    pub datasource: String,
}

/// Too many live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveOver {
    /// Tasks or slots?
    pub count: Cost,
    /// So many live.
    pub used: u32,
    /// So many may.
    pub most: u32,
    /// So many more were wanted.
    pub want: u32,
    /// Who uses most.
    pub shares: Vec<Share>,
}

/// A part of what lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// Whose tasks. `None`: a name that no datasource has here.
    pub datasource: Option<DataSource>,
    /// Their type.
    pub task_type: String,
    /// How many, in tasks or slots.
    pub used: u32,
}

impl LiveQuota {
    /// What a submission wants of it: nothing, or a part of one group for each datasource that it
    /// writes.
    pub fn draws(self: &Arc<Self>, facts: &Facts<'_>, occupies: &Occupies) -> Vec<LiveDraw> {
        if !self.counts_type(&occupies.task_type) {
            return Vec::new();
        }
        let counted = |datasource: &&DataSource| self.counts_datasource(Some(datasource));
        let written: Vec<&DataSource> = facts.datasources.iter().filter(counted).collect();
        // What names no datasource counts where any does.
        if written.is_empty() && !(facts.datasources.is_empty() && self.datasources.is_empty()) {
            return Vec::new();
        }
        let groups = match &self.per {
            Per::All => vec![Group::All],
            Per::DataSource => written
                .iter()
                .map(|datasource| Group::DataSource((*datasource).clone()))
                .collect(),
            Per::Role(roles) => match roles.contains_key(facts.role) {
                true => vec![Group::Role(facts.role.clone())],
                false => Vec::new(),
            },
        };
        let draw = |group: Group| {
            let most = self.most_for(match &group {
                Group::DataSource(datasource) => Some(datasource),
                Group::All | Group::Role(_) => None,
            });
            // Never nothing: what cannot be told counts as all that may live.
            let want = match (self.count, facts.slots) {
                (Cost::Request, None) if occupies.supervisor.is_some() => most,
                (Cost::Request, _) => occupies.tasks,
                (Cost::Slots, Some(_)) => occupies.slots,
                (Cost::Slots, None) => most,
            };
            LiveDraw {
                quota: self.clone(),
                group,
                most,
                want,
                holds: self.holds,
            }
        };
        groups.into_iter().map(draw).collect()
    }

    /// So many may live of a datasource.
    pub fn most_for(&self, datasource: Option<&DataSource>) -> u32 {
        let own = datasource.and_then(|datasource| self.overrides.get(datasource));
        own.copied().unwrap_or(self.most)
    }

    fn counts_type(&self, task_type: &str) -> bool {
        self.task_types.is_empty() || self.task_types.iter().any(|counted| counted == task_type)
    }

    fn counts_datasource(&self, datasource: Option<&DataSource>) -> bool {
        self.datasources.is_empty() || is_among(&self.datasources, datasource)
    }
}

fn is_among(patterns: &DataSourcePatterns, datasource: Option<&DataSource>) -> bool {
    match datasource {
        Some(datasource) => patterns.matches(datasource),
        None => patterns.matches_all(),
    }
}

impl LiveDraw {
    /// Does a task of this datasource count here?
    fn counts(&self, datasource: Option<&DataSource>) -> bool {
        self.quota.counts_datasource(datasource)
            && match (&self.group, &self.quota.per) {
                (Group::All, _) => true,
                (Group::DataSource(own), _) => datasource == Some(own),
                (Group::Role(role), Per::Role(roles)) => {
                    let own = roles.get(role);
                    own.is_some_and(|patterns| is_among(patterns, datasource))
                }
                (Group::Role(_), Per::All | Per::DataSource) => false,
            }
    }
}
