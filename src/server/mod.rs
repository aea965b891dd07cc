//! Assembles a gateway from a configuration and runs it: sockets, signals, reloads, the drain.

mod parts;
mod reload;
mod warnings;

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use listenfd::ListenFd;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;

use crate::admin;
use crate::config::{self, Config, LoadError};
use crate::gateway::{Gateway, Parts};
use crate::identity::{Authenticator, Clock as Monotonic, InvalidIssuer, InvalidUser};
use crate::listener::{Drain, Listener, Phase, TlsError};
use crate::quota::{Clock, Limiter};
use crate::schema::TableError;
use crate::telemetry::{AccessLog, Metrics, Readings, Telemetry};
use crate::upstream::{Memory, Overlords, Owners, TrustError};
pub(crate) use parts::users;
use parts::{access_log, admin_token, edge, generation, guarded, socket, upstream};
pub use parts::{listener_tls, snapshot, upstream_tls};
use reload::Reloader;
use warnings::warn;

/// Buckets of all rate limits together; some 300 bytes each.
const MOST_LIMITER_KEYS: usize = 50_000;

/// How often the configuration file is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// How often it is said that a certificate ends.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Why a gateway does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] LoadError),
    /// A user's hash.
    #[error(transparent)]
    User(#[from] InvalidUser),
    /// An issuer's keys.
    #[error(transparent)]
    Issuer(#[from] InvalidIssuer),
    /// An embedded schema.
    #[error(transparent)]
    Schema(#[from] TableError),
    /// The listener's certificate.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The certificates for the Overlords.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// A credential that cannot stand in a header.
    #[error("the upstream credentials cannot be sent in a header")]
    Credentials,
    /// An address.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// An admin socket that was handed over, open to others.
    #[error("off loopback the admin listener needs a `token`: its socket is at {0}")]
    AdminNeedsToken(SocketAddr),
    /// A file for the access log.
    #[error("cannot open the access log {path}")]
    AccessLog {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The operating system.
    #[error("cannot set up the process")]
    System(#[source] io::Error),
    /// A reload would change what only a restart can.
    #[error("`{0}` cannot change without a restart")]
    NeedsRestart(&'static str),
}

/// A gateway that listens.
pub struct Server {
    config: Config,
    path: Option<PathBuf>,
    watch: Option<config::Watch>,
    gateway: Arc<Gateway>,
    listener: Arc<Listener<Gateway>>,
    drain: Arc<Drain>,
    downstream: TcpListener,
    admin: TcpListener,
    state: Arc<State>,
    upstream: Upstream,
    limiter: Arc<Limiter>,
    clock: Monotonic,
}

/// The upstream side of a generation, with the task that probes it.
struct Upstream {
    config: config::Upstream,
    overlords: Arc<Overlords>,
    owners: Arc<Owners>,
    probe: JoinHandle<()>,
}

/// What the admin listener reads.
struct State {
    gateway: Arc<Gateway>,
    listener: Arc<Listener<Gateway>>,
    drain: Arc<Drain>,
    limiter: Arc<Limiter>,
    access_log: Arc<AccessLog>,
    generation: AtomicU64,
    reload_failed: AtomicBool,
    admin_token: ArcSwapOption<String>,
}

impl admin::Source for State {
    fn readings(&self) -> Readings {
        let generation = self.gateway.generation();
        let view = generation.overlords.view();
        let leader = view.leader();
        let load = generation.overlords.load();
        let overlords = generation
            .overlords
            .nodes()
            .iter()
            .zip(view.states())
            .enumerate();
        let tls = self.listener.tls();
        let own = tls.iter().flat_map(|tls| tls.files().ends());
        let issuers = generation.users.issuers().files();
        let ends = own
            .chain(generation.overlords.trust().files().ends())
            .chain(issuers.flat_map(|files| files.ends()));
        Readings {
            certificates: ends
                .map(|(path, end)| (path.display().to_string(), end.as_second()))
                .collect(),
            overlords: overlords
                .map(|(index, (node, state))| {
                    (node.authority(), state.name(), leader == Some(index))
                })
                .collect(),
            login: generation.overlords.login(),
            in_flight: load.in_flight,
            waiting: load
                .waiting
                .map(|(class, count)| (class.name(), count))
                .to_vec(),
            connections: self.listener.connections(),
            limiter_keys: self.limiter.len(),
            logins: self.gateway.remembered_logins(),
            owners: generation.owners.remembered(),
            body_bytes: self.gateway.body_bytes(),
            dropped_lines: self.access_log.dropped(),
            draining: self.drain.phase() > Phase::Serving,
            generation: self.generation.load(Ordering::Relaxed),
            reload_failed: self.reload_failed.load(Ordering::Relaxed),
        }
    }

    fn metrics(&self) -> &Metrics {
        self.gateway.telemetry().metrics()
    }

    fn token(&self) -> Option<Arc<String>> {
        self.admin_token.load_full()
    }
}

/// The wall clock, for logs and for the age of tasks. It moves no limit.
#[expect(
    clippy::disallowed_methods,
    reason = "the wall clock enters the program here"
)]
pub fn wall_clock() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

/// A monotonic clock that starts at zero.
#[expect(
    clippy::disallowed_methods,
    reason = "the monotonic clock enters the program here"
)]
fn monotonic() -> Monotonic {
    let start = Instant::now();
    Arc::new(move || start.elapsed())
}

fn random<const N: usize>() -> Result<[u8; N], StartError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| StartError::System(io::Error::other(error.to_string())))?;
    Ok(bytes)
}

impl Server {
    /// Loads a configuration file and listens.
    ///
    /// # Errors
    /// [`StartError`]
    pub async fn from_file(path: &Path) -> Result<Server, StartError> {
        // Looked at before they are read: what changes in between is noticed.
        let watch = watch(path);
        let config = config::load(path)?;
        let mut server = Server::new(config, Some(path.to_owned())).await?;
        server.watch = Some(watch);
        Ok(server)
    }

    /// Listens as `config` says. With a path, the file is watched and reloaded.
    ///
    /// # Errors
    /// [`StartError`]
    pub async fn new(config: Config, path: Option<PathBuf>) -> Result<Server, StartError> {
        // Every connection is a file; the soft limit of 1,024 is for programs that use select(2).
        let _ = rlimit::increase_nofile_limit(u64::MAX);
        let mut sockets = ListenFd::from_env();
        let downstream = socket(&mut sockets, 0, config.listener.address).await?;
        let admin = socket(&mut sockets, 1, config.admin.address).await?;
        // The configuration was checked for its own address; a socket that was handed over has
        // another.
        let admin_address = admin.local_addr().map_err(StartError::System)?;
        guarded(&config.admin, admin_address)?;
        let watch = path.as_deref().map(watch);
        let tls = listener_tls(&config.listener)?;
        let clock = monotonic();
        let clock_of_limits = clock.clone();
        let limiter = Arc::new(Limiter::new(
            Clock::new(move || clock_of_limits()),
            MOST_LIMITER_KEYS,
        ));
        let access_log = access_log(&config.telemetry.access_log)?;
        let metrics = Arc::new(Metrics::new(config.telemetry.max_datasource_labels));
        let drain = Arc::new(Drain::default());
        let memory = Memory::new(config.validation.body_memory);
        let upstream = upstream(&config, &memory)?;
        let generation = generation(&config, 1, &upstream, &limiter, &clock, None)?;
        let gateway = Arc::new(Gateway::new(Parts {
            generation,
            authenticator: Authenticator::new(&random::<32>()?, clock.clone()),
            telemetry: Telemetry::new(metrics, access_log.clone()),
            drain: drain.clone(),
            body_memory: memory,
            wall_clock,
            seed: u32::from_le_bytes(random::<4>()?),
        }));
        gateway.generation().users.start();
        let listener = Listener::new(edge(&config.listener), tls, drain.clone(), gateway.clone());
        let state = Arc::new(State {
            gateway: gateway.clone(),
            listener: listener.clone(),
            drain: drain.clone(),
            limiter: limiter.clone(),
            access_log,
            generation: AtomicU64::new(1),
            reload_failed: AtomicBool::new(false),
            admin_token: ArcSwapOption::new(admin_token(&config.admin)),
        });
        Ok(Server {
            config,
            path,
            watch,
            gateway,
            listener,
            drain,
            downstream,
            admin,
            state,
            upstream,
            limiter,
            clock,
        })
    }

    /// Where clients connect, and where operators look.
    ///
    /// # Errors
    /// The operating system's, if it does not know its own sockets.
    pub fn addresses(&self) -> io::Result<(SocketAddr, SocketAddr)> {
        Ok((self.downstream.local_addr()?, self.admin.local_addr()?))
    }

    /// How it is stopped by something else than a signal.
    pub fn drain(&self) -> Arc<Drain> {
        self.drain.clone()
    }

    /// Serves until told to stop; `true` if everything in flight came to its end.
    ///
    /// # Errors
    /// [`StartError::System`] when signals cannot be received.
    pub async fn run(mut self) -> Result<bool, StartError> {
        let mut terminate = signal(SignalKind::terminate()).map_err(StartError::System)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(StartError::System)?;
        let mut hang_up = signal(SignalKind::hangup()).map_err(StartError::System)?;
        let (downstream, admin) = self.addresses().map_err(StartError::System)?;
        let edge = tokio::spawn(self.listener.clone().run(self.downstream));
        let admin_task = tokio::spawn(admin::serve(self.admin, self.state.clone()));
        tracing::info!(listener = "downstream", address = %downstream, "listening");
        tracing::info!(listener = "admin", address = %admin, "listening");
        let mut reloader = Reloader {
            config: self.config.clone(),
            path: self.path.take(),
            watch: self.watch.take(),
            upstream: self.upstream,
            gateway: self.gateway.clone(),
            listener: self.listener.clone(),
            limiter: self.limiter,
            clock: self.clock,
            state: self.state.clone(),
            admin,
        };
        let mut look = tokio::time::interval(LOOK);
        let mut daily = tokio::time::interval(DAY);
        loop {
            let reload = tokio::select! {
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
                () = self.drain.reached(Phase::LameDuck) => break,
                _ = hang_up.recv() => true,
                _ = look.tick() => reloader.changed(),
                _ = daily.tick() => {
                    let generation = self.gateway.generation();
                    let issuers = generation.users.issuers();
                    warn(&reloader.config, self.listener.tls().as_deref(), &reloader.upstream, issuers);
                    false
                }
            };
            if reload {
                // A change that is taken now is not to be noticed again.
                reloader.changed();
                reloader.reload();
            }
        }
        let drained = drained(&self.drain, &reloader.config.drain);
        let whole = tokio::select! {
            whole = drained => whole,
            _ = terminate.recv() => self.drain.connections() == 0,
            _ = interrupt.recv() => self.drain.connections() == 0,
        };
        edge.abort();
        admin_task.abort();
        self.gateway.telemetry().flush();
        tracing::info!(whole, "stopped");
        Ok(whole)
    }
}

/// Watches a configuration file and the files that it names.
fn watch(path: &Path) -> config::Watch {
    let mut watch = config::Watch::new(path);
    let files = config::named(path).unwrap_or_default();
    watch.also(files.iter().map(PathBuf::as_path));
    watch
}

/// Lame duck, closing, the wait for what is in flight.
async fn drained(drain: &Drain, config: &config::Drain) -> bool {
    drain.enter(Phase::LameDuck);
    tracing::info!(connections = drain.connections(), "draining");
    let lame = async {
        while drain.connections() > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let _ = tokio::time::timeout(config.lame_duck, lame).await;
    drain.enter(Phase::Closing);
    tokio::time::timeout(config.grace, drain.finished())
        .await
        .is_ok()
}

/// An error with its causes, in one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
