//! The Overlords: which of them leads, how a request reaches it, and what a cut answer means.

mod answer;
mod attempt;
mod exchange;
mod flow;
mod leader;
mod live;
mod memory;
mod owner;
mod probe;
mod stored;
mod trust;
mod wire;
mod within;

pub use answer::{Answer, ReadError};
pub use attempt::{Request, SendError, Unsent};
pub use exchange::{Failure, Plan, Trail, Whole};
pub use flow::{Load, Turn};
pub use leader::{LeaderView, NodeState};
pub use live::LiveList;
pub use memory::{Held, Memory, NoMemory};
pub use owner::{Owners, spec_of, status_of};
pub use stored::{Submission, Submitted};
pub use trust::{TlsSettings, Trust, TrustError};
pub use wire::{Head, Malformed, WireError};
pub use within::within;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::HeaderValue;
use pingora::connectors::TransportConnector;
use tokio::sync::{Notify, watch};

/// Connections to one node that are kept while nobody uses them.
const POOL_SIZE: usize = 128;

/// How to reach the Overlords.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The nodes, in the configuration's order.
    pub nodes: Vec<Node>,
    /// The gateway's own `Authorization`.
    pub authorization: Option<HeaderValue>,
    /// How TLS nodes are believed.
    pub tls: TlsSettings,
    /// Requests in flight at once, at least one.
    pub max_in_flight: usize,
    /// How often each node is asked whether it leads.
    pub probe_interval: Duration,
    /// Opening a connection, TLS included.
    pub connect_timeout: Duration,
    /// From the request's end to the answer's header.
    pub response_timeout: Duration,
    /// Between two pieces of an answer.
    pub read_timeout: Duration,
    /// Between two pieces of a request that the node takes.
    pub write_timeout: Duration,
    /// An unused connection is kept this long.
    pub idle_timeout: Duration,
    /// The wall clock: a task that was stored under our id is ours only if it is younger than the
    /// request.
    pub wall_clock: fn() -> jiff::Timestamp,
    /// For answers that are read whole.
    pub memory: Memory,
}

/// One Overlord's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// `https`?
    pub tls: bool,
    /// A name or an IP address.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl Node {
    /// `host:port`, an IPv6 address in brackets: the `Host` that the node is sent.
    pub fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

/// The configured Overlords: a handle that everybody shares.
pub struct Overlords {
    settings: Settings,
    /// [`Node::authority`] of each.
    authorities: Vec<Arc<str>>,
    connector: TransportConnector,
    pool: wire::Pool,
    trust: Trust,
    addresses: attempt::Addresses,
    view: watch::Sender<LeaderView>,
    /// Did the leader take the gateway's login? `None`: it was not asked yet.
    login: watch::Sender<Option<bool>>,
    wake: Vec<Notify>,
    flow: Arc<flow::Flow>,
    jitter: Mutex<u64>,
}

impl Overlords {
    /// Connects to nobody yet; [`Overlords::probe`] finds the leader. `seed` makes the jitter.
    ///
    /// # Errors
    /// [`TrustError`]
    pub fn new(settings: Settings, seed: u64) -> Result<Arc<Overlords>, TrustError> {
        let trust = Trust::read(&settings.tls)?;
        let nodes = settings.nodes.len();
        Ok(Arc::new(Overlords {
            authorities: settings
                .nodes
                .iter()
                .map(|node| node.authority().into())
                .collect(),
            connector: trust.connector()?,
            pool: wire::Pool::new(nodes, POOL_SIZE, settings.idle_timeout),
            trust,
            addresses: attempt::Addresses::new(nodes),
            view: watch::Sender::new(LeaderView::new(nodes)),
            login: watch::Sender::new(None),
            wake: std::iter::repeat_with(Notify::new).take(nodes).collect(),
            flow: flow::Flow::new(settings.max_in_flight),
            jitter: Mutex::new(seed | 1),
            settings,
        }))
    }

    /// What is known of the nodes now.
    pub fn view(&self) -> LeaderView {
        self.view.borrow().clone()
    }

    /// Did the leader take the gateway's login when it was asked last? `None`: it was not yet.
    pub fn login(&self) -> Option<bool> {
        *self.login.borrow()
    }

    /// How busy they are kept.
    pub fn load(&self) -> Load {
        self.flow.load()
    }

    /// The nodes, in the view's order.
    pub fn nodes(&self) -> &[Node] {
        &self.settings.nodes
    }

    /// `host:port` of a node.
    pub fn authority(&self, index: usize) -> Option<&Arc<str>> {
        self.authorities.get(index)
    }

    /// What TLS to the nodes rests on.
    pub fn trust(&self) -> &Trust {
        &self.trust
    }

    /// The memory for answers that are read whole.
    pub fn memory(&self) -> &Memory {
        &self.settings.memory
    }

    /// This node was refused, redirected or was not ready: whoever leads must be found anew.
    fn distrust(&self, node: usize) {
        self.view.send_if_modified(|view| view.distrust(node));
        for wake in &self.wake {
            wake.notify_one();
        }
    }

    /// A time in `[0, limit)`, spread enough that requests which waited together do not return
    /// together (xorshift64; nothing secret hangs on it).
    fn jitter(&self, limit: Duration) -> Duration {
        let mut state = self.jitter.lock().unwrap_or_else(PoisonError::into_inner);
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        let share = u32::try_from(*state >> 48).unwrap_or(0);
        limit * share / (1 << 16)
    }
}

impl std::fmt::Debug for Overlords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Overlords")
            .field("nodes", &self.settings.nodes)
            .finish_non_exhaustive()
    }
}
