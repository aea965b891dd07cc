//! The configuration: one TOML file, read whole, every problem told at once.
//!
//! [`Config::from_toml`] is pure; [`load()`] reads the file and the secrets it refers to; [`Watch`]
//! tells when the file's content has changed. Who uses a section turns it into settings of its own
//! (`server.rs`), so that nobody else sees the file's form.

mod grants;
mod htpasswd;
mod issuers;
mod limits;
mod load;
mod problem;
mod reload;
mod roles;
mod secret;
mod sections;
mod store;
mod table;
mod tls;
mod units;
mod users;

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

pub use issuers::{Issuer, IssuerKeys, KeysUrl};
pub use load::{LoadError, htpasswd_users, load, load_alone, load_judging, named};
pub use problem::Problem;
pub use reload::Watch;
pub use secret::Secret;
pub use store::{Fallback, Store};
pub(crate) use table::nearest;
pub use tls::{ClientCertificates, ListenerTls, UpstreamTls};

use crate::certificate::Name;
use crate::druid::DruidVersion;
use crate::finding::{Code, Level, Levels};
use crate::policy::Role;
use crate::quota::{LiveQuota, RateLimit};
use crate::schema::{SchemaSet, TableError};

/// A whole configuration, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Do review and limits refuse, or only report?
    pub mode: Mode,
    /// Where clients connect.
    pub listener: Listener,
    /// Where operators look.
    pub admin: Admin,
    /// The Overlords.
    pub upstream: Upstream,
    /// How bodies are read and judged.
    pub validation: Validation,
    /// How a stopping gateway ends.
    pub drain: Drain,
    /// What it tells about its work.
    pub telemetry: Telemetry,
    /// Who may log in.
    pub users: Vec<User>,
    /// The file of passwords that some of them are from.
    pub htpasswd: Option<PathBuf>,
    /// Whose tokens are taken.
    pub issuers: Vec<Issuer>,
    /// What they may do.
    pub roles: Vec<Role>,
    /// How often.
    pub rate_limits: Vec<Arc<RateLimit>>,
    /// How many at once.
    pub quotas: Vec<Arc<LiveQuota>>,
    /// Where gateways keep their limits together, if they do.
    pub store: Option<Store>,
}

/// Enforce, or judge and report only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Findings and limits refuse.
    Enforce,
    /// Findings and limits are logged and counted and refuse nothing; authentication,
    /// authorization and the edge hold all the same.
    Audit,
}

/// `[listener]`
#[derive(Debug, Clone, PartialEq)]
pub struct Listener {
    /// Where to listen, unless a parent process hands a socket over.
    pub address: SocketAddr,
    /// TLS; plain HTTP without.
    pub tls: Option<ListenerTls>,
    /// Proxies in front whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// `Host` values that are served; empty: any.
    pub hosts: Vec<String>,
    /// Connections at once, in all.
    pub max_connections: usize,
    /// Connections at once from one address.
    pub max_connections_per_source: usize,
    /// Bytes of request line and header together.
    pub max_header_size: usize,
    /// Header fields.
    pub max_header_fields: usize,
    /// A whole header block must have arrived in this time after its first byte.
    pub header_timeout: Duration,
    /// A new connection must send its first byte in this time.
    pub first_byte_timeout: Duration,
    /// A kept connection may be idle this long.
    pub idle_timeout: Duration,
    /// A TLS handshake may take this long.
    pub tls_handshake_timeout: Duration,
    /// A judged body must have arrived in this time.
    pub body_timeout: Duration,
    /// A client that takes nothing for this long is cut.
    pub write_timeout: Duration,
}

/// `[admin]`
#[derive(Debug, Clone, PartialEq)]
pub struct Admin {
    /// Where the admin listener listens.
    pub address: SocketAddr,
    /// The bearer token that `/metrics` and `/status` want; required off loopback.
    pub token: Option<Secret>,
}

/// `[upstream]`
#[derive(Debug, Clone, PartialEq)]
pub struct Upstream {
    /// The Overlords' base addresses.
    pub overlords: Vec<OverlordUrl>,
    /// Which Druid they run.
    pub druid_version: DruidVersion,
    /// The gateway's own login at Druid.
    pub credentials: Option<UpstreamCredentials>,
    /// How `https` Overlords are believed.
    pub tls: UpstreamTls,
    /// Requests in flight to the Overlord at once.
    pub max_in_flight: usize,
    /// How often each Overlord is asked whether it leads.
    pub probe_interval: Duration,
    /// Opening a connection, TLS included.
    pub connect_timeout: Duration,
    /// From the end of a request to the answer's header.
    pub response_timeout: Duration,
    /// Between two pieces of an answer's body.
    pub read_timeout: Duration,
    /// Between two pieces of a request's body that Druid takes.
    pub write_timeout: Duration,
    /// An unused connection is kept this long; at most 30 s.
    pub idle_timeout: Duration,
    /// A submission or another change has an answer in this time, retries included.
    pub submission_deadline: Duration,
    /// A read has its answer's header in this time, retries included.
    pub read_deadline: Duration,
    /// The answer to a read of a state serves whoever reads the same this long after it was asked
    /// for; at most 2 s, zero: never.
    pub reuse_reads: Duration,
    /// An answer's body has gone down in this time.
    pub transfer_deadline: Duration,
}

/// An Overlord's base address: scheme, host, port and nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverlordUrl {
    /// `https`, not `http`.
    pub tls: bool,
    /// A name or an address (IPv6 without brackets).
    pub host: String,
    /// The port.
    pub port: u16,
}

/// `upstream.credentials`
#[derive(Debug, Clone, PartialEq)]
pub struct UpstreamCredentials {
    /// The user's name at Druid.
    pub username: String,
    /// Its password.
    pub password: Secret,
}

/// `[validation]`
#[derive(Debug, Clone, PartialEq)]
pub struct Validation {
    /// The largest judged body, in bytes.
    pub max_body_size: usize,
    /// Bytes that all bodies being read or judged, and all answers being reduced, may take together.
    pub body_memory: usize,
    /// The deepest nesting.
    pub max_depth: usize,
    /// The most JSON values in one body.
    pub max_values: usize,
    /// The extensions that are loaded; types of others are unknown. `None`: any may be.
    pub extensions: Option<Vec<String>>,
    /// Codes that do something else than by default.
    pub levels: Vec<(Code, Level)>,
    /// Types of extensions that pass unjudged: the kind (`input_source`), and the id.
    pub types: Vec<(&'static str, String)>,
}

impl Validation {
    /// The schemas that judge for a release of Druid.
    ///
    /// # Errors
    /// [`TableError`]: an embedded table cannot be used.
    pub fn schemas(&self, version: DruidVersion) -> Result<SchemaSet, TableError> {
        let mut levels = Levels::default();
        for (code, level) in &self.levels {
            levels.set(*code, *level);
        }
        let mut schemas = SchemaSet::load(version, levels)?;
        if let Some(extensions) = &self.extensions {
            schemas.only(extensions);
        }
        for (kind, id) in &self.types {
            schemas.allow(kind, id);
        }
        Ok(schemas)
    }
}

/// How specs are judged, without a gateway: what `overgate lint` takes from a configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Judging {
    /// Which Druid the specs are for.
    pub druid_version: DruidVersion,
    /// Levels, types and bounds.
    pub validation: Validation,
}

/// `[drain]`
#[derive(Debug, Clone, PartialEq)]
pub struct Drain {
    /// Still accepting, but every answer says `Connection: close`.
    pub lame_duck: Duration,
    /// Then requests in flight have this long.
    pub grace: Duration,
}

/// `[telemetry]`
#[derive(Debug, Clone, PartialEq)]
pub struct Telemetry {
    /// Where access log lines go.
    pub access_log: AccessLog,
    /// Datasources that metrics name; all others are `other`.
    pub max_datasource_labels: usize,
}

/// Where access log lines go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccessLog {
    /// Standard error, with the other log lines.
    Stderr,
    /// Standard output.
    Stdout,
    /// A file that is appended to.
    File(PathBuf),
    /// Nowhere.
    Off,
}

/// `[[user]]`
#[derive(Clone, PartialEq)]
pub struct User {
    /// The name it logs in with.
    pub name: String,
    /// Its password's hash, argon2id or bcrypt: its own, or the htpasswd file's.
    pub password: Option<String>,
    /// SHA-256 of each of its API keys.
    pub api_keys: Vec<[u8; 32]>,
    /// Names in certificates that are this user's and nobody else's.
    pub certificates: Vec<Name>,
    /// The names of its roles.
    pub roles: Vec<String>,
}

/// Hashes are not for logs.
impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User")
            .field("name", &self.name)
            .field("has_password", &self.password.is_some())
            .field("api_keys", &self.api_keys.len())
            .field("certificates", &self.certificates)
            .field("roles", &self.roles)
            .finish()
    }
}

impl Config {
    /// Reads a configuration from TOML, resolving secrets with `resolve`.
    ///
    /// # Errors
    /// Every problem, in the order of the text.
    pub fn from_toml(
        text: &str,
        resolve: &dyn Fn(&str) -> Result<String, String>,
    ) -> Result<Config, Vec<Problem>> {
        sections::read(text, sections::Purpose::Serve(resolve))
    }

    /// What does not stop it and is hardly meant: a sentence for each user that nobody can log in
    /// as, which may be one that was taken out of the htpasswd file.
    pub fn warnings(&self) -> impl Iterator<Item = String> + '_ {
        let users = self.users.iter().filter(|user| {
            user.password.is_none() && user.api_keys.is_empty() && user.certificates.is_empty()
        });
        users.map(|user| {
            format!(
                "nobody can log in as user `{}`: it has no password, no line in an htpasswd file, no API key and no certificate",
                user.name
            )
        })
    }

    /// The files whose content belongs to this configuration: certificates, keys, passwords and
    /// tokens.
    pub fn files(&self) -> Vec<&Path> {
        let own = self.listener.tls.as_ref();
        let pair = self.upstream.tls.certificate.as_ref();
        let login = self.upstream.credentials.as_ref();
        let store = self.store.as_ref();
        let secrets = [
            self.admin.token.as_ref(),
            login.map(|login| &login.password),
            store.and_then(|store| Some(&store.credentials.as_ref()?.password)),
            store.and_then(|store| store.ca.as_ref()),
        ];
        [
            own.map(|tls| &tls.certificate),
            own.map(|tls| &tls.key),
            own.and_then(|tls| tls.client_ca.as_ref()),
            self.upstream.tls.ca.as_ref(),
            pair.map(|(certificate, _)| certificate),
            pair.map(|(_, key)| key),
            self.htpasswd.as_ref(),
        ]
        .into_iter()
        .flatten()
        .map(PathBuf::as_path)
        .chain(self.issuers.iter().filter_map(Issuer::file))
        .chain(secrets.into_iter().flatten().filter_map(Secret::file))
        .collect()
    }
}

impl Judging {
    /// From a configuration in TOML. Secrets are not looked up, and no Overlord need be named: a
    /// file for a repository of specs holds `[validation]` and the version of Druid.
    ///
    /// # Errors
    /// Every problem, in the order of the text.
    pub fn from_toml(text: &str) -> Result<Judging, Vec<Problem>> {
        let config = sections::read(text, sections::Purpose::Judge)?;
        Ok(Judging {
            druid_version: config.upstream.druid_version,
            validation: config.validation,
        })
    }
}

impl Default for Judging {
    fn default() -> Judging {
        Judging::from_toml("").expect("an empty file leaves every default")
    }
}
