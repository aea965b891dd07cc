//! From sections of the configuration to the parts that they are about.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use http::HeaderValue;
use listenfd::ListenFd;
use tokio::net::TcpListener;

use super::{StartError, Upstream, random, wall_clock};
use crate::admission::{Enforcement, Snapshot};
use crate::caller::Schemes;
use crate::config::{self, AccessLog as LogTo, ClientCertificates, Config, Fallback, Mode};
use crate::gateway::{Generation, Shared};
use crate::identity::{self, Account, Certificates, Clock, IssuerSettings, Issuers, Users};
use crate::json::Limits;
use crate::listener::{self, ClientFiles, Tls, TlsError, TlsFiles};
use crate::policy::PolicySet;
use crate::quota::{self, LiveQuotas, LiveTasks, RateLimits};
use crate::schema::TableError;
use crate::store::{self, Store};
use crate::telemetry::AccessLog;
use crate::upstream::{LiveList, Memory, Node, Overlords, Owners, TlsSettings};

pub(super) async fn socket(
    sockets: &mut ListenFd,
    index: usize,
    address: SocketAddr,
) -> Result<TcpListener, StartError> {
    let failed = |source| StartError::Listen { address, source };
    if let Ok(Some(socket)) = sockets.take_tcp_listener(index) {
        socket.set_nonblocking(true).map_err(failed)?;
        return TcpListener::from_std(socket).map_err(failed);
    }
    TcpListener::bind(address).await.map_err(failed)
}

/// The bearer token that the admin listener wants.
pub(super) fn admin_token(from: &config::Admin) -> Option<Arc<String>> {
    let token = from.token.as_ref();
    token.map(|token| Arc::new(token.expose().to_owned()))
}

/// May the admin listener stand at this address, which need not be the configuration's?
pub(super) fn guarded(from: &config::Admin, address: SocketAddr) -> Result<(), StartError> {
    match address.ip().to_canonical().is_loopback() || from.token.is_some() {
        true => Ok(()),
        false => Err(StartError::AdminNeedsToken(address)),
    }
}

pub(super) fn access_log(to: &LogTo) -> Result<Arc<AccessLog>, StartError> {
    Ok(match to {
        LogTo::Off => AccessLog::off(),
        LogTo::Stderr => AccessLog::to(Box::new(io::stderr())),
        LogTo::Stdout => AccessLog::to(Box::new(io::stdout())),
        LogTo::File(path) => AccessLog::to(Box::new(append(path)?)),
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "the access log's file is opened here"
)]
fn append(path: &Path) -> Result<std::fs::File, StartError> {
    std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .map_err(|source| StartError::AccessLog {
            path: path.to_owned(),
            source,
        })
}

/// The listener's certificates, read.
///
/// # Errors
/// [`TlsError`]
pub fn listener_tls(from: &config::Listener) -> Result<Option<Tls>, TlsError> {
    let Some(tls) = &from.tls else {
        return Ok(None);
    };
    let clients = tls.client_ca.as_deref().map(|ca| ClientFiles {
        ca,
        required: match tls.client_certificates {
            ClientCertificates::Optional => false,
            ClientCertificates::Required => true,
        },
    });
    Tls::read(TlsFiles {
        certificate: &tls.certificate,
        key: &tls.key,
        clients,
    })
    .map(Some)
}

/// Where the certificates for the Overlords are.
pub fn upstream_tls(from: &config::Upstream) -> TlsSettings {
    let config::UpstreamTls {
        ca,
        certificate,
        server_name,
    } = from.tls.clone();
    TlsSettings {
        ca,
        certificate,
        server_name,
    }
}

pub(super) fn upstream(
    config: &Config,
    memory: &Memory,
    clock: &Clock,
) -> Result<Upstream, StartError> {
    let from = config.upstream.clone();
    let authorization = match &from.credentials {
        None => None,
        Some(login) => {
            let text = format!("{}:{}", login.username, login.password.expose());
            let encoded = base64::engine::general_purpose::STANDARD.encode(text);
            let mut value = HeaderValue::from_str(&format!("Basic {encoded}"))
                .map_err(|_| StartError::Credentials)?;
            value.set_sensitive(true);
            Some(value)
        }
    };
    let nodes = from.overlords.iter().map(|overlord| Node {
        tls: overlord.tls,
        host: overlord.host.clone(),
        port: overlord.port,
    });
    let settings = crate::upstream::Settings {
        nodes: nodes.collect(),
        authorization,
        tls: upstream_tls(&from),
        max_in_flight: from.max_in_flight,
        probe_interval: from.probe_interval,
        connect_timeout: from.connect_timeout,
        response_timeout: from.response_timeout,
        read_timeout: from.read_timeout,
        write_timeout: from.write_timeout,
        idle_timeout: from.idle_timeout,
        wall_clock,
        memory: memory.clone(),
    };
    let overlords = Overlords::new(settings, u64::from_le_bytes(random::<8>()?))?;
    let owners = Arc::new(Owners::new(overlords.clone()));
    let clock_of_tasks = clock.clone();
    let tasks = LiveTasks::new(quota::Clock::new(move || clock_of_tasks()));
    let live = LiveList::new(overlords.clone(), tasks);
    let probe = tokio::spawn(overlords.clone().probe());
    Ok(Upstream {
        config: from,
        overlords,
        owners,
        live,
        probe,
    })
}

/// The store that gateways share.
pub(super) fn shared(from: Option<&config::Store>) -> Result<Option<Shared>, StartError> {
    let Some(from) = from else { return Ok(None) };
    let credentials = from.credentials.as_ref();
    let settings = store::Settings {
        tls: from.tls,
        host: from.host.clone(),
        port: from.port,
        database: from.database,
        credentials: credentials.map(|login| {
            let password = login.password.expose().to_owned();
            (login.username.clone(), password)
        }),
        ca: from.ca.as_ref().map(|ca| ca.expose().to_owned()),
        prefix: from.prefix.clone(),
    };
    Ok(Some(Shared {
        store: Store::start(&settings)?,
        gateways: match from.fallback {
            Fallback::Local => Some(from.gateways),
            Fallback::Deny => None,
        },
    }))
}

/// Who may log in, with the hashes checked.
pub(crate) fn users(
    config: &Config,
    generation: u64,
    clock: &Clock,
    before: Option<&Issuers>,
) -> Result<Users, StartError> {
    let accounts = config.users.iter().cloned().map(|user| {
        let config::User {
            name,
            password,
            api_keys,
            certificates: _,
            roles,
        } = user;
        Account {
            name,
            password,
            api_keys,
            roles,
        }
    });
    let issuers = config.issuers.iter().cloned().map(issuer);
    let issuers = Issuers::new(issuers, clock, before)?;
    Ok(Users::new(generation, accounts, issuers)?)
}

fn issuer(from: config::Issuer) -> IssuerSettings {
    let config::Issuer {
        name,
        issuer,
        audiences,
        algorithms,
        keys,
        principal,
        roles_claim,
        roles,
    } = from;
    let keys = match keys {
        config::IssuerKeys::File { text, .. } => identity::Keys::Text(text),
        config::IssuerKeys::Address { url, ca } => identity::Keys::Address(identity::Address {
            tls: url.tls,
            host: url.host,
            port: url.port,
            path: url.path,
            ca,
        }),
    };
    IssuerSettings {
        name,
        issuer,
        audiences,
        algorithms,
        keys,
        principal,
        roles_claim,
        roles,
    }
}

/// The rules of a configuration.
///
/// # Errors
/// [`TableError`]: an embedded table cannot be used.
pub fn snapshot(
    config: &Config,
    generation: u64,
    schemes: Schemes,
) -> Result<Snapshot, TableError> {
    Ok(Snapshot {
        generation,
        enforcement: match config.mode {
            Mode::Enforce => Enforcement::Enforce,
            Mode::Audit => Enforcement::Audit,
        },
        schemes,
        policies: PolicySet::new(config.roles.iter().cloned()),
        rate_limits: RateLimits::new(config.rate_limits.clone()),
        live_quotas: LiveQuotas::new(config.quotas.clone()),
        schemas: Arc::new(config.validation.schemas(config.upstream.druid_version)?),
        json: Limits {
            depth: config.validation.max_depth,
            values: config.validation.max_values,
        },
        max_body: config.validation.max_body_size,
        druid_version: config.upstream.druid_version,
    })
}

pub(super) fn generation(
    config: &Config,
    number: u64,
    upstream: &Upstream,
    shared: Option<&Shared>,
    clock: &Clock,
    before: Option<&Issuers>,
) -> Result<Generation, StartError> {
    let users = users(config, number, clock, before)?;
    let certified = config.users.iter().cloned();
    let certified = certified.map(|user| (user.name, user.certificates, user.roles));
    let certificates = Certificates::new(certified);
    let schemes = Schemes {
        certificate: !certificates.is_empty(),
        ..users.schemes()
    };
    Ok(Generation {
        snapshot: Arc::new(snapshot(config, number, schemes)?),
        users,
        certificates,
        overlords: upstream.overlords.clone(),
        owners: upstream.owners.clone(),
        live: upstream.live.clone(),
        shared: shared.cloned(),
        settings: crate::gateway::Settings {
            trusted_proxies: config.listener.trusted_proxies.clone(),
            hosts: config.listener.hosts.clone(),
            body_timeout: config.listener.body_timeout,
            write_timeout: config.listener.write_timeout,
            submission_deadline: config.upstream.submission_deadline,
            read_deadline: config.upstream.read_deadline,
            reuse_reads: config.upstream.reuse_reads,
            transfer_deadline: config.upstream.transfer_deadline,
        },
    })
}

pub(super) fn edge(from: &config::Listener) -> listener::Settings {
    listener::Settings {
        max_connections: from.max_connections,
        max_connections_per_source: from.max_connections_per_source,
        limits: listener::Limits {
            bytes: from.max_header_size,
            fields: from.max_header_fields,
        },
        header_timeout: from.header_timeout,
        first_byte_timeout: from.first_byte_timeout,
        idle_timeout: from.idle_timeout,
        tls_handshake_timeout: from.tls_handshake_timeout,
    }
}
