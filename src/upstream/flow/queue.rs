//! Who is next, and who is refused: the queue for the seats, without a clock and without waiting.
//! Time is an argument, counted from a start that is nobody's business.
//!
//! * **Between classes** it is seats that are shared, not requests: each class pays for the time for
//!   which it holds seats, the less the more it matters ([`price`]), and who has paid least is next.
//!   So nobody starves, a class with slow answers does not crowd out one with fast ones, and a class
//!   alone takes all there is.
//! * **A tenth of the seats is kept** for what is no read: slow lists never hold all of them.
//! * **Within a class** the flow that holds the fewest seats is next, in turns where several do: a
//!   flow with ten times as many requests gets no more, and waits for itself.
//! * **Every queue is bounded**: a flow may have as many waiting as there is room left in its class,
//!   so that however many flows fill it, there is room for the next one.
//! * **A refusal is immediate**: who would wait too long is told so at arrival.

use std::time::Duration;

use super::Turn;
use super::line::{Line, SEAT, price};
use crate::route::Class;

/// Without an answer for so long, or for twice the time that answers take, the Overlord is silent.
const SILENCE: Duration = Duration::from_millis(500);

/// The most that may wait of a class. Submissions hold their bodies, which have a bound of their
/// own.
fn room(class: Class) -> usize {
    match class {
        Class::Submission | Class::Change => 4_096,
        Class::Poll => 2_048,
        Class::Listing | Class::Health => 1_024,
    }
}

fn is_read(class: Class) -> bool {
    match class {
        Class::Poll | Class::Listing => true,
        Class::Health | Class::Submission | Class::Change => false,
    }
}

/// What becomes of a request at its arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arrival {
    /// It has a seat.
    Seated,
    /// It must wait.
    Waits,
    /// There is no room for it, or it would wait for longer than it may: for so long.
    Refused(Duration),
}

/// The seats, and those who wait for one. `T` is what a waiter is called by.
#[derive(Debug)]
pub(super) struct Queue<T> {
    seats: usize,
    /// Seats that no read takes.
    kept: usize,
    held: usize,
    reads: usize,
    waiting: usize,
    lines: [Line<T>; 5],
    now: Duration,
    /// When an answer came or a seat was taken.
    moved: Duration,
    tickets: u64,
}

impl<T> Queue<T> {
    pub(super) fn new(seats: usize) -> Queue<T> {
        let seats = seats.max(1);
        Queue {
            seats,
            kept: (seats / 10).max(1).min(seats - 1),
            held: 0,
            reads: 0,
            waiting: 0,
            lines: Class::ALL.map(Line::new),
            now: Duration::ZERO,
            moved: Duration::ZERO,
            tickets: 0,
        }
    }

    /// A request comes. Nobody waits who could have a seat, so that a free one is its own. One that
    /// would wait for longer than `patience` is refused; without, only one that finds no room.
    pub(super) fn arrive(
        &mut self,
        turn: Turn,
        patience: Option<Duration>,
        now: Duration,
    ) -> Arrival {
        self.pass(now);
        if self.has_seat(turn.class) {
            self.seat(turn);
            return Arrival::Seated;
        }
        let line = self.line(turn.class);
        let (before, own) = line.before(turn.flow);
        let wait = self.wait(line, before + 1);
        let is_full = own + line.waiting >= room(turn.class);
        if is_full || patience.is_some_and(|patience| wait > patience) {
            return Arrival::Refused(wait);
        }
        Arrival::Waits
    }

    /// Queues who was told to wait; the ticket is for [`Queue::leave`].
    pub(super) fn wait_for(&mut self, turn: Turn, waiter: T) -> u64 {
        self.begin(turn.class);
        self.tickets += 1;
        self.waiting += 1;
        let ticket = self.tickets;
        self.line_mut(turn.class).push(turn.flow, ticket, waiter);
        ticket
    }

    /// Takes somebody off the queue who no longer waits; `false`: it has its seat already.
    pub(super) fn leave(&mut self, turn: Turn, ticket: u64) -> bool {
        let left = self.line_mut(turn.class).remove(turn.flow, ticket);
        self.waiting -= usize::from(left);
        left
    }

    /// A seat comes back. `time`: how long its answer took, if there was one.
    pub(super) fn release(&mut self, turn: Turn, time: Option<Duration>, now: Duration) {
        self.pass(now);
        self.held -= 1;
        self.reads -= usize::from(is_read(turn.class));
        if time.is_some() {
            self.moved = self.now;
        }
        self.line_mut(turn.class).release(turn.flow, time);
    }

    /// Seats the next one, if somebody waits who may have a seat: to be called until nobody does.
    pub(super) fn next(&mut self) -> Option<(Turn, T)> {
        if self.waiting == 0 {
            return None;
        }
        let class = self
            .lines
            .iter()
            .filter(|line| line.waiting > 0 && self.has_seat(line.class))
            .min_by_key(|line| line.account())?
            .class;
        let (flow, waiter) = self.line_mut(class).next()?;
        self.waiting -= 1;
        let turn = Turn::of(class, flow);
        self.seat(turn);
        Some((turn, waiter))
    }

    /// Seats are held, and for longer than answers take nothing has moved: the Overlord is not
    /// overloaded but gone, and how long it will be until the next seat nobody can tell.
    pub(super) fn is_silent(&self, now: Duration) -> bool {
        let longest = self.lines.iter().map(|line| line.mean).max();
        let usual = (longest.unwrap_or_default() * 2).max(SILENCE);
        self.held > 0 && now.saturating_sub(self.moved) > usual
    }

    /// Seats that are held.
    pub(super) fn held(&self) -> usize {
        self.held
    }

    /// How many wait, class by class.
    pub(super) fn waiting(&self) -> [(Class, usize); 5] {
        Class::ALL.map(|class| (class, self.line(class).waiting))
    }

    /// How long a newcomer of this class and flow would wait about now.
    pub(super) fn outlook(&self, turn: Turn) -> Duration {
        let line = self.line(turn.class);
        self.wait(line, line.before(turn.flow).0 + 1)
    }

    fn line(&self, class: Class) -> &Line<T> {
        let [health, submission, change, poll, listing] = &self.lines;
        match class {
            Class::Health => health,
            Class::Submission => submission,
            Class::Change => change,
            Class::Poll => poll,
            Class::Listing => listing,
        }
    }

    fn line_mut(&mut self, class: Class) -> &mut Line<T> {
        let [health, submission, change, poll, listing] = &mut self.lines;
        match class {
            Class::Health => health,
            Class::Submission => submission,
            Class::Change => change,
            Class::Poll => poll,
            Class::Listing => listing,
        }
    }

    fn has_seat(&self, class: Class) -> bool {
        self.held < self.seats && (!is_read(class) || self.reads < self.seats - self.kept)
    }

    fn seat(&mut self, turn: Turn) {
        self.held += 1;
        self.moved = self.now;
        self.reads += usize::from(is_read(turn.class));
        self.line_mut(turn.class).seat(turn.flow);
    }

    /// Every class pays for the time since the last look.
    fn pass(&mut self, now: Duration) {
        let time = now.saturating_sub(self.now).as_micros();
        self.now = self.now.max(now);
        for line in &mut self.lines {
            line.pass(time);
        }
    }

    /// Somebody of this class is about to wait: what it did not take while it wanted nothing is
    /// gone, and what it took while nobody waited was nobody's.
    fn begin(&mut self, class: Class) {
        if self.line(class).waiting > 0 {
            return;
        }
        let backlogged = self.lines.iter().filter(|line| line.waiting > 0);
        match backlogged.map(Line::account).min() {
            None => self.lines.iter_mut().for_each(|line| line.paid = 0),
            Some(least) => {
                let line = self.line_mut(class);
                line.paid = line.paid.max(least.saturating_sub(line.owed()));
            }
        }
    }

    /// How long it takes until so many of a class have had a seat: with the seats that it has had
    /// lately, or those that are its share if that is more.
    fn wait(&self, line: &Line<T>, count: usize) -> Duration {
        let wants = |line: &&Line<T>| line.waiting + line.held > 0;
        let weight = |class| 16 / price(class) as usize;
        let others = self.lines.iter().filter(wants);
        let others = others.filter(|other| other.class != line.class);
        let all: usize = others.map(|line| weight(line.class)).sum();
        let own = weight(line.class);
        let share = self.seats as u128 * SEAT * own as u128 / (all + own) as u128;
        let most = match is_read(line.class) {
            true => self.seats - self.kept,
            false => self.seats,
        };
        // At least a tenth of a seat: nobody starves.
        let share = share.max(line.lately).min(most as u128 * SEAT);
        let wait = line.mean.as_micros() * count as u128 * SEAT / share.max(SEAT / 10);
        Duration::from_micros(u64::try_from(wait).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests;
