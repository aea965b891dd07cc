//! Do two runs say the same?

use std::fmt::Write as _;

use crate::goals::GOALS;
use crate::peer::Kind;
use crate::result::Results;
use crate::work::Work;

/// So far may a ratio of the second run be from the first's.
const TOLERANCE: f64 = 0.1;

/// What one of overgate's ratios was in both runs.
struct Pair {
    what: String,
    first: f64,
    second: f64,
}

impl Pair {
    fn differs_by(&self) -> f64 {
        self.second / self.first - 1.0
    }

    /// What was measured in one of the runs only does not agree.
    fn agrees(&self) -> bool {
        self.differs_by().abs() <= TOLERANCE
    }
}

/// Ratios of CPU time that stand in the tables: overgate's to each peer's, and those of the goals.
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
            "| {} | {:.2} | {:.2} | {:+.0} % |",
            pair.what,
            pair.first,
            pair.second,
            differs * 100.0
        );
    }
    let far = pairs.iter().filter(|pair| !pair.agrees()).count();
    let _ = write!(
        text,
        "{far} of {} differ by more than {:.0} %.",
        pairs.len(),
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
}
