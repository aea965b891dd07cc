//! Buckets: GCRA cells of the `governor` crate, on a clock that is handed in.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use governor::clock::{Clock as GovernorClock, Reference};
use governor::middleware::StateInformationMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

use super::{Charge, KeyPart, OverQuota, RateLimit};
use crate::caller::Principal;
use crate::druid::DataSource;
use crate::route::Action;

/// The key under which all share one bucket once the cap on keys is reached.
pub const OVERFLOW: &str = "\u{0}overflow";

const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

/// A monotonic time since some fixed start. Never the wall clock: setting it moves no limit.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Duration + Send + Sync>);

impl Clock {
    /// A clock that asks `now` for the time since its start.
    pub fn new(now: impl Fn() -> Duration + Send + Sync + 'static) -> Clock {
        Clock(Arc::new(now))
    }
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Clock")
    }
}

/// A point on [`Clock`]'s line, as governor wants it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(Nanos);

impl Reference for Moment {
    fn duration_since(&self, earlier: Self) -> Nanos {
        self.0.as_u64().saturating_sub(earlier.0.as_u64()).into()
    }

    fn saturating_sub(&self, duration: Nanos) -> Self {
        Moment(self.0.as_u64().saturating_sub(duration.as_u64()).into())
    }
}

impl std::ops::Add<Nanos> for Moment {
    type Output = Moment;

    fn add(self, other: Nanos) -> Moment {
        Moment(self.0.as_u64().saturating_add(other.as_u64()).into())
    }
}

impl GovernorClock for Clock {
    type Instant = Moment;

    fn now(&self) -> Moment {
        Moment(Nanos::from((self.0)()))
    }
}

type Cell = RateLimiter<NotKeyed, InMemoryState, Clock, StateInformationMiddleware>;

struct Bucket {
    cell: Cell,
    used: Duration,
    /// The time in which an empty bucket fills up.
    fills_in: Duration,
}

#[derive(Default)]
struct Buckets {
    by_key: HashMap<Box<str>, Bucket>,
    swept: Duration,
}

impl Buckets {
    /// Drops the buckets that filled up since they were used: they say what a new one says. At
    /// most once a second, so that a flood of names does not pay for a sweep each.
    fn sweep(&mut self, now: Duration) {
        if now.saturating_sub(self.swept) >= SWEEP_INTERVAL {
            self.swept = now;
            self.by_key
                .retain(|_, bucket| now.saturating_sub(bucket.used) < bucket.fills_in);
        }
    }
}

/// All buckets of all rules. Lives outside the configuration, so that a reload keeps it.
pub struct Limiter {
    clock: Clock,
    most_keys: usize,
    buckets: Mutex<Buckets>,
}

impl Limiter {
    /// A limiter with at most `most_keys` buckets in all (and one more per rule for the overflow).
    pub fn new(clock: Clock, most_keys: usize) -> Limiter {
        Limiter {
            clock,
            most_keys,
            buckets: Mutex::default(),
        }
    }

    /// How many buckets there are.
    pub fn len(&self) -> usize {
        self.lock().by_key.len()
    }

    /// Is there no bucket yet?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes one token from the bucket of every rule that covers the request, in the rules' order.
    ///
    /// A refusal by a later rule leaves the tokens of earlier ones taken (governor has no way
    /// back); it errs towards refusing.
    ///
    /// # Errors
    /// [`OverQuota`] of the first rule without a token.
    pub fn take(
        &self,
        rules: &[Arc<RateLimit>],
        action: Action,
        principal: &Principal,
        datasource: Option<&DataSource>,
    ) -> Result<Option<Charge>, OverQuota> {
        let mut least: Option<Charge> = None;
        for rule in rules.iter().filter(|rule| rule.counts(action)) {
            let charge = self.take_one(rule, &key(rule, principal, datasource))?;
            if least
                .as_ref()
                .is_none_or(|other| charge.remaining < other.remaining)
            {
                least = Some(charge);
            }
        }
        Ok(least)
    }

    fn take_one(&self, rule: &Arc<RateLimit>, key: &str) -> Result<Charge, OverQuota> {
        let now = (self.clock.0)();
        let mut buckets = self.lock();
        let known = buckets.by_key.contains_key(key);
        if !known && buckets.by_key.len() >= self.most_keys {
            buckets.sweep(now);
        }
        let full = !known && buckets.by_key.len() >= self.most_keys;
        let name: Box<str> = if full {
            format!("{}{OVERFLOW}", rule.name).into()
        } else {
            key.into()
        };
        let bucket = buckets.by_key.entry(name).or_insert_with(|| Bucket {
            cell: cell(rule, self.clock.clone()),
            used: now,
            fills_in: rule.rate.interval().saturating_mul(rule.burst.get()),
        });
        bucket.used = now;
        match bucket.cell.check() {
            Ok(state) => Ok(Charge {
                rule: rule.clone(),
                remaining: state.remaining_burst_capacity(),
            }),
            Err(not_until) => Err(OverQuota {
                rule: rule.clone(),
                retry_after: not_until.wait_time_from(self.clock.now()),
            }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Buckets> {
        // A panic while the map was held leaves counts that are still true.
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Limiter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Limiter")
            .field("most_keys", &self.most_keys)
            .finish_non_exhaustive()
    }
}

fn cell(rule: &RateLimit, clock: Clock) -> Cell {
    let quota = Quota::with_period(rule.rate.interval())
        .unwrap_or(Quota::per_second(NonZeroU32::MIN))
        .allow_burst(rule.burst);
    RateLimiter::direct_with_clock(quota, clock).with_middleware()
}

/// The rule's name, its numbers (so that a rule changed by a reload starts anew) and its parts.
fn key(rule: &RateLimit, principal: &Principal, datasource: Option<&DataSource>) -> String {
    let mut key = format!("{}\u{0}{}\u{0}{}", rule.name, rule.rate, rule.burst);
    for part in &rule.key {
        key.push('\u{0}');
        key.push_str(match part {
            KeyPart::DataSource => datasource.map_or("", DataSource::as_str),
            KeyPart::Principal => principal.name(),
        });
    }
    key
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use proptest::prelude::*;

    use super::*;

    fn rule(rate: &str, burst: u32, key: &[KeyPart]) -> Arc<RateLimit> {
        Arc::new(RateLimit {
            name: "submissions".into(),
            actions: vec![Action::Submit],
            key: key.to_vec(),
            rate: rate.parse().expect("a rate"),
            burst: NonZeroU32::new(burst).expect("not zero"),
        })
    }

    struct Rig {
        millis: Arc<AtomicU64>,
        limiter: Limiter,
        rules: Vec<Arc<RateLimit>>,
    }

    impl Rig {
        fn new(rules: Vec<Arc<RateLimit>>, most_keys: usize) -> Rig {
            let millis = Arc::new(AtomicU64::new(0));
            let source = millis.clone();
            let clock = Clock::new(move || Duration::from_millis(source.load(Ordering::Relaxed)));
            Rig {
                millis,
                limiter: Limiter::new(clock, most_keys),
                rules,
            }
        }

        fn wait(&self, time: Duration) {
            let millis = u64::try_from(time.as_millis()).expect("a short time");
            self.millis.fetch_add(millis, Ordering::Relaxed);
        }

        fn submit(&self, datasource: &str) -> Result<Option<Charge>, OverQuota> {
            let datasource = datasource.parse().expect("a valid name");
            let principal = Principal::new("etl", Vec::new());
            self.limiter
                .take(&self.rules, Action::Submit, &principal, Some(&datasource))
        }
    }

    #[test]
    fn each_datasource_has_a_bucket_of_its_own() {
        let rig = Rig::new(vec![rule("30/min", 2, &[KeyPart::DataSource])], 10);
        assert_eq!(
            rig.submit("a").map(|charge| charge.map(|c| c.remaining)),
            Ok(Some(1))
        );
        assert!(rig.submit("a").is_ok());
        let refused = rig.submit("a").expect_err("the burst is used up");
        assert_eq!(refused.retry_after, Duration::from_secs(2));
        assert!(rig.submit("b").is_ok());
    }

    #[test]
    fn waiting_as_told_admits_one_request_and_no_second() {
        let rig = Rig::new(vec![rule("30/min", 1, &[KeyPart::DataSource])], 10);
        assert!(rig.submit("a").is_ok());
        let told = rig.submit("a").expect_err("used up").retry_after;
        rig.wait(told - Duration::from_millis(1));
        assert!(rig.submit("a").is_err());
        rig.wait(Duration::from_millis(1));
        assert!(rig.submit("a").is_ok());
        assert!(rig.submit("a").is_err());
    }

    #[test]
    fn beyond_the_cap_new_names_share_one_bucket_and_known_ones_stay_limited() {
        let rig = Rig::new(vec![rule("1/h", 1, &[KeyPart::DataSource])], 3);
        for name in ["a", "b", "c", "d"] {
            assert!(rig.submit(name).is_ok(), "{name}");
        }
        assert!(
            rig.submit("e").is_err(),
            "shares the overflow bucket with d"
        );
        assert!(rig.submit("a").is_err());
        for number in 0..10_000 {
            assert!(rig.submit(&format!("invented{number}")).is_err());
        }
        assert_eq!(rig.limiter.len(), 4);
    }

    #[test]
    fn other_actions_are_not_counted() {
        let rig = Rig::new(vec![rule("1/h", 1, &[KeyPart::DataSource])], 3);
        let principal = Principal::new("etl", Vec::new());
        for _ in 0..10 {
            assert_eq!(
                rig.limiter.take(&rig.rules, Action::Read, &principal, None),
                Ok(None)
            );
        }
        assert!(rig.limiter.is_empty());
    }

    proptest! {
        /// In any time t no more than burst + rate × t are admitted.
        #[test]
        fn never_admits_more_than_burst_and_rate(
            burst in 1_u32..20,
            per_second in 1_u32..50,
            pauses in prop::collection::vec(0_u64..200, 1..300),
        ) {
            let rig = Rig::new(vec![rule(&format!("{per_second}/s"), burst, &[])], 10);
            let mut admitted = 0_u64;
            let mut elapsed = 0_u64;
            for pause in pauses {
                rig.wait(Duration::from_millis(pause));
                elapsed += pause;
                if rig.submit("a").is_ok() {
                    admitted += 1;
                }
                let bound = u64::from(burst) + u64::from(per_second) * elapsed / 1_000;
                prop_assert!(admitted <= bound, "{admitted} of {bound}");
            }
        }
    }
}
