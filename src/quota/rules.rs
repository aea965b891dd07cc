//! The limits and quotas of a configuration, found by whom and what they are about: what a request
//! costs does not grow with those of other people's roles and datasources.

use std::collections::HashMap;
use std::sync::Arc;

use super::live::{LiveQuota, Per};
use super::rule::RateLimit;
use crate::druid::{DataSource, DataSourcePatterns};
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
        let places = self.everybody.iter().chain(of_roles.flatten()).copied();
        let mut limits = in_order(&self.all, places.collect());
        limits.retain(|limit| limit.covers(action, roles));
        limits
    }
}

/// All quotas of live tasks of one configuration.
#[derive(Debug, Clone, Default)]
pub struct LiveQuotas {
    all: Vec<Arc<LiveQuota>>,
    /// Places of those that any submission may count in.
    everybody: Vec<usize>,
    /// Of those for roles that count tasks of any datasource.
    by_role: HashMap<Arc<str>, Vec<usize>>,
    /// What the others count tasks of, and for each pattern the place of its quota.
    datasources: DataSourcePatterns,
    of_datasources: Vec<usize>,
}

impl LiveQuotas {
    /// In the configuration's order.
    pub fn new(all: Vec<Arc<LiveQuota>>) -> LiveQuotas {
        let mut quotas = LiveQuotas::default();
        let mut patterns = Vec::new();
        for (at, quota) in all.iter().enumerate() {
            match &quota.per {
                _ if !quota.datasources.is_empty() => {
                    patterns.extend(quota.datasources.iter().cloned());
                    quotas.of_datasources.resize(patterns.len(), at);
                }
                Per::Role(roles) => {
                    for role in roles.keys() {
                        quotas.by_role.entry(role.clone()).or_default().push(at);
                    }
                }
                Per::All | Per::DataSource => quotas.everybody.push(at),
            }
        }
        quotas.datasources = patterns.into();
        quotas.all = all;
        quotas
    }

    /// Those that a submission may count in which writes these and is allowed by this role, in their
    /// order.
    pub fn covering(&self, role: &Arc<str>, writes: &[DataSource]) -> Vec<&Arc<LiveQuota>> {
        let of_role = self.by_role.get(role).into_iter().flatten();
        let patterns = writes
            .iter()
            .flat_map(|written| self.datasources.places(written));
        let of_datasources = patterns.filter_map(|pattern| self.of_datasources.get(pattern));
        let places = self.everybody.iter().chain(of_role).chain(of_datasources);
        in_order(&self.all, places.copied().collect())
    }
}

/// Those at these places, each once.
fn in_order<T>(all: &[T], mut places: Vec<usize>) -> Vec<&T> {
    places.sort_unstable();
    places.dedup();
    places.into_iter().filter_map(|at| all.get(at)).collect()
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use proptest::prelude::*;

    use super::*;
    use crate::caller::Principal;
    use crate::druid::{DataSourcePattern, Overrides};
    use crate::quota::{Cost, Facts, Holds, LiveDraw, Numbers, Occupies};
    use crate::route::Operation;

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
            overrides: Overrides::default(),
            holds: Holds::Enforced,
        })
    }

    fn patterns(texts: &[u8]) -> DataSourcePatterns {
        let read = |text: &u8| match text {
            0 => "a*",
            1 => "ab",
            _ => "*c",
        };
        let patterns = texts.iter().map(read);
        let patterns = patterns.map(|text| text.parse::<DataSourcePattern>().expect("a pattern"));
        patterns.collect()
    }

    fn quota(number: usize, per: u8, roles: &[u8], datasources: &[u8]) -> Arc<LiveQuota> {
        let roles = roles.iter().map(|role| role.to_string().into());
        Arc::new(LiveQuota {
            name: number.to_string().into(),
            per: match per {
                0 => Per::All,
                1 => Per::DataSource,
                _ => Per::Role(roles.map(|role| (role, patterns(&[0]))).collect()),
            },
            datasources: patterns(datasources),
            task_types: Vec::new(),
            count: Cost::Request,
            most: 1,
            overrides: Overrides::default(),
            holds: Holds::Enforced,
        })
    }

    proptest! {
        /// What a submission draws from those that are found is what it draws from all.
        #[test]
        fn quotas_that_count_a_submission_are_found(
            quotas in prop::collection::vec(
                (
                    0..3u8,
                    prop::collection::vec(0..4u8, 0..3),
                    prop::collection::vec(0..3u8, 0..3),
                ),
                0..12,
            ),
            role in 0..4u8,
            writes in prop::collection::vec("[abc]{1,3}", 0..3),
        ) {
            let quotas = quotas.iter().enumerate();
            let all: Vec<_> = quotas
                .map(|(at, (per, roles, datasources))| quota(at, *per, roles, datasources))
                .collect();
            let role: Arc<str> = role.to_string().into();
            let writes: Vec<DataSource> =
                writes.iter().map(|name| name.parse().expect("a name")).collect();
            let facts = Facts {
                action: Action::Submit,
                operation: Operation::SubmitTask,
                principal: &Principal::new("etl", vec![role.clone()]),
                role: &role,
                source: None,
                datasources: &writes,
                task_type: None,
                slots: Some(1),
            };
            let occupies = Occupies {
                datasource: writes.first().cloned(),
                task_type: "index_parallel".to_owned(),
                tasks: 1,
                slots: 1,
                supervisor: None,
            };
            let draws = |quota: &Arc<LiveQuota>| quota.draws(&facts, &occupies);
            let each: Vec<LiveDraw> = all.iter().flat_map(draws).collect();
            let found = LiveQuotas::new(all.clone());
            let found = found.covering(&role, &writes);
            let found: Vec<LiveDraw> = found.into_iter().flat_map(draws).collect();
            prop_assert_eq!(found, each);
        }

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
