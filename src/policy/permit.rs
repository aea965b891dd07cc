//! The proof that something may be done, and its absence.

use std::sync::Arc;

use super::condition::Unmet;
use crate::druid::DataSource;
use crate::route::Action;

/// Proof that a principal may do an action. Only `policy` makes one; forwarding takes one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Permit {
    role: Arc<str>,
    action: Action,
    datasources: Vec<DataSource>,
}

impl Permit {
    pub(super) fn new(role: Arc<str>, action: Action, datasources: Vec<DataSource>) -> Permit {
        Permit {
            role,
            action,
            datasources,
        }
    }

    /// The role whose grant allowed it: the rule that the access log names.
    pub fn role(&self) -> &Arc<str> {
        &self.role
    }

    /// What was allowed.
    pub fn action(&self) -> Action {
        self.action
    }

    /// The datasources it covers; empty where the permit is for the cluster or for filtered lists.
    pub fn datasources(&self) -> &[DataSource] {
        &self.datasources
    }
}

/// No grant covers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// What was asked for.
    pub action: Action,
    /// The datasource that no grant covers; `None` when the cluster was meant, or anything at all.
    pub datasource: Option<DataSource>,
    /// The condition that a grant has which covers it.
    pub unmet: Option<Unmet>,
}

impl Denial {
    /// Nothing with this action covers the datasource, or the cluster.
    pub(super) fn of(action: Action, datasource: Option<DataSource>) -> Denial {
        Denial {
            action,
            datasource,
            unmet: None,
        }
    }
}
