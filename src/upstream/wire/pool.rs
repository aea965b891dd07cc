//! Connections that wait for their next request.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::Connection;

/// The connections to each node that are not in use, the one that was used last at the end.
pub(in super::super) struct Pool {
    nodes: Vec<Mutex<VecDeque<Waiting>>>,
    most: usize,
    idle_timeout: Duration,
}

struct Waiting {
    connection: Connection,
    address: SocketAddr,
    since: Instant,
}

impl Pool {
    /// Of each node at most `most` wait, each for at most `idle_timeout`.
    pub(in super::super) fn new(nodes: usize, most: usize, idle_timeout: Duration) -> Pool {
        Pool {
            nodes: std::iter::repeat_with(Mutex::default).take(nodes).collect(),
            most,
            idle_timeout,
        }
    }

    fn node(&self, index: usize) -> Option<MutexGuard<'_, VecDeque<Waiting>>> {
        let node = self.nodes.get(index)?;
        Some(node.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// One that was used a moment ago, if the node is still at this address.
    pub(in super::super) fn take(&self, index: usize, address: SocketAddr) -> Option<Connection> {
        loop {
            let mut waiting = self.node(index)?.pop_back()?;
            let fits = waiting.address == address
                && waiting.since.elapsed() < self.idle_timeout
                && waiting.connection.is_quiet();
            if fits {
                return Some(waiting.connection);
            }
        }
    }

    /// Keeps one whose exchange has ended, if another can follow on it.
    pub(in super::super) fn give(
        &self,
        index: usize,
        address: SocketAddr,
        mut connection: Connection,
    ) {
        if !connection.is_reusable() {
            return;
        }
        connection.rest();
        let Some(mut node) = self.node(index) else {
            return;
        };
        // Closed behind the lock.
        let _oldest = match node.len() >= self.most {
            true => node.pop_front(),
            false => None,
        };
        node.push_back(Waiting {
            connection,
            address,
            since: Instant::now(),
        });
        drop(node);
    }

    /// Closes all.
    pub(in super::super) fn clear(&self) {
        for index in 0..self.nodes.len() {
            let all = self.node(index).map(|mut node| std::mem::take(&mut *node));
            drop(all);
        }
    }

    /// Closes those whose time is over, or which the node has closed.
    pub(in super::super) fn sweep(&self, index: usize) {
        let Some(mut node) = self.node(index) else {
            return;
        };
        let mut over = Vec::new();
        let all = node.len();
        for _ in 0..all {
            let Some(mut waiting) = node.pop_front() else {
                break;
            };
            let is_over =
                waiting.since.elapsed() >= self.idle_timeout || !waiting.connection.is_quiet();
            match is_over {
                true => over.push(waiting),
                false => node.push_back(waiting),
            }
        }
        // Closed behind the lock.
        drop(node);
        drop(over);
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Waker};

    use bytes::Bytes;
    use pingora::protocols::l4::stream::Stream as L4Stream;
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::{TcpListener, TcpStream};
    use tokio::task::coop;
    use tokio::time::timeout;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    /// A node with connections to it, and its ends of them.
    async fn node<const N: usize>() -> (SocketAddr, [(Connection, TcpStream); N]) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let mut pairs = Vec::new();
        for _ in 0..N {
            let ours = TcpStream::connect(address).await.expect("connected");
            let (theirs, _) = listener.accept().await.expect("accepted");
            let connection = Connection::new(Box::new(L4Stream::from(ours)));
            pairs.push((connection, theirs));
        }
        let Ok(pairs) = pairs.try_into() else {
            panic!("as many as were asked for")
        };
        (address, pairs)
    }

    fn waiting(pool: &Pool) -> usize {
        pool.node(0).expect("a node").len()
    }

    /// Until the driver has seen what a node did.
    async fn seen(connection: &mut Connection) {
        let seen = async {
            while connection.is_quiet() {
                tokio::task::yield_now().await;
            }
        };
        timeout(LONG, seen).await.expect("seen");
    }

    /// An exchange whose answer is read to its end.
    async fn exchange(connection: &mut Connection, node: &mut TcpStream, answer: &str) {
        node.write_all(answer.as_bytes()).await.expect("taken");
        let head = Bytes::from_static(b"GET / HTTP/1.1\r\n\r\n");
        let sent = connection.write(head, Bytes::new(), LONG).await;
        sent.expect("written");
        let head = connection.read_head(Instant::now() + LONG).await;
        head.expect("answered");
        while connection.piece(LONG).await.expect("whole").is_some() {}
    }

    #[tokio::test]
    async fn the_one_that_was_used_last_is_used_next_and_the_oldest_goes() {
        let (address, [(a, _a), (b, _b), (c, _c)]) = node().await;
        let (second, third) = (b.id(), c.id());
        let pool = Pool::new(1, 2, LONG);
        for connection in [a, b, c] {
            pool.give(0, address, connection);
        }
        pool.sweep(0);
        let taken = [(); 3].map(|()| pool.take(0, address).map(|taken| taken.id()));
        assert_eq!(taken, [Some(third), Some(second), None]);
    }

    #[tokio::test]
    async fn only_what_can_be_used_again_is_kept() {
        let good = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na";
        let closes = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\na";
        let more = format!("{good}{good}");
        for (answer, is_kept) in [(good, true), (closes, false), (more.as_str(), false)] {
            let (address, [(mut connection, mut end)]) = node().await;
            let pool = Pool::new(1, 8, LONG);
            exchange(&mut connection, &mut end, answer).await;
            pool.give(0, address, connection);
            assert_eq!(pool.take(0, address).is_some(), is_kept, "{answer}");
        }
    }

    /// Of a node that closed one connection and spoke on another, both were seen by the driver.
    async fn broken() -> (SocketAddr, [Connection; 2], TcpStream) {
        let (address, [(mut a, a_end), (mut b, mut b_end)]) = node().await;
        drop(a_end);
        b_end.write_all(b"HTTP/1.1 408 ").await.expect("taken");
        seen(&mut a).await;
        seen(&mut b).await;
        (address, [a, b], b_end)
    }

    #[tokio::test]
    async fn what_the_node_has_closed_or_said_something_on_is_not_used() {
        let (address, connections, _end) = broken().await;
        let pool = Pool::new(1, 8, LONG);
        for connection in connections {
            pool.give(0, address, connection);
            assert_eq!(waiting(&pool), 1);
            assert!(pool.take(0, address).is_none());
        }
    }

    #[tokio::test]
    async fn who_has_no_budget_left_is_not_fooled() {
        let (address, connections, _end) = broken().await;
        let pool = Pool::new(1, 8, LONG);
        let mut context = Context::from_waker(Waker::noop());
        while coop::has_budget_remaining() {
            let _ = pin!(coop::consume_budget()).poll(&mut context);
        }
        for connection in connections {
            pool.give(0, address, connection);
            assert!(pool.take(0, address).is_none());
        }
    }

    #[tokio::test]
    async fn a_sweep_closes_them_too() {
        let (address, connections, _end) = broken().await;
        let pool = Pool::new(1, 8, LONG);
        let (_, [(good, _good)]) = node().await;
        let id = good.id();
        pool.give(0, address, good);
        for connection in connections {
            pool.give(0, address, connection);
        }
        pool.sweep(0);
        assert_eq!(waiting(&pool), 1);
        assert_eq!(pool.take(0, address).map(|taken| taken.id()), Some(id));
    }

    #[tokio::test]
    async fn nothing_is_used_at_another_address_or_after_its_time() {
        let (address, [(a, _a), (b, _b), (c, _c), (d, _d)]) = node().await;
        let pool = Pool::new(1, 8, LONG);
        pool.give(0, address, a);
        let other = SocketAddr::from(([127, 0, 0, 2], address.port()));
        assert!(pool.take(0, other).is_none());
        pool.give(0, address, b);
        pool.clear();
        assert!(pool.take(0, address).is_none());
        let pool = Pool::new(1, 8, Duration::ZERO);
        pool.give(0, address, c);
        assert_eq!(waiting(&pool), 1);
        assert!(pool.take(0, address).is_none());
        pool.give(0, address, d);
        pool.sweep(0);
        assert_eq!(waiting(&pool), 0);
        assert!(pool.take(1, address).is_none(), "there is no such node");
    }
}
