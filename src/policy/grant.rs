//! What a role may do: actions on datasource patterns.

use std::sync::Arc;

use crate::druid::{DataSource, DataSourcePattern};
use crate::route::Action;

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
    /// Names or patterns; `*` alone makes the grant cluster-wide.
    pub datasources: Vec<DataSourcePattern>,
}

impl Grant {
    pub(super) fn allows(&self, action: Action) -> bool {
        self.actions.contains(&action)
    }

    pub(super) fn covers(&self, datasource: &DataSource) -> bool {
        self.datasources
            .iter()
            .any(|pattern| pattern.matches(datasource))
    }

    pub(super) fn is_cluster_wide(&self) -> bool {
        self.datasources.iter().any(DataSourcePattern::matches_all)
    }
}
