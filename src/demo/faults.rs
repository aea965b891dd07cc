//! What a node is told to be and to do wrong, and what it remembers of its requests.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use http::Method;
use http::header::HeaderMap;
use hyper::body::Bytes;

/// Requests that are remembered when they are; the oldest go first.
const MOST_RECEIVED: usize = 10_000;

/// Bytes of their bodies likewise.
const MOST_BYTES: usize = 256 << 20;

/// Faults that wait for a request.
const MOST_FAULTS: usize = 1_000;

/// What a node is to its cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// It leads.
    Leader,
    /// It redirects to the node at this address, which may be dead (as a follower's is for the
    /// whole ZooKeeper session after its leader died) or itself (as seen for a moment on 33.0.0).
    Follower(SocketAddr),
    /// Nobody leads: Jetty's page with 503, while `/leader` names this node already.
    Electing,
    /// It takes connections and requests and answers nothing until its role changes; what is still
    /// connected then is answered in the new role.
    Silent,
    /// It has lost the leadership to this address and does not know: it answers one more request
    /// as the leader (`/leader` and `/isLeader` do not count), then follows.
    Deposed(SocketAddr),
}

/// What goes wrong with one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The connection closes; nothing was done.
    CutBefore,
    /// It is done, and the connection closes instead of an answer.
    CutAfter,
    /// It is done, and the answer breaks off after so many bytes of its body. An answer that is
    /// not longer stays whole.
    CutInside(u64),
    /// It is done after this time, if the client is still there.
    Delay(Duration),
    /// It is done at once and answered after this time: meanwhile its answer grows old.
    Late(Duration),
    /// Nothing is done, and another answer: status, content type (empty: none), body.
    Instead(u16, &'static str, String),
}

/// A request that arrived.
#[derive(Debug, Clone)]
pub struct Received {
    /// The method.
    pub method: Method,
    /// Path and query as they came.
    pub target: String,
    /// The header.
    pub headers: HeaderMap,
    /// The body; empty if the node redirected or refused without reading it.
    pub body: Bytes,
}

/// A node's instructions and memory.
#[derive(Debug, Default)]
pub(super) struct Script {
    faults: VecDeque<(Method, Fault)>,
    pub(super) delay: Duration,
    received: Option<VecDeque<Received>>,
    bytes: usize,
}

impl Script {
    /// The next request with that method goes wrong; more than a thousand wait for none.
    pub(super) fn add(&mut self, method: Method, fault: Fault) {
        if self.faults.len() < MOST_FAULTS {
            self.faults.push_back((method, fault));
        }
    }

    /// The fault of a request: the first in line, if it is for its method.
    pub(super) fn take(&mut self, method: &Method) -> Option<Fault> {
        let due = self
            .faults
            .front()
            .is_some_and(|(wanted, _)| wanted == method);
        if due {
            self.faults.pop_front().map(|(_, fault)| fault)
        } else {
            None
        }
    }

    /// Remembers requests from now on.
    pub(super) fn record(&mut self) {
        self.bytes = 0;
        self.received = Some(VecDeque::new());
    }

    pub(super) fn remember(&mut self, request: impl FnOnce() -> Received) {
        let Some(received) = &mut self.received else {
            return;
        };
        let request = request();
        self.bytes += request.body.len();
        received.push_back(request);
        while received.len() > MOST_RECEIVED || self.bytes > MOST_BYTES {
            let Some(oldest) = received.pop_front() else {
                return;
            };
            self.bytes -= oldest.body.len();
        }
    }

    /// What was remembered since the last call.
    pub(super) fn received(&mut self) -> Vec<Received> {
        self.bytes = 0;
        self.received
            .as_mut()
            .map(std::mem::take)
            .unwrap_or_default()
            .into()
    }
}
