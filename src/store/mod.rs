//! The store that gateways share, so that together they enforce one limit: Redis or Valkey.
//!
//! One script a decision, atomic there, on the store's own clock. What the store does not say in
//! time is decided without it: a store that fails is left alone until it answers again, so an
//! outage costs each request at most one short wait, and most of them none.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _,
    RedisConnectionInfo, RedisError, Script, TlsCertificates,
};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::quota::{Charge, Draw, Holds, Keeper, Receipt, Reply};

/// A decision takes at most so much longer for the store.
pub const PATIENCE: Duration = Duration::from_millis(50);

/// Opening a connection, TLS and login included.
const TO_CONNECT: Duration = Duration::from_secs(1);

/// Between two tries to reach a store that failed.
const PAUSE: Duration = Duration::from_millis(250);

/// Where the store is.
#[derive(Clone, PartialEq, Eq)]
pub struct Settings {
    /// TLS?
    pub tls: bool,
    /// A name or an IP address.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The database's number.
    pub database: u16,
    /// The login.
    pub credentials: Option<(String, String)>,
    /// Certificates of authorities (PEM); the system's without.
    pub ca: Option<String>,
    /// What the names of all buckets begin with.
    pub prefix: String,
}

/// A store that cannot be used whatever it says.
#[derive(Debug, thiserror::Error)]
#[error("cannot use the store of shared limits")]
pub struct StoreError(#[source] RedisError);

/// The store did not say anything in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unavailable;

/// A connection to the store, and whether it can be used now.
pub struct Store {
    inner: Arc<Inner>,
    keeper: JoinHandle<()>,
}

struct Inner {
    client: Client,
    prefix: String,
    take: Script,
    give_back: Script,
    connection: ArcSwapOption<MultiplexedConnection>,
    broken: Notify,
    failures: AtomicU64,
}

impl Store {
    /// Connects beside; until it has, the store is unavailable.
    ///
    /// # Errors
    /// [`StoreError`]: the settings cannot be used.
    pub fn start(settings: &Settings) -> Result<Arc<Store>, StoreError> {
        let inner = Arc::new(Inner {
            client: client(settings).map_err(StoreError)?,
            // In one slot of a cluster, or a script could not touch several.
            prefix: format!("{{{}}}:", settings.prefix),
            take: Script::new(include_str!("take.lua")),
            give_back: Script::new(include_str!("give_back.lua")),
            connection: ArcSwapOption::empty(),
            broken: Notify::new(),
            failures: AtomicU64::new(0),
        });
        let keeper = tokio::spawn(inner.clone().keep());
        Ok(Arc::new(Store { inner, keeper }))
    }

    /// Can it be used now?
    pub fn is_up(&self) -> bool {
        self.inner.connection.load().is_some()
    }

    /// How often it did not say anything in time, or something that it does not say.
    pub fn failures(&self) -> u64 {
        self.inner.failures.load(Ordering::Relaxed)
    }

    /// Takes what a request draws, all of it or nothing.
    ///
    /// # Errors
    /// [`Unavailable`]; the tokens may have been taken.
    pub async fn take(&self, draws: &[Draw]) -> Result<Vec<Reply>, Unavailable> {
        self.ask(draws, false).await
    }

    /// What [`Store::take`] would say.
    ///
    /// # Errors
    /// [`Unavailable`]
    pub async fn look(&self, draws: &[Draw]) -> Result<Vec<Reply>, Unavailable> {
        self.ask(draws, true).await
    }

    async fn ask(&self, draws: &[Draw], looks: bool) -> Result<Vec<Reply>, Unavailable> {
        let inner = &self.inner;
        let connection = inner.connection.load_full().ok_or(Unavailable)?;
        let mut connection = MultiplexedConnection::clone(&connection);
        let mut call = inner.take.prepare_invoke();
        for draw in draws {
            call.key(inner.key(&draw.key));
            call.arg(micros(draw.numbers.token_in()))
                .arg(draw.numbers.burst.get())
                .arg(draw.cost)
                .arg(u8::from(draw.holds == Holds::Enforced));
        }
        if looks {
            call.arg("look");
        }
        let asked = call.invoke_async::<Vec<i64>>(&mut connection);
        let said = match timeout(PATIENCE, asked).await {
            Ok(Ok(said)) => said,
            Ok(Err(error)) => return inner.failed(error.category()),
            Err(_) => return inner.failed("it did not answer in time"),
        };
        let replies: Option<Vec<Reply>> = said.chunks(4).map(reply).collect();
        match replies.filter(|replies| replies.len() == draws.len()) {
            Some(replies) => Ok(replies),
            None => inner.failed("it answered what the script does not"),
        }
    }

    /// Gives back what a request has taken here, beside. What cannot be given back comes back by
    /// itself.
    pub fn give_back(&self, charge: &Charge) {
        let connection = self.inner.connection.load_full();
        let (Some(connection), Some(Keeper::Store)) = (connection, charge.keeper) else {
            return;
        };
        if charge.drawn.is_empty() {
            return;
        }
        let mut connection = MultiplexedConnection::clone(&connection);
        let (inner, drawn) = (self.inner.clone(), charge.drawn.clone());
        tokio::spawn(async move {
            let mut call = inner.give_back.prepare_invoke();
            for drawn in &drawn {
                call.key(inner.key(&drawn.key));
                call.arg(micros(drawn.numbers.token_in()) * f64::from(drawn.cost))
                    .arg(drawn.receipt.until)
                    .arg(drawn.receipt.born);
            }
            let _ = timeout(PATIENCE, call.invoke_async::<i64>(&mut connection)).await;
        });
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store")
            .field("is_up", &self.is_up())
            .finish_non_exhaustive()
    }
}

impl Inner {
    fn key(&self, key: &str) -> Vec<u8> {
        format!("{}{key}", self.prefix).into_bytes()
    }

    /// Leaves the store alone until it answers again.
    fn failed<T>(&self, why: &str) -> Result<T, Unavailable> {
        self.failures.fetch_add(1, Ordering::Relaxed);
        // Of those that failed together one says so.
        if self.connection.swap(None).is_some() {
            tracing::error!(why, "the store of shared limits fails: limits fall back");
            self.broken.notify_one();
        }
        Err(Unavailable)
    }

    /// Keeps a connection: after a failure a new one, as soon as the store answers on it in time.
    async fn keep(self: Arc<Self>) {
        let mut is_first = true;
        loop {
            match self.connect().await {
                Ok(connection) => {
                    if is_first {
                        tracing::info!("the store of shared limits answers");
                    } else {
                        tracing::warn!("the store of shared limits answers again");
                    }
                    self.connection.store(Some(Arc::new(connection)));
                    self.broken.notified().await;
                }
                Err(why) if is_first => {
                    self.failures.fetch_add(1, Ordering::Relaxed);
                    tracing::error!(why, "the store of shared limits fails: limits fall back");
                }
                Err(_) => {
                    self.failures.fetch_add(1, Ordering::Relaxed);
                }
            }
            is_first = false;
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn connect(&self) -> Result<MultiplexedConnection, String> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(TO_CONNECT))
            .set_response_timeout(Some(PATIENCE));
        let words = |error: RedisError| error.category().to_owned();
        let opening = self
            .client
            .get_multiplexed_async_connection_with_config(&config);
        let mut connection = timeout(TO_CONNECT, opening)
            .await
            .map_err(|_| "no connection in time".to_owned())?
            .map_err(words)?;
        // A store that takes connections and does not answer is none.
        for script in [&self.take, &self.give_back] {
            timeout(PATIENCE, script.load_async(&mut connection))
                .await
                .map_err(|_| "it did not answer in time".to_owned())?
                .map_err(words)?;
        }
        // One that takes no writes (a replica, or full) would fail each decision.
        let mut probe = self.take.prepare_invoke();
        probe.key(self.key("probe"));
        for number in [1, 1, 1, 0] {
            probe.arg(number);
        }
        timeout(PATIENCE, probe.invoke_async::<Vec<i64>>(&mut connection))
            .await
            .map_err(|_| "it did not answer in time".to_owned())?
            .map_err(words)?;
        Ok(connection)
    }
}

fn client(settings: &Settings) -> Result<Client, RedisError> {
    let Settings {
        tls,
        host,
        port,
        database,
        credentials,
        ca,
        prefix: _,
    } = settings.clone();
    let address = match tls {
        true => ConnectionAddr::TcpTls {
            host,
            port,
            insecure: false,
            tls_params: None,
        },
        false => ConnectionAddr::Tcp(host, port),
    };
    let mut login = RedisConnectionInfo::default()
        .set_db(database.into())
        .set_skip_set_lib_name();
    if let Some((username, password)) = credentials {
        login = login.set_username(username).set_password(password);
    }
    let info: ConnectionInfo = address.into_connection_info()?.set_redis_settings(login);
    match tls {
        false => Client::open(info),
        true => Client::build_with_tls(
            info,
            TlsCertificates {
                client_tls: None,
                root_cert: ca.map(String::into_bytes),
            },
        ),
    }
}

/// Microseconds, with what is smaller as a fraction.
fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// What the script says of one bucket.
fn reply(said: &[i64]) -> Option<Reply> {
    let [kind, number, until, born] = *said else {
        return None;
    };
    let receipt = Receipt {
        until: u64::try_from(until).ok()?,
        born: u64::try_from(born).ok()?,
    };
    match kind {
        0 => Some(Reply::Took {
            remaining: u32::try_from(number).ok()?,
            receipt,
        }),
        1 => Some(Reply::NotFor(Duration::from_micros(
            u64::try_from(number).ok()?,
        ))),
        2 => Some(Reply::Never),
        _ => None,
    }
}
