//! The accept loop.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use bytes::Bytes;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep};

use super::connection::{EdgeRefusal, Settings, Verdict};
use super::drain::{Drain, Phase};
use super::session::Session;
use super::slots::Slots;
use super::tls::Tls;
use crate::certificate::Name;

/// Who answers the requests that come through the edge.
pub trait Serve: Send + Sync + 'static {
    /// Answers one request.
    fn serve(&self, session: &mut Session, arrival: Arrival) -> impl Future<Output = ()> + Send;

    /// Takes note of a refusal at the edge and makes the bytes of its answer, which closes.
    fn refuse(&self, refusal: EdgeRefusal) -> Bytes;

    /// Takes note of a connection that was closed before it had sent a request.
    fn turned_away(&self, why: Verdict);
}

/// What the edge knows of a request beside its header.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// The connection's other end: the client or the proxy in front of us.
    pub peer: SocketAddr,
    /// When the first byte of the header came.
    pub at: Instant,
    /// Over TLS?
    pub tls: bool,
    /// Whom the client's certificate names, if it has shown one that was verified.
    pub certificate: Option<Arc<[Name]>>,
}

/// Accepts connections and runs each in a task of its own.
pub struct Listener<S> {
    pub(super) settings: ArcSwap<Settings>,
    pub(super) serve: Arc<S>,
    pub(super) drain: Arc<Drain>,
    pub(super) tls: ArcSwapOption<Tls>,
    slots: Arc<Slots>,
}

impl<S: Serve> Listener<S> {
    /// A listener that hands requests to `serve`; with `tls`, that is all it speaks.
    pub fn new(
        settings: Settings,
        tls: Option<Tls>,
        drain: Arc<Drain>,
        serve: Arc<S>,
    ) -> Arc<Listener<S>> {
        Arc::new(Listener {
            settings: ArcSwap::from_pointee(settings),
            serve,
            drain,
            tls: ArcSwapOption::from_pointee(tls),
            slots: Arc::default(),
        })
    }

    /// Takes new settings for requests to come, and new certificates for connections to come.
    pub fn set(&self, settings: Settings, tls: Option<Tls>) {
        self.settings.store(Arc::new(settings));
        self.tls.store(tls.map(Arc::new));
    }

    /// What new connections are encrypted with.
    pub fn tls(&self) -> Option<Arc<Tls>> {
        self.tls.load_full()
    }

    /// Connections that are open now.
    pub fn connections(&self) -> usize {
        self.slots.taken()
    }

    /// Accepts until the drain's closing phase.
    pub async fn run(self: Arc<Self>, listener: TcpListener) {
        let _running = self.drain.accept_loop();
        loop {
            let accepted = tokio::select! {
                biased;
                () = self.drain.reached(Phase::Closing) => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => self.clone().admit(stream, peer),
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    // Out of file descriptors, most likely: they come back as connections end.
                    tracing::error!(%error, "cannot accept connections");
                    sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    fn admit(self: Arc<Self>, stream: TcpStream, peer: SocketAddr) {
        let settings = self.settings.load();
        let place = self.slots.take(
            peer.ip(),
            settings.max_connections,
            settings.max_connections_per_source,
        );
        let Some(place) = place else {
            self.serve.turned_away(Verdict::TooManyConnections);
            return;
        };
        drop(settings);
        let alive = self.drain.connection();
        tokio::spawn(async move {
            let (_place, _alive) = (place, alive);
            self.connection(stream, peer).await;
        });
    }
}

/// The client was gone before we came to accept it.
fn is_of_one_connection(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        std::io::ErrorKind::ConnectionRefused
            | std::io::ErrorKind::ConnectionAborted
            | std::io::ErrorKind::ConnectionReset
            | std::io::ErrorKind::Interrupted
    )
}
