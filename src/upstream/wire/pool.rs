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

    /// Closes those whose time is over, or which the node has closed.
    pub(in super::super) fn sweep(&self, index: usize) {
        let Some(mut node) = self.node(index) else {
            return;
        };
        node.retain_mut(|waiting| {
            waiting.since.elapsed() < self.idle_timeout && waiting.connection.is_quiet()
        });
    }
}

#[cfg(test)]
mod tests {
    use pingora::protocols::l4::stream::Stream as L4Stream;
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::{TcpListener, TcpStream};
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

    /// Sweeps until nobody waits any more.
    async fn swept(pool: &Pool) {
        let empty = async {
            while waiting(pool) > 0 {
                tokio::task::yield_now().await;
                pool.sweep(0);
            }
        };
        timeout(LONG, empty).await.expect("noticed");
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
    async fn what_the_node_has_closed_or_said_something_on_is_not_used() {
        let (address, [(a, a_end), (b, mut b_end)]) = node().await;
        let pool = Pool::new(1, 8, LONG);
        pool.give(0, address, a);
        drop(a_end);
        swept(&pool).await;
        pool.give(0, address, b);
        b_end.write_all(b"HTTP/1.1 408 ").await.expect("taken");
        swept(&pool).await;
    }

    #[tokio::test]
    async fn nothing_is_used_at_another_address_or_after_its_time() {
        let (address, [(a, _a), (b, _b)]) = node().await;
        let pool = Pool::new(1, 8, LONG);
        pool.give(0, address, a);
        let other = SocketAddr::from(([127, 0, 0, 2], address.port()));
        assert!(pool.take(0, other).is_none());
        let pool = Pool::new(1, 8, Duration::ZERO);
        pool.give(0, address, b);
        assert_eq!(waiting(&pool), 1);
        pool.sweep(0);
        assert_eq!(waiting(&pool), 0);
        assert!(pool.take(1, address).is_none(), "there is no such node");
    }
}
