//! Identical reads share one question to the Overlord.
//!
//! A question is asked by a task of its own, with the gateway's account and nothing of any client's
//! header: whoever waits for it may leave, and its answer is everybody's. What each client is given
//! of it is his own: it is reduced for him as if it had been asked for him.
//!
//! An answer serves the reads that wait for it, and for the configured moment those that come
//! later; [`table`] says to whom it must not be given because he, or the task, has changed
//! something since. What failed, and every answer but a 200, is only for those who wait.

mod table;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::{StatusCode, header};
use tokio::sync::watch;
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
struct Told {
    read: Result<Arc<Whole>, Failure>,
    trail: Trail,
}

/// How the answer to a question arrives: its sender lives until it is here.
type Ticket = watch::Receiver<Option<Arc<Told>>>;

/// The questions under way and the answers of the last moment.
pub(super) struct Share {
    table: Mutex<Table<Ticket>>,
    memory: Memory,
}

/// A GET that many may ask at the same time.
pub(super) struct Question<'q> {
    /// The canonical path with its query.
    pub(super) target: String,
    /// As in [`Plan`].
    pub(super) unavailable_is_an_answer: bool,
    /// How old an answer may be; zero: only one that is under way is joined.
    pub(super) reuse: Duration,
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

/// A question's place in the table, given up when its task ends, however it does.
struct Place {
    share: Arc<Share>,
    target: Arc<str>,
    number: u64,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.share.table().forget(&self.target, self.number);
    }
}

/// A question that somebody has asked, or that this read asks.
enum Asked {
    ByOthers(Ticket, Sharing),
    Now(Ticket),
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
            let (mut ticket, by) = match self.ask(question, generation, deadline) {
                None => return Read::alone(Trail::default()),
                Some(Asked::Now(ticket)) => (ticket, Sharing::Fetched),
                Some(Asked::ByOthers(ticket, by)) => (ticket, by),
            };
            // A question ends by the deadline of the read that it was begun for.
            let waited = match by {
                Sharing::Fetched => Ok(ticket.wait_for(Option::is_some).await),
                _ => timeout_at(deadline, ticket.wait_for(Option::is_some)).await,
            };
            let told = match waited {
                Ok(Ok(told)) => told.clone(),
                // Its task has failed.
                Ok(Err(_)) => None,
                Err(_) => {
                    let view = generation.overlords.view();
                    let failure = match view.leader() {
                        Some(_) => Failure::Late,
                        None => Failure::NoLeader,
                    };
                    return Read::of(Err(failure), Trail::default(), by);
                }
            };
            let Some(told) = told else {
                return Read::alone(Trail::default());
            };
            let trail = match by {
                Sharing::Fetched => told.trail,
                _ => Trail::default(),
            };
            match &told.read {
                Ok(read) if !is_encoded(read) => return Read::of(Ok(read.clone()), trail, by),
                Ok(_) | Err(Failure::TooLarge | Failure::NoMemory) => return Read::alone(trail),
                Err(failure) => {
                    waits += 1;
                    let is_over = Instant::now() >= deadline || waits >= MOST_WAITS;
                    // Another's place in the queue is not this one's.
                    if by != Sharing::Fetched && matches!(failure, Failure::Overloaded { .. }) {
                        return Read::alone(trail);
                    }
                    if by == Sharing::Fetched || is_over {
                        return Read::of(Err(alike(failure)), trail, by);
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
        deadline: Instant,
    ) -> Option<Asked> {
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
        let target: Arc<str> = question.target.as_str().into();
        let (sender, ticket) = watch::channel(None);
        let number = table.begin(&target, number, ticket.clone(), now)?;
        drop(table);
        let place = Place {
            share: self.clone(),
            target,
            number,
        };
        let plan = Plan {
            repeatable: true,
            deadline,
            unavailable_is_an_answer: question.unavailable_is_an_answer,
            turn: question.turn,
        };
        let overlords = generation.overlords.clone();
        let reuse = question.reuse;
        tokio::spawn(async move {
            let request = Request::get(&*place.target);
            let mut trail = Trail::default();
            let memory = &place.share.memory;
            let asked = overlords.exchange_whole_in(memory, &request, plan, LARGEST, &mut trail);
            let read = asked.await.map(|mut read| {
                read.settle();
                Arc::new(read)
            });
            let ended = match &read {
                Ok(read) if read.head.status == StatusCode::OK && !is_encoded(read) => {
                    Ended::Answered(read.body.len(), reuse)
                }
                Err(Failure::TooLarge) => Ended::TooLarge,
                Ok(_) | Err(_) => Ended::Once,
            };
            // First of all: nobody who comes from now on is given what is only for those who wait.
            let now = Instant::now();
            let until = place
                .share
                .table()
                .end(&place.target, place.number, ended, now);
            sender.send_replace(Some(Arc::new(Told { read, trail })));
            drop(sender);
            if let Some(until) = until {
                // It is dropped in time, whether anybody asks again or not.
                sleep_until(until).await;
            }
        });
        Some(Asked::Now(ticket))
    }

    fn table(&self) -> MutexGuard<'_, Table<Ticket>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Read {
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
    let headers = &read.head.fields.headers;
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
