//! Load: as fast as answers come, and at a constant rate.

use std::cell::Cell;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream as Blocking};
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::sync::Notify;

use crate::wire::{self, Head};
use crate::work::Request;

/// What came of it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Done {
    /// Answers with the wanted status.
    pub answers: u64,
    /// Others, and connections that broke.
    pub failures: u64,
    /// Bytes of the answers' bodies.
    pub bytes: u64,
}

/// Counts what is done, while it is done.
#[derive(Debug, Default)]
struct Counter {
    done: Cell<Done>,
    number: Cell<u64>,
    /// Requests that are sent and not answered.
    open: Cell<usize>,
    may_ask: Cell<bool>,
    is_over: Cell<bool>,
    changed: Notify,
}

impl Counter {
    /// Waits until the next request may be sent; gives whether there is one.
    async fn next(&self) -> bool {
        loop {
            if self.is_over.get() || self.may_ask.get() {
                return !self.is_over.get();
            }
            self.changed.notified().await;
        }
    }
}

/// A load that can be let go on and be paused.
pub struct Running {
    counter: Rc<Counter>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Running {
    /// As many connections, each with one request at a time, the next one when the last is answered.
    /// Paused at first. Must run in a `LocalSet`. `first` is the number of the first request.
    pub fn start(
        to: SocketAddr,
        request: &Request,
        connections: usize,
        status: u16,
        first: u64,
    ) -> Running {
        let counter = Rc::new(Counter::default());
        counter.number.set(first);
        let tasks = (0..connections).map(|_| {
            let counter = counter.clone();
            let request = request.clone();
            tokio::task::spawn_local(async move {
                while counter.next().await {
                    if converse(to, request.clone(), status, &counter)
                        .await
                        .is_err()
                    {
                        let mut done = counter.done.get();
                        done.failures += 1;
                        counter.done.set(done);
                        tokio::time::sleep(Duration::from_millis(10)).await;
                    }
                }
            })
        });
        let tasks = tasks.collect();
        Running { counter, tasks }
    }

    /// What is done until now.
    pub fn done(&self) -> Done {
        self.counter.done.get()
    }

    /// Asks.
    pub fn go_on(&self) {
        self.counter.may_ask.set(true);
        self.counter.changed.notify_waiters();
    }

    /// Asks no more; what is asked is answered when this returns.
    ///
    /// # Errors
    /// It is not answered.
    pub async fn pause(&self) -> io::Result<()> {
        const LONGEST: Duration = Duration::from_secs(10);
        self.counter.may_ask.set(false);
        let begun = Instant::now();
        while self.counter.open.get() > 0 {
            if begun.elapsed() > LONGEST {
                return Err(io::Error::other("requests that are not answered for 10 s"));
            }
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// Ends it; gives the number that the next request would have had.
    pub async fn end(self) -> u64 {
        self.counter.is_over.set(true);
        self.counter.changed.notify_waiters();
        for task in self.tasks {
            // What hangs is not waited for.
            let abort = task.abort_handle();
            if tokio::time::timeout(Duration::from_secs(5), task)
                .await
                .is_err()
            {
                abort.abort();
            }
        }
        self.counter.number.get()
    }
}

async fn converse(
    to: SocketAddr,
    mut request: Request,
    status: u16,
    counter: &Counter,
) -> io::Result<()> {
    let mut stream = TcpStream::connect(to).await?;
    stream.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(256 << 10);
    while counter.next().await {
        let number = counter.number.get();
        counter.number.set(number + 1);
        request.number(number);
        counter.open.set(counter.open.get() + 1);
        let answer = ask(&mut stream, &request, &mut buffer).await;
        counter.open.set(counter.open.get() - 1);
        let head = answer?;
        let mut done = counter.done.get();
        match head.status == status {
            true => done.answers += 1,
            false => done.failures += 1,
        }
        done.bytes += head.body as u64;
        counter.done.set(done);
        if head.closes {
            return Ok(());
        }
    }
    Ok(())
}

async fn ask(stream: &mut TcpStream, request: &Request, buffer: &mut Vec<u8>) -> io::Result<Head> {
    stream.write_all(&request.bytes).await?;
    wire::read_answer(stream, buffer).await
}

/// Times of answers, shortest first.
#[derive(Debug, Clone, Default)]
pub struct Times(Vec<Duration>);

impl Times {
    /// The time below which a share of them lies, in microseconds.
    pub fn percentile(&self, share: f64) -> f64 {
        let last = self.0.len().saturating_sub(1);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a place in a list that fits memory"
        )]
        let at = (last as f64 * share).round() as usize;
        self.0.get(at).map_or(f64::NAN, Duration::as_secs_f64) * 1e6
    }
}

/// One connection at a constant rate: the next request is due when it is due, whether or not the
/// last one is answered, and its time counts from then (no coordinated omission). Only when we
/// ourselves woke up late, with nothing outstanding, does it count from the moment of sending.
pub struct Paced {
    stream: Blocking,
    request: Request,
    status: u16,
    /// The next request's number.
    number: u64,
    buffer: Vec<u8>,
    times: Vec<Duration>,
}

impl Paced {
    /// Connects. `first` is the number of the first request.
    ///
    /// # Errors
    /// It cannot.
    pub fn connect(to: SocketAddr, request: Request, status: u16, first: u64) -> io::Result<Paced> {
        let stream = Blocking::connect(to)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        Ok(Paced {
            stream,
            request,
            status,
            number: first,
            buffer: vec![0; 64 << 10],
            times: Vec::new(),
        })
    }

    /// Asks so often, so many times a second. The first ones meet cold caches and are not counted.
    ///
    /// # Errors
    /// The connection broke, or an answer had another status.
    pub fn ask(&mut self, rate: u32, count: u32) -> io::Result<()> {
        let begun = Instant::now();
        for turn in 0..count {
            self.request.number(self.number);
            self.number += 1;
            let due = begun + Duration::from_secs(1) * turn / rate;
            let wait = due.saturating_duration_since(Instant::now());
            let from = match wait.is_zero() {
                true => due,
                false => {
                    std::thread::sleep(wait);
                    Instant::now()
                }
            };
            self.exchange()?;
            if turn >= count / 10 {
                self.times.push(from.elapsed());
            }
        }
        Ok(())
    }

    fn exchange(&mut self) -> io::Result<()> {
        self.stream.write_all(&self.request.bytes)?;
        let mut read = 0;
        loop {
            let more = (self.stream).read(self.buffer.get_mut(read..).unwrap_or_default())?;
            if more == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            read += more;
            let Some(head) = Head::answer(self.buffer.get(..read).unwrap_or_default())? else {
                continue;
            };
            if head.status != self.status {
                return Err(io::Error::other(format!("the status is {}", head.status)));
            }
            if read >= head.length + head.body {
                return Ok(());
            }
        }
    }

    /// What it took.
    pub fn times(mut self) -> Times {
        self.times.sort_unstable();
        Times(self.times)
    }
}

/// Connections that have each had an answer, and are kept.
///
/// # Errors
/// One could not be made, or was not answered.
pub async fn idle(to: SocketAddr, request: &Request, count: usize) -> io::Result<Vec<TcpStream>> {
    let mut all = Vec::with_capacity(count);
    let mut buffer = Vec::new();
    let mut request = request.clone();
    for number in 0..count {
        let mut stream = TcpStream::connect(to).await?;
        request.number(number as u64);
        stream.write_all(&request.bytes).await?;
        wire::read_answer(&mut stream, &mut buffer).await?;
        all.push(stream);
    }
    Ok(all)
}
