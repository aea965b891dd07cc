//! What it costs to reduce a list of tasks to what somebody may read, beside handing it on.
//!
//! `cargo bench --bench lists` prints the time for each byte; it fails above a nanosecond.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a benchmark reads the clock and prints what it measured"
)]

use std::hint::black_box;
use std::process::ExitCode;
use std::time::Instant;

use overgate::disclosure::TaskList;
use overgate::druid::DataSource;

/// The binary's own.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// What an Overlord answers of `GET /tasks` (as 28.0.0 writes it), of so many tasks.
fn tasks(count: usize) -> Vec<u8> {
    let element = |number: usize| {
        format!(
            r#"{{"id":"index_parallel_wiki_{number}_iajoonnd_2026-11-07T17:53:12.174Z","groupId":"index_parallel_wiki_{number}_iajoonnd_2026-11-07T17:53:12.174Z","type":"index_parallel","createdTime":"2026-11-07T17:53:12.175Z","queueInsertionTime":"1970-01-01T00:00:00.000Z","statusCode":"SUCCESS","status":"SUCCESS","runnerStatusCode":"NONE","duration":{number},"location":{{"host":"worker-{}.example.com","port":8100,"tlsPort":-1}},"dataSource":"wiki_{}","errorMsg":null}}"#,
            number % 9,
            number % 40
        )
    };
    let all: Vec<String> = (0..count).map(element).collect();
    format!("[{}]", all.join(",")).into_bytes()
}

fn main() -> ExitCode {
    let list = tasks(5_000);
    let sees_half = |datasource: &DataSource| datasource.as_str().ends_with(['0', '2', '4', '6']);
    let reduce = || {
        let mut reduced = TaskList::default();
        let mut kept = 0;
        for piece in list.chunks(64 * 1024) {
            let mut out = Vec::with_capacity(piece.len());
            reduced
                .push(piece, &sees_half, &mut out)
                .expect("a list of tasks");
            kept += black_box(out).len();
        }
        assert!(reduced.is_done());
        kept
    };
    let kept = reduce();
    let mut times: Vec<f64> = (0..201)
        .map(|_| {
            let begun = Instant::now();
            black_box(reduce());
            begun.elapsed().as_secs_f64()
        })
        .collect();
    times.sort_by(f64::total_cmp);
    let median = times[times.len() / 2];
    let per_byte = median * 1e9 / list.len() as f64;
    println!("\n| what | measured | bound |\n|---|---|---|");
    println!(
        "| 5,000 tasks, {} bytes of which {kept} stay: milliseconds | {:.2} | {:.2} |",
        list.len(),
        median * 1e3,
        list.len() as f64 / 1e6
    );
    println!("| nanoseconds for each byte | {per_byte:.2} | 1 |");
    match per_byte <= 1.0 {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
