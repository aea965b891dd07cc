//! Identical reads share one question to the Overlord.
//!
//! A question is asked by the first read that has it, with the gateway's account and nothing of any
//! client's header: its answer is everybody's. What each client is given of it is his own: it is
//! reduced for him as if it had been asked for him. Should that read end without an answer, one of
//! those who waited asks in its place.
//!
//! An answer serves the reads that wait for it, and for the configured moment those that come
//! later; [`table`] says to whom it must not be given because he, or the task, has changed
//! something since. What failed, every answer but a 200, and a task's status that nobody asked for a
//! moment ago, is only for those who wait.

mod table;

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use http::{StatusCode, header};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout_at};

use self::table::{Bounds, Ended, Found, Reader, Table};
use super::generation::Generation;
use crate::caller::Principal;
use crate::druid::TaskId;
use crate::route::{Changes, Endpoint};
use crate::telemetry::Sharing;
use crate::upstream::{Failure, Memory, Plan, Request, Trail, Turn, Whole, status_of};

/// The largest answer that is shared: some 18,000 tasks.
const LARGEST: usize = 8 << 20;

/// Of the memory for bodies, the share that answers which are shared have beside it: they never
/// keep a submission out.
const PART: usize = 4;

/// Short answers take no memory of the above.
const BOUNDS: Bounds = Bounds {
    entries: 4_096,
    bytes: 32 << 20,
    actors: 4_096,
};

/// So many questions of others a read waits for, one after the other, when they fail.
const MOST_WAITS: usize = 3;

/// What a question came to.
#[derive(Debug)]
struct Told {
    read: Result<Arc<Whole>, Failure>,
    trail: Trail,
}

/// A question's answer, once it is here; `None`: there will be none.
#[derive(Debug, Default)]
struct Answering {
    told: OnceLock<Option<Arc<Told>>>,
    here: Notify,
}

impl Answering {
    fn tell(&self, told: Option<Arc<Told>>) {
        // Who was told stays told.
        if self.told.set(told).is_ok() {
            self.here.notify_waiters();
        }
    }

    async fn told(&self) -> Option<Arc<Told>> {
        loop {
            // Before the look: what is told between the two wakes it.
            let here = self.here.notified();
            if let Some(told) = self.told.get() {
                return told.clone();
            }
            here.await;
        }
    }
}

type Ticket = Arc<Answering>;

/// The questions under way and the answers of the last moment.
pub(super) struct Share {
    table: Mutex<Table<Ticket>>,
    memory: Memory,
}

/// A GET that many may ask at the same time.
pub(super) struct Question<'q> {
    /// The canonical path with its query.
    pub(super) target: Arc<str>,
    /// As in [`Plan`].
    pub(super) unavailable_is_an_answer: bool,
    /// How old an answer may be; zero: only one that is under way is joined.
    pub(super) reuse: Duration,
    /// How old this question's own answer may become for others.
    pub(super) keep: Duration,
    /// Does it only stay if the same is asked often, or by two at once? What stays in memory for
    /// nobody costs its way through the processor's caches twice.
    pub(super) if_wanted: bool,
    /// For whom; `None`: the gateway itself.
    pub(super) principal: Option<&'q Principal>,
    /// Whose turn it is, if it is asked for this read.
    pub(super) turn: Turn,
}

/// What a shared question came to, for one of those who asked it.
pub(super) struct Read {
    /// The answer; `None`: this one must be asked for each.
    pub(super) told: Option<Result<Arc<Whole>, Failure>>,
    /// What it took, for the one that it was begun for.
    pub(super) trail: Trail,
    /// How the answer was come by.
    pub(super) by: Sharing,
}

/// A change while it is under way. It counts from the moment at which it is answered, which is
/// before the first byte of its answer.
pub(super) struct Act {
    principal: Principal,
    changes: Changes,
    /// The task that it is about, once known.
    pub(super) task: Option<TaskId>,
}

impl Act {
    /// What a request changes; `None`: nothing.
    pub(super) fn of(
        endpoint: &Endpoint,
        principal: &Principal,
        task: Option<TaskId>,
    ) -> Option<Act> {
        let changes = endpoint.changes();
        (changes != Changes::Nothing).then(|| Act {
            principal: principal.clone(),
            changes,
            task,
        })
    }
}

/// A question's place in the table, given up when it ends without an answer, however it does.
struct Place<'s> {
    share: &'s Arc<Share>,
    target: Arc<str>,
    number: u64,
    ticket: Ticket,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if self.ticket.told.get().is_none() {
            self.share.table().forget(&self.target, self.number);
            self.ticket.tell(None);
        }
    }
}

/// A question that somebody has asked, or that this read asks.
enum Asked<'s> {
    ByOthers(Ticket, Sharing),
    Now(Place<'s>),
}

impl Share {
    /// Nothing yet. `bodies` is the memory of which it has a part as large beside it.
    pub(super) fn new(bodies: &Memory) -> Arc<Share> {
        Arc::new(Share {
            table: Mutex::new(Table::new(BOUNDS)),
            memory: bodies.part(PART),
        })
    }

    /// Bytes that answers take now.
    pub(super) fn used(&self) -> usize {
        self.memory.used()
    }

    /// An act is answered now.
    pub(super) fn acted(&self, act: &Act) {
        let target = act.task.as_ref().map(status_of);
        let mut table = self.table();
        match act.changes {
            Changes::Nothing => {}
            Changes::Task => table.acted(act.principal.name(), target.as_deref()),
            Changes::Anything => table.changed(),
        }
    }

    /// The answer to a question, by `deadline`: one of a moment ago, one under way, or a new one.
    pub(super) async fn read(
        self: &Arc<Self>,
        question: &Question<'_>,
        generation: &Generation,
        deadline: Instant,
    ) -> Read {
        let mut waits = 0;
        loop {
            let (ticket, by) = match self.ask(question, generation) {
                None => return Read::alone(Trail::default()),
                Some(Asked::Now(place)) => {
                    let told = place.fetch(question, generation, deadline).await;
                    return Read::fetched(&told);
                }
                Some(Asked::ByOthers(ticket, by)) => (ticket, by),
            };
            let Ok(told) = timeout_at(deadline, ticket.told()).await else {
                let view = generation.overlords.view();
                let failure = match view.leader() {
                    Some(_) => Failure::Late,
                    None => Failure::NoLeader,
                };
                return Read::of(Err(failure), Trail::default(), by);
            };
            let Some(told) = told else {
                // Who asked has gone without an answer: one of those who waited asks in his place.
                waits += 1;
                match waits < MOST_WAITS {
                    true => continue,
                    false => return Read::alone(Trail::default()),
                }
            };
            match &told.read {
                Ok(read) if !is_encoded(read) => {
                    return Read::of(Ok(read.clone()), Trail::default(), by);
                }
                // Another's place in the queue is not this one's.
                Ok(_) | Err(Failure::TooLarge | Failure::NoMemory | Failure::Overloaded { .. }) => {
                    return Read::alone(Trail::default());
                }
                Err(failure) => {
                    waits += 1;
                    if Instant::now() >= deadline || waits >= MOST_WAITS {
                        return Read::of(Err(alike(failure)), Trail::default(), by);
                    }
                    // It was another's deadline that ended it.
                }
            }
        }
    }

    /// Finds the question, or begins it; `None`: it is not to be shared.
    fn ask(
        self: &Arc<Self>,
        question: &Question<'_>,
        generation: &Generation,
    ) -> Option<Asked<'_>> {
        let now = Instant::now();
        let number = generation.snapshot.generation;
        let reader = Reader {
            principal: question.principal.map(|principal| &**principal.name()),
            generation: number,
            reuse: question.reuse,
        };
        let mut table = self.table();
        match table.find(&question.target, reader, now) {
            Found::UnderWay(ticket) => return Some(Asked::ByOthers(ticket, Sharing::Joined)),
            Found::Answered(ticket) => return Some(Asked::ByOthers(ticket, Sharing::Reused)),
            Found::Alone => return None,
            Found::Nothing => {}
        }
        let target = question.target.clone();
        let ticket = Ticket::default();
        let lately = question.if_wanted.then_some(2 * question.keep);
        let number = table.begin(&target, number, ticket.clone(), lately, now)?;
        drop(table);
        Some(Asked::Now(Place {
            share: self,
            target,
            number,
            ticket,
        }))
    }

    /// Drops answers whose time is over, whether anybody asks again or not, until there are none.
    async fn sweep(self: Arc<Self>) {
        loop {
            let Some(due) = self.table().sweep(Instant::now()) else {
                return;
            };
            sleep_until(due).await;
        }
    }

    fn table(&self) -> MutexGuard<'_, Table<Ticket>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place<'_> {
    /// Asks the Overlord, and tells everybody who waits.
    async fn fetch(
        self,
        question: &Question<'_>,
        generation: &Generation,
        deadline: Instant,
    ) -> Arc<Told> {
        let plan = Plan {
            repeatable: true,
            deadline,
            unavailable_is_an_answer: question.unavailable_is_an_answer,
            turn: question.turn,
        };
        let request = Request::get(self.target.clone());
        let mut trail = Trail::default();
        let overlords = &generation.overlords;
        let memory = &self.share.memory;
        let asked = overlords.exchange_whole_in(memory, &request, plan, LARGEST, &mut trail);
        let read = asked.await.map(|mut read| {
            read.settle();
            Arc::new(read)
        });
        let ended = match &read {
            Ok(read) if read.head.status == StatusCode::OK && !is_encoded(read) => {
                Ended::Answered(read.body.len(), question.keep)
            }
            Err(Failure::TooLarge) => Ended::TooLarge,
            Ok(_) | Err(_) => Ended::Once,
        };
        // First of all: nobody who comes from now on is given what is only for those who wait.
        let now = Instant::now();
        let must_sweep = self
            .share
            .table()
            .end(&self.target, self.number, ended, now);
        let told = Arc::new(Told { read, trail });
        self.ticket.tell(Some(told.clone()));
        if must_sweep {
            tokio::spawn(self.share.clone().sweep());
        }
        told
    }
}

impl Read {
    /// What its own question came to.
    fn fetched(told: &Told) -> Read {
        let by = Sharing::Fetched;
        match &told.read {
            Ok(read) if !is_encoded(read) => Read::of(Ok(read.clone()), told.trail, by),
            Ok(_) | Err(Failure::TooLarge | Failure::NoMemory) => Read::alone(told.trail),
            Err(failure) => Read::of(Err(alike(failure)), told.trail, by),
        }
    }

    fn of(told: Result<Arc<Whole>, Failure>, trail: Trail, by: Sharing) -> Read {
        Read {
            told: Some(told),
            trail,
            by,
        }
    }

    fn alone(trail: Trail) -> Read {
        Read {
            told: None,
            trail,
            by: Sharing::Alone,
        }
    }
}

/// Compressed although nobody asked for that: it cannot be reduced.
fn is_encoded(read: &Whole) -> bool {
    let headers = &read.head.headers;
    headers.contains_key(header::CONTENT_ENCODING)
}

/// The same failure for another; what caused it stays with the first.
fn alike(failure: &Failure) -> Failure {
    match failure {
        Failure::NoLeader => Failure::NoLeader,
        Failure::Lost(_) => Failure::Lost(None),
        Failure::Late => Failure::Late,
        Failure::Overloaded { retry_after } => Failure::Overloaded {
            retry_after: *retry_after,
        },
        Failure::TooLarge => Failure::TooLarge,
        Failure::Unexpected => Failure::Unexpected,
        Failure::Login => Failure::Login,
        Failure::NoMemory => Failure::NoMemory,
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn who_waits_is_told_when_a_read_ends_without_an_answer() {
        let share = Share::new(&Memory::new(1 << 20));
        let target: Arc<str> = "/t".into();
        let ticket = Ticket::default();
        let now = Instant::now();
        let number = share.table().begin(&target, 1, ticket.clone(), None, now);
        let place = Place {
            share: &share,
            target: target.clone(),
            number: number.expect("room"),
            ticket: ticket.clone(),
        };
        let mut waits = std::pin::pin!(ticket.told());
        assert!(timeout(Duration::ZERO, &mut waits).await.is_err());
        drop(place);
        let told = timeout(Duration::from_secs(10), waits).await;
        assert!(told.expect("woken").is_none());
        let again = share
            .table()
            .begin(&target, 1, Ticket::default(), None, now);
        assert!(again > number, "somebody else may ask");
    }
}
