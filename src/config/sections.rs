//! The sections of the file, key by key, with their defaults.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use toml::de::DeTable;

use super::issuers::issuers;
use super::limits::limits;
use super::roles::roles;
use super::secret::filled;
use super::store::store;
use super::table::{Report, Table};
use super::tls;
use super::units::{duration, size};
use super::users::users;
use super::{
    AccessLog, Admin, Config, Drain, Listener, Mode, OverlordUrl, Problem, Secret, Telemetry,
    Upstream, UpstreamCredentials, Validation,
};
use crate::druid::DruidVersion;
use crate::finding::{CODES, Code, Level};
use crate::schema::{misspelled_extension, type_kinds};

pub(super) type Resolve<'r> = &'r dyn Fn(&str) -> Result<String, String>;

/// What a configuration is read for.
#[derive(Clone, Copy)]
pub(super) enum Purpose<'r> {
    /// A gateway: it needs Overlords and its secrets.
    Serve(Resolve<'r>),
    /// Judging specs: neither.
    Judge,
}

pub(super) fn read(text: &str, purpose: Purpose<'_>) -> Result<Config, Vec<Problem>> {
    let unresolved = |_: &str| Ok(String::new());
    let (resolve, serves): (Resolve<'_>, bool) = match purpose {
        Purpose::Serve(resolve) => (resolve, true),
        Purpose::Judge => (&unresolved, false),
    };
    // A file without users is one; a password or a token without a character is none.
    let secrets = |reference: &str| match serves {
        true => resolve(reference).and_then(filled),
        false => resolve(reference),
    };
    let report = Report::new(text);
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let offset = error.span().map_or(0, |span| span.start);
        let message = error.message().trim_end().replace('\n', ", ");
        report.add(offset, "", message, None);
    }
    if !errors.is_empty() {
        return Err(report.into_problems());
    }
    let root = Table::root(&report, document.get_ref());
    let mode = root
        .choice(
            "mode",
            &[("enforce", Mode::Enforce), ("audit", Mode::Audit)],
        )
        .unwrap_or(Mode::Enforce);
    let listener = listener(root.table("listener"));
    let admin = admin(root.table("admin"), &secrets);
    let upstream = upstream(root.table("upstream"), &secrets, serves);
    let validation = validation(root.table("validation"));
    let drain = drain(root.table("drain"));
    let telemetry = telemetry(root.table("telemetry"));
    let roles = roles(&root);
    let asks = listener.tls.as_ref();
    let asks = asks.is_some_and(|tls| tls.client_ca.is_some());
    let (users, htpasswd) = users(&root, &roles, serves.then_some(resolve), asks);
    let issuers = issuers(&root, &roles, serves.then_some(&secrets));
    let (rate_limits, quotas) = limits(&root, &roles);
    let store = store(root.table("store"), &secrets);
    root.finish();
    let problems = report.into_problems();
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(Config {
        mode,
        listener,
        admin,
        upstream,
        validation,
        drain,
        telemetry,
        users,
        htpasswd,
        issuers,
        roles,
        rate_limits,
        quotas,
        store,
    })
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}

fn address(table: &Table<'_, '_>, default: u16) -> SocketAddr {
    table
        .parsed("address", |text| {
            text.parse::<SocketAddr>().map_err(
                |_| "an address is an IP address and a port: `127.0.0.1:8190` or `[::1]:8190`",
            )
        })
        .unwrap_or_else(|| loopback(default))
}

/// A duration that is not zero.
fn time(table: &Table<'_, '_>, key: &'static str, default: Duration) -> Duration {
    let read = table.parsed(key, duration);
    if read == Some(Duration::ZERO) {
        table.wrong_value(key, "this cannot be zero", None);
    }
    read.unwrap_or(default)
}

fn bytes(table: &Table<'_, '_>, key: &'static str, default: usize) -> usize {
    let read = table.parsed(key, size);
    if read == Some(0) {
        table.wrong_value(key, "this cannot be zero", None);
    }
    read.unwrap_or(default)
}

const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn listener(table: Table<'_, '_>) -> Listener {
    let tls = table.table("tls");
    let tls = tls.is_present().then(|| tls::listener(tls));
    let network = |text: &str| {
        text.parse::<IpNet>()
            .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
            .map_err(|_| "this is no address and no network: `10.0.0.0/8`")
    };
    let host = |text: &str| Ok::<_, String>(text.to_ascii_lowercase());
    let read = Listener {
        address: address(&table, 8190),
        tls: tls.flatten(),
        trusted_proxies: table.list("trusted_proxies", network).unwrap_or_default(),
        hosts: table.list("hosts", host).unwrap_or_default(),
        max_connections: table
            .count("max_connections", 1..=1_000_000)
            .unwrap_or(10_000),
        max_connections_per_source: table
            .count("max_connections_per_source", 1..=1_000_000)
            .unwrap_or(1_000),
        max_header_size: bytes(&table, "max_header_size", 16 << 10),
        max_header_fields: table.count("max_header_fields", 1..=256).unwrap_or(100),
        header_timeout: time(&table, "header_timeout", seconds(10)),
        first_byte_timeout: time(&table, "first_byte_timeout", seconds(10)),
        idle_timeout: time(&table, "idle_timeout", seconds(60)),
        tls_handshake_timeout: time(&table, "tls_handshake_timeout", seconds(10)),
        body_timeout: time(&table, "body_timeout", seconds(30)),
        write_timeout: time(&table, "write_timeout", seconds(15)),
    };
    // Above this the header parser behind our own check would refuse in its own words.
    if read.max_header_size > 1 << 20 {
        table.wrong_value("max_header_size", "this is at most 1MiB", None);
    }
    table.finish();
    read
}

pub(super) fn secret(
    table: &Table<'_, '_>,
    key: &'static str,
    resolve: Resolve<'_>,
) -> Option<Secret> {
    table.parsed(key, |reference| {
        resolve(reference).map(|value| Secret::new(reference, value))
    })
}

fn admin(table: Table<'_, '_>, resolve: Resolve<'_>) -> Admin {
    let read = Admin {
        address: address(&table, 8191),
        token: secret(&table, "token", resolve),
    };
    if !read.address.ip().is_loopback() && read.token.is_none() {
        table.wrong_value(
            "address",
            "off loopback the admin listener needs a `token`",
            None,
        );
    }
    table.finish();
    read
}

fn overlord(text: &str) -> Result<OverlordUrl, &'static str> {
    const SHAPE: &str = "an Overlord is `http://HOST:PORT` or `https://HOST:PORT`, without a path";
    let (scheme, rest) = text.split_once("://").ok_or(SHAPE)?;
    let (tls, default) = match scheme {
        "http" => (false, 8090),
        "https" => (true, 8290),
        _ => return Err(SHAPE),
    };
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().map_err(|_| SHAPE)?),
        Some(_) | None => (rest, default),
    };
    let host = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
    if host.is_empty() || port == 0 || !host.chars().all(allowed) {
        return Err(SHAPE);
    }
    Ok(OverlordUrl {
        tls,
        host: host.to_ascii_lowercase(),
        port,
    })
}

fn upstream(table: Table<'_, '_>, resolve: Resolve<'_>, serves: bool) -> Upstream {
    let overlords = table.list("overlords", overlord);
    match &overlords {
        None if serves => {
            table.wrong("`overlords` is missing: `overlords = [\"http://127.0.0.1:8090\"]`");
        }
        None => {}
        Some(_) if table.is_empty_list("overlords") => {
            table.wrong_value("overlords", "this names no Overlord", None);
        }
        Some(list) => {
            for (index, overlord) in list.iter().enumerate() {
                if list.iter().take(index).any(|earlier| earlier == overlord) {
                    table.wrong_value("overlords", "this names an Overlord twice", None);
                }
            }
        }
    }
    let login = table.table("credentials");
    let credentials = login.is_present().then(|| {
        let username = login.required("username");
        let password = login
            .required("password")
            .and_then(|_| secret(&login, "password", resolve));
        Some(UpstreamCredentials {
            username: username?,
            password: password?,
        })
    });
    login.finish();
    let read = Upstream {
        overlords: overlords.unwrap_or_default(),
        druid_version: table
            .parsed("druid_version", str::parse::<DruidVersion>)
            .unwrap_or(DruidVersion::new(28, 0, 0)),
        credentials: credentials.flatten(),
        tls: tls::upstream(table.table("tls")),
        max_in_flight: table.count("max_in_flight", 1..=10_000).unwrap_or(32),
        probe_interval: time(&table, "probe_interval", seconds(1)),
        connect_timeout: time(&table, "connect_timeout", seconds(1)),
        response_timeout: time(&table, "response_timeout", seconds(30)),
        read_timeout: time(&table, "read_timeout", seconds(60)),
        write_timeout: time(&table, "write_timeout", seconds(5)),
        idle_timeout: time(&table, "idle_timeout", seconds(30)),
        submission_deadline: time(&table, "submission_deadline", seconds(45)),
        read_deadline: time(&table, "read_deadline", seconds(45)),
        reuse_reads: table
            .parsed("reuse_reads", duration)
            .unwrap_or(Duration::from_millis(500)),
        transfer_deadline: time(&table, "transfer_deadline", seconds(3_600)),
    };
    if read.reuse_reads > seconds(2) {
        table.wrong_value("reuse_reads", "this is at most 2s", None);
    }
    if read.idle_timeout > seconds(30) {
        table.wrong_value("idle_timeout", "this is at most 30s", None);
    }
    table.finish();
    read
}

fn validation(table: Table<'_, '_>) -> Validation {
    let read = Validation {
        max_body_size: bytes(&table, "max_body_size", 16 << 20),
        body_memory: bytes(&table, "body_memory", 256 << 20),
        max_depth: table.count("max_depth", 8..=100).unwrap_or(64),
        max_values: table
            .count("max_values", 100..=10_000_000)
            .unwrap_or(1_000_000),
        extensions: extensions(&table),
        levels: levels(table.table("levels")),
        types: types(table.table("types")),
    };
    if read.body_memory < read.max_body_size {
        table.wrong_value("body_memory", "this is less than `max_body_size`", None);
    }
    table.finish();
    read
}

/// The extensions that the cluster has loaded, if it says.
fn extensions(table: &Table<'_, '_>) -> Option<Vec<String>> {
    let name = |text: &str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let is_name = !text.is_empty() && text.len() <= 100 && text.chars().all(plain);
        is_name
            .then(|| text.to_owned())
            .ok_or("this is no name of an extension: `druid-kafka-indexing-service`")
    };
    let extensions = table.list("extensions", name)?;
    for extension in &extensions {
        if let Some(near) = misspelled_extension(extension) {
            let message = format!("there is no extension {extension}");
            table.wrong_value("extensions", message, Some(near));
        }
    }
    Some(extensions)
}

/// What a code does, by its name.
fn levels(table: Table<'_, '_>) -> Vec<(Code, Level)> {
    const LEVELS: [(&str, Level); 4] = [
        ("deny", Level::Deny),
        ("warn", Level::Warn),
        ("audit", Level::Audit),
        ("off", Level::Off),
    ];
    let mut levels = Vec::new();
    for row in CODES {
        let name = row.code.name();
        let Some(level) = table.choice(name, &LEVELS) else {
            continue;
        };
        if row.code.is_certain() {
            let message = "this always refuses: such a body cannot be read or authorized";
            table.wrong_value(name, message, None);
        }
        levels.push((row.code, level));
    }
    table.finish();
    levels
}

/// Types that pass unjudged, by their kind.
fn types(table: Table<'_, '_>) -> Vec<(&'static str, String)> {
    let id = |text: &str| match text {
        "" => Err("this is empty"),
        text if text.len() > 200 => Err("this is longer than 200 bytes"),
        text => Ok(text.to_owned()),
    };
    let mut types = Vec::new();
    for kind in type_kinds() {
        let ids = table.list(kind, id).unwrap_or_default();
        types.extend(ids.into_iter().map(|id| (kind, id)));
    }
    table.finish();
    types
}

fn drain(table: Table<'_, '_>) -> Drain {
    let read = Drain {
        lame_duck: table.parsed("lame_duck", duration).unwrap_or(seconds(1)),
        grace: time(&table, "grace", seconds(30)),
    };
    table.finish();
    read
}

fn telemetry(table: Table<'_, '_>) -> Telemetry {
    let access_log = match table.text("access_log").as_deref() {
        None | Some("stderr") => AccessLog::Stderr,
        Some("stdout") => AccessLog::Stdout,
        Some("off") => AccessLog::Off,
        Some(path) if path.contains('/') => AccessLog::File(PathBuf::from(path)),
        Some(_) => {
            table.wrong_value(
                "access_log",
                "this is `stderr`, `stdout`, `off` or a path with a slash",
                None,
            );
            AccessLog::Stderr
        }
    };
    let read = Telemetry {
        access_log,
        max_datasource_labels: table.count("max_datasource_labels", 0..=100).unwrap_or(100),
    };
    table.finish();
    read
}
