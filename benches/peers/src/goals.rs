//! What overgate is held against.

use crate::peer::Kind;
use crate::result::Results;
use crate::work::Work;

/// A number that must not be exceeded.
pub struct Goal {
    /// What is measured.
    pub what: &'static str,
    /// What we want.
    pub goal: f64,
    /// What must be reached at least. The gate lets nothing dearer pass, of what it measures.
    pub floor: f64,
    /// Is it a cost beside another one of the same minutes? A number of nanoseconds is not.
    pub is_ratio: bool,
    measure: fn(&Results) -> Option<f64>,
}

impl Goal {
    /// The measured number; `None`: it was not measured.
    pub fn measured(&self, results: &Results) -> Option<f64> {
        (self.measure)(results).filter(|measured| measured.is_finite())
    }
}

fn beside(results: &Results, work: Work, kind: Kind) -> Option<f64> {
    results.ratio((work, Kind::Overgate), (work, kind))
}

/// A time that another one is compared with is at least so long, in microseconds: less is not what a
/// proxy adds but what the machine did meanwhile.
const LEAST_ADDED: f64 = 20.0;

fn added(results: &Results, work: Work) -> Option<f64> {
    let nginx = results.added(work, Kind::Nginx)?;
    let own = results.added(work, Kind::Overgate)?;
    (nginx >= LEAST_ADDED && own >= 0.0).then_some(own / nginx)
}

#[expect(clippy::cast_precision_loss, reason = "numbers of kibibytes")]
fn memory(results: &Results, number: fn(&crate::result::Memory) -> (u64, u64)) -> Option<f64> {
    let (of, to) = number(results.memory(Kind::Overgate)?);
    Some(of as f64 / to as f64)
}

#[expect(clippy::cast_precision_loss, reason = "a number of bytes")]
fn filtering(results: &Results) -> Option<f64> {
    let filtered = results.cpu(Work::Filtered, Kind::Overgate)?;
    let passed = results.cpu(Work::List, Kind::Overgate)?;
    let bytes = results.cost(Work::List, Kind::Overgate)?.bytes;
    Some((filtered - passed) * 1_000.0 / bytes as f64)
}

/// All of them.
pub const GOALS: &[Goal] = &[
    Goal {
        what: "GET status: CPU, of nginx's",
        goal: 1.55,
        floor: 2.0,
        is_ratio: true,
        measure: |results| beside(results, Work::Status, Kind::Nginx),
    },
    Goal {
        what: "GET status: CPU, of Envoy's",
        goal: 0.58,
        floor: 0.75,
        is_ratio: true,
        measure: |results| beside(results, Work::Status, Kind::Envoy),
    },
    Goal {
        what: "GET status: CPU, of Pingora's",
        goal: 1.05,
        floor: 1.15,
        is_ratio: true,
        measure: |results| beside(results, Work::Status, Kind::Pingora),
    },
    Goal {
        what: "POST 2 KB: CPU, of nginx's",
        goal: 2.0,
        floor: 2.9,
        is_ratio: true,
        measure: |results| beside(results, Work::Post2k, Kind::Nginx),
    },
    Goal {
        what: "POST 2 KB: CPU, of Envoy's",
        goal: 0.85,
        floor: 1.15,
        is_ratio: true,
        measure: |results| beside(results, Work::Post2k, Kind::Envoy),
    },
    Goal {
        what: "POST 2 KB: CPU, of Pingora's",
        goal: 1.35,
        floor: 1.8,
        is_ratio: true,
        measure: |results| beside(results, Work::Post2k, Kind::Pingora),
    },
    Goal {
        what: "POST 40 KB: CPU, of nginx's",
        goal: 5.5,
        floor: 11.0,
        is_ratio: true,
        measure: |results| beside(results, Work::Post40k, Kind::Nginx),
    },
    Goal {
        what: "POST 40 KB: CPU, of Pingora's",
        goal: 2.3,
        floor: 5.0,
        is_ratio: true,
        measure: |results| beside(results, Work::Post40k, Kind::Pingora),
    },
    Goal {
        what: "Refusing 40 KB: CPU, of taking it",
        goal: 1.5,
        floor: 2.0,
        is_ratio: true,
        measure: |results| {
            let of = (Work::Invalid40k, Kind::Overgate);
            results.ratio(of, (Work::Post40k, Kind::Overgate))
        },
    },
    Goal {
        what: "20 MiB log: CPU, of nginx's",
        goal: 0.3,
        floor: 0.5,
        is_ratio: true,
        measure: |results| beside(results, Work::Log, Kind::Nginx),
    },
    Goal {
        what: "20 MiB log: CPU, of Envoy's",
        goal: 1.0,
        floor: 1.2,
        is_ratio: true,
        measure: |results| beside(results, Work::Log, Kind::Envoy),
    },
    Goal {
        what: "Filtering 5,000 tasks: ns of CPU more for a byte",
        goal: 1.0,
        floor: 1.5,
        is_ratio: false,
        measure: filtering,
    },
    Goal {
        what: "GET status: median time added, of nginx's",
        goal: 1.3,
        floor: 2.0,
        is_ratio: true,
        measure: |results| added(results, Work::Status),
    },
    Goal {
        what: "POST 2 KB: median time added, of nginx's",
        goal: 1.3,
        floor: 2.0,
        is_ratio: true,
        measure: |results| added(results, Work::Post2k),
    },
    Goal {
        what: "Memory idle, MiB",
        goal: 12.0,
        floor: 16.0,
        is_ratio: false,
        measure: |results| memory(results, |memory| (memory.idle, 1 << 10)),
    },
    Goal {
        what: "Memory of an idle client, KiB",
        goal: 20.0,
        floor: 32.0,
        is_ratio: false,
        measure: |results| Some(results.memory(Kind::Overgate)?.by_client()),
    },
    Goal {
        what: "Memory 10 s after 10,000 clients left, of idle",
        goal: 3.0,
        floor: 5.0,
        is_ratio: true,
        measure: |results| memory(results, |memory| (memory.after, memory.idle)),
    },
];
