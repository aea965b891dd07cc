//! Measures: memory first, with fresh processes; then rounds in which all is measured of everybody.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::net::TcpListener;

use crate::load::{self, Paced, Times};
use crate::peer::{self, Kind, Peer, Programs};
use crate::process;
use crate::responder;
use crate::result::{Cost, Machine, Memory, Results, Time};
use crate::turns::{Field, Load, Pace};
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
    /// Rounds, in each of which everything is measured.
    pub rounds: u32,
    /// Is memory measured?
    pub memory: bool,
}

/// How many requests a second, for times; how many in a moment, and so often in a round.
const RATE: u32 = 500;
const ASKED: u32 = 50;
const TURNS: u32 = 5;

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
    let kinds = plan.kinds.len();
    let of_a_round = (plan.works.len() + plan.timed.len()) * plan.rounds as usize;
    let steps = of_a_round + usize::from(plan.memory) * kinds;
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
    let mut field = Field::of(&peers);
    let mut costs = BTreeMap::new();
    let mut times = BTreeMap::new();
    let mut timed = 0;
    for work in &plan.works {
        // Who belongs to what is known by then.
        field.warm_up(&Load::of(*work)).await?;
    }
    for round in 1..=plan.rounds {
        for work in &plan.works {
            progress.step(&format!("round {round}: {}", work.title()));
            let turns = field
                .measure(&Load::of(*work), Pace::of_work(*work))
                .await?;
            for turn in turns {
                let new = || Cost::new(*work, turn.kind);
                turn.add_to(costs.entry((*work, turn.kind)).or_insert_with(new));
            }
        }
        for work in &plan.timed {
            progress.step(&format!("round {round}: times of {}", work.title()));
            let nobody = std::iter::once((None, upstream));
            let through = peers.iter().map(|peer| (Some(peer.kind), peer.address));
            let through: Vec<_> = nobody.chain(through).collect();
            let (request, first) = (work.request(), timed);
            timed += through.len() as u64 * u64::from(TURNS * ASKED);
            let all = tokio::task::spawn_blocking(move || in_turn(&through, &request, first));
            for (kind, all) in all.await?? {
                let time = times.entry((*work, kind)).or_insert_with(|| Time {
                    work: *work,
                    kind,
                    p50: Vec::new(),
                    p99: Vec::new(),
                });
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

/// Times of everybody, who are asked in turn, for a moment each time.
fn in_turn(
    through: &[(Option<Kind>, SocketAddr)],
    request: &Request,
    first: u64,
) -> io::Result<Vec<(Option<Kind>, Times)>> {
    let mut all = Vec::new();
    for ((kind, to), place) in through.iter().zip(0..) {
        let first = first + place * u64::from(TURNS * ASKED);
        all.push((*kind, Paced::connect(*to, request.clone(), 200, first)?));
    }
    for _ in 0..TURNS {
        for (kind, paced) in &mut all {
            let name = kind.map_or("nobody between", Kind::title);
            let asked = paced.ask(RATE, ASKED);
            asked.map_err(|error| io::Error::other(format!("{name}: {error}")))?;
        }
    }
    let times = all.into_iter().map(|(kind, paced)| (kind, paced.times()));
    Ok(times.collect())
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
    let mut field = Field::of(std::slice::from_ref(&peer));
    for turn in field.measure(load, Pace::of_time(time)).await? {
        println!("{:.1} us by request, {:.0} a second", turn.cpu, turn.rate);
    }
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
