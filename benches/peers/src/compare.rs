//! Do two runs say the same?

use std::fmt::Write as _;

use crate::goals::GOALS;
use crate::peer::Kind;
use crate::result::Results;
use crate::work::Work;

/// So far may a ratio of the second run be from the first's.
const TOLERANCE: f64 = 0.1;

/// What one of overgate's numbers was in both runs.
struct Pair {
    what: String,
    is_ratio: bool,
    first: f64,
    second: f64,
}

impl Pair {
    fn differs_by(&self) -> f64 {
        self.second / self.first - 1.0
    }

    /// What was measured in one of the runs only does not agree. What is no ratio is what the machine
    /// took in those minutes: it is told, and not judged.
    fn agrees(&self) -> bool {
        !self.is_ratio && self.differs_by().is_finite() || self.differs_by().abs() <= TOLERANCE
    }
}

/// The numbers that stand in the tables: overgate's CPU time beside each peer's, and the goals.
fn pairs(first: &Results, second: &Results) -> Vec<Pair> {
    let mut pairs = Vec::new();
    for work in Work::ALL {
        for kind in first
            .versions
            .keys()
            .filter(|kind| **kind != Kind::Overgate)
        {
            let ratio = |results: &Results| results.ratio((work, Kind::Overgate), (work, *kind));
            let (first, second) = (ratio(first), ratio(second));
            if first.is_some() || second.is_some() {
                pairs.push(Pair {
                    what: format!("{}: CPU, of {}'s", work.title(), kind.title()),
                    is_ratio: true,
                    first: first.unwrap_or(f64::NAN),
                    second: second.unwrap_or(f64::NAN),
                });
            }
        }
    }
    for goal in GOALS {
        let told = |pair: &Pair| pair.what == goal.what;
        let (first, second) = (goal.measured(first), goal.measured(second));
        if (first.is_some() || second.is_some()) && !pairs.iter().any(told) {
            pairs.push(Pair {
                what: goal.what.to_owned(),
                is_ratio: goal.is_ratio,
                first: first.unwrap_or(f64::NAN),
                second: second.unwrap_or(f64::NAN),
            });
        }
    }
    pairs
}

/// A table, and whether all agree.
pub fn table(first: &Results, second: &Results) -> (String, bool) {
    let mut text = String::from("| what | first | second | |\n|---|---|---|---|\n");
    let pairs = pairs(first, second);
    for pair in &pairs {
        let differs = pair.differs_by();
        let _ = writeln!(
            text,
            "| {} | {:.2} | {:.2} | {:+.0} %{} |",
            pair.what,
            pair.first,
            pair.second,
            differs * 100.0,
            if pair.is_ratio { "" } else { ", no ratio" }
        );
    }
    let far = pairs.iter().filter(|pair| !pair.agrees()).count();
    let _ = write!(
        text,
        "{far} of {} ratios differ by more than {:.0} %.",
        pairs.iter().filter(|pair| pair.is_ratio).count(),
        TOLERANCE * 100.0
    );
    (text, far == 0 && !pairs.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::result::Cost;

    fn results(overgate: f64) -> Results {
        let cost = |kind, cpu| {
            let mut cost = Cost::new(Work::Status, kind);
            cost.cpu.push(cpu);
            cost
        };
        Results {
            date: String::new(),
            profile: String::new(),
            machine: crate::result::Machine {
                processor: String::new(),
                cores: 2,
                memory: 1,
                kernel: String::new(),
                system: String::new(),
            },
            versions: [
                (Kind::Nginx, String::new()),
                (Kind::Overgate, String::new()),
            ]
            .into(),
            costs: vec![cost(Kind::Nginx, 10.0), cost(Kind::Overgate, overgate)],
            times: Vec::new(),
            memory: Vec::new(),
        }
    }

    #[test]
    fn a_tenth_is_the_bound() {
        assert!(table(&results(20.0), &results(21.9)).1);
        assert!(table(&results(20.0), &results(18.1)).1);
        assert!(!table(&results(20.0), &results(22.1)).1);
        assert!(!table(&results(20.0), &results(17.9)).1);
        let mut none = results(20.0);
        none.costs.clear();
        assert!(!table(&none, &results(20.0)).1, "measured once only");
        assert!(!table(&none, &none).1, "nothing was compared");
    }

    #[test]
    fn what_is_no_ratio_is_told_and_not_judged() {
        let with_idle = |idle| {
            let mut results = results(20.0);
            results.memory.push(crate::result::Memory {
                kind: Kind::Overgate,
                idle,
                clients: 1,
                with_clients: idle + 8,
                after: idle,
                peak: idle,
            });
            results
        };
        let (text, agrees) = table(&with_idle(10 << 10), &with_idle(20 << 10));
        assert!(text.contains("| Memory idle, MiB | 10.00 | 20.00 | +100 %, no ratio |"));
        assert!(agrees, "{text}");
        assert!(
            !table(&results(20.0), &with_idle(1 << 10)).1,
            "measured once only"
        );
    }
}
