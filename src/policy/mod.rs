//! May they? Principals, actions and datasources in; a [`Permit`] or a [`Denial`] out.
//!
//! Deny by default: what no grant names is refused. Only this module can make a [`Permit`], and
//! nothing is forwarded without one.

mod condition;
mod grant;
mod permit;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use condition::{InputRule, Unmet};
pub use grant::{Grant, Role};
pub use permit::{Denial, Permit};

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
        if action == Action::Blocked {
            return Err(Denial::of(action, None));
        }
        match scope {
            Scope::Cluster => self
                .grants(principal)
                .find(|(_, grant)| grant.allows(action) && grant.is_cluster_wide())
                .map(|(role, _)| Permit::new(role.name.clone(), action, Vec::new()))
                .ok_or(Denial::of(action, None)),
            Scope::DataSources(datasources) => {
                let mut by = None;
                for datasource in datasources {
                    let Some(role) = self.covering(principal, action, datasource) else {
                        return Err(Denial::of(action, Some(datasource.clone())));
                    };
                    by.get_or_insert(role);
                }
                match by {
                    Some(role) => Ok(Permit::new(role.name.clone(), action, datasources.to_vec())),
                    // Nothing named is nothing permitted.
                    None => Err(Denial::of(action, None)),
                }
            }
        }
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
        let effects = &spec.effects;
        if !effects.reads.is_empty() {
            // Reading is its own permission; the permit that counts is the one to write.
            let scope = Scope::DataSources(&effects.reads);
            let _read: Permit = self.authorize(principal, Action::Read, scope)?;
        }
        let operator = self.authorize(principal, Action::Admin, Scope::Cluster);
        let submits = || {
            let grants = self.grants(principal);
            grants.filter(|(_, grant)| grant.allows(Action::Submit))
        };
        if let Some(opaque) = effects.opaque {
            let denied = Denial {
                action: Action::Admin,
                datasource: effects.writes.first().cloned(),
                unmet: Some(Unmet::Opaque(opaque)),
            };
            if operator.is_ok() {
                return self.standing(principal, Action::Submit);
            }
            let named = submits().find(|(_, grant)| {
                let is_named = grant.is_cluster_wide() && grant.names(&spec.type_id);
                is_named && grant.meets(spec).is_ok()
            });
            let (role, _) = named.ok_or(denied)?;
            let datasources = effects.writes.clone();
            return Ok(Permit::new(role.name.clone(), Action::Submit, datasources));
        }
        let mut by = None;
        for datasource in &effects.writes {
            let mut denial = Denial::of(Action::Submit, Some(datasource.clone()));
            let mut covering = submits().filter(|(_, grant)| grant.covers(datasource));
            let role = covering.find_map(|(role, grant)| match grant.meets(spec) {
                Ok(()) => Some(role),
                Err(_) if operator.is_ok() => Some(role),
                Err(unmet) => {
                    denial.unmet.get_or_insert(unmet);
                    None
                }
            });
            by.get_or_insert(role.ok_or(denial)?);
        }
        match by {
            Some(role) => {
                let datasources = effects.writes.clone();
                Ok(Permit::new(role.name.clone(), Action::Submit, datasources))
            }
            None => Err(Denial::of(Action::Submit, None)),
        }
    }

    /// May `principal` do `action` to anything at all? The answer to "who are you to ask".
    ///
    /// # Errors
    /// A [`Denial`] without a datasource when none of its grants has the action.
    pub fn standing(&self, principal: &Principal, action: Action) -> Result<Permit, Denial> {
        let wanted = match action {
            Action::Blocked => {
                return Err(Denial::of(action, None));
            }
            Action::Read | Action::Submit | Action::Shutdown | Action::Manage | Action::Admin => {
                action
            }
        };
        self.grants(principal)
            .find(|(_, grant)| grant.allows(wanted))
            .map(|(role, _)| Permit::new(role.name.clone(), action, Vec::new()))
            .ok_or(Denial::of(action, None))
    }

    /// What `principal` may see with `action`, asked name by name.
    pub fn sight<'a>(&'a self, principal: &'a Principal, action: Action) -> Sight<'a> {
        Sight {
            policies: self,
            principal,
            action,
        }
    }

    fn covering<'a>(
        &'a self,
        principal: &'a Principal,
        action: Action,
        datasource: &DataSource,
    ) -> Option<&'a Role> {
        self.grants(principal)
            .find(|(_, grant)| grant.allows(action) && grant.covers(datasource))
            .map(|(role, _)| role)
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

impl Sight<'_> {
    /// May this datasource be seen?
    pub fn sees(&self, datasource: &DataSource) -> bool {
        self.policies
            .covering(self.principal, self.action, datasource)
            .is_some()
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
