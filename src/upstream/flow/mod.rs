//! Requests in flight to the Overlord are bounded: who sends one takes a seat, and gives it back
//! when its answer has begun. [`queue`] says who is next; here they wait.

mod line;
mod queue;

use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use self::queue::{Arrival, Queue};
use crate::druid::DataSource;
use crate::route::Class;

/// Whose turn it is: how much a request matters, and to which flow it belongs. The requests of one
/// flow wait for each other before they wait for those of others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    pub(super) class: Class,
    pub(super) flow: u64,
    /// Its wait has no end but its deadline's: it has been sent before, or has waited for a leader,
    /// or belongs to something that is half done.
    pub(super) is_patient: bool,
}

impl Turn {
    /// In the flow of a datasource.
    pub fn of_datasource(class: Class, datasource: &DataSource) -> Turn {
        Turn::of(class, key(0, datasource.as_str()))
    }

    /// In the flow of a principal, where no datasource is known.
    pub fn of_principal(class: Class, principal: &str) -> Turn {
        Turn::of(class, key(1, principal))
    }

    fn of(class: Class, flow: u64) -> Turn {
        Turn {
            class,
            flow,
            is_patient: false,
        }
    }

    /// The same for a question of something that is half done: it is worth its wait.
    #[must_use]
    pub fn patient(self) -> Turn {
        Turn {
            is_patient: true,
            ..self
        }
    }
}

/// The name of a datasource is no principal's.
fn key(kind: u8, name: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (kind, name).hash(&mut hasher);
    hasher.finish()
}

/// The longest that a request waits for its seat, if its deadline is not sooner. Whoever polls asks
/// again; whoever submits or changes something has nothing better to do than to wait.
fn longest_wait(class: Class) -> Duration {
    match class {
        Class::Submission | Class::Change => Duration::from_secs(10),
        Class::Health | Class::Poll | Class::Listing => Duration::from_secs(1),
    }
}

/// The most that a client is asked to stay away.
const LONGEST_RETRY: Duration = Duration::from_secs(30);

/// No seat in time. Nothing was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Overload {
    /// When there may be one.
    pub(super) retry_after: Duration,
}

/// How busy the Overlord is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    /// Requests that have been sent and whose answer has not begun.
    pub in_flight: usize,
    /// Requests that wait to be sent, class by class.
    pub waiting: [(Class, usize); 5],
}

/// The seats.
pub(super) struct Flow {
    queue: Mutex<Queue<oneshot::Sender<Seat>>>,
    begun: Instant,
}

/// The right to have one request in flight, given back on drop.
pub(super) struct Seat {
    flow: Arc<Flow>,
    turn: Turn,
    taken: Instant,
    /// How long the answer took.
    time: Option<Duration>,
    is_void: bool,
}

/// Leaves the queue on drop: whoever waits may stop at any time.
struct Place<'f> {
    flow: &'f Flow,
    turn: Turn,
    ticket: u64,
}

impl Flow {
    pub(super) fn new(seats: usize) -> Arc<Flow> {
        Arc::new(Flow {
            queue: Mutex::new(Queue::new(seats)),
            begun: Instant::now(),
        })
    }

    pub(super) fn load(&self) -> Load {
        let queue = self.queue();
        Load {
            in_flight: queue.held(),
            waiting: queue.waiting(),
        }
    }

    /// Takes a seat, or waits for one until `deadline` at most. A free one costs a lock and nothing
    /// else.
    pub(super) async fn seat(
        self: &Arc<Self>,
        turn: Turn,
        deadline: Instant,
    ) -> Result<Seat, Overload> {
        let now = Instant::now();
        let longest = longest_wait(turn.class);
        let (mut until, mut seat, place) = {
            let mut queue = self.queue();
            // An Overlord that answers nobody is not overloaded but gone: whoever waits for its
            // successor is not sent away.
            let is_patient = turn.is_patient || queue.is_silent(now - self.begun);
            let until = match is_patient {
                true => deadline,
                false => deadline.min(now + longest),
            };
            // Half of it: estimates err, and who is refused is to be refused at once.
            let patience = (!is_patient).then(|| until.saturating_duration_since(now) / 2);
            match queue.arrive(turn, patience, now - self.begun) {
                Arrival::Seated => {
                    drop(queue);
                    return Ok(self.taken(turn, now));
                }
                Arrival::Refused(wait) => return Err(overload(wait)),
                Arrival::Waits => {
                    let (give, seat) = oneshot::channel();
                    let ticket = queue.wait_for(turn, give);
                    let place = Place {
                        flow: self,
                        turn,
                        ticket,
                    };
                    (until, seat, place)
                }
            }
        };
        loop {
            if let Ok(given) = timeout_at(until, &mut seat).await {
                // The queue outlives this borrow of it, and drops nobody.
                return given.map_err(|_| overload(longest));
            }
            let now = Instant::now();
            let queue = self.queue();
            if now >= deadline || !queue.is_silent(now - self.begun) {
                let wait = queue.outlook(turn);
                drop(queue);
                drop(place);
                return Err(overload(wait));
            }
            until = deadline;
        }
    }

    fn taken(self: &Arc<Self>, turn: Turn, now: Instant) -> Seat {
        Seat {
            flow: self.clone(),
            turn,
            taken: now,
            time: None,
            is_void: false,
        }
    }

    /// Gives a seat back, and free ones to who waits.
    fn give_back(self: &Arc<Self>, turn: Turn, time: Option<Duration>) {
        let now = Instant::now();
        let mut queue = self.queue();
        queue.release(turn, time, now - self.begun);
        while let Some((turn, give)) = queue.next() {
            drop(queue);
            let sent = give.send(self.taken(turn, now));
            queue = self.queue();
            // It has left in this very moment.
            if let Err(mut seat) = sent {
                seat.is_void = true;
                queue.release(turn, None, now - self.begun);
            }
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue<oneshot::Sender<Seat>>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn overload(wait: Duration) -> Overload {
    Overload {
        retry_after: wait.min(LONGEST_RETRY),
    }
}

impl Seat {
    /// Its answer has begun: the Overlord has done its work.
    pub(super) fn answered(mut self) {
        self.time = Some(self.taken.elapsed());
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if !self.is_void {
            self.flow.give_back(self.turn, self.time);
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.flow.queue().leave(self.turn, self.ticket);
    }
}

#[cfg(test)]
mod tests;
