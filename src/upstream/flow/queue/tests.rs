//! Laws of the queue, and what it does under load in a time that does not pass.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use proptest::prelude::*;

use super::*;

const fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// What a test does to the queue.
#[derive(Debug, Clone)]
enum Step {
    Arrive { class: usize, flow: u64 },
    Leave(usize),
    Release { which: usize, answered: bool },
    Wait(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0..5_usize, 0..4_u64).prop_map(|(class, flow)| Step::Arrive { class, flow }),
        1 => any::<usize>().prop_map(Step::Leave),
        4 => (any::<usize>(), any::<bool>())
            .prop_map(|(which, answered)| Step::Release { which, answered }),
        2 => (0..200_u64).prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 0..300)
}

proptest! {
    /// Seats are never exceeded, nobody is lost or served twice, nobody waits beside a seat that
    /// would be theirs, and a flow is served in its order.
    #[test]
    fn whatever_happens(seats in 1..12_usize, steps in steps()) {
        let mut queue = Queue::new(seats);
        let mut now = Duration::ZERO;
        let mut seated: Vec<(Turn, Duration)> = Vec::new();
        let mut waiting: Vec<(Turn, u64, u32)> = Vec::new();
        for (number, step) in (0_u32..).zip(steps) {
            match step {
                Step::Arrive { class, flow } => {
                    let turn = Turn::of(Class::ALL[class], flow);
                    match queue.arrive(turn, None, now) {
                        Arrival::Seated => seated.push((turn, now)),
                        Arrival::Waits => {
                            waiting.push((turn, queue.wait_for(turn, number), number));
                        }
                        Arrival::Refused(_) => prop_assert!(false, "there is room"),
                    }
                }
                Step::Leave(which) if !waiting.is_empty() => {
                    let (turn, ticket, _) = waiting.remove(which % waiting.len());
                    prop_assert!(queue.leave(turn, ticket));
                    prop_assert!(!queue.leave(turn, ticket), "only once");
                }
                Step::Release { which, answered } if !seated.is_empty() => {
                    let (turn, since) = seated.remove(which % seated.len());
                    queue.release(turn, answered.then_some(now - since), now);
                }
                Step::Leave(_) | Step::Release { .. } => {}
                Step::Wait(time) => now += millis(time),
            }
            while let Some((turn, waiter)) = queue.next() {
                let first = waiting
                    .iter()
                    .position(|(other, _, _)| (other.class, other.flow) == (turn.class, turn.flow))
                    .expect("it waits");
                prop_assert_eq!(waiting.remove(first).2, waiter, "in its flow's order");
                seated.push((turn, now));
            }
            let reads = seated.iter().filter(|(turn, _)| is_read(turn.class)).count();
            let kept = if seats == 1 { 0 } else { (seats / 10).max(1) };
            prop_assert!(seated.len() <= seats);
            prop_assert!(reads <= seats - kept);
            prop_assert_eq!(queue.held(), seated.len());
            for (class, count) in queue.waiting() {
                let expected = waiting.iter().filter(|(turn, _, _)| turn.class == class).count();
                prop_assert_eq!(count, expected);
                let is_free = seated.len() < seats && (!is_read(class) || reads < seats - kept);
                prop_assert!(count == 0 || !is_free, "{class:?} waits beside a free seat");
            }
        }
    }
}

/// However many flows there are and however they fill the queue, there is room for the next.
#[test]
fn there_is_room_for_a_flow_that_has_nobody_waiting() {
    for flows in [1, 2, 10, 200] {
        let mut queue = Queue::new(1);
        let turn = |flow| Turn::of(Class::Listing, flow);
        let seated = queue.arrive(turn(0), None, Duration::ZERO);
        assert_eq!(seated, Arrival::Seated);
        // In turns, until there is no room for any.
        let mut before = usize::MAX;
        while before != queue.waiting {
            before = queue.waiting;
            for flow in 0..flows {
                if queue.arrive(turn(flow), None, Duration::ZERO) == Arrival::Waits {
                    queue.wait_for(turn(flow), ());
                }
            }
        }
        assert!(queue.waiting < room(Class::Listing), "{flows}");
        assert!(queue.waiting > room(Class::Listing) / 3, "{flows}");
        let newcomer = queue.arrive(turn(flows), None, Duration::ZERO);
        assert_eq!(newcomer, Arrival::Waits, "{flows}");
    }
}

/// Who sends how often, and how long an answer takes.
#[derive(Debug, Clone, Copy)]
struct Source {
    class: Class,
    flow: u64,
    /// Microseconds between two requests.
    every: u64,
    takes: Duration,
}

/// What became of a source's requests.
#[derive(Debug, Default, Clone)]
struct Served {
    sent: u64,
    served: u64,
    refused: u64,
    waits: Vec<Duration>,
    /// Seats times seconds.
    used: f64,
}

impl Served {
    fn longest(&self) -> Duration {
        self.waits.iter().max().copied().unwrap_or_default()
    }
}

/// When, in which order, of which source, and since when it holds a seat that ends.
type Event = (Duration, u64, usize, Option<Duration>);

/// Lets time pass for so many milliseconds. The first tenth does not count.
fn simulate(
    seats: usize,
    sources: &[Source],
    patience: fn(Class) -> Option<Duration>,
    time: u64,
) -> Vec<Served> {
    let mut queue = Queue::new(seats);
    let mut events = BinaryHeap::<Reverse<Event>>::new();
    let mut served = vec![Served::default(); sources.len()];
    // The number of a source, or of a seat's end.
    for (index, source) in sources.iter().enumerate() {
        // Not all at once: each a little later than the one before.
        let first = source.every * (index as u64 + 1) / (sources.len() as u64 + 1);
        events.push(Reverse((Duration::from_micros(first), 0_u64, index, None)));
    }
    let end = millis(time);
    let begin = end / 10;
    let mut number = 0;
    while let Some(Reverse((now, _, index, since))) = events.pop() {
        if now >= end {
            break;
        }
        let source = sources[index];
        let turn = Turn::of(source.class, source.flow);
        let mut taken = Vec::new();
        match since {
            None => {
                number += 1;
                let next = now + Duration::from_micros(source.every);
                events.push(Reverse((next, number, index, None)));
                served[index].sent += u64::from(now >= begin);
                match queue.arrive(turn, patience(source.class), now) {
                    Arrival::Seated => taken.push((index, now)),
                    Arrival::Waits => {
                        queue.wait_for(turn, (index, now));
                    }
                    Arrival::Refused(_) => served[index].refused += u64::from(now >= begin),
                }
            }
            Some(since) => {
                queue.release(turn, Some(now - since), now);
                if now >= begin {
                    served[index].served += 1;
                    served[index].used += (now - since).as_secs_f64();
                }
            }
        }
        while let Some((_, waiter)) = queue.next() {
            taken.push(waiter);
        }
        for (index, since) in taken {
            number += 1;
            if now >= begin {
                served[index].waits.push(now - since);
            }
            let done = now + sources[index].takes;
            events.push(Reverse((done, number, index, Some(now))));
        }
    }
    served
}

fn forever(_: Class) -> Option<Duration> {
    None
}

fn half_of_longest(class: Class) -> Option<Duration> {
    Some(super::super::longest_wait(class) / 2)
}

/// Every class wants everything: seats are shared by weight, whether answers are fast or slow.
#[test]
fn weights_hold_and_nobody_starves() {
    for (seats, slow) in [(1, 1), (4, 1), (32, 1), (4, 20), (32, 20)] {
        let source = |class| Source {
            class,
            flow: 0,
            every: 500,
            takes: millis(if class == Class::Listing {
                10 * slow
            } else {
                10
            }),
        };
        let sources = Class::ALL.map(source);
        let served = simulate(seats, &sources, forever, 60_000);
        let all: f64 = served.iter().map(|served| served.used).sum();
        let weights = [16.0, 16.0, 8.0, 4.0, 1.0];
        for ((class, served), weight) in Class::ALL.iter().zip(&served).zip(weights) {
            let share = served.used / all * 45.0 / weight;
            assert!(
                (0.85..1.15).contains(&share),
                "{seats} seats, slow {slow}: {class:?} has {share:.2} of its share"
            );
        }
        assert!(all > 0.99 * 54.0 * seats as f64, "{seats}: {all}");
    }
}

/// A class that is alone takes all there is, less what is kept from reads.
#[test]
fn what_nobody_else_wants_is_taken() {
    for (class, least) in [(Class::Submission, 0.99), (Class::Listing, 0.90)] {
        let source = Source {
            class,
            flow: 0,
            every: 200,
            takes: millis(10),
        };
        let served = simulate(32, &[source], half_of_longest, 10_000);
        let all = served[0].used / (9.0 * 32.0);
        assert!(all >= least, "{class:?}: {all}");
    }
}

/// Lists take a second each and come without end; what is submitted does not notice.
#[test]
fn slow_lists_do_not_delay_submissions() {
    let lists = Source {
        class: Class::Listing,
        flow: 1,
        every: 3_000,
        takes: millis(1_000),
    };
    let submissions = Source {
        class: Class::Submission,
        flow: 2,
        // So that the lists have the time to take a seat that it leaves.
        every: 13_000,
        takes: millis(10),
    };
    let served = simulate(32, &[lists, submissions], half_of_longest, 60_000);
    assert_eq!(served[1].refused, 0);
    assert_eq!(served[1].longest(), Duration::ZERO, "a seat is kept");
    assert!(served[0].used > 0.88 * 54.0 * 32.0, "{}", served[0].used);
}

/// Ten flows with nine tenths of their share each, and one of them with ten times that.
#[test]
fn a_noisy_flow_takes_nothing_from_the_others() {
    for class in Class::ALL {
        for noisy_takes in [20, 200] {
            let sources: Vec<Source> = (0..10)
                .map(|flow| Source {
                    class,
                    flow,
                    // 32 seats × 0.9 (what is kept from reads) × 0.9 / 10 flows / 20 ms
                    every: if flow == 0 { 772 } else { 7_720 },
                    takes: millis(if flow == 0 { noisy_takes } else { 20 }),
                })
                .collect();
            let served = simulate(32, &sources, half_of_longest, 60_000);
            for (flow, served) in served.iter().enumerate().skip(1) {
                assert_eq!(served.refused, 0, "{class:?} {flow}");
                assert!(
                    served.longest() < millis(200),
                    "{class:?} {flow} waited {:?}",
                    served.longest()
                );
                assert!(served.served + 2 >= served.sent, "{class:?} {flow}");
            }
            let noisy = &served[0];
            assert!(
                noisy.refused > 0 && noisy.served > 0,
                "{class:?}: {} refused",
                noisy.refused
            );
        }
    }
}

/// At three times what is possible, whatever the mix: all seats are used, and whoever is let in is
/// served in time.
#[test]
fn at_three_times_the_capacity_nothing_is_wasted() {
    for listings in [1_u64, 2, 5] {
        let rest = 6 - listings;
        // 32 seats / 20 ms = 1,600 a second, of which 4,800 come.
        let every = |part: u64| 1_000_000 * 6 / (4_800 * part);
        let source = |class, flow, part| Source {
            class,
            flow,
            every: every(part),
            takes: millis(20),
        };
        let sources = [
            source(Class::Listing, 0, listings),
            source(Class::Poll, 1, rest),
        ];
        let served = simulate(32, &sources, half_of_longest, 60_000);
        let all: f64 = served.iter().map(|served| served.used).sum();
        assert!(all > 0.90 * 54.0 * 32.0, "{listings}: {all}");
        for (served, source) in served.iter().zip(&sources) {
            let limit = super::super::longest_wait(source.class);
            let late = served.waits.iter().filter(|wait| **wait > limit).count();
            assert!(
                late * 1_000 <= served.refused as usize,
                "{listings} {:?}: {late} late, {} refused",
                source.class,
                served.refused
            );
        }
    }
}

/// Flows that hold as many seats take turns; each is served in its order.
#[test]
fn flows_take_turns() {
    let mut queue = Queue::new(1);
    let turn = |flow| Turn::of(Class::Poll, flow);
    let seated = queue.arrive(turn(9), None, Duration::ZERO);
    assert_eq!(seated, Arrival::Seated);
    for (flow, name) in [
        (1, "a1"),
        (1, "a2"),
        (1, "a3"),
        (2, "b1"),
        (2, "b2"),
        (3, "c1"),
    ] {
        queue.wait_for(turn(flow), name);
    }
    let mut order = Vec::new();
    let mut held = turn(9);
    while queue.held() > 0 {
        queue.release(held, None, Duration::ZERO);
        if let Some((next, name)) = queue.next() {
            held = next;
            order.push(name);
        }
    }
    assert_eq!(order, ["a1", "b1", "c1", "a2", "b2", "a3"]);
}

/// What a class took while nobody waited is not held against it later.
#[test]
fn the_past_is_forgotten() {
    let mut queue = Queue::new(2);
    let list = Turn::of(Class::Listing, 1);
    let poll = Turn::of(Class::Poll, 2);
    let mut now = Duration::ZERO;
    // A day of lists, one after the other.
    for _ in 0..1_000 {
        assert_eq!(queue.arrive(list, None, now), Arrival::Seated);
        now += Duration::from_secs(86);
        queue.release(list, Some(millis(10)), now);
    }
    assert_eq!(queue.arrive(list, None, now), Arrival::Seated);
    for turn in [poll, list].repeat(200) {
        assert_eq!(queue.arrive(turn, None, now), Arrival::Waits);
        queue.wait_for(turn, turn);
    }
    let mut order = BTreeMap::new();
    let mut seated = list;
    for _ in 0..100 {
        now += millis(10);
        queue.release(seated, Some(millis(10)), now);
        seated = queue.next().expect("somebody waits").1;
        *order.entry(seated.class).or_insert(0) += 1;
    }
    assert!((17..=23).contains(&order[&Class::Listing]), "{order:?}");
}

#[test]
fn a_refusal_says_how_long_it_would_have_been() {
    let mut queue = Queue::new(10);
    let turn = Turn::of(Class::Submission, 1);
    for _ in 0..10 {
        assert_eq!(queue.arrive(turn, None, Duration::ZERO), Arrival::Seated);
    }
    // Ten seats, 50 ms each until something else is known: 5 ms for each that waits.
    for waiting in 1..=20_u64 {
        assert_eq!(queue.outlook(turn), millis(5 * waiting));
        let patience = Some(millis(5 * waiting - 1));
        let refused = Arrival::Refused(millis(5 * waiting));
        assert_eq!(queue.arrive(turn, patience, Duration::ZERO), refused);
        let patience = Some(millis(5 * waiting));
        assert_eq!(queue.arrive(turn, patience, Duration::ZERO), Arrival::Waits);
        queue.wait_for(turn, ());
    }
    // Another flow waits for one of each only, and a patient one for whatever it takes.
    let other = Turn::of(Class::Submission, 2);
    assert_eq!(queue.outlook(other), millis(10));
    assert_eq!(queue.arrive(turn, None, Duration::ZERO), Arrival::Waits);
}
