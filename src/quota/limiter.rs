//! The buckets of this process, on a clock that is handed in.

use std::collections::HashMap;
use std::hash::BuildHasher as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::cell::{Cell, Says, nanos};
use super::rule::{Draw, Holds};
use super::{Charge, Keeper, Numbers, OverQuota, Receipt, Reply};

/// The part of a key under which all share one bucket of a limit once there is no room for more: no
/// name has a control character.
pub const OVERFLOW: &str = "\u{1}";

/// How [`OVERFLOW`] is told to people.
const ALL_OTHERS: &str = "(all others)";

/// Room for buckets is looked for at most this often, so that a flood of names does not pay for it
/// each.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

/// What a bucket takes beside its key: itself, its place in the table, the place in the table before
/// while that grows, and the edges of allocations.
const BUCKET_BYTES: usize = 128;

/// One principal has at most this part of the room, so that its invented names do not take the
/// others' buckets.
const PRINCIPAL_PART: usize = 4;

/// A monotonic time since some fixed start. Never the wall clock: setting it moves no limit.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Duration + Send + Sync>);

impl Clock {
    /// A clock that asks `now` for the time since its start.
    pub fn new(now: impl Fn() -> Duration + Send + Sync + 'static) -> Clock {
        Clock(Arc::new(now))
    }

    /// The time since its start.
    pub fn now(&self) -> Duration {
        (self.0)()
    }
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Clock")
    }
}

/// Small, since there may be many: its numbers stand in its key.
struct Bucket {
    cell: Cell,
    /// Its number among all that were made.
    born: u32,
    /// The principal whose request made it, hashed.
    by: u32,
}

#[derive(Default)]
struct Buckets {
    by_key: HashMap<Box<str>, Bucket>,
    bytes: usize,
    by_principal: HashMap<u32, usize>,
    made: u32,
    swept: Option<Duration>,
}

/// The rate and the burst that stand in a key.
fn numbers_in(key: &str) -> Option<Numbers> {
    let mut parts = key.split('\0').skip(1);
    Some(Numbers {
        rate: parts.next()?.parse().ok()?,
        burst: parts.next()?.parse().ok()?,
    })
}

fn room_for(key: &str) -> usize {
    key.len() + BUCKET_BYTES
}

impl Buckets {
    /// Makes room for the bucket of a draw, which is not there yet. If there is none: the name of the
    /// one that all others share.
    fn place(&mut self, draw: &Draw, by: u32, most: usize, now: Duration) -> Option<Box<str>> {
        let bytes = room_for(&draw.key);
        let is_full = |buckets: &Buckets| {
            let own = buckets.by_principal.get(&by).copied().unwrap_or_default();
            buckets.bytes + bytes > most || own + bytes > most / PRINCIPAL_PART
        };
        if is_full(self) {
            self.sweep(now);
        }
        if is_full(self) {
            let Numbers { rate, burst } = draw.numbers.least(draw.rule.numbers);
            let name = &draw.rule.name;
            return Some(format!("{name}\0{rate}\0{burst}\0{OVERFLOW}").into());
        }
        self.bytes += bytes;
        *self.by_principal.entry(by).or_default() += bytes;
        None
    }

    /// The bucket of that name; if there is none, a new one.
    fn bucket(&mut self, key: &str, by: u32) -> &mut Bucket {
        let Buckets { by_key, made, .. } = self;
        by_key.entry(key.into()).or_insert_with(|| {
            *made = made.wrapping_add(1);
            Bucket {
                cell: Cell::default(),
                born: *made,
                by,
            }
        })
    }

    /// Drops the buckets that are full: they say what a new one says.
    fn sweep(&mut self, now: Duration) {
        if self
            .swept
            .is_some_and(|swept| now.saturating_sub(swept) < SWEEP_INTERVAL)
        {
            return;
        }
        self.swept = Some(now);
        let now = nanos(now);
        let Buckets {
            by_key,
            bytes,
            by_principal,
            made: _,
            swept: _,
        } = self;
        by_key.retain(|key, bucket| {
            let stays = !bucket.cell.is_full(now);
            // The shared ones are in nobody's account.
            if !stays && !key.ends_with(OVERFLOW) {
                let room = room_for(key);
                *bytes = bytes.saturating_sub(room);
                if let Some(own) = by_principal.get_mut(&bucket.by) {
                    *own = own.saturating_sub(room);
                }
            }
            stays
        });
        by_principal.retain(|_, own| *own > 0);
    }
}

/// A bucket as operators see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fullness {
    /// The limit.
    pub rule: String,
    /// Its rate and burst here.
    pub numbers: Numbers,
    /// The parts of its key.
    pub key: Vec<String>,
    /// The share that is taken, in thousandths.
    pub taken: u32,
}

/// All buckets of all limits. Lives outside the configuration, so that a reload keeps those of the
/// limits that it leaves as they are.
pub struct Limiter {
    clock: Clock,
    most_bytes: usize,
    buckets: Mutex<Buckets>,
    overflowed: AtomicU64,
}

impl Limiter {
    /// A limiter whose buckets take at most `most_bytes` in all (and one more per limit for the
    /// overflow).
    pub fn new(clock: Clock, most_bytes: usize) -> Limiter {
        Limiter {
            clock,
            most_bytes,
            buckets: Mutex::default(),
            overflowed: AtomicU64::new(0),
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

    /// Draws so far that had to share a bucket because there was no room for one of their own.
    pub fn overflowed(&self) -> u64 {
        self.overflowed.load(Ordering::Relaxed)
    }

    /// Takes what a request of the principal `by` draws, all of it or nothing.
    ///
    /// # Errors
    /// [`OverQuota`] of the limit that refuses longest.
    pub fn take(&self, mut draws: Vec<Draw>, by: &Arc<str>) -> Result<Charge, OverQuota> {
        let now = self.clock.now();
        let at = nanos(now);
        let mut replies = Vec::with_capacity(draws.len());
        // With one draw there is nothing to take back.
        let is_one = draws.len() == 1;
        let mut before: Vec<Cell> = Vec::new();
        let mut refused = false;
        let mut held = self.lock();
        let buckets = &mut *held;
        let by = buckets.by_key.hasher().hash_one(by) as u32;
        for draw in &mut draws {
            let bucket = match buckets.by_key.get_mut(draw.key.as_str()) {
                Some(bucket) => bucket,
                None => {
                    if let Some(shared) = buckets.place(draw, by, self.most_bytes, now) {
                        self.overflowed.fetch_add(1, Ordering::Relaxed);
                        draw.key = shared.into();
                        // A datasource with more of its own has no more than the others here, and
                        // one with less no more than its own.
                        draw.numbers = draw.numbers.least(draw.rule.numbers);
                        draw.cost = draw.cost.min(draw.numbers.burst.get());
                    }
                    buckets.bucket(&draw.key, by)
                }
            };
            if !is_one {
                before.push(bucket.cell);
            }
            match bucket.cell.ask(&draw.numbers, draw.cost, at) {
                Says::Yes(taking) => {
                    replies.push(Reply::Took {
                        remaining: taking.remaining,
                        receipt: Receipt {
                            born: bucket.born.into(),
                            until: bucket.cell.take(taking),
                        },
                    });
                }
                no => {
                    replies.push(match no {
                        Says::NotFor(wait) => Reply::NotFor(Duration::from_nanos(wait)),
                        Says::Never | Says::Yes(_) => Reply::Never,
                    });
                    refused |= draw.holds == Holds::Enforced;
                }
            }
        }
        if refused {
            // The last taken first: two may be of one bucket.
            for (draw, cell) in draws.iter().zip(&before).rev() {
                if let Some(bucket) = buckets.by_key.get_mut(draw.key.as_str()) {
                    bucket.cell = *cell;
                }
            }
        }
        drop(held);
        Charge::of(draws, &replies, Keeper::Local)
    }

    /// What [`Limiter::take`] would say, without taking anything and without a bucket more.
    ///
    /// # Errors
    /// [`OverQuota`] of the limit that would refuse longest.
    pub fn look(&self, draws: Vec<Draw>) -> Result<Charge, OverQuota> {
        let at = nanos(self.clock.now());
        let buckets = self.lock();
        let replies: Vec<Reply> = draws
            .iter()
            .map(|draw| {
                let bucket = buckets.by_key.get(draw.key.as_str());
                let cell = bucket.map_or_else(Cell::default, |bucket| bucket.cell);
                match cell.ask(&draw.numbers, draw.cost, at) {
                    Says::Yes(taking) => Reply::Took {
                        remaining: taking.remaining,
                        receipt: Receipt { born: 0, until: 0 },
                    },
                    Says::NotFor(wait) => Reply::NotFor(Duration::from_nanos(wait)),
                    Says::Never => Reply::Never,
                }
            })
            .collect();
        drop(buckets);
        let looked = Charge::of(draws, &replies, Keeper::Local)?;
        Ok(Charge {
            drawn: Vec::new(),
            ..looked
        })
    }

    /// Gives back what a request has taken here.
    pub fn give_back(&self, charge: &Charge) {
        if charge.keeper != Some(Keeper::Local) {
            return;
        }
        let at = nanos(self.clock.now());
        let mut buckets = self.lock();
        for drawn in &charge.drawn {
            if let Some(bucket) = buckets.by_key.get_mut(drawn.key.as_str())
                && u64::from(bucket.born) == drawn.receipt.born
            {
                let until = drawn.receipt.until;
                bucket.cell.give_back(&drawn.numbers, drawn.cost, until, at);
            }
        }
    }

    /// The buckets with the least left, the emptiest first.
    pub fn fullest(&self, most: usize) -> Vec<Fullness> {
        let at = nanos(self.clock.now());
        let buckets = self.lock();
        let mut all: Vec<(u32, &str, Numbers)> = buckets
            .by_key
            .iter()
            .filter_map(|(key, bucket)| {
                let numbers = numbers_in(key)?;
                Some((bucket.cell.taken(&numbers, at), &**key, numbers))
            })
            .filter(|(taken, _, _)| *taken > 0)
            .collect();
        all.sort_unstable_by(|left, right| right.0.cmp(&left.0).then(left.1.cmp(right.1)));
        all.into_iter()
            .take(most)
            .map(|(taken, key, numbers)| {
                let mut parts = key.split('\0').map(|part| match part {
                    OVERFLOW => ALL_OTHERS.to_owned(),
                    part => part.to_owned(),
                });
                let rule = parts.next().unwrap_or_default();
                Fullness {
                    rule,
                    numbers,
                    key: parts.skip(2).collect(),
                    taken,
                }
            })
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, Buckets> {
        // A panic while the map was held leaves counts that are still true.
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Limiter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Limiter")
            .field("most_bytes", &self.most_bytes)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
