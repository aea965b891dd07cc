//! May they? Principals, actions and datasources in; a [`Permit`] or a [`Denial`] out.
//!
//! Deny by default: what no grant names is refused. Only this module can make a [`Permit`], and
//! nothing is forwarded without one.

mod condition;
mod grant;
mod need;
mod permit;
mod reason;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use condition::{InputRule, Unmet};
pub use grant::{Grant, Role};
pub use need::Lack;
pub use permit::{Denial, Permit};
pub use reason::{On, Reason, Standing};

use self::need::{Need, Object, Submission};
use crate::caller::Principal;
use crate::druid::DataSource;
use crate::route::Action;
use crate::spec::Spec;

/// All roles of one configuration, by name.
#[derive(Debug, Clone, Default)]
pub struct PolicySet {
    roles: BTreeMap<Arc<str>, Role>,
}

/// What a request wants to touch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope<'a> {
    /// Datasources that are all known; at least one.
    DataSources(&'a [DataSource]),
    /// The cluster as a whole, or something whose datasources cannot be told: only a grant on
    /// every datasource covers it.
    Cluster,
}

/// Which datasources a principal may see: what a list is reduced to.
#[derive(Debug, Clone, Copy)]
pub struct Sight<'a> {
    policies: &'a PolicySet,
    principal: &'a Principal,
    action: Action,
}

impl PolicySet {
    /// A set of roles; of two with one name the last counts (the configuration refuses that).
    pub fn new(roles: impl IntoIterator<Item = Role>) -> PolicySet {
        PolicySet {
            roles: roles
                .into_iter()
                .map(|role| (role.name.clone(), role))
                .collect(),
        }
    }

    /// May `principal` do `action` to all of `scope`?
    ///
    /// Several datasources may be covered by several grants; the permit names the role of the
    /// first.
    ///
    /// # Errors
    /// A [`Denial`] that names the first datasource no grant covers.
    pub fn authorize(
        &self,
        principal: &Principal,
        action: Action,
        scope: Scope<'_>,
    ) -> Result<Permit, Denial> {
        let mut by = None;
        for need in scope.needs(action) {
            by.get_or_insert(self.serving(principal, need)?);
        }
        let role = by.ok_or(Denial::of(action, None))?;
        let datasources = match scope {
            Scope::DataSources(datasources) => datasources.to_vec(),
            Scope::Cluster => Vec::new(),
        };
        Ok(Permit::new(role.name.clone(), action, datasources))
    }

    /// May `principal` submit this spec? Every datasource that it reads and writes counts (Druid
    /// looks at its destination alone), and so do its type and what it reads from outside.
    ///
    /// Who administers the cluster is bound by no condition.
    ///
    /// # Errors
    /// A [`Denial`]: the first datasource that no grant covers, or the condition that is not met.
    pub fn authorize_submission(
        &self,
        principal: &Principal,
        spec: &Spec,
    ) -> Result<Permit, Denial> {
        let mut by = None;
        for need in self.needs(principal, spec) {
            let role = self.serving(principal, need)?;
            // Reading is its own permission; the permit that counts is the one to write.
            if need.action == Action::Submit {
                by.get_or_insert(role);
            }
        }
        let role = by.ok_or(Denial::of(Action::Submit, None))?;
        let datasources = spec.effects.writes.clone();
        Ok(Permit::new(role.name.clone(), Action::Submit, datasources))
    }

    /// All that a submission needs, in the order in which it is asked for.
    fn needs<'a>(&self, principal: &Principal, spec: &'a Spec) -> Vec<Need<'a>> {
        let effects = &spec.effects;
        let operator = self.authorize(principal, Action::Admin, Scope::Cluster);
        let submission = Submission {
            spec,
            is_operator: operator.is_ok(),
        };
        let mut objects = Vec::new();
        match (effects.opaque, effects.writes.as_slice()) {
            (Some(_), _) => objects.push(Object::Opaque(submission)),
            (None, []) => objects.push(Object::Nothing),
            (None, writes) => {
                let written = |datasource| Object::Written(datasource, submission);
                objects.extend(writes.iter().map(written));
            }
        }
        let reads = effects.reads.iter().map(|datasource| Need {
            action: Action::Read,
            object: Object::DataSource(datasource),
        });
        let writes = objects.into_iter().map(|object| Need {
            action: Action::Submit,
            object,
        });
        reads.chain(writes).collect()
    }

    /// May `principal` do `action` to anything at all? The answer to "who are you to ask".
    ///
    /// # Errors
    /// A [`Denial`] without a datasource when none of its grants has the action.
    pub fn standing(&self, principal: &Principal, action: Action) -> Result<Permit, Denial> {
        let object = Object::Anything;
        let role = self.serving(principal, Need { action, object })?;
        Ok(Permit::new(role.name.clone(), action, Vec::new()))
    }

    /// What `principal` may see with `action`, asked name by name.
    pub fn sight<'a>(&'a self, principal: &'a Principal, action: Action) -> Sight<'a> {
        Sight {
            policies: self,
            principal,
            action,
        }
    }

    /// The role of the first grant that serves a need.
    fn serving<'a>(&'a self, principal: &'a Principal, need: Need<'_>) -> Result<&'a Role, Denial> {
        let mut unmet = None;
        for (role, grant) in self.grants(principal) {
            match need.is_served_by(grant) {
                Ok(()) => return Ok(role),
                Err(Lack::Condition(condition)) => {
                    unmet.get_or_insert(condition);
                }
                Err(Lack::Action | Lack::DataSource | Lack::Cluster) => {}
            }
        }
        Err(need.denial(unmet))
    }

    fn grants<'a>(
        &'a self,
        principal: &'a Principal,
    ) -> impl Iterator<Item = (&'a Role, &'a Grant)> {
        principal
            .roles()
            .iter()
            .filter_map(|name| self.roles.get(name))
            .flat_map(|role| role.grants.iter().map(move |grant| (role, grant)))
    }
}

impl<'a> Scope<'a> {
    /// What it takes to do `action` to all of it.
    fn needs(self, action: Action) -> impl Iterator<Item = Need<'a>> {
        let (whole, datasources) = match self {
            Scope::Cluster => (Some(Object::Cluster), &[][..]),
            Scope::DataSources([]) => (Some(Object::Nothing), &[][..]),
            Scope::DataSources(datasources) => (None, datasources),
        };
        let each = datasources.iter().map(Object::DataSource);
        let objects = whole.into_iter().chain(each);
        objects.map(move |object| Need { action, object })
    }
}

impl Sight<'_> {
    /// May this datasource be seen?
    pub fn sees(&self, datasource: &DataSource) -> bool {
        let need = Need {
            action: self.action,
            object: Object::DataSource(datasource),
        };
        let mut grants = self.policies.grants(self.principal);
        grants.any(|(_, grant)| need.is_served_by(grant).is_ok())
    }

    /// May every datasource be seen, whatever its name?
    pub fn sees_all(&self) -> bool {
        self.policies
            .authorize(self.principal, self.action, Scope::Cluster)
            .is_ok()
    }
}

#[cfg(test)]
mod tests;
