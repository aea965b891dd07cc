//! A request until it has an answer: finding the leader, waiting out an election, taking a seat,
//! repeating what may be repeated.
//!
//! A refused connection, a 307 and the 503 of a leader that is not ready come before Druid has
//! queued anything (`RedirectFilter` stands before every resource; run on Druid 28.0.0 and
//! 33.0.0), so whatever they answered is sent again. A request whose answer was cut may have been
//! executed: only what is safe to do twice is sent again.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, StatusCode};
use jiff::Timestamp;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::answer::{Answer, ReadError};
use super::attempt::{Request, SendError};
use super::flow::{Overload, Seat, Turn};
use super::wire::{Head, WireError};
use super::{Held, Memory, Overlords};

/// Requests that waited for a leader come back spread over this time.
const SPREAD: Duration = Duration::from_millis(50);

/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// How a request may be carried through.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// May it be sent again after a cut answer?
    pub repeatable: bool,
    /// The answer's header, or the whole answer where it is wanted whole, must be here by then.
    pub deadline: Instant,
    /// A 503 is Druid's answer (`/supervisor/{id}/health`), not a node that is not ready.
    pub unavailable_is_an_answer: bool,
    /// Whose turn it is when the Overlord is busy.
    pub turn: Turn,
}

/// What happened on the way, for the access log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Trail {
    /// How many times the request was sent or tried to be sent.
    pub attempts: u32,
    /// The node that was tried last.
    pub node: Option<usize>,
    /// When the first attempt that may have been executed was begun to be sent.
    pub first_byte: Option<Timestamp>,
}

/// Why there is no answer to hand on.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Nobody led by the deadline; nothing was executed.
    #[error("no Overlord led by the deadline")]
    NoLeader,
    /// Too many requests are in flight or wait to be; nothing was executed.
    #[error("the Overlord has more to do than it can")]
    Overloaded {
        /// When there may be room.
        retry_after: Duration,
    },
    /// The answer was cut; the request may have been executed.
    #[error("the Overlord's answer was lost")]
    Lost(#[source] Option<SendError>),
    /// No answer by the deadline; the request may have been executed.
    #[error("the Overlord did not answer by the deadline")]
    Late,
    /// An answer that is longer than it can be.
    #[error("the Overlord's answer is too large")]
    TooLarge,
    /// An answer that this question does not have.
    #[error("the Overlord's answer is not one to this question")]
    Unexpected,
    /// The gateway's own login was refused, or may not ask this.
    #[error("the Overlord refuses the gateway's own account")]
    Login,
    /// There is no memory for the answer now.
    #[error("there is no memory for the Overlord's answer")]
    NoMemory,
}

/// An answer that was read whole; what it takes is given back on drop.
#[derive(Debug)]
pub struct Whole {
    /// Status and headers.
    pub head: Head,
    /// All of its body.
    pub body: Bytes,
    pub(super) held: Held,
}

impl Whole {
    /// It stays as it is for a while: gives back what was held for reducing it.
    pub fn settle(&mut self) {
        self.held.shrink(self.body.len() * 2);
    }
}

/// Why one attempt has no answer.
pub(super) enum Miss {
    /// Nothing was executed: try again.
    NotExecuted,
    /// It may have been executed.
    Maybe(SendError),
    /// Nobody led by the deadline.
    NoLeader,
    /// No seat in time.
    Overloaded(Overload),
}

impl Miss {
    /// The end of a request that was not sent this time. If it was before, and may have been
    /// executed then, this is no clean "not now".
    pub(super) fn into_failure(self, may_be_executed: bool) -> Failure {
        match self {
            Miss::NoLeader | Miss::Overloaded(_) if may_be_executed => Failure::Lost(None),
            Miss::NoLeader | Miss::NotExecuted => Failure::NoLeader,
            Miss::Overloaded(Overload { retry_after }) => Failure::Overloaded { retry_after },
            Miss::Maybe(error) => Failure::Lost(Some(error)),
        }
    }
}

/// What an answer that means nothing ends in: who asks again is told the same, and who leads is
/// none the worse for it.
fn unreadable(request: &Request, error: SendError) -> Failure {
    match request.method == Method::GET {
        true => Failure::Unexpected,
        false => Failure::Lost(Some(error)),
    }
}

impl Overlords {
    /// Sends `request` to the leader, waiting for one and repeating as `plan` allows. The answer's
    /// first piece is here, so that nothing of it has to be taken back.
    ///
    /// # Errors
    /// [`Failure`]
    pub async fn exchange(
        self: &Arc<Self>,
        request: &Request,
        plan: Plan,
        trail: &mut Trail,
    ) -> Result<Answer, Failure> {
        self.carry(request, plan, None, trail).await
    }

    /// The same for an answer that is wanted whole, up to `limit` bytes: a cut anywhere in it is
    /// mended.
    ///
    /// # Errors
    /// [`Failure`]
    pub async fn exchange_whole(
        self: &Arc<Self>,
        request: &Request,
        plan: Plan,
        limit: usize,
        trail: &mut Trail,
    ) -> Result<Whole, Failure> {
        let memory = &self.settings.memory;
        self.exchange_whole_in(memory, request, plan, limit, trail)
            .await
    }

    /// The same with a memory of its own.
    ///
    /// # Errors
    /// [`Failure`]
    pub async fn exchange_whole_in(
        self: &Arc<Self>,
        memory: &Memory,
        request: &Request,
        plan: Plan,
        limit: usize,
        trail: &mut Trail,
    ) -> Result<Whole, Failure> {
        let whole = Some((limit, memory));
        let answer = self.carry(request, plan, whole, trail).await?;
        Ok(answer.into_whole())
    }

    async fn carry(
        self: &Arc<Self>,
        request: &Request,
        plan: Plan,
        whole: Option<(usize, &Memory)>,
        trail: &mut Trail,
    ) -> Result<Answer, Failure> {
        let mut may_be_executed = false;
        loop {
            let lost = match self.attempt(request, plan, trail).await {
                Ok(mut answer) => match timeout_at(plan.deadline, answer.prefetch(whole)).await {
                    Ok(Ok(())) => return Ok(answer),
                    Ok(Err(ReadError::TooLarge { .. })) => return Err(Failure::TooLarge),
                    Ok(Err(ReadError::NoMemory(_))) => return Err(Failure::NoMemory),
                    Ok(Err(ReadError::Cut(WireError::Malformed(what)))) => {
                        return Err(unreadable(request, SendError::Unreadable(what)));
                    }
                    Ok(Err(ReadError::Cut(_))) => None,
                    Err(_) => return Err(Failure::Late),
                },
                Err(Miss::NotExecuted) => continue,
                Err(Miss::Maybe(error @ SendError::Unreadable(_))) => {
                    return Err(unreadable(request, error));
                }
                Err(Miss::Maybe(error)) => Some(error),
                Err(missed @ (Miss::NoLeader | Miss::Overloaded(_))) => {
                    return Err(missed.into_failure(may_be_executed));
                }
            };
            may_be_executed = request.method != Method::GET;
            self.after_loss(trail);
            if Instant::now() >= plan.deadline {
                return Err(Failure::Late);
            }
            if !plan.repeatable {
                return Err(Failure::Lost(lost));
            }
            self.pause(trail.attempts, plan.deadline).await;
        }
    }

    /// The node that cut an answer must show again that it leads.
    pub(super) fn after_loss(&self, trail: &Trail) {
        if let Some(node) = trail.node {
            self.distrust(node);
        }
    }

    /// One attempt at whoever leads.
    pub(super) async fn attempt(
        self: &Arc<Self>,
        request: &Request,
        plan: Plan,
        trail: &mut Trail,
    ) -> Result<Answer, Miss> {
        let (node, seat) = self.leader_and_seat(plan, *trail).await?;
        trail.attempts += 1;
        trail.node = Some(node);
        let mut succeeded = std::pin::pin!(self.succeeded(node));
        let connected = tokio::select! {
            biased;
            connected = self.connect(node, plan.deadline) => connected,
            // Nothing was sent yet: its successor can be asked as if nothing had been.
            () = &mut succeeded => return Err(Miss::NotExecuted),
        };
        let first_byte = (self.settings.wall_clock)();
        let sent = match connected {
            Ok(connected) => tokio::select! {
                biased;
                sent = self.send(connected, request, plan.deadline) => sent,
                // A node that was stopped never answers; its successor can be asked at once.
                () = &mut succeeded => Err(SendError::Late),
            },
            Err(error) => Err(error),
        };
        let missed = match sent {
            Ok(mut answer) => match answer.head.status {
                // Its Location is never followed: it can be a dead node, the sender itself, or
                // an address that only the cluster knows.
                StatusCode::TEMPORARY_REDIRECT => Miss::NotExecuted,
                StatusCode::SERVICE_UNAVAILABLE if !plan.unavailable_is_an_answer => {
                    Miss::NotExecuted
                }
                _ => {
                    trail.first_byte.get_or_insert(first_byte);
                    answer.seat = Some(seat);
                    return Ok(answer);
                }
            },
            Err(SendError::NotSent(_) | SendError::NotFound(_)) => Miss::NotExecuted,
            Err(error @ (SendError::Cut(_) | SendError::Late | SendError::Unreadable(_))) => {
                trail.first_byte.get_or_insert(first_byte);
                return Err(Miss::Maybe(error));
            }
        };
        // Whoever waits, for a leader or for a while, holds no seat.
        drop(seat);
        self.distrust(node);
        self.pause(trail.attempts, plan.deadline).await;
        Err(missed)
    }

    /// A leader, and then a seat: in an election nobody takes one.
    async fn leader_and_seat(
        self: &Arc<Self>,
        plan: Plan,
        trail: Trail,
    ) -> Result<(usize, Seat), Miss> {
        let mut turn = plan.turn;
        loop {
            // Who has waited for a leader, or was sent before, is not sent away.
            if trail.attempts > 0 || self.view.borrow().leader().is_none() {
                turn = turn.patient();
            }
            if self.leader_by(plan.deadline).await.is_none() {
                return Err(Miss::NoLeader);
            }
            let seat = self.flow.seat(turn, plan.deadline).await;
            let seat = seat.map_err(Miss::Overloaded)?;
            // It may be another one by now.
            if let Some(node) = self.view.borrow().leader() {
                return Ok((node, seat));
            }
        }
    }

    /// The leader, as soon as there is one; nobody once the deadline has passed.
    async fn leader_by(&self, deadline: Instant) -> Option<usize> {
        if Instant::now() >= deadline {
            return None;
        }
        if let Some(leader) = self.view.borrow().leader() {
            return Some(leader);
        }
        let mut view = self.view.subscribe();
        if let Some(leader) = view.borrow_and_update().leader() {
            return Some(leader);
        }
        let found = timeout_at(deadline, async {
            loop {
                view.changed().await.ok()?;
                if let Some(leader) = view.borrow_and_update().leader() {
                    return Some(leader);
                }
            }
        })
        .await
        .ok()
        .flatten();
        sleep_until(deadline.min(Instant::now() + self.jitter(SPREAD))).await;
        found
    }

    /// Ends when another node than `node` leads.
    async fn succeeded(&self, node: usize) {
        let mut view = self.view.subscribe();
        loop {
            if view
                .borrow_and_update()
                .leader()
                .is_some_and(|leader| leader != node)
            {
                return;
            }
            if view.changed().await.is_err() {
                return std::future::pending().await;
            }
        }
    }

    /// Waits before the next attempt: longer each time, with jitter, never beyond the deadline.
    pub(super) async fn pause(&self, attempts: u32, deadline: Instant) {
        let longest = LONGEST_PAUSE.min(Duration::from_millis(10) * (1 << attempts.min(6)));
        let time = longest / 2 + self.jitter(longest / 2);
        sleep_until(deadline.min(Instant::now() + time)).await;
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::sync::atomic::{AtomicI64, Ordering};
    use std::task::{Context, Waker};

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::time::timeout;

    use super::*;
    use crate::demo;
    use crate::route::Class;
    use crate::upstream::{Memory, Node, NodeState, Settings};

    /// Moved by one test alone.
    static NOW: AtomicI64 = AtomicI64::new(0);

    fn clock() -> Timestamp {
        Timestamp::from_second(NOW.load(Ordering::Relaxed)).expect("a time")
    }

    fn overlords(nodes: &[(bool, SocketAddr)]) -> Arc<Overlords> {
        overlords_that_wait(nodes, Duration::from_secs(60))
    }

    /// For an answer's header at most so long.
    fn overlords_that_wait(nodes: &[(bool, SocketAddr)], response: Duration) -> Arc<Overlords> {
        let node = |(tls, address): &(bool, SocketAddr)| Node {
            tls: *tls,
            host: address.ip().to_string(),
            port: address.port(),
        };
        let long = Duration::from_secs(60);
        let settings = Settings {
            nodes: nodes.iter().map(node).collect(),
            authorization: None,
            tls: crate::upstream::TlsSettings::default(),
            probe_interval: long,
            connect_timeout: long,
            response_timeout: response,
            read_timeout: long,
            write_timeout: long,
            idle_timeout: long,
            wall_clock: clock,
            max_in_flight: 32,
            memory: Memory::new(1 << 20),
        };
        Overlords::new(settings, 7).expect("no CA to read")
    }

    async fn listener() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        (listener, address)
    }

    fn plan() -> Plan {
        Plan {
            repeatable: false,
            deadline: Instant::now() + Duration::from_secs(30),
            unavailable_is_an_answer: false,
            turn: Turn::of_principal(Class::Poll, "somebody"),
        }
    }

    /// Druid's answer to it is a 404.
    fn post() -> Request {
        Request::post("/druid/indexer/v1/task/unknown/shutdown")
    }

    async fn leader() -> (demo::Node, SocketAddr) {
        let (listener, address) = listener().await;
        let cluster = demo::Cluster::new(demo::Settings::default());
        let node = demo::Node::start(cluster, listener, demo::Role::Leader).expect("bound");
        (node, address)
    }

    fn elect(overlords: &Overlords, node: usize) {
        overlords
            .view
            .send_if_modified(|view| view.saw(node, NodeState::Leading));
    }

    /// Waits until somebody looks at the view.
    async fn watched(overlords: &Overlords) {
        while overlords.view.receiver_count() == 0 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn the_first_byte_is_the_first_that_is_sent_not_the_first_that_waited() {
        let (_node, address) = leader().await;
        let overlords = overlords(&[(false, address)]);
        let waiting = tokio::spawn({
            let overlords = overlords.clone();
            async move {
                let mut trail = Trail::default();
                let answer = overlords.exchange(&post(), plan(), &mut trail).await;
                (answer.map(|answer| answer.head.status), trail)
            }
        });
        watched(&overlords).await;
        NOW.store(1_000, Ordering::Relaxed);
        elect(&overlords, 0);
        let (status, trail) = waiting.await.expect("no panic");
        assert_eq!(status.expect("answered"), StatusCode::NOT_FOUND);
        assert_eq!(trail.first_byte, Timestamp::from_second(1_000).ok());
    }

    #[tokio::test]
    async fn what_was_never_sent_is_sent_to_the_successor() {
        // Takes connections, and never says a word of TLS: the request is still with us.
        let (silent, dead) = listener().await;
        let (_node, address) = leader().await;
        let overlords = overlords(&[(true, dead), (false, address)]);
        elect(&overlords, 0);
        let sending = tokio::spawn({
            let overlords = overlords.clone();
            async move {
                let mut trail = Trail::default();
                let answer = overlords.exchange(&post(), plan(), &mut trail).await;
                (answer.map(|answer| answer.head.status), trail)
            }
        });
        let _connection = silent.accept().await.expect("a connection");
        watched(&overlords).await;
        elect(&overlords, 1);
        let (status, trail) = sending.await.expect("no panic");
        assert_eq!(status.expect("answered"), StatusCode::NOT_FOUND);
        assert_eq!((trail.attempts, trail.node), (2, Some(1)));
    }

    /// Answers one request with these bytes, and closes if it is told to.
    async fn say(listener: &TcpListener, bytes: &str, ends: bool) -> Option<TcpStream> {
        let (mut connection, _) = listener.accept().await.expect("a connection");
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            connection.read_buf(&mut request).await.expect("a request");
        }
        connection.write_all(bytes.as_bytes()).await.expect("taken");
        (!ends).then_some(connection)
    }

    const BEGUN: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n";

    #[tokio::test]
    async fn a_short_answer_that_is_cut_behind_its_first_piece_is_asked_for_again() {
        let (first, address) = listener().await;
        let (second, other) = listener().await;
        let overlords = overlords(&[(false, address), (false, other)]);
        elect(&overlords, 0);
        let asking = tokio::spawn({
            let overlords = overlords.clone();
            async move {
                let plan = Plan {
                    repeatable: true,
                    ..plan()
                };
                let request = Request::get("/druid/indexer/v1/task/a/status");
                let mut trail = Trail::default();
                let answer = overlords.exchange(&request, plan, &mut trail).await;
                answer.expect("answered").whole(100).await
            }
        });
        say(&first, BEGUN, true).await;
        watched(&overlords).await;
        elect(&overlords, 1);
        say(&second, &format!("{BEGUN}2\r\nde\r\n0\r\n\r\n"), true).await;
        let body = asking.await.expect("no panic").expect("whole");
        assert_eq!(body, "abcde");
    }

    #[tokio::test]
    async fn what_comes_slowly_is_not_held() {
        let (node, address) = listener().await;
        let overlords = overlords(&[(false, address)]);
        elect(&overlords, 0);
        let request = Request::get("/druid/indexer/v1/task/a/log");
        let mut trail = Trail::default();
        let (answer, mut connection) = tokio::join!(
            overlords.exchange(&request, plan(), &mut trail),
            say(&node, BEGUN, false)
        );
        let mut answer = answer.expect("begun");
        let piece = answer.chunk().await.expect("here");
        assert_eq!(piece.as_deref(), Some(b"abc".as_slice()));
        // And nothing of what follows is lost.
        let rest = b"2\r\nde\r\n0\r\n\r\n";
        let connection = connection.as_mut().expect("open");
        connection.write_all(rest).await.expect("taken");
        assert_eq!(answer.whole(100).await.expect("whole"), "de");
    }

    #[tokio::test]
    async fn a_connection_serves_the_next_request_too_until_nobody_probes() {
        let (node, address) = listener().await;
        let overlords = overlords(&[(false, address)]);
        elect(&overlords, 0);
        let answering = async {
            let (mut connection, _) = node.accept().await.expect("a connection");
            for _ in 0..2 {
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    connection.read_buf(&mut request).await.expect("a request");
                }
                let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na";
                connection.write_all(answer).await.expect("taken");
            }
            connection
        };
        let asking = async {
            for _ in 0..2 {
                let request = Request::get("/druid/indexer/v1/task/a/status");
                let mut trail = Trail::default();
                let asked = overlords.exchange_whole(&request, plan(), 100, &mut trail);
                assert_eq!(asked.await.expect("answered").body, "a");
            }
        };
        let both = async { tokio::join!(answering, asking).0 };
        let long = Duration::from_secs(10);
        let mut connection = timeout(long, both).await.expect("on one connection");
        // Begun and dropped, before a probe is on its way.
        let mut probing = Box::pin(overlords.clone().probe());
        let mut context = Context::from_waker(Waker::noop());
        assert!(probing.as_mut().poll(&mut context).is_pending());
        drop(probing);
        let closed = timeout(long, connection.read_u8()).await.expect("closed");
        assert!(closed.is_err(), "{closed:?}");
    }

    #[tokio::test]
    async fn who_takes_a_request_and_says_nothing_is_not_waited_for() {
        let (silent, address) = listener().await;
        let overlords = overlords_that_wait(&[(false, address)], Duration::from_millis(10));
        elect(&overlords, 0);
        let mut trail = Trail::default();
        let sent = overlords.exchange(&post(), plan(), &mut trail).await;
        assert!(
            matches!(sent, Err(Failure::Lost(Some(SendError::Late)))),
            "{sent:?}"
        );
        drop(silent);
    }

    #[tokio::test]
    async fn an_answer_that_means_nothing_is_no_reason_to_look_for_another_leader() {
        for answer in [
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
        ] {
            let (node, address) = listener().await;
            let overlords = overlords(&[(false, address)]);
            elect(&overlords, 0);
            let plan = Plan {
                repeatable: true,
                ..plan()
            };
            let request = Request::get("/druid/indexer/v1/task/a/status");
            let mut trail = Trail::default();
            let (read, _connection) = tokio::join!(
                overlords.exchange(&request, plan, &mut trail),
                say(&node, answer, false)
            );
            assert!(matches!(read, Err(Failure::Unexpected)), "{read:?}");
            assert_eq!(overlords.view().leader(), Some(0));
            let request = post();
            let (sent, _connection) = tokio::join!(
                overlords.exchange(&request, plan, &mut trail),
                say(&node, answer, false)
            );
            assert!(
                matches!(sent, Err(Failure::Lost(Some(SendError::Unreadable(_))))),
                "{sent:?}"
            );
        }
    }

    #[tokio::test]
    async fn what_was_never_sent_by_the_deadline_was_not_executed() {
        let (silent, dead) = listener().await;
        let overlords = overlords(&[(true, dead)]);
        elect(&overlords, 0);
        let plan = Plan {
            deadline: Instant::now() + Duration::from_millis(50),
            ..plan()
        };
        let sent = overlords
            .exchange(&post(), plan, &mut Trail::default())
            .await;
        assert!(matches!(sent, Err(Failure::NoLeader)), "{sent:?}");
        drop(silent);
    }
}
