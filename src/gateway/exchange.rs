//! The gateway itself, and the record of an exchange.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use jiff::Timestamp;
use tokio::time::Instant;

use super::charge::Account;
use super::generation::{Due, Generation};
use super::head;
use super::problem::Problem;
use super::share::{Act, Share};
use crate::admission::{Trace, is_audited};
use crate::identity::Authenticator;
use crate::listener::{Arrival, Drain, EdgeRefusal, Serve, Session, Verdict};
use crate::quota::Limiter;
use crate::route::Subject;
use crate::telemetry::{Outcome, Stage, Telemetry};
use crate::upstream::{Memory, Overlords, Trail};

/// What a gateway is made of.
pub struct Parts {
    /// The first configuration.
    pub generation: Generation,
    /// Checks logins.
    pub authenticator: Authenticator,
    /// Takes outcomes.
    pub telemetry: Telemetry,
    /// The buckets of its rate limits.
    pub limiter: Arc<Limiter>,
    /// How it stops.
    pub drain: Arc<Drain>,
    /// Memory for bodies, shared with the Overlords' answers.
    pub body_memory: Memory,
    /// The wall clock, for the log and the times of tokens.
    pub wall_clock: fn() -> Timestamp,
    /// Makes request ids differ from one process to the next.
    pub seed: u32,
}

/// Serves the edge's requests.
pub struct Gateway {
    pub(super) current: ArcSwap<Generation>,
    pub(super) authenticator: Authenticator,
    pub(super) telemetry: Telemetry,
    pub(super) limiter: Arc<Limiter>,
    pub(super) drain: Arc<Drain>,
    pub(super) body_memory: Memory,
    pub(super) share: Arc<Share>,
    wall_clock: fn() -> Timestamp,
    seed: u32,
    count: AtomicU32,
}

/// One exchange while it runs: what the log will say, reported when it is dropped, so that even a
/// panic leaves a line.
pub(super) struct Record<'g> {
    telemetry: &'g Telemetry,
    share: &'g Share,
    begun: Instant,
    /// What it is about to change.
    pub(super) act: Option<Act>,
    pub(super) outcome: Outcome,
    /// What it was charged.
    pub(super) account: Option<Account>,
}

impl Drop for Record<'_> {
    fn drop(&mut self) {
        // Its client may never have been answered: it counts all the same.
        self.acted();
        self.outcome.duration = self.begun.elapsed();
        self.telemetry.report(&self.outcome);
    }
}

impl Record<'_> {
    pub(super) fn request_id(&self) -> &str {
        &self.outcome.request_id
    }

    /// What it changed is answered now: whoever reads from now on knows of it.
    pub(super) fn acted(&mut self) {
        if let Some(act) = self.act.take() {
            self.share.acted(&act);
        }
    }

    /// Takes over what admission learnt.
    pub(super) fn learn(&mut self, trace: Trace) {
        const MOST_NAMES: usize = 10;
        let Trace {
            principal,
            endpoint,
            path,
            subject,
            mut datasources,
            rule,
            findings,
            counted: _,
            limits,
        } = trace;
        self.outcome.principal = principal.map(|principal| principal.name().clone());
        if let Some(endpoint) = endpoint {
            self.outcome.operation = endpoint.operation.name();
            self.outcome.action = endpoint.action.name();
            self.outcome.class = endpoint.class.name();
        }
        self.outcome.path = path;
        self.outcome.subject = match subject {
            Some(Subject::Task(id)) => Some(id.into()),
            Some(Subject::Supervisor(id)) => Some(id.into()),
            Some(Subject::Worker(name)) => Some(name.into()),
            Some(Subject::DataSource(_) | Subject::None) | None => None,
        };
        datasources.truncate(MOST_NAMES);
        self.outcome.datasources = datasources;
        self.outcome.rule = rule;
        self.outcome.findings = findings.iter().map(|finding| finding.code.name()).collect();
        self.outcome.audited = is_audited(&limits);
        self.outcome.limits = limits;
    }

    pub(super) fn upstream(&mut self, trail: Trail, overlords: &Overlords, time: Duration) {
        self.outcome.attempts += trail.attempts;
        self.outcome.upstream_time += time;
        if let Some(node) = trail.node {
            self.outcome.upstream = overlords.authority(node).cloned();
        }
    }
}

impl Gateway {
    /// A gateway of these parts.
    pub fn new(parts: Parts) -> Gateway {
        let Parts {
            generation,
            authenticator,
            telemetry,
            limiter,
            drain,
            body_memory,
            wall_clock,
            seed,
        } = parts;
        Gateway {
            current: ArcSwap::from_pointee(generation),
            authenticator,
            telemetry,
            limiter,
            drain,
            share: Share::new(&body_memory),
            body_memory,
            wall_clock,
            seed,
            count: AtomicU32::new(0),
        }
    }

    /// The configuration at work.
    pub fn generation(&self) -> Arc<Generation> {
        self.current.load_full()
    }

    /// Takes a new configuration; exchanges that run keep the old one.
    pub fn replace(&self, generation: Generation) {
        self.current.store(Arc::new(generation));
    }

    /// Bytes that bodies and answers take now.
    pub fn body_bytes(&self) -> usize {
        self.body_memory.used() + self.share.used()
    }

    /// Logins that are remembered.
    pub fn remembered_logins(&self) -> usize {
        self.authenticator.remembered()
    }

    /// What it reports to.
    pub fn telemetry(&self) -> &Telemetry {
        &self.telemetry
    }

    /// The time of day.
    pub(super) fn now(&self) -> Timestamp {
        (self.wall_clock)()
    }

    fn record(&self, source: IpAddr, begun: Instant) -> Record<'_> {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let since = jiff::SignedDuration::try_from(begun.elapsed()).unwrap_or_default();
        let time = self.now().saturating_sub(since).unwrap_or_default();
        Record {
            telemetry: &self.telemetry,
            share: &self.share,
            begun,
            account: None,
            act: None,
            outcome: Outcome {
                time,
                request_id: hexadecimal(u64::from(self.seed) << 32 | u64::from(number)),
                source,
                principal: None,
                method: Cow::Borrowed(""),
                path: String::new(),
                operation: "none",
                action: "none",
                class: "none",
                datasources: Vec::new(),
                subject: None,
                status: 0,
                stage: Stage::Done,
                code: None,
                rule: None,
                findings: Vec::new(),
                audited: false,
                limits: Vec::new(),
                upstream: None,
                attempts: 0,
                sharing: None,
                duration: Duration::ZERO,
                upstream_time: Duration::ZERO,
                received: 0,
                sent: 0,
                cut: false,
            },
        }
    }

    async fn run(&self, session: &mut Session, arrival: Arrival) {
        let generation = self.current.load_full();
        let settings = &generation.settings;
        session.set_write_timeout(settings.write_timeout);
        let due = Due::from_now(settings);
        let source = head::source(session.request(), arrival.peer, &settings.trusted_proxies);
        let mut record = self.record(source, arrival.at);
        record.outcome.method = head::method(session.request());
        if !head::is_served(session.request(), &settings.hosts) {
            return self
                .refuse_exchange(session, Problem::unknown_host(), &mut record)
                .await;
        }
        match self
            .admit(session, &arrival, &generation, due, &mut record)
            .await
        {
            Err(problem) => self.refuse_exchange(session, problem, &mut record).await,
            Ok((admitted, body)) => {
                self.forward(session, admitted, &generation, due, &mut record)
                    .await;
                // Until the answer is out: it is sent again after a failover.
                drop(body);
            }
        }
    }
}

/// Sixteen digits.
fn hexadecimal(number: u64) -> String {
    let digits = (0..16).rev().map(|place| {
        let digit = u32::try_from(number >> (4 * place) & 15).unwrap_or_default();
        char::from_digit(digit, 16).unwrap_or('0')
    });
    digits.collect()
}

impl Serve for Gateway {
    async fn serve(&self, session: &mut Session, arrival: Arrival) {
        self.run(session, arrival).await;
    }

    fn refuse(&self, refusal: EdgeRefusal) -> Bytes {
        let begun = Instant::now()
            .checked_sub(refusal.after)
            .unwrap_or_else(Instant::now);
        let mut record = self.record(refusal.peer.ip().to_canonical(), begun);
        let problem = Problem::edge(refusal.refused.status, refusal.refused.reason);
        record.outcome.status = problem.status.as_u16();
        record.outcome.stage = problem.stage;
        record.outcome.code = Some(problem.code);
        let written = problem.write(record.request_id(), false);
        record.outcome.sent = written.body.len() as u64;
        let mut answer = format!(
            "HTTP/1.1 {} {}\r\nX-Request-Id: {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            problem.status.as_u16(),
            problem.status.canonical_reason().unwrap_or("Refused"),
            record.request_id(),
            written.media_type,
            written.body.len(),
        )
        .into_bytes();
        answer.extend_from_slice(&written.body);
        answer.into()
    }

    fn turned_away(&self, why: Verdict) {
        self.telemetry.metrics().turned_away(match why {
            Verdict::TooManyConnections => "too-many-connections",
            Verdict::HandshakeFailed => "handshake-failed",
        });
    }
}

impl std::fmt::Debug for Gateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Gateway")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixteen_digits() {
        for number in [
            0,
            1,
            0xabc,
            u64::from(u32::MAX),
            0x0123_4567_89ab_cdef,
            u64::MAX,
        ] {
            assert_eq!(hexadecimal(number), format!("{number:016x}"));
        }
    }
}
