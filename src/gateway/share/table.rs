//! Which answer may be given to whom: bookkeeping without I/O, the time as an argument.
//!
//! Everything that happens gets a number, in its order. An answer carries the number at which its
//! question was begun, an act the one at which it was answered: who was told of an act is given no
//! answer with a smaller number.

use std::collections::hash_map::Entry as Place;
use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasher as _;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

/// A question whose answer was too large is not asked for many again for this long: each client
/// asks for himself.
const TOO_LARGE_FOR: Duration = Duration::from_secs(60);

/// Between two looks for what is remembered no longer.
const SHORTEST_REST: Duration = Duration::from_millis(50);
const LONGEST_REST: Duration = Duration::from_millis(500);

/// Places for what was asked lately. Of two questions that have the same one the later is remembered.
const ASKED: usize = 4_096;

/// How much is remembered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Questions under way and answers.
    pub(super) entries: usize,
    /// Bytes of all answers.
    pub(super) bytes: usize,
    /// Principals that changed something.
    pub(super) actors: usize,
}

/// Questions by their targets; `T` is how to come by the answer of one.
#[derive(Debug)]
pub(super) struct Table<T> {
    entries: HashMap<Arc<str>, Entry<T>>,
    /// Until when what is remembered is, by the number of its question.
    ends: BTreeMap<(Instant, u64), Arc<str>>,
    is_swept: bool,
    /// Whose last act was answered when.
    acts: HashMap<Arc<str>, u64>,
    /// The number of what happens next.
    next: u64,
    bytes: usize,
    /// What was asked lately: a part of its hash, and when.
    asked: Box<[Option<(u32, Instant)>]>,
    bounds: Bounds,
}

#[derive(Debug)]
struct Entry<T> {
    number: u64,
    generation: u64,
    began: Instant,
    state: State,
    /// Is its answer likely to be asked for again?
    is_wanted: bool,
    ticket: T,
}

impl<T> Entry<T> {
    /// Of its answer.
    fn bytes(&self) -> usize {
        match self.state {
            State::Answered(bytes) => bytes,
            State::UnderWay | State::TooLarge => 0,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    UnderWay,
    /// Answered, with so many bytes.
    Answered(usize),
    TooLarge,
}

/// A read that looks for an answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'r> {
    /// Who reads; `None`: the gateway itself, about what no principal's act concerns but as
    /// everybody's.
    pub(super) principal: Option<&'r str>,
    /// The configuration that it reads under: another one may have other Overlords.
    pub(super) generation: u64,
    /// How old an answer may be, counted from the begin of its question.
    pub(super) reuse: Duration,
}

/// What there is for a read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found<T> {
    /// The same question is under way.
    UnderWay(T),
    /// It was answered a moment ago.
    Answered(T),
    /// Nothing.
    Nothing,
    /// Nothing, and it is not to be asked for others.
    Alone,
}

/// What became of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// With an answer of so many bytes that may be given again until its time is over.
    Answered(usize, Duration),
    /// With what is only for those who wait for it.
    Once,
    /// With more than can be shared.
    TooLarge,
}

impl<T: Clone> Table<T> {
    pub(super) fn new(bounds: Bounds) -> Table<T> {
        Table {
            entries: HashMap::new(),
            ends: BTreeMap::new(),
            is_swept: false,
            acts: HashMap::new(),
            next: 0,
            bytes: 0,
            asked: vec![None; ASKED].into(),
            bounds,
        }
    }

    /// What may this read be given?
    pub(super) fn find(&mut self, target: &str, reader: Reader<'_>, now: Instant) -> Found<T> {
        let Some(entry) = self.entries.get_mut(target) else {
            return Found::Nothing;
        };
        let since = now.saturating_duration_since(entry.began);
        if entry.state == State::TooLarge {
            return match since < TOO_LARGE_FOR {
                true => Found::Alone,
                false => Found::Nothing,
            };
        }
        let act = match reader.principal {
            Some(name) if !self.acts.is_empty() => self.acts.get(name),
            Some(_) | None => None,
        };
        if entry.generation != reader.generation || act.is_some_and(|act| entry.number < *act) {
            return Found::Nothing;
        }
        match entry.state {
            State::UnderWay => {
                entry.is_wanted = true;
                Found::UnderWay(entry.ticket.clone())
            }
            State::Answered(_) if since < reader.reuse => Found::Answered(entry.ticket.clone()),
            State::Answered(_) | State::TooLarge => Found::Nothing,
        }
    }

    /// Takes note of a question that begins now, in the place of an older one to the same target,
    /// and gives it its number; `None`: there are too many. With `lately`, its answer is kept only
    /// if others join it, or the same was asked before within this time.
    pub(super) fn begin(
        &mut self,
        target: &Arc<str>,
        generation: u64,
        ticket: T,
        lately: Option<Duration>,
        now: Instant,
    ) -> Option<u64> {
        let number = self.number();
        let was_asked = self.was_asked(target, lately.unwrap_or_default(), now);
        let is_wanted = lately.is_none() || was_asked;
        let entry = Entry {
            number,
            generation,
            began: now,
            state: State::UnderWay,
            is_wanted,
            ticket,
        };
        let is_full = self.entries.len() >= self.bounds.entries;
        match self.entries.entry(target.clone()) {
            Place::Occupied(mut place) => self.bytes -= place.insert(entry).bytes(),
            Place::Vacant(_) if is_full => return None,
            Place::Vacant(place) => {
                place.insert(entry);
            }
        }
        Some(number)
    }

    /// Was this asked within that time? It is asked now.
    fn was_asked(&mut self, target: &str, lately: Duration, now: Instant) -> bool {
        let hash = self.entries.hasher().hash_one(target);
        // Two halves that say nothing of each other.
        let (place, mark) = ((hash >> 32) as usize % ASKED, hash as u32);
        let Some(place) = self.asked.get_mut(place) else {
            return false;
        };
        let before = place.replace((mark, now));
        before.is_some_and(|(of, at)| of == mark && now.saturating_duration_since(at) < lately)
    }

    /// A question has ended. Tells whether somebody must [`sweep`](Table::sweep) from now on: one
    /// who does, does until there is nothing left to sweep.
    pub(super) fn end(
        &mut self,
        target: &Arc<str>,
        number: u64,
        ended: Ended,
        now: Instant,
    ) -> bool {
        let left = self.bounds.bytes - self.bytes;
        // A newer one may have taken its place.
        let entry = self.entries.get_mut(target);
        let Some(entry) = entry.filter(|entry| entry.number == number) else {
            return false;
        };
        let kept = match ended {
            Ended::Answered(bytes, reuse) if entry.is_wanted && bytes <= left => {
                Some((State::Answered(bytes), entry.began + reuse))
            }
            Ended::TooLarge => Some((State::TooLarge, entry.began + TOO_LARGE_FOR)),
            Ended::Answered(..) | Ended::Once => None,
        };
        // Questions whose place was taken before their end came have an end all the same.
        let is_full = self.ends.len() >= 2 * self.bounds.entries;
        let Some((state, until)) = kept.filter(|(_, until)| *until > now && !is_full) else {
            self.remove(target);
            return false;
        };
        entry.state = state;
        if let State::Answered(bytes) = state {
            self.bytes += bytes;
        }
        self.ends.insert((until, number), target.clone());
        !std::mem::replace(&mut self.is_swept, true)
    }

    /// Forgets what is remembered no longer. Tells when to do so again; `None`: there is nothing
    /// left, and nobody sweeps from now on.
    pub(super) fn sweep(&mut self, now: Instant) -> Option<Instant> {
        while let Some(end) = self.ends.first_entry() {
            let (until, number) = *end.key();
            if until > now {
                // What comes meanwhile may end sooner.
                return Some(until.clamp(now + SHORTEST_REST, now + LONGEST_REST));
            }
            let Place::Occupied(place) = self.entries.entry(end.remove()) else {
                continue;
            };
            if place.get().number == number {
                self.bytes -= place.remove().bytes();
            }
        }
        self.is_swept = false;
        None
    }

    /// Forgets a question, unless a newer one has its place.
    pub(super) fn forget(&mut self, target: &str, number: u64) {
        let entry = self.entries.get(target);
        if entry.is_some_and(|entry| entry.number == number) {
            self.remove(target);
        }
    }

    /// Something that a principal did is answered now; `target` is what it changed for everybody.
    pub(super) fn acted(&mut self, principal: &Arc<str>, target: Option<&str>) {
        if let Some(target) = target {
            self.forget_answer(target);
        }
        if self.acts.len() >= self.bounds.actors && !self.acts.contains_key(principal) {
            // An act that is older than every question keeps nobody from anything.
            let entries = self.entries.values();
            let oldest = entries.map(|entry| entry.number).min().unwrap_or(self.next);
            self.acts.retain(|_, act| *act > oldest);
            if self.acts.len() >= self.bounds.actors {
                return self.changed();
            }
        }
        let number = self.number();
        self.acts.insert(principal.clone(), number);
    }

    /// Something is answered now that concerns everybody.
    pub(super) fn changed(&mut self) {
        self.acts.clear();
        self.bytes = 0;
        // That an answer is too large is no answer.
        self.entries
            .retain(|_, entry| entry.state == State::TooLarge);
    }

    /// Nobody who comes from now on is given what is known of this target. Who waits for a question
    /// that is under way gets its answer all the same.
    fn forget_answer(&mut self, target: &str) {
        let entry = self.entries.get(target);
        if entry.is_some_and(|entry| entry.state != State::TooLarge) {
            self.remove(target);
        }
    }

    fn remove(&mut self, target: &str) {
        if let Some(entry) = self.entries.remove(target) {
            self.bytes -= entry.bytes();
        }
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BOUNDS: Bounds = Bounds {
        entries: 3,
        bytes: 100,
        actors: 2,
    };
    const REUSE: Duration = Duration::from_millis(500);

    fn reader(principal: &str) -> Reader<'_> {
        Reader {
            principal: Some(principal),
            generation: 1,
            reuse: REUSE,
        }
    }

    /// Begins a question and ends it at once.
    fn answer(table: &mut Table<u32>, target: &str, ticket: u32, bytes: usize, now: Instant) {
        let target = target.into();
        let number = table.begin(&target, 1, ticket, None, now).expect("room");
        table.end(&target, number, Ended::Answered(bytes, REUSE), now);
    }

    #[test]
    fn an_answer_is_given_until_its_moment_is_over() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut table = Table::new(BOUNDS);
        let target: Arc<str> = "/a".into();
        assert_eq!(table.find("/a", reader("x"), start), Found::Nothing);
        let number = table.begin(&target, 1, 7, None, start).expect("room");
        assert_eq!(table.find("/a", reader("x"), at(9_000)), Found::UnderWay(7));
        let ended = Ended::Answered(10, REUSE);
        assert!(table.end(&target, number, ended, at(100)), "to be swept");
        assert_eq!(table.sweep(at(100)), Some(at(500)), "from its begin on");
        assert_eq!(table.find("/a", reader("x"), at(499)), Found::Answered(7));
        assert_eq!(table.find("/a", reader("x"), at(500)), Found::Nothing);
        let asks = Reader {
            reuse: Duration::ZERO,
            ..reader("x")
        };
        assert_eq!(table.find("/a", asks, at(101)), Found::Nothing);
        let other = Reader {
            generation: 2,
            ..reader("x")
        };
        assert_eq!(table.find("/a", other, at(101)), Found::Nothing);
        // The answer to a newer question stays when the older one's time is over, or it ends late.
        let newer = table.begin(&target, 1, 8, None, at(400)).expect("room");
        table.forget(&target, number);
        assert!(!table.end(&target, number, ended, at(450)));
        assert_eq!(table.find("/a", reader("x"), at(450)), Found::UnderWay(8));
        table.forget(&target, newer);
        assert_eq!(table.find("/a", reader("x"), at(450)), Found::Nothing);
        // One that took longer than its moment is for those who waited.
        let slow = table.begin(&target, 1, 9, None, start).expect("room");
        assert!(!table.end(&target, slow, ended, at(500)));
        assert!(table.entries.is_empty());
        let once = table.begin(&target, 1, 9, None, start).expect("room");
        assert!(!table.end(&target, once, Ended::Once, start));
        assert!(table.entries.is_empty());
    }

    /// A task that one client polls now and then is asked for each time; what many want is kept.
    #[test]
    fn an_answer_that_nobody_else_wants_is_not_kept() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut table = Table::new(BOUNDS);
        let target: Arc<str> = "/a".into();
        let lately = Some(2 * REUSE);
        let ended = Ended::Answered(10, REUSE);
        let number = table.begin(&target, 1, 1, lately, start).expect("room");
        assert!(!table.end(&target, number, ended, start));
        assert_eq!(table.find("/a", reader("x"), start), Found::Nothing);
        assert!(table.entries.is_empty() && table.ends.is_empty());
        // The second time within a second, and as long as it goes on so.
        for (ticket, millis) in [(2, 900), (3, 1_899)] {
            let number = table
                .begin(&target, 1, ticket, lately, at(millis))
                .expect("room");
            table.end(&target, number, ended, at(millis));
            assert_eq!(
                table.find("/a", reader("x"), at(millis)),
                Found::Answered(ticket)
            );
            table.sweep(at(millis + 500));
        }
        let number = table.begin(&target, 1, 4, lately, at(2_899)).expect("room");
        // Somebody joins it.
        assert_eq!(table.find("/a", reader("y"), at(2_899)), Found::UnderWay(4));
        table.end(&target, number, ended, at(2_899));
        assert_eq!(table.find("/a", reader("x"), at(2_899)), Found::Answered(4));
        let other: Arc<str> = "/b".into();
        let number = table.begin(&other, 1, 5, lately, at(2_899)).expect("room");
        table.end(&other, number, ended, at(2_899));
        assert_eq!(table.find("/b", reader("x"), at(2_899)), Found::Nothing);
    }

    #[test]
    fn what_is_too_large_is_not_asked_for_others() {
        let start = Instant::now();
        let mut table = Table::new(BOUNDS);
        let target: Arc<str> = "/a".into();
        let number = table.begin(&target, 1, 7, None, start).expect("room");
        assert!(table.end(&target, number, Ended::TooLarge, start));
        assert_eq!(
            table.sweep(start),
            Some(start + LONGEST_REST),
            "others end sooner"
        );
        table.changed();
        table.acted(&"x".into(), Some("/a"));
        assert_eq!(table.find("/a", reader("x"), start), Found::Alone);
        let later = start + TOO_LARGE_FOR;
        assert_eq!(table.find("/a", reader("x"), later), Found::Nothing);
    }

    #[test]
    fn acts_concern_whom_they_should() {
        let now = Instant::now();
        let mut table = Table::new(BOUNDS);
        for (ticket, target) in ["/tasks", "/task/a", "/task/b"].into_iter().enumerate() {
            answer(
                &mut table,
                target,
                u32::try_from(ticket).expect("few"),
                1,
                now,
            );
        }
        table.acted(&"x".into(), Some("/task/a"));
        // Its own task for everybody, everything for who did it.
        assert_eq!(table.find("/task/a", reader("y"), now), Found::Nothing);
        assert_eq!(table.find("/task/b", reader("y"), now), Found::Answered(2));
        assert_eq!(table.find("/tasks", reader("y"), now), Found::Answered(0));
        assert_eq!(table.find("/task/b", reader("x"), now), Found::Nothing);
        assert_eq!(table.find("/tasks", reader("x"), now), Found::Nothing);
        // What is asked for now is younger.
        answer(&mut table, "/tasks", 5, 1, now);
        assert_eq!(table.find("/tasks", reader("x"), now), Found::Answered(5));
        table.changed();
        assert_eq!(table.find("/tasks", reader("y"), now), Found::Nothing);
        assert_eq!((table.bytes, table.acts.len()), (0, 0));
    }

    #[test]
    fn acts_beyond_the_bound_concern_everybody() {
        let now = Instant::now();
        let mut table = Table::new(BOUNDS);
        answer(&mut table, "/tasks", 1, 1, now);
        table.acted(&"x".into(), None);
        table.acted(&"y".into(), None);
        table.acted(&"y".into(), None);
        assert_eq!(table.find("/tasks", reader("z"), now), Found::Answered(1));
        // All is newer than their acts: there is no need for them.
        answer(&mut table, "/tasks", 2, 1, now);
        table.acted(&"z".into(), None);
        assert_eq!(table.acts.len(), 1);
        assert_eq!(table.find("/tasks", reader("y"), now), Found::Answered(2));
        table.acted(&"y".into(), None);
        table.acted(&"x".into(), None);
        assert_eq!(table.find("/tasks", reader("w"), now), Found::Nothing);
        assert!(table.acts.is_empty());
    }

    #[test]
    fn the_bounds_hold() {
        let now = Instant::now();
        let mut table = Table::new(BOUNDS);
        answer(&mut table, "/a", 1, 60, now);
        answer(&mut table, "/b", 2, 60, now);
        assert_eq!(table.find("/a", reader("x"), now), Found::Answered(1));
        assert_eq!(
            table.find("/b", reader("x"), now),
            Found::Nothing,
            "no room"
        );
        answer(&mut table, "/b", 2, 40, now);
        assert_eq!(table.find("/b", reader("x"), now), Found::Answered(2));
        assert_eq!(table.bytes, 100);
        assert!(table.begin(&"/c".into(), 1, 3, None, now).is_some());
        assert_eq!(table.begin(&"/d".into(), 1, 4, None, now), None);
        assert!(
            table.begin(&"/a".into(), 1, 5, None, now).is_some(),
            "in its place"
        );
        assert_eq!(table.bytes, 40);
    }

    #[derive(Debug, Clone)]
    enum Event {
        /// Principal, target.
        Read(u8, u8),
        /// The n-th question under way ends, with so many bytes.
        End(usize, usize),
        /// The n-th answer's time is over, as far as its task knows.
        Forget(usize),
        /// Principal, the target that it changes.
        Act(u8, Option<u8>),
        Change,
        Pass(u64),
    }

    fn event() -> impl Strategy<Value = Event> {
        prop_oneof![
            6 => (0..4u8, 0..5u8).prop_map(|(who, what)| Event::Read(who, what)),
            4 => (0..4usize, 0..60usize).prop_map(|(which, bytes)| Event::End(which, bytes)),
            1 => (0..4usize).prop_map(Event::Forget),
            2 => (0..4u8, proptest::option::of(0..5u8)).prop_map(|(who, what)| Event::Act(who, what)),
            1 => Just(Event::Change),
            3 => (0..400u64).prop_map(Event::Pass),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

        /// Whatever happens in whatever order: nobody is given an answer to a question that was
        /// begun before an act that he may know of, nor one that is older than its moment.
        #[test]
        fn nothing_is_older_than_an_act(events in proptest::collection::vec(event(), 0..80)) {
            let mut now = Instant::now();
            let mut table: Table<usize> = Table::new(BOUNDS);
            // Every question that was ever begun (target, its number, when, at which event), and
            // the acts by event: everybody's, of a principal, of a target.
            let mut questions: Vec<(u8, u64, Instant, usize)> = Vec::new();
            let mut open: Vec<usize> = Vec::new();
            let mut closed: Vec<usize> = Vec::new();
            let mut sweeps: Option<Instant> = None;
            let mut acts: Vec<(usize, Option<u8>, Option<u8>)> = Vec::new();
            for (at, event) in events.into_iter().enumerate() {
                match event {
                    Event::Read(who, what) => {
                        let principal = who.to_string();
                        let target: Arc<str> = what.to_string().into();
                        let given = match table.find(&target, reader(&principal), now) {
                            Found::UnderWay(given) => Some((given, false)),
                            Found::Answered(given) => Some((given, true)),
                            Found::Alone => None,
                            Found::Nothing => {
                                let ticket = questions.len();
                                let lately = (who == 0).then_some(REUSE);
                                let begun = table.begin(&target, 1, ticket, lately, now);
                                if let Some(number) = begun {
                                    questions.push((what, number, now, at));
                                    open.push(ticket);
                                }
                                None
                            }
                        };
                        if let Some((given, is_answered)) = given {
                            let (of, _, began, begun_at) = questions[given];
                            prop_assert_eq!(of, what);
                            prop_assert!(!is_answered || now - began < REUSE);
                            prop_assert_eq!(!is_answered, open.contains(&given));
                            let told = acts.iter().find(|(act, principal, target)| {
                                let concerns = match (principal, target) {
                                    (None, None) => true,
                                    (principal, target) => {
                                        *principal == Some(who) || *target == Some(what)
                                    }
                                };
                                concerns && *act > begun_at
                            });
                            prop_assert_eq!(told, None);
                        }
                    }
                    Event::End(which, bytes) if which < open.len() => {
                        let ticket = open.remove(which);
                        let (target, number, ..) = questions[ticket];
                        let ended = match bytes {
                            0 => Ended::Once,
                            1 => Ended::TooLarge,
                            bytes => Ended::Answered(bytes, REUSE),
                        };
                        if table.end(&target.to_string().into(), number, ended, now) {
                            prop_assert_eq!(sweeps, None, "one who sweeps");
                            sweeps = table.sweep(now);
                        }
                        closed.push(ticket);
                    }
                    Event::Forget(which) if which < closed.len() => {
                        let (target, number, ..) = questions[closed.remove(which)];
                        table.forget(&target.to_string(), number);
                    }
                    Event::End(..) | Event::Forget(_) => {}
                    Event::Act(who, what) => {
                        let target = what.map(|what| what.to_string());
                        table.acted(&who.to_string().into(), target.as_deref());
                        acts.push((at, Some(who), what));
                    }
                    Event::Change => {
                        table.changed();
                        acts.push((at, None, None));
                    }
                    Event::Pass(millis) => {
                        now += Duration::from_millis(millis);
                        // Looked for when it was said, and at no other time.
                        while let Some(at) = sweeps.filter(|at| *at <= now) {
                            sweeps = table.sweep(at);
                        }
                        let is_over = |entry: &Entry<usize>| {
                            let age = now - entry.began;
                            matches!(entry.state, State::Answered(_)) && age > REUSE + LONGEST_REST
                        };
                        let is_swept = !table.entries.values().any(is_over);
                        prop_assert!(is_swept);
                    }
                }
                prop_assert!(table.ends.len() <= 2 * BOUNDS.entries);
                prop_assert!(sweeps.is_some() || table.ends.is_empty());
                prop_assert!(table.entries.len() <= BOUNDS.entries);
                prop_assert!(table.acts.len() <= BOUNDS.actors);
                let sizes = table.entries.values().map(|entry| match entry.state {
                    State::Answered(bytes) => bytes,
                    State::UnderWay | State::TooLarge => 0,
                });
                prop_assert_eq!(table.bytes, sizes.sum::<usize>());
                prop_assert!(table.bytes <= BOUNDS.bytes);
            }
        }
    }
}
