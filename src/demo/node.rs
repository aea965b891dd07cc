//! One Overlord process of the embedded cluster: its address, its connections, its role.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::header::{self, HeaderValue};
use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio::task::{JoinHandle, JoinSet};

use super::answer::Answer;
use super::api::{Call, respond};
use super::cluster::Cluster;
use super::faults::{Fault, Received, Role, Script};
use super::stream::Pieces;
use super::target::{self, Place, Query};

/// The largest body that is read, in bytes.
const LARGEST_BODY: usize = 64 << 20;

/// Connections at once; more are closed at once.
const MOST_CONNECTIONS: usize = 2_000;

const IS_LEADER: &str = "/druid/indexer/v1/isLeader";
const LEADER: &str = "/druid/indexer/v1/leader";

/// A node. Dropping it closes it and its connections.
pub struct Node {
    inner: Arc<Inner>,
    serving: Mutex<Option<Serving>>,
}

struct Inner {
    cluster: Arc<Cluster>,
    address: SocketAddr,
    role: watch::Sender<Role>,
    script: Mutex<Script>,
}

/// A running accept loop. It ends when `stop` is used or dropped.
struct Serving {
    stop: oneshot::Sender<()>,
    ended: JoinHandle<()>,
}

impl Node {
    /// A node on a listener that is bound already, inside a tokio runtime.
    ///
    /// # Errors
    /// The operating system's, if it does not know the listener's address.
    pub fn start(cluster: Arc<Cluster>, listener: TcpListener, role: Role) -> io::Result<Node> {
        let address = listener.local_addr()?;
        let (role, _) = watch::channel(role);
        let inner = Arc::new(Inner {
            cluster,
            address,
            role,
            script: Mutex::default(),
        });
        let serving = Mutex::new(Some(Serving::start(listener, inner.clone())));
        Ok(Node { inner, serving })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.inner.address
    }

    /// Its role from now on.
    pub fn set_role(&self, role: Role) {
        self.inner.role.send_replace(role);
    }

    /// Its role.
    pub fn role(&self) -> Role {
        self.inner.role.borrow().clone()
    }

    /// The next request with that method goes wrong, `/leader` and `/isLeader` left out; several
    /// faults are used up in the order in which they were given.
    pub fn fault(&self, method: Method, fault: Fault) {
        self.inner.script().add(method, fault);
    }

    /// Every answer takes this much longer; what was asked is done after it.
    pub fn set_delay(&self, delay: Duration) {
        self.inner.script().delay = delay;
    }

    /// Remembers what arrives from now on: the last 10,000 requests, 256 MiB of bodies.
    pub fn record(&self) {
        self.inner.script().record();
    }

    /// What has arrived since the last call, `/leader` and `/isLeader` left out.
    pub fn received(&self) -> Vec<Received> {
        self.inner.script().received()
    }

    /// As `kill -9`: connections break, the port refuses. It is so when this returns.
    pub async fn kill(&self) {
        let serving = self
            .serving
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(Serving { stop, ended }) = serving {
            drop(stop);
            // It fails only if the runtime itself is ending.
            let _ = ended.await;
        }
    }

    /// Comes back at the same address.
    ///
    /// # Errors
    /// Somebody else has taken the port meanwhile, or it was never killed.
    pub async fn revive(&self, role: Role) -> io::Result<()> {
        let listener = TcpListener::bind(self.inner.address).await?;
        self.set_role(role);
        let serving = Serving::start(listener, self.inner.clone());
        *self.serving.lock().unwrap_or_else(PoisonError::into_inner) = Some(serving);
        Ok(())
    }
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Node")
            .field("address", &self.address())
            .finish_non_exhaustive()
    }
}

impl Serving {
    fn start(listener: TcpListener, inner: Arc<Inner>) -> Serving {
        let (stop, stopped) = oneshot::channel();
        Serving {
            stop,
            ended: tokio::spawn(serve(listener, inner, stopped)),
        }
    }
}

async fn serve(listener: TcpListener, inner: Arc<Inner>, mut stopped: oneshot::Receiver<()>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = &mut stopped => break,
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
    drop(listener);
    connections.shutdown().await;
}

async fn connection(stream: TcpStream, inner: Arc<Inner>) {
    // Without it answers wait for acknowledgements; that it may fail is the stream's end anyway.
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

impl Inner {
    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Pieces>, Cut> {
        let (head, body) = request.into_parts();
        // In an absolute target the authority counts for nothing (recorded).
        let target = head
            .uri
            .path_and_query()
            .map_or("", |target| target.as_str())
            .to_owned();
        let path = target.split('?').next().unwrap_or_default();
        let is_probe = path == IS_LEADER || path == LEADER;
        let fault = if is_probe {
            None
        } else {
            self.script().take(&head.method)
        };
        // A redirect and the page of an election do not wait for the body (recorded).
        let is_early =
            fault.is_none() && matches!(*self.role.borrow(), Role::Follower(_) | Role::Electing);
        let is_left = is_early && !body.is_end_stream();
        let body = if is_early {
            leave(body);
            Bytes::new()
        } else {
            Limited::new(body, LARGEST_BODY)
                .collect()
                .await
                .map_err(|_| Cut)?
                .to_bytes()
        };
        let delay = if is_probe {
            Duration::ZERO
        } else {
            let mut script = self.script();
            script.remember(|| Received {
                method: head.method.clone(),
                target: target.clone(),
                headers: head.headers.clone(),
                body: body.clone(),
            });
            match &fault {
                Some(Fault::Delay(time)) => script.delay + *time,
                Some(_) | None => script.delay,
            }
        };
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        let mut roles = self.role.subscribe();
        let role = roles
            .wait_for(|role| *role != Role::Silent)
            .await
            .map_err(|_| Cut)?
            .clone();
        let answer = match &fault {
            Some(Fault::CutBefore) => return Err(Cut),
            Some(Fault::Instead(status, media_type, text)) => {
                let status =
                    StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                Answer::instead(status, media_type, text.clone())
            }
            Some(Fault::CutAfter | Fault::CutInside(_) | Fault::Delay(_) | Fault::Late(_))
            | None => self.act(&role, &head, &target, &body),
        };
        if let Some(Fault::Late(time)) = &fault {
            tokio::time::sleep(*time).await;
        }
        let cut = match fault {
            Some(Fault::CutAfter) => return Err(Cut),
            Some(Fault::CutInside(bytes)) => Some(bytes),
            Some(Fault::CutBefore | Fault::Delay(_) | Fault::Late(_) | Fault::Instead(..))
            | None => None,
        };
        let date = self
            .cluster
            .now()
            .strftime("%a, %d %b %Y %H:%M:%S GMT")
            .to_string();
        let mut response = answer.into_http(&head.method, &date, cut);
        if is_left {
            response
                .headers_mut()
                .insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        Ok(response)
    }

    /// Answers in a role that answers.
    fn act(&self, role: &Role, head: &Parts, target: &str, body: &[u8]) -> Answer {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let method = &head.method;
        // Exactly so: the filter knows no other methods (recorded).
        if ![Method::GET, Method::POST, Method::DELETE, Method::PUT].contains(method) {
            return Answer::filtered(method, path);
        }
        let place = target::place(path);
        match &place {
            Place::Ambiguous(reason) => return Answer::bad_message(reason),
            Place::Illegal => return Answer::page(StatusCode::BAD_REQUEST, "Bad Request", path),
            Place::Status(part) => return status(part),
            Place::Api(_) | Place::Nothing | Place::Outside => {}
        }
        let own = format!("http://{}", self.address);
        let is_probe = path == IS_LEADER || path == LEADER;
        match role {
            Role::Leader => {}
            Role::Deposed(leader) => {
                if !is_probe {
                    let next = Role::Follower(*leader);
                    // Only if nobody has given it another role meanwhile.
                    self.role.send_if_modified(|now| {
                        let still = now == role;
                        if still {
                            *now = next;
                        }
                        still
                    });
                }
            }
            Role::Follower(_) if path.starts_with("/druid-internal/") => {
                return Answer::empty(StatusCode::NOT_FOUND);
            }
            Role::Follower(_) | Role::Electing if path == IS_LEADER => {
                return Answer::labelled(StatusCode::NOT_FOUND, "{\"leader\":false}");
            }
            Role::Follower(leader) if path == LEADER => {
                return Answer::json(format!("http://{leader}"));
            }
            Role::Follower(leader) => return Answer::redirect(format!("http://{leader}{target}")),
            Role::Electing if path == LEADER => return Answer::json(own),
            Role::Electing | Role::Silent => {
                return Answer::page(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable", path);
            }
        }
        match place {
            Place::Api(segments) => respond(
                &self.cluster,
                &Call {
                    method,
                    path: &segments,
                    query: Query::read(query),
                    headers: &head.headers,
                    body,
                    uri: path,
                    leader: &own,
                },
            ),
            Place::Outside => Answer::page(StatusCode::NOT_FOUND, "Not Found", path),
            Place::Nothing | Place::Status(_) | Place::Ambiguous(_) | Place::Illegal => {
                Answer::empty(StatusCode::NOT_FOUND)
            }
        }
    }
}

/// Takes what is left of a body in the background, so that the connection's end does not reset it
/// while the answer is on its way.
fn leave(body: Incoming) {
    if !body.is_end_stream() {
        tokio::spawn(Limited::new(body, LARGEST_BODY).collect());
    }
}

/// `/status`, which every node answers itself.
fn status(part: &str) -> Answer {
    match part {
        "" => Answer::json("{\"version\":\"28.0.0\",\"modules\":[]}"),
        "health" => Answer::json("true"),
        "selfDiscovered" => Answer::json(""),
        _ => Answer::empty(StatusCode::NOT_FOUND),
    }
}
