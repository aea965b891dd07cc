//! The queues of password checks.
//!
//! A check costs some 20 ms of CPU and 19 MiB, or more, so a flood of logins must not be able to
//! take the machine or to keep others out: about as many run as there are cores, one source has at
//! most [`WAITING_PER_SOURCE`] in a queue, and requests with the same credentials wait for one
//! check. Who was right from the same address within the last day has a queue of its own, with a
//! permit that nobody else gets. When a queue is full, the newest of the largest network has to
//! go, so that one who has many addresses keeps out nobody but himself.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::available_parallelism;
use std::time::Duration;

use tokio::sync::{Mutex as AsyncMutex, OwnedSemaphorePermit, Semaphore, oneshot};

use super::cache::Fingerprint;
use super::recent::Recent;
use crate::caller::{Network, Source};

/// Password checks that run at the same time, at least.
const FEWEST_CHECKS: usize = 2;

/// Different logins of one source that wait for a check or are being checked.
const WAITING_PER_SOURCE: usize = 8;

/// Logins that wait, in each queue.
const WAITING: usize = 256;

/// Who was right is remembered this long.
const DAY: Duration = Duration::from_secs(24 * 3_600);

/// Sources and accounts that were right; some 200 bytes each.
const MOST_RIGHT: usize = 16_384;

/// Who waits for a check.
pub(super) struct Queue {
    /// For everybody.
    checks: Arc<Semaphore>,
    /// One more, for who was right.
    reserved: Arc<Semaphore>,
    waiting: Mutex<Waiting>,
}

/// Which of the queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lane {
    Anybody,
    /// Was right lately, from the same address.
    WasRight,
}

/// Logins in the queues, by place and by what was sent.
#[derive(Default)]
struct Waiting {
    anybody: Places,
    were_right: Places,
    /// How many places were given.
    given: u64,
    by_login: HashMap<Fingerprint, Arc<AsyncMutex<()>>>,
}

/// The places of one queue, the newest last.
#[derive(Default)]
struct Places {
    by_number: BTreeMap<u64, Holder>,
    by_source: HashMap<Source, usize>,
}

struct Holder {
    source: Source,
    network: Network,
    /// How it is told to go; `None` when its check has begun.
    sent_away: Option<oneshot::Sender<()>>,
}

impl Waiting {
    fn places(&mut self, lane: Lane) -> &mut Places {
        match lane {
            Lane::Anybody => &mut self.anybody,
            Lane::WasRight => &mut self.were_right,
        }
    }
}

impl Places {
    fn remove(&mut self, number: u64) -> Option<Holder> {
        let holder = self.by_number.remove(&number)?;
        if let Some(count) = self.by_source.get_mut(&holder.source) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.by_source.remove(&holder.source);
            }
        }
        Some(holder)
    }

    /// The newest that waits, of the network that has the most waiting. Of networks with as many
    /// it is another than that of who comes.
    fn to_go(&self, newcomer: Network) -> Option<u64> {
        let mut networks: HashMap<Network, (usize, u64)> = HashMap::new();
        for (number, holder) in &self.by_number {
            if holder.sent_away.is_some() {
                let (count, newest) = networks.entry(holder.network).or_default();
                *count += 1;
                *newest = *number;
            }
        }
        let largest = networks
            .into_iter()
            .max_by_key(|(network, (count, newest))| (*count, *network != newcomer, *newest));
        largest.map(|(_, (_, newest))| newest)
    }
}

/// A place in the queue, given back on drop.
pub(super) struct Place<'a> {
    queue: &'a Queue,
    lane: Lane,
    number: u64,
    sent_away: oneshot::Receiver<()>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.queue.waiting().places(self.lane).remove(self.number);
    }
}

impl Place<'_> {
    /// Leave to check a password, which is held until the check has ended. `None`: others need the
    /// place more.
    pub(super) async fn turn(&mut self) -> Option<OwnedSemaphorePermit> {
        let anybody = self.queue.checks.clone().acquire_owned();
        let turn = match self.lane {
            Lane::Anybody => tokio::select! {
                biased;
                _ = &mut self.sent_away => return None,
                turn = anybody => turn,
            },
            Lane::WasRight => {
                let reserved = self.queue.reserved.clone().acquire_owned();
                tokio::select! {
                    biased;
                    _ = &mut self.sent_away => return None,
                    turn = reserved => turn,
                    turn = anybody => turn,
                }
            }
        };
        let mut waiting = self.queue.waiting();
        let places = waiting.places(self.lane);
        // From now on it stays, unless it was sent away just now.
        places.by_number.get_mut(&self.number)?.sent_away = None;
        turn.ok()
    }
}

/// One of the requests with the same credentials; the last one forgets them on drop.
pub(super) struct Same<'a> {
    queue: &'a Queue,
    key: Fingerprint,
    pub(super) turn: Arc<AsyncMutex<()>>,
}

impl Drop for Same<'_> {
    fn drop(&mut self) {
        let mut waiting = self.queue.waiting();
        // This one's and the map's.
        if Arc::strong_count(&self.turn) <= 2 {
            waiting.by_login.remove(&self.key);
        }
    }
}

impl Queue {
    /// For this machine.
    pub(super) fn new() -> Queue {
        let cores = available_parallelism().map_or(FEWEST_CHECKS, usize::from);
        Queue::of(cores.max(FEWEST_CHECKS))
    }

    /// With so many checks at once, and one for who was right.
    pub(super) fn of(checks: usize) -> Queue {
        Queue {
            checks: Arc::new(Semaphore::new(checks)),
            reserved: Arc::new(Semaphore::new(1)),
            waiting: Mutex::default(),
        }
    }

    /// Joins the requests with these credentials; `None` if too many wait.
    pub(super) fn same(&self, key: Fingerprint) -> Option<Same<'_>> {
        let mut waiting = self.waiting();
        if waiting.by_login.len() >= 4 * WAITING && !waiting.by_login.contains_key(&key) {
            return None;
        }
        Some(Same {
            queue: self,
            key,
            turn: waiting.by_login.entry(key).or_default().clone(),
        })
    }

    /// A place in a queue; `None` if the source's share of it is full, or the queue, and nobody
    /// else has to go.
    pub(super) fn place(&self, source: Source, lane: Lane) -> Option<Place<'_>> {
        let mut waiting = self.waiting();
        waiting.given += 1;
        let number = waiting.given;
        let places = waiting.places(lane);
        let of_source = places.by_source.get(&source).copied().unwrap_or(0);
        if of_source >= WAITING_PER_SOURCE {
            return None;
        }
        let (send_away, sent_away) = oneshot::channel();
        let network = source.network();
        places.by_source.insert(source, of_source + 1);
        places.by_number.insert(
            number,
            Holder {
                source,
                network,
                sent_away: Some(send_away),
            },
        );
        if places.by_number.len() > WAITING
            && let Some(goes) = places.to_go(network)
        {
            let holder = places.remove(goes);
            if goes == number {
                return None;
            }
            if let Some(send_away) = holder.and_then(|holder| holder.sent_away) {
                // It may have left meanwhile.
                let _ = send_away.send(());
            }
        }
        drop(waiting);
        Some(Place {
            queue: self,
            lane,
            number,
            sent_away,
        })
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does nobody wait?
    #[cfg(test)]
    pub(super) fn is_idle(&self) -> bool {
        let waiting = self.waiting();
        let is_empty = |places: &Places| places.by_number.is_empty() && places.by_source.is_empty();
        is_empty(&waiting.anybody) && is_empty(&waiting.were_right) && waiting.by_login.is_empty()
    }

    /// Leaves for everybody, as if so many checks ran.
    #[cfg(test)]
    pub(super) async fn hold(&self, checks: u32) -> OwnedSemaphorePermit {
        let held = self.checks.clone().acquire_many_owned(checks).await;
        held.expect("never closed")
    }
}

/// Sources that were right at an account within the last day.
pub(super) struct Right(Recent<(Source, Fingerprint), Duration>);

impl Default for Right {
    fn default() -> Right {
        Right(Recent::new(MOST_RIGHT))
    }
}

impl Right {
    pub(super) fn put(&mut self, source: Source, account: Fingerprint, now: Duration) {
        *self.0.touch((source, account)) = now.saturating_add(DAY);
    }

    pub(super) fn lane(&self, source: Source, account: Fingerprint, now: Duration) -> Lane {
        match self.0.get(&(source, account)) {
            Some(until) if now < *until => Lane::WasRight,
            Some(_) | None => Lane::Anybody,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn source(a: u8, b: u8) -> Source {
        Source::from(IpAddr::from([10, 0, a, b]))
    }

    #[tokio::test]
    async fn the_newest_of_the_largest_network_goes() {
        let queue = Queue::of(2);
        let place = |source| queue.place(source, Lane::Anybody);
        // One that is checked, and a full queue behind it.
        let mut places = vec![place(source(0, 0)).expect("free")];
        let running = places[0].turn().await;
        assert!(running.is_some());
        for number in 1..WAITING {
            let byte = u8::try_from(number / WAITING_PER_SOURCE).expect("few");
            places.push(place(source(0, byte)).expect("free"));
        }
        assert!(place(source(0, 200)).is_none(), "of the same network");
        let mut honest: Vec<Place<'_>> = (1..=3)
            .map(|number| place(source(number, 1)).expect("another's goes"))
            .collect();
        assert_eq!(queue.waiting().anybody.by_number.len(), WAITING);
        let held = queue.hold(1).await;
        for gone in places.iter_mut().rev().take(3) {
            assert!(gone.turn().await.is_none(), "the newest");
        }
        drop(held);
        assert!(honest[0].turn().await.is_some());
        drop((places, honest));
        assert!(queue.is_idle());
    }

    #[tokio::test]
    async fn who_was_right_has_a_queue_and_a_permit_of_its_own() {
        let queue = Queue::of(2);
        let held = queue.hold(2).await;
        let mut places = Vec::new();
        for number in 0..WAITING {
            let byte = u8::try_from(number).expect("few");
            places.push(queue.place(source(byte, 1), Lane::Anybody).expect("free"));
        }
        let mut place = queue.place(source(0, 1), Lane::WasRight).expect("free");
        let turn = place.turn().await;
        assert!(turn.is_some());
        // The others' permits are for it, too.
        let mut second = queue.place(source(0, 1), Lane::WasRight).expect("free");
        drop(held);
        assert!(second.turn().await.is_some());
    }

    #[test]
    fn who_was_right_is_known_for_a_day() {
        let mut right = Right::default();
        let now = Duration::from_secs(5);
        right.put(source(0, 0), [1; 32], now);
        let lane = |source, account, now| right.lane(source, account, now);
        assert_eq!(lane(source(0, 0), [1; 32], now), Lane::WasRight);
        assert_eq!(lane(source(0, 1), [1; 32], now), Lane::Anybody);
        assert_eq!(lane(source(0, 0), [2; 32], now), Lane::Anybody);
        assert_eq!(lane(source(0, 0), [1; 32], now + DAY), Lane::Anybody);
    }
}
