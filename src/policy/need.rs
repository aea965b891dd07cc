//! What a request needs, one thing at a time, and how a grant stands to each: the one place where a
//! grant is held against a request. A decision looks for the first grant that serves; an explanation
//! tells what every grant lacks.

use super::condition::Unmet;
use super::grant::Grant;
use super::permit::Denial;
use crate::druid::DataSource;
use crate::route::Action;
use crate::spec::Spec;

/// One thing that a request needs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Need<'a> {
    pub(super) action: Action,
    pub(super) object: Object<'a>,
}

/// What the action is to be done to.
#[derive(Debug, Clone, Copy)]
pub(super) enum Object<'a> {
    /// Whatever there is: any grant will do.
    Anything,
    /// Nothing is named, and nothing named is nothing permitted.
    Nothing,
    /// A datasource.
    DataSource(&'a DataSource),
    /// The cluster as a whole.
    Cluster,
    /// A datasource that a submitted spec writes.
    Written(&'a DataSource, Submission<'a>),
    /// Whatever a spec writes that cannot be seen through.
    Opaque(Submission<'a>),
}

/// A spec, and whether its sender administers the cluster and so is bound by no condition.
#[derive(Debug, Clone, Copy)]
pub(super) struct Submission<'a> {
    pub(super) spec: &'a Spec,
    pub(super) is_operator: bool,
}

/// What a grant lacks to serve a need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lack {
    /// The action.
    Action,
    /// The datasource.
    DataSource,
    /// It is not on every datasource.
    Cluster,
    /// A condition of its own is not met.
    Condition(Unmet),
}

impl Need<'_> {
    /// Does the grant serve it?
    pub(super) fn is_served_by(&self, grant: &Grant) -> Result<(), Lack> {
        // No configuration can grant what is for nobody.
        if self.action == Action::Blocked || !grant.allows(self.action) {
            return Err(Lack::Action);
        }
        let covers = |datasource| match grant.covers(datasource) {
            true => Ok(()),
            false => Err(Lack::DataSource),
        };
        let is_wide = || match grant.is_cluster_wide() {
            true => Ok(()),
            false => Err(Lack::Cluster),
        };
        match self.object {
            Object::Anything => Ok(()),
            Object::Nothing => Err(Lack::DataSource),
            Object::DataSource(datasource) => covers(datasource),
            Object::Cluster => is_wide(),
            Object::Written(datasource, submission) => {
                covers(datasource)?;
                match submission.unmet(grant) {
                    Some(_) if submission.is_operator => Ok(()),
                    Some(unmet) => Err(Lack::Condition(unmet)),
                    None => Ok(()),
                }
            }
            Object::Opaque(Submission {
                is_operator: true, ..
            }) => Ok(()),
            Object::Opaque(submission) => {
                is_wide()?;
                let type_id = &submission.spec.type_id;
                if !grant.names(type_id) {
                    return Err(Lack::Condition(Unmet::Type(type_id.clone())));
                }
                match submission.unmet(grant) {
                    Some(unmet) => Err(Lack::Condition(unmet)),
                    None => Ok(()),
                }
            }
        }
    }

    /// What is told when no grant serves it; `unmet` is what the first lacked that came near.
    pub(super) fn denial(&self, unmet: Option<Unmet>) -> Denial {
        match self.object {
            Object::Anything | Object::Nothing | Object::Cluster => Denial::of(self.action, None),
            Object::DataSource(datasource) => Denial::of(self.action, Some(datasource.clone())),
            Object::Written(datasource, _) => Denial {
                unmet,
                ..Denial::of(self.action, Some(datasource.clone()))
            },
            Object::Opaque(Submission { spec, is_operator }) => match spec.effects.opaque {
                Some(opaque) if !is_operator => Denial {
                    unmet: Some(Unmet::Opaque(opaque)),
                    ..Denial::of(Action::Admin, spec.effects.writes.first().cloned())
                },
                Some(_) | None => Denial::of(self.action, None),
            },
        }
    }
}

impl Submission<'_> {
    /// The condition of a grant that the spec does not meet, whoever sends it.
    pub(super) fn unmet(&self, grant: &Grant) -> Option<Unmet> {
        grant.meets(self.spec).err()
    }
}
