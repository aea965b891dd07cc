//! One request to one node, and the beginning of its answer.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method};
use pingora::upstreams::peer::HttpPeer;
use tokio::time::{Instant, timeout, timeout_at};

use super::answer::Answer;
use super::wire::{Connection, Malformed, WireError, request_head};
use super::{Held, Node, Overlords};

/// A node's name is looked up again after this time.
const ADDRESS_LIFETIME: Duration = Duration::from_secs(30);

/// A request as it goes upstream, whole.
#[derive(Debug, Clone)]
pub struct Request {
    /// GET, POST or DELETE.
    pub method: Method,
    /// The canonical path with its query.
    pub target: Arc<str>,
    /// What is sent besides `Host`, `Authorization`, `Content-Length` and `Content-Type`.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// A JSON body; `None` sends no `Content-Type`.
    pub body: Option<Bytes>,
}

impl Request {
    /// A GET of ours, asking for an answer that is not compressed.
    pub fn get(target: impl Into<Arc<str>>) -> Request {
        Request {
            method: Method::GET,
            target: target.into(),
            headers: Vec::new(),
            body: None,
        }
    }

    /// A POST of ours without a body.
    pub fn post(target: impl Into<Arc<str>>) -> Request {
        Request {
            method: Method::POST,
            target: target.into(),
            headers: Vec::new(),
            body: None,
        }
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// Nothing of the request can have arrived.
    #[error("cannot connect to the Overlord")]
    NotSent(#[source] Unsent),
    /// The node's name has no address.
    #[error("cannot look up the Overlord's name")]
    NotFound(#[source] std::io::Error),
    /// The request may have arrived; the answer did not.
    #[error("the Overlord closed the connection before it had answered")]
    Cut(#[source] WireError),
    /// The request may have arrived; the answer means nothing.
    #[error("the Overlord's answer is not HTTP as it must be")]
    Unreadable(#[source] Malformed),
    /// The request may have arrived; no answer in time.
    #[error("the Overlord did not answer in time")]
    Late,
}

/// Why a request could not be sent.
#[derive(Debug, thiserror::Error)]
pub enum Unsent {
    /// There is no connection.
    #[error(transparent)]
    Connect(Box<pingora::Error>),
    /// There was none by the deadline.
    #[error("there was no connection by the deadline")]
    Late,
    /// It is none that could be written.
    #[error(transparent)]
    Malformed(#[from] Malformed),
}

/// A connection on which nothing of a request has been sent yet.
pub(super) struct Connected {
    connection: Connection,
    line: Line,
}

/// Which node a connection leads to, and where that was.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line {
    index: usize,
    address: SocketAddr,
}

/// The nodes' addresses, looked up now and then: Pingora's own look-up blocks and panics.
pub(super) struct Addresses(Vec<Mutex<Option<Found>>>);

/// A node's address, and when it was looked up.
type Found = (SocketAddr, Instant);

impl Addresses {
    pub(super) fn new(nodes: usize) -> Addresses {
        Addresses(std::iter::repeat_with(Mutex::default).take(nodes).collect())
    }

    fn found(&self, index: usize) -> Option<Found> {
        let slot = self.0.get(index)?;
        *slot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The address, if it was looked up a moment ago.
    fn known(&self, index: usize) -> Option<SocketAddr> {
        let (address, at) = self.found(index)?;
        (at.elapsed() < ADDRESS_LIFETIME).then_some(address)
    }

    /// The address as it was looked up last.
    fn last(&self, index: usize) -> Option<SocketAddr> {
        self.found(index).map(|(address, _)| address)
    }

    fn learn(&self, index: usize, found: Option<SocketAddr>) {
        if let Some(slot) = self.0.get(index) {
            let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
            *slot = found.map(|address| (address, Instant::now()));
        }
    }
}

impl Overlords {
    fn node(&self, index: usize) -> Result<&Node, SendError> {
        let node = self.settings.nodes.get(index);
        node.ok_or_else(|| SendError::NotFound(std::io::Error::other("there is no such node")))
    }

    /// The address that is used already, while the name still has it.
    async fn look_up(&self, index: usize, node: &Node) -> std::io::Result<SocketAddr> {
        let before = self.addresses.last(index);
        let mut first = None;
        for found in tokio::net::lookup_host((node.host.as_str(), node.port)).await? {
            if Some(found) == before {
                return Ok(found);
            }
            first.get_or_insert(found);
        }
        first.ok_or_else(|| std::io::Error::other("the name has no address"))
    }

    async fn address(&self, index: usize) -> Result<SocketAddr, SendError> {
        if let Some(known) = self.addresses.known(index) {
            return Ok(known);
        }
        let node = self.node(index)?;
        let address = timeout(self.settings.connect_timeout, self.look_up(index, node))
            .await
            .unwrap_or_else(|_| Err(std::io::Error::from(std::io::ErrorKind::TimedOut)))
            .map_err(SendError::NotFound)?;
        self.addresses.learn(index, Some(address));
        Ok(address)
    }

    /// A connection to a node, from the pool or a new one, until `deadline` at most.
    ///
    /// # Errors
    /// `NotSent` and `NotFound`: nothing has been sent.
    pub(super) async fn connect(
        &self,
        index: usize,
        deadline: Instant,
    ) -> Result<Connected, SendError> {
        if let Some(address) = self.addresses.known(index)
            && let Some(connection) = self.pool.take(index, address)
        {
            let line = Line { index, address };
            return Ok(Connected { connection, line });
        }
        // Rare, and large: a handshake has its place elsewhere than in every exchange.
        timeout_at(deadline, Box::pin(self.open(index)))
            .await
            .unwrap_or(Err(SendError::NotSent(Unsent::Late)))
    }

    async fn open(&self, index: usize) -> Result<Connected, SendError> {
        let address = self.address(index).await?;
        let node = self.node(index)?;
        // If it was looked up just now, one may wait there.
        let connection = match self.pool.take(index, address) {
            Some(connection) => connection,
            None => {
                let name = self.trust.server_name(&node.host).to_owned();
                let mut peer = HttpPeer::new(address, node.tls, name);
                peer.options.connection_timeout = Some(self.settings.connect_timeout);
                peer.options.total_connection_timeout = Some(self.settings.connect_timeout);
                match self.connector.new_stream(&peer).await {
                    Ok(stream) => Connection::new(stream),
                    Err(error) => {
                        self.addresses.learn(index, None);
                        return Err(SendError::NotSent(Unsent::Connect(error)));
                    }
                }
            }
        };
        let line = Line { index, address };
        Ok(Connected { connection, line })
    }

    /// Sends `request` on a connection and waits for the answer's header, until `deadline` at most.
    ///
    /// # Errors
    /// [`SendError`]; only `NotSent` and `NotFound` say that nothing arrived.
    pub(super) async fn send(
        self: &Arc<Self>,
        connected: Connected,
        request: &Request,
        deadline: Instant,
    ) -> Result<Answer, SendError> {
        let Connected {
            mut connection,
            line,
        } = connected;
        let settings = &self.settings;
        let authority = self.authority(line.index).map_or("", |authority| authority);
        let head = request_head(request, authority, settings.authorization.as_ref())
            .map_err(|malformed| SendError::NotSent(malformed.into()))?;
        let body = request.body.clone().unwrap_or_default();
        let writing = connection.write(head, body, settings.write_timeout);
        let wrote = timeout_at(deadline, writing).await;
        let wrote = wrote.map_err(|_| SendError::Late)?;
        // A failed write is not yet a failed exchange: Druid may have answered and hung up.
        let until = deadline.min(Instant::now() + settings.response_timeout);
        let head = match (connection.read_head(until).await, wrote) {
            (Ok(head), _) => head,
            (Err(_), Err(error)) => return Err(SendError::Cut(error)),
            (Err(WireError::Silent), Ok(())) => return Err(SendError::Late),
            (Err(WireError::Malformed(what)), Ok(())) => return Err(SendError::Unreadable(what)),
            (Err(error), Ok(())) => return Err(SendError::Cut(error)),
        };
        Ok(Answer {
            head,
            first: None,
            connection: Some(connection),
            line,
            overlords: self.clone(),
            held: Held::default(),
            seat: None,
        })
    }

    /// An answer was read to its end: its connection may serve another request.
    pub(super) fn give_back(&self, line: Line, connection: Connection) {
        let Line { index, address } = line;
        self.pool.give(index, address, connection);
    }
}
