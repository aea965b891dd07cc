//! Why, and why not: for each thing that a request needs, how every grant of its sender stands to
//! it. The decision itself asks the same of the same grants and stops at the first that serves.

use std::sync::Arc;

use super::condition::Unmet;
use super::grant::Grant;
use super::need::{Lack, Need, Object};
use super::{PolicySet, Scope};
use crate::caller::Principal;
use crate::druid::DataSource;
use crate::route::Action;
use crate::spec::{Opaque, Spec};

/// One thing that a request needs, and whether it may have it.
#[derive(Debug, Clone)]
pub struct Reason<'p> {
    /// The action.
    pub action: Action,
    /// On what.
    pub on: On,
    /// Every grant of the principal, in the order in which they are asked.
    pub grants: Vec<Standing<'p>>,
}

/// What an action is done to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum On {
    /// Whatever there is: any grant with the action will do.
    Anything,
    /// Nothing is named, which nobody may.
    Nothing,
    /// A datasource.
    DataSource(DataSource),
    /// Every datasource: the cluster as a whole.
    Cluster,
    /// Whatever the spec does, which cannot be seen through.
    Opaque(Opaque),
}

/// How a grant stands to a need.
#[derive(Debug, Clone)]
pub struct Standing<'p> {
    /// The role that has it.
    pub role: &'p Arc<str>,
    /// Its place in the role, from 1.
    pub number: usize,
    /// The grant.
    pub grant: &'p Grant,
    /// What it lacks; `None`: it serves.
    pub lack: Option<Lack>,
    /// A condition that is not met and does not bind, since the principal administers the cluster.
    pub waived: Option<Unmet>,
}

impl<'p> Reason<'p> {
    /// The grant that allows it: the first that serves.
    pub fn by(&self) -> Option<&Standing<'p>> {
        self.grants.iter().find(|standing| standing.lack.is_none())
    }

    /// Is there one?
    pub fn allows(&self) -> bool {
        self.by().is_some()
    }

    /// Grants that lack one thing only, the nearest first: a condition, then the action on this
    /// very datasource, then the datasource.
    pub fn near(&self) -> Vec<&Standing<'p>> {
        let covers = |grant: &Grant| match &self.on {
            On::DataSource(datasource) => grant.covers(datasource),
            On::Cluster | On::Opaque(_) => grant.is_cluster_wide(),
            On::Anything | On::Nothing => false,
        };
        let distance = |standing: &Standing<'_>| match standing.lack.as_ref()? {
            Lack::Condition(_) => Some(0),
            Lack::Action if covers(standing.grant) => Some(1),
            Lack::Action => None,
            Lack::DataSource | Lack::Cluster => Some(2),
        };
        let mut near: Vec<_> = self
            .grants
            .iter()
            .filter_map(|standing| Some((distance(standing)?, standing)))
            .collect();
        near.sort_by_key(|(distance, _)| *distance);
        near.into_iter().map(|(_, standing)| standing).collect()
    }
}

impl PolicySet {
    /// All that [`PolicySet::authorize`] asks for. It permits if, and only if, every reason allows.
    pub fn reasons<'p>(
        &'p self,
        principal: &Principal,
        action: Action,
        scope: Scope<'_>,
    ) -> Vec<Reason<'p>> {
        scope
            .needs(action)
            .map(|need| self.reason(principal, need))
            .collect()
    }

    /// All that [`PolicySet::authorize_submission`] asks for, likewise.
    pub fn reasons_to_submit<'p>(&'p self, principal: &Principal, spec: &Spec) -> Vec<Reason<'p>> {
        let needs = self.needs(principal, spec).into_iter();
        needs.map(|need| self.reason(principal, need)).collect()
    }

    /// What [`PolicySet::standing`] asks for.
    pub fn reason_to_ask<'p>(&'p self, principal: &Principal, action: Action) -> Reason<'p> {
        let object = Object::Anything;
        self.reason(principal, Need { action, object })
    }

    fn reason<'p>(&'p self, principal: &Principal, need: Need<'_>) -> Reason<'p> {
        let (on, submission) = match need.object {
            Object::Anything => (On::Anything, None),
            Object::Nothing => (On::Nothing, None),
            Object::DataSource(datasource) => (On::DataSource(datasource.clone()), None),
            Object::Cluster => (On::Cluster, None),
            Object::Written(datasource, submission) => {
                (On::DataSource(datasource.clone()), Some(submission))
            }
            Object::Opaque(submission) => {
                let opaque = submission.spec.effects.opaque;
                (opaque.map_or(On::Nothing, On::Opaque), Some(submission))
            }
        };
        let roles = principal.roles().iter();
        let roles = roles.filter_map(|name| self.roles.get(name));
        let grants = roles.flat_map(|role| {
            let grants = role.grants.iter().enumerate();
            grants.map(move |(index, grant)| (&role.name, index + 1, grant))
        });
        let standing = |(role, number, grant)| {
            let lack = need.is_served_by(grant).err();
            let waived = submission.filter(|_| lack.is_none());
            Standing {
                role,
                number,
                grant,
                lack,
                waived: waived.and_then(|submission| submission.unmet(grant)),
            }
        };
        Reason {
            action: need.action,
            on,
            grants: grants.map(standing).collect(),
        }
    }
}
