//! One bucket: the generic cell rate algorithm (ITU-T I.371), on whole nanoseconds.
//!
//! A bucket is one number: the time at which it is full again. Taking a token moves it one interval
//! on, and nothing has to be refilled. The crate `governor` does the same and cannot give a token
//! back; the tests hold the two together.

use std::num::NonZeroU32;
use std::time::Duration;

use super::Rate;

/// How fast a bucket fills, and how much it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numbers {
    /// How fast tokens come back.
    pub rate: Rate,
    /// How many tokens a full bucket holds.
    pub burst: NonZeroU32,
}

impl Numbers {
    /// Nanoseconds after which one token comes back: rounded up, so that no more than the rate is
    /// ever admitted.
    pub(super) fn interval(&self) -> u64 {
        let per = nanos(self.rate.per);
        per.div_ceil(u64::from(self.rate.tokens.get())).max(1)
    }

    /// Nanoseconds in which an empty bucket fills up.
    pub(super) fn width(&self) -> u64 {
        let width = self.interval().saturating_mul(u64::from(self.burst.get()));
        width.min(LONGEST)
    }

    /// The slower rate and the smaller burst of both.
    pub(super) fn least(self, other: Numbers) -> Numbers {
        Numbers {
            rate: match self.interval() >= other.interval() {
                true => self.rate,
                false => other.rate,
            },
            burst: self.burst.min(other.burst),
        }
    }

    /// The time in which an empty bucket fills up.
    pub fn fills_in(&self) -> Duration {
        Duration::from_nanos(self.width())
    }

    /// The time after which one token comes back; never zero.
    pub fn token_in(&self) -> Duration {
        Duration::from_nanos(self.interval())
    }

    /// A gateway's share of them when `gateways` enforce them together without a common store.
    pub fn share(&self, gateways: NonZeroU32) -> Numbers {
        let tokens = self.rate.tokens.get() / gateways.get();
        let rate = match NonZeroU32::new(tokens) {
            Some(tokens) if tokens.get() * gateways.get() == self.rate.tokens.get() => Rate {
                tokens,
                per: self.rate.per,
            },
            // What does not divide is stretched in time.
            Some(_) | None => Rate {
                tokens: self.rate.tokens,
                per: self.rate.per.saturating_mul(gateways.get()),
            },
        };
        let burst = self.burst.get() / gateways.get();
        Numbers {
            rate,
            burst: NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN),
        }
    }
}

/// A bucket is full again within 292 years.
const LONGEST: u64 = u64::MAX / 2;

/// Whole nanoseconds; 584 years at most.
pub(super) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// A bucket: when it is full again, in nanoseconds on the limiter's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Cell {
    full_at: u64,
    /// All that was ever given back, in nanoseconds; it starts again behind the largest number.
    given: u64,
}

/// What a bucket says to a request, before anything is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Says {
    /// It has the tokens.
    Yes(Taking),
    /// It will have them after this many nanoseconds.
    NotFor(u64),
    /// It never holds so many.
    Never,
}

/// Tokens that a bucket has, before they are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Taking {
    full_at: u64,
    /// Whole tokens that are left then.
    pub(super) remaining: u32,
}

impl Cell {
    /// A bucket that is full again then.
    #[cfg(test)]
    pub(super) fn at(full_at: u64) -> Cell {
        Cell { full_at, given: 0 }
    }

    /// Are `cost` tokens there?
    pub(super) fn ask(self, numbers: &Numbers, cost: u32, now: u64) -> Says {
        if cost > numbers.burst.get() {
            return Says::Never;
        }
        let (interval, width) = (numbers.interval(), numbers.width());
        let full_at = self
            .full_at
            .max(now)
            .saturating_add(interval.saturating_mul(u64::from(cost)));
        let latest = now.saturating_add(width);
        match full_at.checked_sub(latest) {
            None | Some(0) => Says::Yes(Taking {
                full_at,
                remaining: u32::try_from((latest - full_at) / interval).unwrap_or(u32::MAX),
            }),
            Some(wait) => Says::NotFor(wait),
        }
    }

    /// Takes what [`Cell::ask`] found; tells what [`Cell::give_back`] has to know.
    pub(super) fn take(&mut self, taking: Taking) -> u64 {
        self.full_at = taking.full_at;
        self.full_at.wrapping_add(self.given)
    }

    /// Gives `cost` tokens back; `receipt` is what [`Cell::take`] told of them.
    ///
    /// Only what has not come back by itself since: the tokens are a place in a queue, and what of
    /// the place has passed is gone. What others have given back since may have moved the place
    /// forward. So the bucket never holds more than it would, had they not been taken.
    pub(super) fn give_back(&mut self, numbers: &Numbers, cost: u32, receipt: u64, now: u64) {
        let taken = numbers.interval().saturating_mul(u64::from(cost));
        let passed = self.given.wrapping_add(now);
        // No bucket takes longer to fill than half of the numbers there are: what looks as if it
        // did lies behind.
        let rest = receipt.wrapping_sub(passed);
        let rest = if rest > LONGEST { 0 } else { rest.min(taken) };
        self.given = self.given.wrapping_add(rest);
        self.full_at = self.full_at.saturating_sub(rest);
    }

    /// Is it as good as a new one?
    pub(super) fn is_full(self, now: u64) -> bool {
        self.full_at <= now
    }

    /// The share of it that is taken, in thousandths.
    pub(super) fn taken(self, numbers: &Numbers, now: u64) -> u32 {
        let taken = self.full_at.saturating_sub(now);
        let share = u128::from(taken) * 1_000 / u128::from(numbers.width().max(1));
        u32::try_from(share).unwrap_or(u32::MAX).min(1_000)
    }
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;
    use governor::{Quota, RateLimiter};
    use proptest::prelude::*;

    use super::*;

    fn numbers(rate: &str, burst: u32) -> Numbers {
        Numbers {
            rate: rate.parse().expect("a rate"),
            burst: NonZeroU32::new(burst).expect("not zero"),
        }
    }

    fn took(cell: &mut Cell, numbers: &Numbers, cost: u32, now: u64) -> Option<u64> {
        match cell.ask(numbers, cost, now) {
            Says::Yes(taking) => Some(cell.take(taking)),
            Says::NotFor(_) | Says::Never => None,
        }
    }

    #[test]
    fn what_is_told_to_wait_is_exactly_enough() {
        let numbers = numbers("30/min", 3);
        let mut cell = Cell::default();
        assert!(took(&mut cell, &numbers, 3, 0).is_some());
        assert_eq!(cell.ask(&numbers, 2, 0), Says::NotFor(4_000_000_000));
        assert!(took(&mut cell, &numbers, 2, 3_999_999_999).is_none());
        assert!(took(&mut cell, &numbers, 2, 4_000_000_000).is_some());
        assert_eq!(cell.ask(&numbers, 4, u64::MAX / 2), Says::Never);
    }

    #[test]
    fn a_share_is_never_more_than_its_part() {
        let three = NonZeroU32::new(3).expect("not zero");
        for (rate, burst, share, least) in [
            ("30/min", 60, "10/min", 20),
            ("10/min", 2, "10/3min", 1),
            ("1/d", 1, "1/3d", 1),
        ] {
            let shared = numbers(rate, burst).share(three);
            assert_eq!(shared.rate.to_string(), share);
            assert_eq!(shared.burst.get(), least, "{rate}");
            assert!(shared.interval() >= numbers(rate, burst).interval() * 3);
        }
    }

    #[test]
    fn tokens_that_came_back_by_themselves_are_not_given_back_twice() {
        let numbers = numbers("1/s", 1);
        let second = 1_000_000_000;
        let mut cell = Cell::default();
        let first = took(&mut cell, &numbers, 1, 0).expect("full");
        let _second = took(&mut cell, &numbers, 1, second).expect("full again");
        cell.give_back(&numbers, 1, first, second);
        assert!(
            took(&mut cell, &numbers, 1, second).is_none(),
            "two in one moment from a bucket of one"
        );
        // One that is given back at once is there at once.
        let third = took(&mut cell, &numbers, 1, 2 * second).expect("full again");
        cell.give_back(&numbers, 1, third, 2 * second);
        assert!(took(&mut cell, &numbers, 1, 2 * second).is_some());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        /// The same answers as governor's, request by request.
        #[test]
        fn decides_as_governor_does(
            burst in 1_u32..30,
            tokens in 1_u32..50,
            requests in prop::collection::vec((0_u64..400, 1_u32..6), 1..200),
        ) {
            let numbers = numbers(&format!("{tokens}/s"), burst);
            let clock = FakeRelativeClock::default();
            let quota = Quota::with_period(Duration::from_nanos(numbers.interval()))
                .expect("not zero")
                .allow_burst(numbers.burst);
            let governor = RateLimiter::direct_with_clock(quota, clock.clone());
            let mut cell = Cell::default();
            let mut now = 0;
            for (pause, cost) in requests {
                clock.advance(Duration::from_millis(pause));
                now += pause * 1_000_000;
                let cost = NonZeroU32::new(cost).expect("not zero");
                let theirs = governor.check_n(cost).is_ok_and(|checked| checked.is_ok());
                prop_assert_eq!(took(&mut cell, &numbers, cost.get(), now).is_some(), theirs);
            }
        }

        /// In every window no more than burst + rate × time are admitted and not given back, in
        /// whatever order tokens are given back.
        #[test]
        fn never_admits_more_than_burst_and_rate(
            burst in 1_u32..20,
            tokens in 1_u32..50,
            requests in prop::collection::vec((0_u64..200, 1_u32..4, 0_u8..3, any::<prop::sample::Index>()), 1..200),
        ) {
            let numbers = numbers(&format!("{tokens}/s"), burst);
            let mut cell = Cell::default();
            let mut now = 0_u64;
            let mut admitted: Vec<(u64, u32, u64)> = Vec::new();
            for (pause, cost, back, which) in requests {
                now += pause * 1_000_000;
                if let Some(receipt) = took(&mut cell, &numbers, cost, now) {
                    admitted.push((now, cost, receipt));
                }
                if back == 0 && !admitted.is_empty() {
                    let (_, cost, receipt) = admitted.remove(which.index(admitted.len()));
                    cell.give_back(&numbers, cost, receipt, now);
                }
                for (at, (from, _, _)) in admitted.iter().enumerate() {
                    let taken: u64 = admitted.iter().skip(at).map(|(_, cost, _)| u64::from(*cost)).sum();
                    let most = u64::from(burst) + (now - from) / numbers.interval();
                    prop_assert!(taken <= most, "{} of {} since {}", taken, most, from);
                }
            }
        }

        /// What was given back before anything else happened was never taken.
        #[test]
        fn taking_and_giving_back_leaves_the_bucket(
            burst in 1_u32..20, tokens in 1_u32..50, full_at in 0_u64..10_000_000_000, now in 0_u64..10_000_000_000,
        ) {
            let numbers = numbers(&format!("{tokens}/s"), burst);
            let before = Cell::at(full_at);
            let mut cell = before;
            if let Some(receipt) = took(&mut cell, &numbers, 1, now) {
                cell.give_back(&numbers, 1, receipt, now);
            }
            for cost in 1..=burst {
                prop_assert_eq!(cell.ask(&numbers, cost, now), before.ask(&numbers, cost, now));
            }
        }
    }
}
