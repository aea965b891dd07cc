//! What was measured, as it is kept.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::peer::Kind;
use crate::work::Work;

/// One run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Results {
    /// The day, as in RFC 3339.
    pub date: String,
    /// How overgate and bare Pingora were built.
    pub profile: String,
    /// Where.
    pub machine: Machine,
    /// Of each program.
    pub versions: BTreeMap<Kind, String>,
    /// CPU time by request.
    pub costs: Vec<Cost>,
    /// Answer times of one connection.
    pub times: Vec<Time>,
    /// Memory.
    pub memory: Vec<Memory>,
}

/// A machine.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Machine {
    /// As the processor calls itself.
    pub processor: String,
    /// Cores that we may use.
    pub cores: usize,
    /// In MiB.
    pub memory: u64,
    /// The release of Linux.
    pub kernel: String,
    /// The distribution.
    pub system: String,
}

/// What one kind of request costs a proxy, a number for each round.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Cost {
    /// What is asked.
    pub work: Work,
    /// Whom.
    pub kind: Kind,
    /// CPU time by request, user and system, in microseconds.
    pub cpu: Vec<f64>,
    /// Answers a second.
    pub rate: Vec<f64>,
    /// Bytes of an answer's body.
    pub bytes: u64,
    /// Cores that something else than the measurement kept busy.
    pub foreign: Vec<f64>,
}

/// Times of answers at a constant rate on one connection, a number for each round, in microseconds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Time {
    /// What is asked.
    pub work: Work,
    /// Through whom; nobody: the upstream itself.
    pub kind: Option<Kind>,
    /// Half of them are shorter.
    pub p50: Vec<f64>,
    /// One in a hundred is longer.
    pub p99: Vec<f64>,
}

/// Memory of a proxy, in KiB (PSS).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Memory {
    /// Whose.
    pub kind: Kind,
    /// After the start and one request.
    pub idle: u64,
    /// With so many clients that are connected, have had an answer, and say nothing.
    pub clients: usize,
    /// With them.
    pub with_clients: u64,
    /// Ten seconds after they left.
    pub after: u64,
    /// The most while the costs were measured, of processes that live for two rounds.
    pub peak: u64,
}

impl Cost {
    /// Nothing measured yet.
    pub fn new(work: Work, kind: Kind) -> Cost {
        Cost {
            work,
            kind,
            cpu: Vec::new(),
            rate: Vec::new(),
            bytes: 0,
            foreign: Vec::new(),
        }
    }
}

impl Memory {
    /// What a client takes who is connected and says nothing, in KiB.
    #[expect(clippy::cast_precision_loss, reason = "a number of kibibytes")]
    pub fn by_client(&self) -> f64 {
        self.with_clients.saturating_sub(self.idle) as f64 / self.clients as f64
    }
}

/// The middle one; the mean of two of an even number.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match (values.get(middle.wrapping_sub(1)), values.get(middle)) {
        (Some(below), Some(above)) if values.len().is_multiple_of(2) => {
            f64::midpoint(*below, *above)
        }
        (_, Some(middle)) => *middle,
        (_, None) => f64::NAN,
    }
}

/// The mean of the middle half: a few rounds that were disturbed do not count, as with the median,
/// and where all of them differ a little it is steadier.
pub fn middle(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let cut = values.len() / 4;
    let half = values.get(cut..values.len() - cut).unwrap_or_default();
    #[expect(clippy::cast_precision_loss, reason = "a number of rounds")]
    let count = half.len() as f64;
    half.iter().sum::<f64>() / count
}

impl Results {
    /// What a kind of request costs a proxy.
    pub fn cost(&self, work: Work, kind: Kind) -> Option<&Cost> {
        let fits = |cost: &&Cost| cost.work == work && cost.kind == kind;
        self.costs.iter().find(fits)
    }

    /// CPU time by request, in microseconds: the middle of the rounds.
    pub fn cpu(&self, work: Work, kind: Kind) -> Option<f64> {
        Some(middle(self.cost(work, kind)?.cpu.iter().copied()))
    }

    /// How much more the first costs than the second: the middle of the rounds' own ratios.
    pub fn ratio(&self, of: (Work, Kind), to: (Work, Kind)) -> Option<f64> {
        let (of, to) = (self.cost(of.0, of.1)?, self.cost(to.0, to.1)?);
        let ratios = of.cpu.iter().zip(&to.cpu).map(|(of, to)| of / to);
        Some(middle(ratios))
    }

    /// The median time that a proxy adds to the upstream's own, in microseconds.
    pub fn added(&self, work: Work, kind: Kind) -> Option<f64> {
        let time = |kind| {
            let fits = |time: &&Time| time.work == work && time.kind == kind;
            self.times.iter().find(fits)
        };
        let (through, direct) = (time(Some(kind))?, time(None)?);
        let added = through.p50.iter().zip(&direct.p50);
        Some(middle(added.map(|(through, direct)| through - direct)))
    }

    /// A proxy's memory.
    pub fn memory(&self, kind: Kind) -> Option<&Memory> {
        self.memory.iter().find(|memory| memory.kind == kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        assert!(median([]).is_nan());
        assert!((median([3.0]) - 3.0).abs() < f64::EPSILON);
        assert!((median([3.0, 1.0]) - 2.0).abs() < f64::EPSILON);
        assert!((median([3.0, 1.0, 9.0]) - 3.0).abs() < f64::EPSILON);
    }

    #[test]
    fn middles() {
        assert!(middle([]).is_nan());
        assert!((middle([3.0]) - 3.0).abs() < f64::EPSILON);
        assert!((middle([3.0, 1.0, 8.0]) - 4.0).abs() < f64::EPSILON);
        assert!((middle([90.0, 3.0, 1.0, 0.0]) - 2.0).abs() < f64::EPSILON);
    }
}
