//! One request to one node over Pingora's connector, and its answer.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use pingora::http::RequestHeader;
use pingora::protocols::http::v1::client::HttpSession;
use pingora::upstreams::peer::HttpPeer;
use tokio::time::{Instant, timeout, timeout_at};

use super::answer::Answer;
use super::{Held, Node, Overlords};

/// A node's name is looked up again after this time.
const ADDRESS_LIFETIME: Duration = Duration::from_secs(30);

/// What a node takes within the write timeout.
const PIECE: usize = 64 * 1024;

/// A request as it goes upstream, whole.
#[derive(Debug, Clone)]
pub struct Request {
    /// GET, POST or DELETE.
    pub method: Method,
    /// The canonical path with its query.
    pub target: String,
    /// What is sent besides `Host`, `Authorization`, `Content-Length` and `Content-Type`.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// A JSON body; `None` sends no `Content-Type`.
    pub body: Option<Bytes>,
}

impl Request {
    /// A GET of ours, asking for an answer that is not compressed.
    pub fn get(target: impl Into<String>) -> Request {
        Request {
            method: Method::GET,
            target: target.into(),
            headers: Vec::new(),
            body: None,
        }
    }

    /// A POST of ours without a body.
    pub fn post(target: impl Into<String>) -> Request {
        Request {
            method: Method::POST,
            target: target.into(),
            headers: Vec::new(),
            body: None,
        }
    }
}

/// Status and headers of an answer.
#[derive(Debug, Clone)]
pub struct Head {
    /// The status.
    pub status: StatusCode,
    /// All its fields.
    pub headers: HeaderMap,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// Nothing of the request can have arrived.
    #[error("cannot connect to the Overlord")]
    NotSent(#[source] Box<pingora::Error>),
    /// The node's name has no address.
    #[error("cannot look up the Overlord's name")]
    NotFound(#[source] std::io::Error),
    /// The request may have arrived; the answer did not.
    #[error("the Overlord closed the connection before it had answered")]
    Cut(#[source] Box<pingora::Error>),
    /// The request may have arrived; no answer in time.
    #[error("the Overlord did not answer in time")]
    Late,
}

/// A connection on which nothing of a request has been sent yet.
pub(super) struct Connected {
    session: HttpSession,
    peer: Arc<HttpPeer>,
    index: usize,
}

/// The nodes at their addresses, looked up now and then: Pingora's own look-up blocks and panics.
pub(super) struct Addresses(Vec<Mutex<Option<Found>>>);

/// A node at its address, and when that was looked up.
type Found = (Arc<HttpPeer>, Instant);

impl Addresses {
    pub(super) fn new(nodes: usize) -> Addresses {
        Addresses(std::iter::repeat_with(Mutex::default).take(nodes).collect())
    }

    /// The node, if its address was looked up a moment ago.
    fn known(&self, index: usize) -> Option<Arc<HttpPeer>> {
        let slot = self.0.get(index)?;
        let known = slot.lock().unwrap_or_else(PoisonError::into_inner);
        let (peer, at) = known.as_ref()?;
        (at.elapsed() < ADDRESS_LIFETIME).then(|| peer.clone())
    }

    fn learn(&self, index: usize, peer: Arc<HttpPeer>) {
        if let Some(slot) = self.0.get(index) {
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some((peer, Instant::now()));
        }
    }

    fn forget(&self, index: usize) {
        if let Some(slot) = self.0.get(index) {
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }
}

impl Overlords {
    fn node(&self, index: usize) -> Result<&Node, SendError> {
        let node = self.settings.nodes.get(index);
        node.ok_or_else(|| SendError::NotFound(std::io::Error::other("there is no such node")))
    }

    async fn peer(&self, index: usize) -> Result<Arc<HttpPeer>, SendError> {
        if let Some(known) = self.addresses.known(index) {
            return Ok(known);
        }
        let node = self.node(index)?;
        let address = timeout(self.settings.connect_timeout, address(node))
            .await
            .unwrap_or_else(|_| Err(std::io::Error::from(std::io::ErrorKind::TimedOut)))
            .map_err(SendError::NotFound)?;
        let name = self.trust.server_name(&node.host).to_owned();
        let mut peer = HttpPeer::new(address, node.tls, name);
        peer.options.connection_timeout = Some(self.settings.connect_timeout);
        peer.options.total_connection_timeout = Some(self.settings.connect_timeout);
        peer.options.read_timeout = Some(self.settings.response_timeout);
        peer.options.write_timeout = Some(self.settings.write_timeout);
        peer.options.idle_timeout = Some(self.settings.idle_timeout);
        let peer = Arc::new(peer);
        self.addresses.learn(index, peer.clone());
        Ok(peer)
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
        let connecting = async {
            let peer = self.peer(index).await?;
            let session = match self.connector.reused_http_session(&*peer).await {
                Some(session) => session,
                // Rare, and large: a handshake has its place elsewhere than in every exchange.
                None => match Box::pin(self.connector.get_http_session(&*peer)).await {
                    Ok((session, _reused)) => session,
                    Err(error) => {
                        self.addresses.forget(index);
                        return Err(SendError::NotSent(error));
                    }
                },
            };
            Ok(Connected {
                session,
                peer,
                index,
            })
        };
        timeout_at(deadline, connecting).await.unwrap_or_else(|_| {
            let late = pingora::Error::new(pingora::ErrorType::ConnectTimedout);
            Err(SendError::NotSent(late))
        })
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
            mut session,
            peer,
            index,
        } = connected;
        let node = self.node(index)?;
        let wanted = self
            .request_header(node, request)
            .map_err(SendError::NotSent)?;
        // The connector leaves PeerOptions' timeouts to Pingora's proxy, which is not used here.
        session.write_timeout = Some(self.settings.write_timeout);
        session.read_timeout = Some(self.settings.response_timeout);
        let exchange = write_and_wait(&mut session, wanted, request.body.clone());
        let wrote = match timeout_at(deadline, exchange).await {
            Ok(Ok(wrote)) => wrote,
            Ok(Err(error)) if matches!(error.etype(), pingora::ErrorType::ReadTimedout) => {
                return Err(SendError::Late);
            }
            Ok(Err(error)) => return Err(SendError::Cut(error)),
            Err(_) => return Err(SendError::Late),
        };
        session.read_timeout = Some(self.settings.read_timeout);
        let head = match session.resp_header() {
            Some(head) => Head {
                status: head.status,
                headers: head.headers.clone(),
            },
            None => {
                return Err(SendError::Cut(pingora::Error::new(
                    pingora::ErrorType::ReadError,
                )));
            }
        };
        Ok(Answer {
            head,
            first: None,
            session: Some(session),
            peer,
            overlords: self.clone(),
            whole_request_written: wrote,
            held: Held::default(),
            seat: None,
        })
    }

    fn request_header(
        &self,
        node: &Node,
        request: &Request,
    ) -> Result<Box<RequestHeader>, Box<pingora::Error>> {
        // Without a map for the case of names: Pingora writes those that it knows in title case.
        let mut head = RequestHeader::build_no_case(
            request.method.clone(),
            request.target.as_bytes(),
            Some(request.headers.len() + 5),
        )?;
        head.insert_header(header::HOST, node.authority())?;
        if let Some(authorization) = &self.settings.authorization {
            head.insert_header(header::AUTHORIZATION, authorization.clone())?;
        }
        for (name, value) in &request.headers {
            head.append_header(name.clone(), value.clone())?;
        }
        if let Some(body) = &request.body {
            head.insert_header(header::CONTENT_TYPE, "application/json")?;
            head.insert_header(header::CONTENT_LENGTH, body.len())?;
        } else if request.method != Method::GET {
            // Without it Pingora would write no framing at all, and Jetty would read on.
            head.insert_header(header::CONTENT_LENGTH, 0)?;
        }
        Ok(Box::new(head))
    }
}

async fn address(node: &Node) -> std::io::Result<SocketAddr> {
    let mut found = tokio::net::lookup_host((node.host.as_str(), node.port)).await?;
    found
        .next()
        .ok_or_else(|| std::io::Error::other("the name has no address"))
}

/// Writes the request and reads on to the final header; tells whether all of it was written.
async fn write_and_wait(
    session: &mut HttpSession,
    head: Box<RequestHeader>,
    body: Option<Bytes>,
) -> Result<bool, Box<pingora::Error>> {
    session.write_request_header(head).await?;
    let wrote = match body {
        Some(body) => match write_pieces(session, body).await {
            Ok(()) => session.finish_body().await.map(drop),
            failed => failed,
        },
        None => session.finish_body().await.map(drop),
    };
    loop {
        // A failed write is not yet a failed exchange: Druid may have answered and hung up.
        if let Err(error) = session.read_response().await {
            return Err(wrote.err().unwrap_or(error));
        }
        if session
            .resp_header()
            .is_some_and(|head| !head.status.is_informational())
        {
            return Ok(wrote.is_ok());
        }
    }
}

/// Pingora's timeout is for a whole call, ours for a piece: a slow node takes a large body too.
async fn write_pieces(
    session: &mut HttpSession,
    mut body: Bytes,
) -> Result<(), Box<pingora::Error>> {
    while body.len() > PIECE {
        let piece = body.split_to(PIECE);
        session.write_body(&piece).await?;
    }
    session.write_body(&body).await.map(drop)
}
