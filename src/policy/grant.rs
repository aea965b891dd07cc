//! What a role may do: actions on datasource patterns.

use std::sync::Arc;

use super::condition::{InputRule, Unmet, meets};
use crate::druid::{DataSource, DataSourcePatterns};
use crate::route::Action;
use crate::spec::Spec;

/// A named set of grants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// The name that users refer to and that logs show.
    pub name: Arc<str>,
    /// What its holders may do; the union counts.
    pub grants: Vec<Grant>,
}

/// Some actions on some datasources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Each of these, and no other: `manage` does not include `read`.
    pub actions: Vec<Action>,
    /// Names or patterns; one that is `*` makes the grant cluster-wide.
    pub datasources: DataSourcePatterns,
    /// Of submissions: the types that a spec may have; `None`: those that do no more than to write
    /// the datasource that they name.
    pub task_types: Option<Vec<Arc<str>>>,
    /// Of submissions: what a spec may read from outside of Druid.
    pub inputs: Vec<InputRule>,
}

impl Grant {
    /// Has it the action?
    pub fn allows(&self, action: Action) -> bool {
        self.actions.contains(&action)
    }

    /// Is it for the datasource?
    pub fn covers(&self, datasource: &DataSource) -> bool {
        self.datasources.matches(datasource)
    }

    /// Does the spec meet the grant's conditions?
    pub(super) fn meets(&self, spec: &Spec) -> Result<(), Unmet> {
        meets(self.task_types.as_deref(), &self.inputs, spec)
    }

    /// Is this type among those that the grant names?
    pub(super) fn names(&self, type_id: &str) -> bool {
        let named = self.task_types.iter().flatten();
        named.into_iter().any(|named| **named == *type_id)
    }

    /// Is it for every datasource there may be?
    pub fn is_cluster_wide(&self) -> bool {
        self.datasources.matches_all()
    }
}
