//! CPU time by request: everybody is asked in turn, for a moment each time.
//!
//! What disturbs a machine like ours (other guests in the processor's caches) comes and goes in some
//! 0.3 s, measured: whoever is asked a moment after somebody else meets the same.

use std::io;
use std::time::{Duration, Instant};

use crate::load::Running;
use crate::peer::{Kind, Peer};
use crate::process;
use crate::result::Cost;
use crate::work::{NUMBERS, Request, Work};

/// A moment: no longer than what disturbs the machine, longer than a cold cache is felt.
const SLICE: Duration = Duration::from_millis(200);

/// So often is everybody asked in a round, beside the first time, which is not measured.
const CYCLES: u32 = 3;

/// How long everybody is asked.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// At once, before the next one has his turn.
    slice: Duration,
    /// So often, beside the first time.
    cycles: u32,
}

impl Pace {
    /// As in a round.
    pub fn of_work(work: Work) -> Pace {
        match work {
            Work::Status | Work::Post2k | Work::Post40k | Work::Invalid40k => Pace {
                slice: SLICE,
                cycles: CYCLES,
            },
            // Of these there are a few in a moment.
            Work::Log | Work::List | Work::Filtered => Pace {
                slice: 2 * SLICE,
                cycles: CYCLES,
            },
        }
    }

    /// One proxy alone, for so long.
    pub fn of_time(time: Duration) -> Pace {
        let cycles = time.as_millis() / SLICE.as_millis();
        Pace {
            slice: SLICE,
            cycles: u32::try_from(cycles).unwrap_or(u32::MAX).max(1),
        }
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

    /// The status that a proxy answers with.
    fn status(&self, kind: Kind) -> u16 {
        match (kind, self.work) {
            (Kind::Overgate, Work::Invalid40k) => 400,
            _ => 200,
        }
    }
}

/// What came of one proxy's turns in a round.
#[derive(Debug, Clone, Copy)]
pub struct Turns {
    /// Whose.
    pub kind: Kind,
    /// CPU time by request, in microseconds.
    pub cpu: f64,
    /// Answers a second, while it was asked.
    pub rate: f64,
    /// Bytes of an answer's body.
    pub bytes: u64,
    /// Cores that something else kept busy.
    pub foreign: f64,
}

impl Turns {
    /// As a round of it.
    pub fn add_to(self, cost: &mut Cost) {
        cost.cpu.push(self.cpu);
        cost.rate.push(self.rate);
        cost.bytes = self.bytes;
        cost.foreign.push(self.foreign);
    }
}

/// Proxies that are asked in turn.
pub struct Field<'a> {
    /// Each with the number of its next request.
    peers: Vec<(&'a Peer, u64)>,
}

impl<'a> Field<'a> {
    /// They have not been asked yet.
    pub fn of(peers: &'a [Peer]) -> Field<'a> {
        Field {
            peers: peers.iter().map(|peer| (peer, 0)).collect(),
        }
    }

    fn start(&self, load: &Load) -> Vec<Running> {
        let one = |(peer, first): &(&Peer, u64)| {
            let status = load.status(peer.kind);
            Running::start(
                peer.address,
                &load.request,
                load.connections,
                status,
                *first,
            )
        };
        self.peers.iter().map(one).collect()
    }

    async fn end(&mut self, all: Vec<Running>) {
        for (running, (_, next)) in all.into_iter().zip(&mut self.peers) {
            *next = running.end().await;
        }
    }

    /// Asks everybody until what can be known is known: of statuses each number once, of the rest for
    /// two slices. Must run in a `LocalSet`.
    ///
    /// # Errors
    /// Somebody does not answer, or otherwise than he should.
    pub async fn warm_up(&mut self, load: &Load) -> io::Result<()> {
        const LONGEST: Duration = Duration::from_secs(20);
        let wanted = match load.work {
            Work::Status => NUMBERS,
            _ => 0,
        };
        let all = self.start(load);
        for (running, (peer, _)) in all.iter().zip(&self.peers) {
            let begun = Instant::now();
            running.go_on();
            tokio::time::sleep(2 * SLICE).await;
            while running.done().answers < wanted && begun.elapsed() < LONGEST {
                tokio::time::sleep(SLICE).await;
            }
            running.pause().await?;
            let done = running.done();
            if done.answers < wanted.max(1) || done.failures > 0 {
                return Err(unwanted(load.work, peer.kind, done.answers, done.failures));
            }
        }
        self.end(all).await;
        Ok(())
    }

    /// Measures one kind of request of everybody. What a proxy does while others are asked, writing
    /// what it has put off, counts as its own. Must run in a `LocalSet`.
    ///
    /// # Errors
    /// Somebody does not answer, or otherwise than he should.
    pub async fn measure(&mut self, load: &Load, pace: Pace) -> io::Result<Vec<Turns>> {
        let all = self.start(load);
        let awake = tokio::task::spawn_local(stay_awake());
        let mut asked = vec![Duration::ZERO; all.len()];
        cycle(&all, pace, &mut asked).await?;
        asked.fill(Duration::ZERO);
        let spent = || -> io::Result<_> {
            let each = self.peers.iter().map(|(peer, _)| peer.process.cpu());
            let each = each.collect::<io::Result<Vec<Duration>>>()?;
            Ok((each, process::own_cpu()?, process::machine_cpu()))
        };
        let done = || all.iter().map(Running::done).collect::<Vec<_>>();
        let (before, spent_before, begun) = (done(), spent()?, Instant::now());
        for _ in 0..pace.cycles {
            cycle(&all, pace, &mut asked).await?;
        }
        let (after, spent_after, elapsed) = (done(), spent()?, begun.elapsed());
        awake.abort();
        // Of a process that was replaced there is less.
        let own = (spent_after.0.iter().zip(&spent_before.0))
            .map(|(after, before)| after.checked_sub(*before))
            .collect::<Option<Vec<Duration>>>()
            .ok_or_else(|| io::Error::other("a proxy's process has ended"))?;
        let ours = own.iter().sum::<Duration>() + spent_after.1.saturating_sub(spent_before.1);
        let machine = spent_after.2.saturating_sub(spent_before.2);
        let foreign = machine.saturating_sub(ours).as_secs_f64() / elapsed.as_secs_f64();
        let mut turns = Vec::new();
        for (((peer, _), own), ((before, after), asked)) in
            (self.peers.iter().zip(own)).zip(before.iter().zip(&after).zip(asked))
        {
            let answers = after.answers - before.answers;
            if answers == 0 || after.failures > 0 {
                return Err(unwanted(load.work, peer.kind, answers, after.failures));
            }
            #[expect(clippy::cast_precision_loss, reason = "counts of a few seconds")]
            let count = answers as f64;
            turns.push(Turns {
                kind: peer.kind,
                cpu: own.as_secs_f64() * 1e6 / count,
                rate: count / asked.as_secs_f64(),
                bytes: (after.bytes - before.bytes) / answers,
                foreign,
            });
        }
        self.end(all).await;
        Ok(turns)
    }
}

fn unwanted(work: Work, kind: Kind, answers: u64, failures: u64) -> io::Error {
    let (work, kind) = (work.title(), kind.title());
    io::Error::other(format!(
        "{work}, {kind}: {answers} answers as they should be, {failures} others"
    ))
}

/// Everybody's turn, once; adds the time that each was asked.
async fn cycle(all: &[Running], pace: Pace, asked: &mut [Duration]) -> io::Result<()> {
    for (running, asked) in all.iter().zip(asked) {
        let begun = Instant::now();
        running.go_on();
        tokio::time::sleep(pace.slice).await;
        running.pause().await?;
        *asked += begun.elapsed();
    }
    Ok(())
}

/// Looks for work all the time and never sleeps: to wake somebody who does costs whoever sends him
/// something, and most the proxy that is slowest.
async fn stay_awake() {
    loop {
        tokio::task::yield_now().await;
    }
}
