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

/// After so many rounds everybody is started anew: where a process happens to lie in memory stays
/// with it for as long as it lives.
const ROUNDS_OF_A_PROCESS: usize = 2;

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
    let mut measured = Measured::default();
    let mut rounds = 1..=plan.rounds;
    let mut turn = 0;
    while !rounds.is_empty() {
        let peers = fresh(programs, order(&plan.kinds, turn), upstream).await?;
        let mut field = Field::of(&peers);
        for work in &plan.works {
            // Who belongs to what is known by then.
            field.warm_up(&Load::of(*work)).await?;
        }
        for round in rounds.by_ref().take(ROUNDS_OF_A_PROCESS) {
            for work in &plan.works {
                progress.step(&format!("round {round}: {}", work.title()));
                measured.costs_of(&mut field, *work).await?;
            }
            for work in &plan.timed {
                progress.step(&format!("round {round}: times of {}", work.title()));
                measured.times_of(&peers, *work, upstream).await?;
            }
        }
        for memory in &mut results.memory {
            let peer = peers.iter().find(|peer| peer.kind == memory.kind);
            let peak = peer.map_or(0, |peer| peer.process.peak());
            memory.peak = memory.peak.max(peak);
        }
        turn += 1;
    }
    progress.end();
    results.costs = measured.costs.into_values().collect();
    results.times = measured.times.into_values().collect();
    Ok(results)
}

/// Whose turn comes when, in the processes' `turn`th generation. In twice as many of them as there
/// are kinds everybody comes first twice, and nobody always follows the same one.
fn order(kinds: &[Kind], turn: usize) -> Vec<Kind> {
    let mut kinds = kinds.to_vec();
    let first = (turn / 2).checked_rem(kinds.len()).unwrap_or(0);
    kinds.rotate_left(first);
    if !turn.is_multiple_of(2) {
        kinds.reverse();
    }
    kinds
}

/// Starts everybody.
async fn fresh(
    programs: &Programs,
    kinds: Vec<Kind>,
    upstream: SocketAddr,
) -> io::Result<Vec<Peer>> {
    let mut peers = Vec::new();
    for kind in kinds {
        let peer = match Peer::start(programs, kind, upstream, "").await {
            Ok(peer) => peer,
            // Somebody else may have taken its port meanwhile.
            Err(_) => Peer::start(programs, kind, upstream, "").await?,
        };
        peers.push(peer);
    }
    Ok(peers)
}

/// What came of all rounds so far.
#[derive(Default)]
struct Measured {
    costs: BTreeMap<(Work, Kind), Cost>,
    times: BTreeMap<(Work, Option<Kind>), Time>,
    /// Requests of which the times were taken: each asks for another task.
    timed: u64,
}

impl Measured {
    async fn costs_of(&mut self, field: &mut Field<'_>, work: Work) -> io::Result<()> {
        for turn in field.measure(&Load::of(work), Pace::of_work(work)).await? {
            let new = || Cost::new(work, turn.kind);
            turn.add_to(self.costs.entry((work, turn.kind)).or_insert_with(new));
        }
        Ok(())
    }

    async fn times_of(
        &mut self,
        peers: &[Peer],
        work: Work,
        upstream: SocketAddr,
    ) -> io::Result<()> {
        let nobody = std::iter::once((None, upstream));
        let through = peers.iter().map(|peer| (Some(peer.kind), peer.address));
        let through: Vec<_> = nobody.chain(through).collect();
        let (request, first) = (work.request(), self.timed);
        self.timed += through.len() as u64 * u64::from(TURNS * ASKED);
        let all = tokio::task::spawn_blocking(move || in_turn(&through, &request, first));
        for (kind, all) in all.await?? {
            let time = self.times.entry((work, kind)).or_insert_with(|| Time {
                work,
                kind,
                p50: Vec::new(),
                p99: Vec::new(),
            });
            time.p50.push(all.percentile(0.5));
            time.p99.push(all.percentile(0.99));
        }
        Ok(())
    }
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

/// Keeps a proxy busy for so many seconds, and prints what each of them costs.
///
/// # Errors
/// As [`run`].
pub async fn busy(
    programs: &Programs,
    kind: Kind,
    load: &Load,
    seconds: u64,
    more: &str,
) -> io::Result<()> {
    let upstream = upstream().await?;
    let peer = Peer::start(programs, kind, upstream, more).await?;
    println!("{}", peer.process.id());
    let mut field = Field::of(std::slice::from_ref(&peer));
    for _ in 0..seconds {
        // The first fifth of a second is not counted.
        let pace = Pace::of_time(Duration::from_millis(800));
        for turn in field.measure(load, pace).await? {
            println!("{:.1} us by request, {:.0} a second", turn.cpu, turn.rate);
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_comes_first_equally_often() {
        for kinds in [&Kind::ALL[..], &Kind::ALL[..4], &Kind::ALL[..2]] {
            let turns = 0..2 * kinds.len();
            let orders: Vec<_> = turns.map(|turn| order(kinds, turn)).collect();
            for kind in kinds {
                let firsts = orders.iter().filter(|order| order.first() == Some(kind));
                assert_eq!(firsts.count(), 2, "{kind:?} of {kinds:?}");
            }
            for mut order in orders {
                order.sort();
                assert_eq!(order, kinds);
            }
        }
    }
}
