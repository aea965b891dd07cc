//! Measures: memory first, with fresh processes; then rounds in which everybody has his turn.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use tokio::net::TcpListener;

use crate::load::{self, Running};
use crate::peer::{self, Kind, Peer, Programs};
use crate::process;
use crate::responder;
use crate::result::{Cost, Machine, Memory, Results, Time};
use crate::work::{Request, Work};

/// What is measured, and for how long.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Whom.
    pub kinds: Vec<Kind>,
    /// What costs.
    pub works: Vec<Work>,
    /// Whose times on one connection.
    pub timed: Vec<Work>,
    /// So many tasks are polled in turn.
    pub tasks: u64,
    /// Rounds: many short ones. What disturbs the machine lasts for a second or a minute, and must
    /// not be in half of them.
    pub rounds: u32,
    /// A turn in them.
    pub turn: Turn,
    /// Each so many of them times are taken, too, and what takes long.
    pub seldom: u32,
    /// Is memory measured?
    pub memory: bool,
}

/// Of answers of which there are a few in a second.
const LONG_TURN: Turn = Turn {
    warm_up: Duration::from_millis(300),
    time: Duration::from_secs(2),
};

/// How many requests a second, and how many, for times.
const RATE: u32 = 500;
const REQUESTS: u32 = 500;

/// How long a measurement takes.
#[derive(Debug, Clone, Copy)]
pub struct Turn {
    /// Not measured yet.
    pub warm_up: Duration,
    /// Measured.
    pub time: Duration,
}

impl Turn {
    /// One of such a time.
    pub fn of(time: Duration) -> Turn {
        Turn { time, ..LONG_TURN }
    }
}

/// What is asked of a proxy, by how many at once.
pub struct Load {
    /// What it is.
    pub work: Work,
    /// Its bytes.
    pub request: Request,
    /// How many ask.
    pub connections: usize,
}

impl Load {
    /// As in a run.
    pub fn of(work: Work) -> Load {
        Load {
            work,
            request: work.request(),
            connections: work.connections(),
        }
    }
}

/// What is done, on a terminal in one line.
pub struct Progress {
    done: u32,
    all: u32,
}

impl Progress {
    /// Of so many steps.
    pub fn of(all: u32) -> Progress {
        Progress { done: 0, all }
    }

    /// The next one.
    pub fn step(&mut self, what: &str) {
        self.done += 1;
        let mut out = io::stderr().lock();
        // A terminal that is gone does not end a measurement.
        let _ = match out.is_terminal() {
            true => write!(out, "\r\x1b[K[{}/{}] {what}", self.done, self.all),
            false => writeln!(out, "[{}/{}] {what}", self.done, self.all),
        };
    }

    /// No more.
    pub fn end(self) {
        let mut out = io::stderr().lock();
        if out.is_terminal() {
            let _ = write!(out, "\r\x1b[K");
        }
    }
}

/// Starts the upstream, here: must run in a `LocalSet`.
///
/// # Errors
/// There is no port.
pub async fn upstream() -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    // It ends with this process.
    tokio::task::spawn_local(async move { drop(responder::serve(listener).await) });
    Ok(address)
}

/// Measures all of a plan.
///
/// # Errors
/// Something cannot be started, or does not answer as it should.
pub async fn run(programs: &Programs, plan: &Plan, profile: &str) -> io::Result<Results> {
    let upstream = upstream().await?;
    let kinds = plan.kinds.len() + 1;
    let long = plan.works.iter().filter(|work| work.is_long()).count();
    let often = plan.rounds as usize * (plan.works.len() - long) * (kinds - 1);
    let seldom = plan.rounds.div_ceil(plan.seldom) as usize;
    let seldom = seldom * (long * (kinds - 1) + plan.timed.len() * kinds);
    let steps = often + seldom + usize::from(plan.memory) * (kinds - 1);
    let mut progress = Progress::of(u32::try_from(steps).unwrap_or(u32::MAX));
    let mut results = Results {
        date: jiff::Timestamp::now().strftime("%Y-%m-%d").to_string(),
        profile: profile.to_owned(),
        machine: machine(),
        versions: plan
            .kinds
            .iter()
            .map(|kind| (*kind, programs.version(*kind)))
            .collect(),
        costs: Vec::new(),
        times: Vec::new(),
        memory: Vec::new(),
    };
    if plan.memory {
        for kind in &plan.kinds {
            progress.step(&format!("memory of {}", kind.title()));
            let peer = Peer::start(programs, *kind, upstream, "").await?;
            results.memory.push(memory(&peer).await?);
        }
    }
    let mut peers = Vec::new();
    for kind in &plan.kinds {
        peers.push(Peer::start(programs, *kind, upstream, "").await?);
    }
    let mut numbers = 0;
    let mut costs = BTreeMap::new();
    let mut times = BTreeMap::new();
    for round in 1..=plan.rounds {
        let is_whole = (round - 1) % plan.seldom == 0;
        for work in &plan.works {
            if work.is_long() && !is_whole {
                continue;
            }
            let turn = if work.is_long() { LONG_TURN } else { plan.turn };
            let mut load = Load::of(*work);
            load.request.numbers = plan.tasks;
            for peer in &peers {
                progress.step(&format!(
                    "round {round}: {}, {}",
                    work.title(),
                    peer.kind.title()
                ));
                let cost = costs
                    .entry((*work, peer.kind))
                    .or_insert_with(|| Cost::new(*work, peer.kind));
                numbers = measure(peer, &load, turn, numbers, cost).await?;
            }
        }
        for work in plan.timed.iter().filter(|_| is_whole) {
            for peer in std::iter::once(None).chain(peers.iter().map(Some)) {
                let kind = peer.map(|peer| peer.kind);
                let name = kind.map_or("nobody between", Kind::title);
                progress.step(&format!("round {round}: times of {}, {name}", work.title()));
                let time = times.entry((*work, kind)).or_insert_with(|| Time {
                    work: *work,
                    kind,
                    p50: Vec::new(),
                    p99: Vec::new(),
                });
                let to = peer.map_or(upstream, |peer| peer.address);
                let (request, first) = (work.request(), numbers);
                let timed = move || load::at_a_rate(to, request, 200, RATE, REQUESTS, first);
                let all = tokio::task::spawn_blocking(timed)
                    .await?
                    .map_err(|error| io::Error::other(format!("{name}: {error}")))?;
                numbers += u64::from(REQUESTS);
                time.p50.push(all.percentile(0.5));
                time.p99.push(all.percentile(0.99));
            }
        }
    }
    progress.end();
    for peer in &peers {
        let memory = results
            .memory
            .iter_mut()
            .find(|memory| memory.kind == peer.kind);
        if let Some(memory) = memory {
            memory.peak = peer.process.peak();
        }
    }
    results.costs = costs.into_values().collect();
    results.times = times.into_values().collect();
    Ok(results)
}

/// The status that a proxy answers with.
fn status(kind: Kind, work: Work) -> u16 {
    match (kind, work) {
        (Kind::Overgate, Work::Invalid40k) => 400,
        _ => 200,
    }
}

/// Looks for work all the time and never sleeps: to wake somebody who does costs whoever sends him
/// something, and most the proxy that is slowest.
async fn stay_awake() {
    loop {
        tokio::task::yield_now().await;
    }
}

/// Measures one kind of request of one proxy; gives the number that the next request has.
///
/// # Errors
/// As [`run`].
pub async fn measure(
    peer: &Peer,
    load: &Load,
    turn: Turn,
    first: u64,
    into: &mut Cost,
) -> io::Result<u64> {
    let work = load.work;
    let status = status(peer.kind, work);
    let load = Running::start(peer.address, &load.request, load.connections, status, first);
    let awake = tokio::task::spawn_local(stay_awake());
    tokio::time::sleep(turn.warm_up).await;
    let spent = || {
        let ours = process::own_cpu();
        (peer.process.cpu(), ours, process::machine_cpu())
    };
    let (before, spent_before) = (load.done(), spent());
    let begun = Instant::now();
    tokio::time::sleep(turn.time).await;
    let (after, spent_after) = (load.done(), spent());
    let elapsed = begun.elapsed();
    awake.abort();
    let next = load.end().await;
    let answers = after.answers - before.answers;
    if answers == 0 || after.failures > 0 {
        let what = format!(
            "{}, {}: {answers} answers as they should be, {} others",
            work.title(),
            peer.kind.title(),
            after.failures
        );
        return Err(io::Error::other(what));
    }
    #[expect(clippy::cast_precision_loss, reason = "counts of a few seconds")]
    {
        let proxy = (spent_after.0 - spent_before.0).as_secs_f64();
        let ours = (spent_after.1 - spent_before.1).as_secs_f64();
        let all = (spent_after.2.saturating_sub(spent_before.2)).as_secs_f64();
        into.cpu.push(proxy * 1e6 / answers as f64);
        into.rate.push(answers as f64 / elapsed.as_secs_f64());
        let foreign = (all - proxy - ours) / elapsed.as_secs_f64();
        into.foreign.push(foreign.max(0.0));
    }
    into.bytes = (after.bytes - before.bytes) / answers;
    Ok(next)
}

/// Keeps a proxy busy for a while, and prints what that costs.
///
/// # Errors
/// As [`run`].
pub async fn busy(
    programs: &Programs,
    kind: Kind,
    load: &Load,
    time: Duration,
    more: &str,
) -> io::Result<()> {
    let upstream = upstream().await?;
    let peer = Peer::start(programs, kind, upstream, more).await?;
    println!("{}", peer.process.id());
    let mut cost = Cost::new(load.work, kind);
    measure(&peer, load, Turn::of(time), 0, &mut cost).await?;
    println!("{:.1?} us by request, {:.0?} a second", cost.cpu, cost.rate);
    Ok(())
}

async fn memory(peer: &Peer) -> io::Result<Memory> {
    // What a login took (argon2id: 19 MiB, once) has been given back by then.
    tokio::time::sleep(Duration::from_secs(5)).await;
    let idle = peer.process.memory();
    let clients = load::idle(peer.address, &Work::Status.request(), peer::clients()).await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let with_clients = peer.process.memory();
    let count = clients.len();
    drop(clients);
    tokio::time::sleep(Duration::from_secs(10)).await;
    Ok(Memory {
        kind: peer.kind,
        idle,
        clients: count,
        with_clients,
        after: peer.process.memory(),
        peak: 0,
    })
}

fn machine() -> Machine {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let after = |text: &str, name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        let value = line.trim_start_matches([':', ' ', '\t', '=']);
        Some(value.trim_matches('"').to_owned())
    };
    let memory = after(&read("/proc/meminfo"), "MemTotal").unwrap_or_default();
    let memory: u64 = memory.trim_end_matches(" kB").parse().unwrap_or_default();
    Machine {
        processor: after(&read("/proc/cpuinfo"), "model name").unwrap_or_default(),
        cores: process::cores(),
        memory: memory >> 10,
        kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
        system: after(&read("/etc/os-release"), "PRETTY_NAME").unwrap_or_default(),
    }
}
