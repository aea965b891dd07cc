//! The rate limits of a configuration, found by who is limited: what a request costs does not grow
//! with limits of other people's roles.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::rule::RateLimit;
use crate::route::Action;

/// All rate limits of one configuration.
#[derive(Debug, Clone, Default)]
pub struct RateLimits {
    all: Vec<Arc<RateLimit>>,
    /// Places of those that count everybody.
    everybody: Vec<usize>,
    by_role: HashMap<Arc<str>, Vec<usize>>,
}

impl RateLimits {
    /// In the configuration's order.
    pub fn new(all: Vec<Arc<RateLimit>>) -> RateLimits {
        let mut limits = RateLimits::default();
        for (at, limit) in all.iter().enumerate() {
            if limit.roles.is_empty() {
                limits.everybody.push(at);
            }
            for role in &limit.roles {
                limits.by_role.entry(role.clone()).or_default().push(at);
            }
        }
        limits.all = all;
        limits
    }

    /// Those that count requests of this action from a holder of these roles, in their order.
    pub fn covering(&self, action: Action, roles: &[Arc<str>]) -> Vec<&Arc<RateLimit>> {
        let of_roles = roles.iter().filter_map(|role| self.by_role.get(role));
        let places: BTreeSet<usize> = self
            .everybody
            .iter()
            .chain(of_roles.flatten())
            .copied()
            .collect();
        let limits = places.into_iter().filter_map(|at| self.all.get(at));
        limits.filter(|limit| limit.covers(action, roles)).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use proptest::prelude::*;

    use super::*;
    use crate::quota::{Cost, Holds, Numbers};

    fn limit(number: usize, roles: &[u8], submits: bool) -> Arc<RateLimit> {
        let action = if submits {
            Action::Submit
        } else {
            Action::Read
        };
        Arc::new(RateLimit {
            name: number.to_string().into(),
            actions: vec![action],
            roles: roles.iter().map(|role| role.to_string().into()).collect(),
            key: Vec::new(),
            cost: Cost::Request,
            numbers: Numbers {
                rate: "1/s".parse().expect("a rate"),
                burst: NonZeroU32::MIN,
            },
            overrides: Vec::new(),
            holds: Holds::Enforced,
        })
    }

    proptest! {
        /// What is found is what looking at each would find, in the same order.
        #[test]
        fn those_that_cover_a_request_are_found(
            limits in prop::collection::vec((prop::collection::vec(0..4u8, 0..3), any::<bool>()), 0..12),
            roles in prop::collection::vec(0..4u8, 0..3),
        ) {
            let limits = limits.iter().enumerate();
            let all: Vec<_> = limits.map(|(at, (roles, submits))| limit(at, roles, *submits)).collect();
            let roles: Vec<Arc<str>> = roles.iter().map(|role| role.to_string().into()).collect();
            let found = RateLimits::new(all.clone());
            for action in [Action::Submit, Action::Read] {
                let each: Vec<_> = all.iter().filter(|limit| limit.covers(action, &roles)).collect();
                prop_assert_eq!(found.covering(action, &roles), each);
            }
        }
    }
}
