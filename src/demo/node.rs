//! One Overlord process of the embedded cluster: its address, its role, and what goes wrong.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::header::{CONTENT_TYPE, HeaderMap};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use super::answer::{Answer, Content, Pieces};
use super::api::{Call, respond};
use super::cluster::Cluster;
use super::target::{pairs, segments};

/// The largest body that is read.
const LARGEST_BODY: usize = 64 << 20;

/// Requests that are remembered when they are.
const MOST_RECEIVED: usize = 10_000;

/// Connections at once.
const MOST_CONNECTIONS: usize = 2_000;

/// What a node is to its cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// It leads.
    Leader,
    /// It redirects to the node at this address, which may be dead or itself.
    Follower(SocketAddr),
    /// Nobody leads: Jetty's page with 503.
    Electing,
    /// It takes connections and answers nothing.
    Silent,
}

/// What goes wrong with one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The connection closes; nothing was done.
    CutBefore,
    /// It is done, and the connection closes instead of an answer.
    CutAfter,
    /// The answer breaks off after so many bytes of its body.
    CutInside(u64),
    /// Another answer: status, content type, body.
    Instead(u16, &'static str, String),
}

/// A request that arrived.
#[derive(Debug, Clone)]
pub struct Received {
    /// The method.
    pub method: Method,
    /// The target as it came.
    pub target: String,
    /// The header.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// A node. Dropping it closes it and its connections.
pub struct Node {
    address: SocketAddr,
    inner: Arc<Inner>,
    serving: Mutex<Option<JoinHandle<()>>>,
}

struct Inner {
    cluster: Arc<Cluster>,
    address: SocketAddr,
    script: Mutex<Script>,
}

struct Script {
    role: Role,
    faults: VecDeque<(Method, Fault)>,
    delay: Duration,
    received: Option<VecDeque<Received>>,
}

impl Node {
    /// A node on a listener that is bound already.
    ///
    /// # Errors
    /// The operating system's, if it does not know the listener's address.
    pub fn start(cluster: Arc<Cluster>, listener: TcpListener, role: Role) -> io::Result<Node> {
        let address = listener.local_addr()?;
        let script = Script {
            role,
            faults: VecDeque::new(),
            delay: Duration::ZERO,
            received: None,
        };
        let inner = Arc::new(Inner {
            cluster,
            address,
            script: Mutex::new(script),
        });
        let serving = tokio::spawn(serve(listener, inner.clone()));
        Ok(Node {
            address,
            inner,
            serving: Mutex::new(Some(serving)),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its role from now on.
    pub fn set_role(&self, role: Role) {
        self.inner.script().role = role;
    }

    /// The next request with that method goes wrong.
    pub fn fault(&self, method: Method, fault: Fault) {
        self.inner.script().faults.push_back((method, fault));
    }

    /// Every answer takes this much longer.
    pub fn set_delay(&self, delay: Duration) {
        self.inner.script().delay = delay;
    }

    /// Remembers what arrives from now on.
    pub fn record(&self) {
        self.inner.script().received = Some(VecDeque::new());
    }

    /// What has arrived since the last call, probes left out.
    pub fn received(&self) -> Vec<Received> {
        let mut script = self.inner.script();
        script
            .received
            .as_mut()
            .map(std::mem::take)
            .unwrap_or_default()
            .into()
    }

    /// As `kill -9`: connections break, the port refuses.
    pub async fn kill(&self) {
        let serving = self
            .serving
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(serving) = serving {
            serving.abort();
            // Its end is the end of its connections.
            let _ = serving.await;
        }
    }

    /// Comes back at the same address.
    ///
    /// # Errors
    /// Somebody else has taken the port meanwhile.
    pub async fn revive(&self, role: Role) -> io::Result<()> {
        let listener = TcpListener::bind(self.address).await?;
        self.set_role(role);
        let serving = tokio::spawn(serve(listener, self.inner.clone()));
        *self.serving.lock().unwrap_or_else(PoisonError::into_inner) = Some(serving);
        Ok(())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(serving) = self
            .serving
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner)
        {
            serving.abort();
        }
    }
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Node")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

async fn serve(listener: TcpListener, inner: Arc<Inner>) {
    // Dropped with this task: so end the connections when the node is killed.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) if connections.len() < MOST_CONNECTIONS => {
                    connections.spawn(connection(stream, inner.clone()));
                }
                Ok(_) => {}
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(stream: TcpStream, inner: Arc<Inner>) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let inner = inner.clone();
        async move { inner.answer(request).await }
    });
    // A broken connection is the client's business, and often the test's.
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .title_case_headers(true)
        .auto_date_header(false)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

/// The connection ends here.
#[derive(Debug, thiserror::Error)]
#[error("the connection is cut on purpose")]
struct Cut;

impl From<Infallible> for Cut {
    fn from(never: Infallible) -> Cut {
        match never {}
    }
}

impl Inner {
    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Pieces>, Cut> {
        let (head, body) = request.into_parts();
        let target = head
            .uri
            .path_and_query()
            .map_or_else(String::new, ToString::to_string);
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let is_local = path == "/druid/indexer/v1/isLeader" || path == "/druid/indexer/v1/leader";
        let body = Limited::new(body, LARGEST_BODY)
            .collect()
            .await
            .map_err(|_| Cut)?
            .to_bytes();
        let (role, fault, delay) = {
            let mut script = self.script();
            if !is_local && let Some(received) = &mut script.received {
                if received.len() == MOST_RECEIVED {
                    received.pop_front();
                }
                received.push_back(Received {
                    method: head.method.clone(),
                    target: target.clone(),
                    headers: head.headers.clone(),
                    body: body.clone(),
                });
            }
            let due = script
                .faults
                .front()
                .is_some_and(|(method, _)| method == head.method);
            let fault = if due && !is_local {
                script.faults.pop_front()
            } else {
                None
            };
            (
                script.role.clone(),
                fault.map(|(_, fault)| fault),
                script.delay,
            )
        };
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        let date = self
            .cluster
            .now()
            .strftime("%a, %d %b %Y %H:%M:%S GMT")
            .to_string();
        let method = head.method.clone();
        let say = |answer: Answer, cut| Ok(answer.into_http(&method, &date, cut));
        match &fault {
            Some(Fault::CutBefore) => return Err(Cut),
            Some(Fault::Instead(status, media_type, text)) => {
                let status =
                    StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                let mut answer = Answer::plain(status, text.clone());
                if *media_type == "application/json" {
                    answer = Answer::json_text(status, text.clone());
                }
                return say(answer, None);
            }
            Some(Fault::CutAfter | Fault::CutInside(_)) | None => {}
        }
        if ![Method::GET, Method::POST, Method::DELETE, Method::PUT].contains(&method) {
            return say(Answer::empty(StatusCode::METHOD_NOT_ALLOWED), None);
        }
        let leader = match &role {
            Role::Silent => std::future::pending().await,
            Role::Leader => self.address,
            Role::Follower(leader) => {
                return say(follower(path, is_local, *leader, &target), None);
            }
            Role::Electing if path.ends_with("/isLeader") => {
                return say(follower(path, true, self.address, &target), None);
            }
            Role::Electing => {
                return say(
                    Answer::page(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable", path),
                    None,
                );
            }
        };
        let answer = match segments(path) {
            None => Answer::empty(StatusCode::NOT_FOUND),
            Some(segments) => respond(
                &self.cluster,
                &Call {
                    method: &method,
                    path: segments,
                    query: pairs(query),
                    content_type: head
                        .headers
                        .get(CONTENT_TYPE)
                        .and_then(|value| value.to_str().ok()),
                    body: &body,
                    uri: path,
                    leader: &format!("http://{leader}"),
                },
            ),
        };
        match fault {
            Some(Fault::CutAfter) => Err(Cut),
            Some(Fault::CutInside(bytes)) => {
                let whole =
                    matches!(&answer.body, Content::Text(text) if text.len() as u64 <= bytes);
                say(answer, (!whole).then_some(bytes))
            }
            Some(Fault::CutBefore | Fault::Instead(..)) | None => say(answer, None),
        }
    }
}

/// A follower answers `/leader` and `/isLeader` itself and redirects everything else.
fn follower(path: &str, is_local: bool, leader: SocketAddr, target: &str) -> Answer {
    if !is_local {
        return Answer::redirect(format!("http://{leader}{target}"));
    }
    if path.ends_with("/isLeader") {
        Answer::json_text(StatusCode::NOT_FOUND, "{\"leader\":false}")
    } else {
        Answer::json_text(StatusCode::OK, format!("http://{leader}"))
    }
}
