//! What was measured, as people read it: tables in Markdown, and a picture.

use std::fmt::Write as _;

use crate::goals::GOALS;
use crate::peer::Kind;
use crate::result::{Memory, Results, median};
use crate::work::Work;

/// Microseconds, or milliseconds where they are many, with three digits.
fn time(micros: f64) -> String {
    match micros {
        many if many >= 1_000.0 => format!("{} ms", digits(many / 1_000.0)),
        few => format!("{} µs", digits(few)),
    }
}

/// At most one digit behind the point.
fn digits(number: f64) -> String {
    match number {
        many if many >= 100.0 => format!("{many:.0}"),
        few => format!("{few:.1}"),
    }
}

fn kinds(results: &Results) -> Vec<Kind> {
    results.versions.keys().copied().collect()
}

/// The table of costs: a row for each kind of request, a column for each proxy.
pub fn table(results: &Results) -> String {
    let kinds = kinds(results);
    let mut text = String::from("| CPU by request |");
    for kind in &kinds {
        let _ = write!(
            text,
            " {} {} |",
            kind.title(),
            results.versions.get(kind).map_or("", |version| version)
        );
    }
    text.push_str("\n|---|");
    text.push_str(&"---|".repeat(kinds.len()));
    text.push('\n');
    for work in Work::ALL {
        if !results.costs.iter().any(|cost| cost.work == work) {
            continue;
        }
        let _ = write!(text, "| {} |", work.title());
        for kind in &kinds {
            let cell = results.cpu(work, *kind).map_or(String::new(), |cpu| {
                let ratio = results.ratio((work, *kind), (work, Kind::Nginx));
                match (kind, ratio) {
                    (Kind::Nginx, _) | (_, None) => time(cpu),
                    (_, Some(ratio)) => format!("{} ({ratio:.2})", time(cpu)),
                }
            });
            let _ = write!(text, " {cell} |");
        }
        text.push('\n');
    }
    for work in [Work::Status, Work::Post2k] {
        let added = |kind: &Kind| results.added(work, *kind);
        if kinds.iter().all(|kind| added(kind).is_none()) {
            continue;
        }
        let _ = write!(text, "| {}: time added, median |", work.title());
        for kind in &kinds {
            let _ = write!(text, " {} |", added(kind).map(time).unwrap_or_default());
        }
        text.push('\n');
    }
    let mut memory = |title: &str, cell: fn(&Memory) -> String| {
        if results.memory.is_empty() {
            return;
        }
        let _ = write!(text, "| {title} |");
        for kind in &kinds {
            let _ = write!(
                text,
                " {} |",
                results.memory(*kind).map(cell).unwrap_or_default()
            );
        }
        text.push('\n');
    };
    memory("memory idle", |memory| mebibytes(memory.idle));
    memory("memory of an idle client", |memory| {
        format!("{} KiB", digits(memory.by_client()))
    });
    memory("memory 10 s after they left", |memory| {
        mebibytes(memory.after)
    });
    memory("memory at most, of these costs", |memory| {
        mebibytes(memory.peak)
    });
    text
}

#[expect(clippy::cast_precision_loss, reason = "a number of kibibytes")]
fn mebibytes(kibibytes: u64) -> String {
    format!("{} MiB", digits(kibibytes as f64 / 1_024.0))
}

/// The table of goals, each with what was measured.
pub fn goals(results: &Results) -> String {
    let mut text = String::from("| what | measured | goal | |\n|---|---|---|---|\n");
    for goal in GOALS {
        let (measured, said) = match goal.measured(results) {
            None => ("".to_owned(), "not measured"),
            Some(measured) => {
                let said = if measured <= goal.goal {
                    "met"
                } else {
                    "not met"
                };
                (format!("{measured:.2}"), said)
            }
        };
        let _ = writeln!(
            text,
            "| {} | {measured} | {} | {said} |",
            goal.what, goal.goal
        );
    }
    text
}

/// Where and when it was measured, in a sentence.
pub fn circumstances(results: &Results) -> String {
    let machine = &results.machine;
    let rounds = results
        .costs
        .iter()
        .map(|cost| cost.cpu.len())
        .max()
        .unwrap_or(0);
    let foreign = results
        .costs
        .iter()
        .flat_map(|cost| cost.foreign.iter().copied());
    format!(
        "Measured on {} ({} rounds, the `{}` profile) on {} cores of an {} with {:.0} GiB, {}, Linux {}; idle clients were {}; something else kept {:.2} cores busy in the median.",
        results.date,
        rounds,
        results.profile,
        machine.cores,
        machine.processor,
        machine.memory as f64 / 1_024.0,
        machine.system,
        machine.kernel,
        results
            .memory
            .iter()
            .map(|memory| memory.clients)
            .max()
            .unwrap_or(0),
        median(foreign),
    )
}

/// What stands in the README between its two marks.
pub fn readme(results: &Results) -> String {
    let met = GOALS.iter().filter(|goal| {
        goal.measured(results)
            .is_some_and(|measured| measured <= goal.goal)
    });
    format!(
        "![CPU time by request beside nginx, HAProxy, Envoy and bare Pingora](docs/performance/peers.svg)\n\n{}\nIn brackets: of nginx's. {}\n\n{} of {} goals are met:\n\n{}",
        table(results),
        circumstances(results),
        met.count(),
        GOALS.len(),
        goals(results)
    )
}

/// The marks.
pub const MARKS: (&str, &str) = (
    "<!-- peers: written by `make peers` -->\n",
    "<!-- /peers -->",
);

/// A page with its part between the marks replaced; `None`: it has no marks.
pub fn with_part(page: &str, part: &str) -> Option<String> {
    let (before, rest) = page.split_once(MARKS.0)?;
    let (_, after) = rest.split_once(MARKS.1)?;
    Some(format!("{before}{}{part}{}{after}", MARKS.0, MARKS.1))
}

/// The picture: of each kind of request what it costs each proxy, nginx being one.
pub fn picture(results: &Results) -> String {
    const LEFT: f64 = 110.0;
    const WIDTH: f64 = 560.0;
    const BAR: f64 = 15.0;
    const GAP: f64 = 22.0;
    let kinds = kinds(results);
    let works = [Work::Status, Work::Post2k, Work::Post40k, Work::Log];
    let ratio = |work, kind| results.ratio((work, kind), (work, Kind::Nginx));
    let all = works
        .iter()
        .flat_map(|work| kinds.iter().filter_map(|kind| ratio(*work, *kind)));
    let most = all.fold(1.0, f64::max);
    let mut body = String::new();
    let mut y = 34.0;
    for work in works {
        if kinds.iter().all(|kind| ratio(work, *kind).is_none()) {
            continue;
        }
        let _ = writeln!(
            body,
            r#"<text x="0" y="{:.0}" class="work">{}</text>"#,
            y + 11.0,
            work.title()
        );
        y += 18.0;
        for kind in &kinds {
            let Some(ratio) = ratio(work, *kind) else {
                continue;
            };
            let cpu = results.cpu(work, *kind).map(time).unwrap_or_default();
            let own = if *kind == Kind::Overgate {
                "own"
            } else {
                "peer"
            };
            let length = (ratio / most * WIDTH).max(1.0);
            let _ = writeln!(
                body,
                r#"<text x="{:.0}" y="{:.0}" class="name">{}</text><rect x="{LEFT}" y="{y:.0}" width="{length:.1}" height="{:.0}" class="{own}"/><text x="{:.1}" y="{:.0}" class="number">{ratio:.2} ({cpu})</text>"#,
                LEFT - 8.0,
                y + 11.0,
                kind.title(),
                BAR - 2.0,
                LEFT + length + 6.0,
                y + 11.0,
            );
            y += BAR;
        }
        y += GAP - BAR + 4.0;
    }
    format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 800 {y:.0}" role="img" aria-label="CPU time by request, nginx being 1">
<style>
text {{ font: 12px sans-serif; fill: #24292f; }}
.work, .title {{ font-weight: bold; }}
.name {{ text-anchor: end; }}
.peer {{ fill: #8c959f; }}
.own {{ fill: #0969da; }}
@media (prefers-color-scheme: dark) {{ text {{ fill: #c9d1d9; }} .peer {{ fill: #6e7681; }} .own {{ fill: #58a6ff; }} }}
</style>
<text x="0" y="14" class="title">CPU time by request, nginx being 1: overgate with everything on, the others forward only</text>
{body}</svg>
"#
    )
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn read(path: &str) -> String {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        std::fs::read_to_string(root.join(path)).expect("it is there")
    }

    /// `make peers` writes all three; nobody changes a number by hand.
    #[test]
    fn the_readme_and_the_picture_say_what_was_measured() {
        let results: Results =
            serde_json::from_str(&read("docs/performance/peers.json")).expect("results");
        let page = read("README.md");
        let again = with_part(&page, &readme(&results)).expect("the marks");
        assert!(
            page == again,
            "README.md is not what docs/performance/peers.json says: make peers-render"
        );
        assert!(
            picture(&results) == read("docs/performance/peers.svg"),
            "make peers-render"
        );
    }

    #[test]
    fn numbers_are_written_with_three_digits() {
        assert_eq!(time(17.04), "17.0 µs");
        assert_eq!(time(170.4), "170 µs");
        assert_eq!(time(17_040.0), "17.0 ms");
    }
}
