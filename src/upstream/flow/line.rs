//! One class in the queue: those of it that wait, and what it has had.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use crate::route::Class;

/// An answer's time before one has been seen.
const FIRST_GUESS: Duration = Duration::from_millis(50);

/// Of the mean time of answers, the newest counts for this part.
const NEWEST: u32 = 8;

/// The seats that a class holds on average are those of about the last second, in microseconds.
const SECOND: u128 = 1_000_000;

/// A seat, where parts of one count.
pub(super) const SEAT: u128 = 1_000_000_000;

/// What a class pays for holding a seat for a microsecond: its weight is 16 divided by this.
pub(super) fn price(class: Class) -> u32 {
    match class {
        Class::Health | Class::Submission => 1,
        Class::Change => 2,
        Class::Poll => 4,
        Class::Listing => 16,
    }
}

/// One class.
#[derive(Debug)]
pub(super) struct Line<T> {
    pub(super) class: Class,
    pub(super) held: usize,
    /// The seats that it held lately, on average, in parts of [`SEAT`]. Those that it holds now
    /// say little of what it will hold.
    pub(super) lately: u128,
    /// What it has paid.
    pub(super) paid: u128,
    /// How long its answers take.
    pub(super) mean: Duration,
    pub(super) waiting: usize,
    /// Those that wait, in turns.
    flows: VecDeque<Flow<T>>,
    /// The flows that hold seats, and how many: no more than there are seats.
    held_by: HashMap<u64, u32>,
}

/// The requests of one flow that wait, first come first served.
#[derive(Debug)]
struct Flow<T> {
    key: u64,
    waiters: VecDeque<(u64, T)>,
}

impl<T> Line<T> {
    pub(super) fn new(class: Class) -> Line<T> {
        Line {
            class,
            held: 0,
            lately: 0,
            paid: 0,
            mean: FIRST_GUESS,
            waiting: 0,
            flows: VecDeque::new(),
            held_by: HashMap::new(),
        }
    }

    /// What the seats that it holds now will cost.
    pub(super) fn owed(&self) -> u128 {
        self.mean.as_micros() * self.held as u128 * u128::from(price(self.class))
    }

    pub(super) fn account(&self) -> u128 {
        self.paid + self.owed()
    }

    fn held_by(&self, key: u64) -> u32 {
        self.held_by.get(&key).copied().unwrap_or(0)
    }

    /// How many are served before a newcomer of a flow, and how many of the flow wait.
    pub(super) fn before(&self, key: u64) -> (usize, usize) {
        let own = self.flows.iter().find(|flow| flow.key == key);
        let own = own.map_or(0, |flow| flow.waiters.len());
        let others = self.flows.iter().filter(|flow| flow.key != key);
        let others: usize = others.map(|flow| flow.waiters.len().min(own + 1)).sum();
        (own + others, own)
    }

    /// Takes whose turn it is off the queue.
    pub(super) fn next(&mut self) -> Option<(u64, T)> {
        let fewest = self.flows.iter().map(|flow| self.held_by(flow.key)).min()?;
        let at = self
            .flows
            .iter()
            .position(|flow| self.held_by(flow.key) == fewest)?;
        let mut flow = self.flows.remove(at)?;
        let (_, waiter) = flow.waiters.pop_front()?;
        let key = flow.key;
        self.waiting -= 1;
        if !flow.waiters.is_empty() {
            self.flows.push_back(flow);
        }
        Some((key, waiter))
    }

    /// Queues one more.
    pub(super) fn push(&mut self, key: u64, ticket: u64, waiter: T) {
        self.waiting += 1;
        match self.flows.iter_mut().find(|flow| flow.key == key) {
            Some(flow) => flow.waiters.push_back((ticket, waiter)),
            None => self.flows.push_back(Flow {
                key,
                waiters: VecDeque::from([(ticket, waiter)]),
            }),
        }
    }

    /// Takes one off the queue; `false`: it is not in it.
    pub(super) fn remove(&mut self, key: u64, ticket: u64) -> bool {
        let Some(at) = self.flows.iter().position(|flow| flow.key == key) else {
            return false;
        };
        let Some(flow) = self.flows.get_mut(at) else {
            return false;
        };
        let place = flow
            .waiters
            .binary_search_by_key(&ticket, |waiter| waiter.0);
        let Ok(place) = place else {
            return false;
        };
        flow.waiters.remove(place);
        if flow.waiters.is_empty() {
            self.flows.remove(at);
        }
        self.waiting -= 1;
        true
    }

    /// A seat more is held.
    pub(super) fn seat(&mut self, key: u64) {
        self.held += 1;
        *self.held_by.entry(key).or_default() += 1;
    }

    /// A seat less is held.
    pub(super) fn release(&mut self, key: u64, time: Option<Duration>) {
        self.held -= 1;
        if let Some(held) = self.held_by.get_mut(&key) {
            *held -= 1;
            if *held == 0 {
                self.held_by.remove(&key);
            }
        }
        if let Some(time) = time {
            self.mean = (self.mean * (NEWEST - 1) + time) / NEWEST;
        }
    }

    /// It pays for so many microseconds.
    pub(super) fn pass(&mut self, time: u128) {
        let held = self.held as u128;
        self.paid += time * held * u128::from(price(self.class));
        let new = time.min(SECOND);
        self.lately = (self.lately * (SECOND - new) + held * SEAT * new) / SECOND;
    }
}
