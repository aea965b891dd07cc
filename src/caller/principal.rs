//! Who a request turned out to come from.

use std::sync::Arc;

/// An authenticated sender: a configured user with the roles that the configuration gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    name: Arc<str>,
    roles: Arc<[Arc<str>]>,
}

impl Principal {
    /// A principal of that name, holding those roles.
    pub fn new(name: impl Into<Arc<str>>, roles: impl Into<Arc<[Arc<str>]>>) -> Principal {
        Principal {
            name: name.into(),
            roles: roles.into(),
        }
    }

    /// The user's name, as configured.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The names of the roles it holds.
    pub fn roles(&self) -> &[Arc<str>] {
        &self.roles
    }
}
