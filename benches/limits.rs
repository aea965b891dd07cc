//! What a decision of the rate limits costs: here, and through a Redis on loopback.
//!
//! `cargo bench --bench limits` prints the times; it fails above a microsecond here and 300 µs at
//! the median through Redis, for which it starts a `redis-server`; without one it says so.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark reads the clock and prints what it measured"
)]

use std::hint::black_box;
use std::net::TcpListener;
use std::num::NonZeroU32;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use overgate::caller::Principal;
use overgate::druid::{DataSource, Overrides};
use overgate::quota::{
    Charge, Clock, Cost, Draw, Facts, Holds, Keeper, KeyPart, Limiter, Numbers, RateLimit,
};
use overgate::route::{Action, Operation};
use overgate::server::LIMITER_BYTES;
use overgate::store::{Settings, Store};

/// The binary's own.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn rule(name: &str, key: &[KeyPart]) -> Arc<RateLimit> {
    Arc::new(RateLimit {
        name: name.into(),
        actions: vec![Action::Submit],
        roles: Vec::new(),
        key: key.to_vec(),
        cost: Cost::Request,
        numbers: Numbers {
            rate: "1000000/s".parse().expect("a rate"),
            burst: NonZeroU32::new(1_000_000).expect("not zero"),
        },
        overrides: Overrides::default(),
        holds: Holds::Enforced,
    })
}

struct Asking {
    rules: Vec<Arc<RateLimit>>,
    principal: Principal,
    role: Arc<str>,
    datasources: Vec<DataSource>,
}

impl Asking {
    fn new(rules: Vec<Arc<RateLimit>>) -> Asking {
        let name = |number| format!("wiki_{number}").parse().expect("a name");
        Asking {
            rules,
            principal: Principal::new("etl", vec!["writer".into()]),
            role: "writer".into(),
            datasources: (0..10_000).map(name).collect(),
        }
    }

    fn draws(&self, number: usize) -> Vec<Draw> {
        let at = number % self.datasources.len();
        let facts = Facts {
            action: Action::Submit,
            operation: Operation::SubmitTask,
            principal: &self.principal,
            role: &self.role,
            source: None,
            datasources: &self.datasources[at..=at],
            task_type: Some("index_parallel"),
            slots: Some(1),
        };
        let rules = self.rules.iter();
        rules.flat_map(|rule| rule.draws(&facts)).collect()
    }
}

/// The median time of a decision, in nanoseconds, over 10,000 datasources.
fn local(rules: Vec<Arc<RateLimit>>) -> f64 {
    const ROUND: usize = 10_000;
    let start = Instant::now();
    let limiter = Limiter::new(Clock::new(move || start.elapsed()), LIMITER_BYTES);
    let asking = Asking::new(rules);
    let mut times: Vec<f64> = (0..201)
        .map(|_| {
            let begun = Instant::now();
            for number in 0..ROUND {
                let draws = asking.draws(number);
                let charge = limiter.take(draws, asking.principal.name());
                let _ = black_box(charge.expect("wide"));
            }
            begun.elapsed().as_secs_f64() * 1e9 / ROUND as f64
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

struct Redis(Child);

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Microseconds of a decision at the median and at the 99th of a hundred, one after the other.
async fn through_redis(rules: Vec<Arc<RateLimit>>) -> Option<(f64, f64)> {
    let free = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = free.local_addr().expect("bound").port();
    drop(free);
    let server = Command::new("redis-server")
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
        .args(["--save", "", "--appendonly", "no"])
        .stdout(Stdio::null())
        .spawn();
    let _redis = Redis(server.ok()?);
    let store = Store::start(&Settings {
        tls: false,
        host: "127.0.0.1".to_owned(),
        port,
        database: 0,
        credentials: None,
        ca: None,
        prefix: "bench".to_owned(),
    })
    .expect("good settings");
    while !store.is_up() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let asking = Asking::new(rules);
    let mut times = Vec::new();
    for number in 0..20_000 {
        let begun = Instant::now();
        let draws = asking.draws(number);
        let replies = store.take(&draws).await.expect("up");
        let _ = black_box(Charge::of(draws, &replies, Keeper::Store).expect("wide"));
        times.push(begun.elapsed().as_secs_f64() * 1e6);
    }
    times.sort_by(f64::total_cmp);
    Some((times[times.len() / 2], times[times.len() * 99 / 100]))
}

fn main() -> ExitCode {
    let one = || vec![rule("submissions", &[KeyPart::DataSource])];
    let three = || {
        vec![
            rule("submissions", &[KeyPart::DataSource]),
            rule("people", &[KeyPart::Principal, KeyPart::TaskType]),
            rule("all", &[]),
        ]
    };
    let (single, triple) = (local(one()), local(three()));
    println!("\n| a decision | measured | bound |\n|---|---|---|");
    println!("| one limit, nanoseconds | {single:.0} | 1000 |");
    println!("| three limits that cover it, nanoseconds | {triple:.0} | |");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let shared =
        runtime.block_on(async { (through_redis(one()).await, through_redis(three()).await) });
    let (Some((median, slow)), Some((more, slower))) = shared else {
        eprintln!("SKIPPED: there is no redis-server here (`scripts/setup build` installs it)");
        return ExitCode::FAILURE;
    };
    println!(
        "| one limit through Redis, p50 and p99, microseconds | {median:.0}, {slow:.0} | 300 |"
    );
    println!(
        "| three limits through Redis, p50 and p99, microseconds | {more:.0}, {slower:.0} | |"
    );
    match single <= 1_000.0 && median <= 300.0 {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
