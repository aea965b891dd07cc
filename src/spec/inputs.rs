//! What a spec reads from outside of Druid: files, buckets, hosts.
//!
//! An input stands wherever a field of that name does (`inputSource`, `firehose`, `inputSpec`),
//! outside the free maps: to look for it only where today's types have one would miss tomorrow's.
//! What it reaches is told only if every place in it was read in the one way in which Druid, or the
//! library behind it, can read it; whatever is odd is [`Input::is_told`] = false, which no list of
//! hosts, buckets or prefixes covers.

use std::collections::BTreeSet;

use super::Reader;
use super::address::{address, host_of, object};
use super::effects::{Input, Opaque, Place};
use crate::druid::DataSource;
use crate::json::{Kind, Node};

/// More places than a list of files has had; of an input with more it is not told what it reaches.
const MOST_PLACES: usize = 100_000;

/// More inputs than a spec has ever combined; each is held against every grant.
const MOST_INPUTS: usize = 200;

/// How deep `combining` sources are followed: the reader holds the whole document to 64.
const DEEPEST: usize = 64;

/// What was found about one input.
#[derive(Default)]
pub(super) struct Reach {
    hosts: BTreeSet<String>,
    buckets: BTreeSet<String>,
    paths: BTreeSet<Place>,
    /// Is there something in it that cannot be told?
    pub(super) is_odd: bool,
}

impl Reach {
    /// One of which nothing can be told.
    pub(super) fn odd() -> Reach {
        Reach {
            is_odd: true,
            ..Reach::default()
        }
    }

    pub(super) fn host(&mut self, host: String) {
        if self.hosts.len() < MOST_PLACES {
            self.hosts.insert(host);
        } else {
            self.is_odd = true;
        }
    }

    fn path(&mut self, text: impl Into<String>, is_prefix: bool) {
        if self.paths.len() < MOST_PLACES {
            let text = text.into();
            self.paths.insert(Place { text, is_prefix });
        } else {
            self.is_odd = true;
        }
    }
}

/// The kinds of input that read rows of datasources.
const DATASOURCE_INPUTS: [&str; 2] = ["druid", "ingestSegment"];

impl Reader {
    /// Reads the value of an `inputSource`.
    pub(super) fn input_source(&mut self, node: Node<'_>) {
        self.source(node, 0);
    }

    /// Reads the value of a `firehose` (Druid up to 25). Those that have an input source of their
    /// name have its fields.
    pub(super) fn firehose(&mut self, node: Node<'_>) {
        match type_of(node).as_deref() {
            Some("ingestSegment") => self.source(node, 0),
            Some("local" | "http" | "hdfs" | "sql" | "combining" | "inline") => {
                self.source(node, 0);
            }
            Some(type_id) => {
                self.input(type_id, Reach::odd());
                self.opaque(Opaque::Input);
            }
            None => self.opaque(Opaque::Input),
        }
    }

    /// Reads the value of an `inputSpec` of `index_hadoop`.
    pub(super) fn input_spec(&mut self, node: Node<'_>) {
        if !node.is_null() {
            self.hadoop(node, 0);
        }
    }

    fn hadoop(&mut self, node: Node<'_>, depth: usize) {
        let type_id = type_of(node);
        match type_id.as_deref() {
            // The datasource is noted by the walk, wherever an `ingestionSpec` stands.
            Some("dataSource") => {
                let named = node.at(&["ingestionSpec", "dataSource"]);
                if named.is_none_or(|name| name.kind() != Kind::String) {
                    self.opaque(Opaque::Input);
                }
            }
            Some("multi") if depth < DEEPEST => {
                let children = node
                    .get("children")
                    .filter(|list| list.kind() == Kind::Array);
                match children {
                    Some(children) => {
                        for child in children.elements() {
                            self.hadoop(child, depth + 1);
                        }
                    }
                    None => self.opaque(Opaque::Input),
                }
            }
            Some(type_id @ ("static" | "granularity" | "granular_unprocessed")) => {
                self.input(type_id, Reach::odd());
            }
            Some(type_id) => {
                self.input(type_id, Reach::odd());
                self.opaque(Opaque::Input);
            }
            None => self.opaque(Opaque::Input),
        }
    }

    fn source(&mut self, node: Node<'_>, depth: usize) {
        if node.is_null() {
            return;
        }
        let Some(type_id) = type_of(node) else {
            return self.opaque(Opaque::Input);
        };
        let mut reach = Reach::default();
        match &*type_id {
            "inline" => return,
            id if DATASOURCE_INPUTS.contains(&id) => return self.druid(node),
            "combining" => {
                let delegates = node
                    .get("delegates")
                    .filter(|list| list.kind() == Kind::Array);
                let Some(delegates) = delegates.filter(|_| depth < DEEPEST) else {
                    return self.opaque(Opaque::Input);
                };
                for delegate in delegates.elements() {
                    self.source(delegate, depth + 1);
                }
                return;
            }
            "http" => {
                for uri in texts(node.get("uris"), &mut reach.is_odd) {
                    match address(&uri) {
                        Some(at) if matches!(at.scheme, "http" | "https") => {
                            reach.host(at.host);
                            reach.path(if at.path.is_empty() { "/" } else { at.path }, false);
                        }
                        _ => reach.is_odd = true,
                    }
                }
            }
            "s3" => bucket(node, &mut reach, &["s3"], 1),
            "google" => bucket(node, &mut reach, &["gs"], 1),
            "oss" => {
                bucket(node, &mut reach, &["oss"], 1);
                let endpoint = node.at(&["properties", "endpoint"]);
                named_host(endpoint, &mut reach);
            }
            "azure" => bucket(node, &mut reach, &["azure"], 1),
            "azureStorage" => bucket(node, &mut reach, &["azureStorage"], 2),
            "hdfs" => hdfs(node, &mut reach),
            "local" => local(node, &mut reach),
            "sql" => sql(node, &mut reach),
            "generator" | "nil" | "delta" | "iceberg" => reach.is_odd = true,
            _ => {
                reach.is_odd = true;
                self.opaque(Opaque::Input);
            }
        }
        self.input(&type_id, reach);
    }

    /// A `druid` source reads a datasource, whole or by segments that are its own.
    fn druid(&mut self, node: Node<'_>) {
        let Some(name) = node.get("dataSource").and_then(Node::as_str) else {
            return self.opaque(Opaque::Input);
        };
        if let Ok(datasource) = name.parse::<DataSource>() {
            let _is_noted = self.read(datasource);
        }
        let segments = node.get("segments").filter(|list| !list.is_null());
        for segment in segments.into_iter().flat_map(Node::elements) {
            let id = segment.get("segmentId").and_then(Node::as_str);
            // An id begins with its datasource and a time: another's can begin with this one's name.
            let is_own = id.is_some_and(|id| {
                let time = id
                    .strip_prefix(&*name)
                    .and_then(|rest| rest.strip_prefix('_'));
                time.is_some_and(|time| {
                    time.len() > 4
                        && time.bytes().take(4).all(|byte| byte.is_ascii_digit())
                        && time.as_bytes().get(4) == Some(&b'-')
                })
            });
            if !is_own {
                return self.opaque(Opaque::Input);
            }
        }
    }

    /// Notes an input.
    pub(super) fn input(&mut self, type_id: &str, reach: Reach) {
        let Reach {
            hosts,
            buckets,
            paths,
            is_odd,
        } = reach;
        let input = Input {
            type_id: type_id.to_owned(),
            hosts: hosts.into_iter().collect(),
            buckets: buckets.into_iter().collect(),
            paths: paths.into_iter().collect(),
            is_told: !is_odd,
        };
        if self.inputs.len() == MOST_INPUTS {
            self.opaque(Opaque::Input);
        } else if !self.inputs.contains(&input) {
            self.inputs.push(input);
        }
    }
}

fn type_of(node: Node<'_>) -> Option<String> {
    let type_id = node.get("type")?.as_str()?;
    Some(type_id.into_owned())
}

/// A list of texts; Jackson takes a single text for a list too.
fn texts(node: Option<Node<'_>>, is_odd: &mut bool) -> Vec<String> {
    let Some(node) = node.filter(|node| !node.is_null()) else {
        return Vec::new();
    };
    let mut text = |node: Node<'_>| {
        let text = node.as_str();
        *is_odd |= text.is_none();
        text.map(|text| text.into_owned())
    };
    match node.kind() {
        Kind::Array => node.elements().filter_map(text).collect(),
        _ => text(node).into_iter().collect(),
    }
}

/// A bucket's object or its prefix: `uris`, `prefixes` and `objects`. `depth` is how many parts of
/// an address are the bucket: of `azureStorage` the account and the container.
fn bucket(node: Node<'_>, reach: &mut Reach, schemes: &[&str], depth: usize) {
    for (key, is_prefix) in [("uris", false), ("prefixes", true)] {
        for uri in texts(node.get(key), &mut reach.is_odd) {
            match object(&uri, schemes, depth) {
                Some((bucket, path)) => {
                    reach.buckets.insert(bucket);
                    reach.path(path, is_prefix);
                }
                None => reach.is_odd = true,
            }
        }
    }
    let objects = node.get("objects").filter(|list| !list.is_null());
    for entry in objects.into_iter().flat_map(Node::elements) {
        let text = |key| entry.get(key).and_then(Node::as_str);
        let (Some(name), Some(path)) = (text("bucket"), text("path")) else {
            reach.is_odd = true;
            continue;
        };
        let whole = format!("{}://{name}/{path}", schemes.first().unwrap_or(&"s3"));
        match object(&whole, schemes, depth) {
            Some((bucket, path)) => {
                reach.buckets.insert(bucket);
                reach.path(path, false);
            }
            None => reach.is_odd = true,
        }
    }
    reach.is_odd |= reach.buckets.is_empty();
    // Where S3 is asked for instead of at AWS, and by way of whom.
    named_host(node.at(&["endpointConfig", "url"]), reach);
    if let Some(proxy) = node.get("proxyConfig").filter(|value| !value.is_null()) {
        match proxy.get("host").filter(|host| !host.is_null()) {
            Some(host) => named_host(Some(host), reach),
            None => reach.is_odd = true,
        }
    }
}

fn named_host(node: Option<Node<'_>>, reach: &mut Reach) {
    let Some(node) = node.filter(|value| !value.is_null()) else {
        return;
    };
    match node.as_str().and_then(|text| host_of(&text)) {
        Some(host) => reach.host(host),
        None => reach.is_odd = true,
    }
}

/// `paths`: one text with commas, or a list.
fn hdfs(node: Node<'_>, reach: &mut Reach) {
    let mut has_default = false;
    for text in texts(node.get("paths"), &mut reach.is_odd) {
        for path in text.split(',') {
            // Hadoop expands some of these, and to its paths `?` and `#` are letters like any other; an
            // empty one is the working directory.
            if path.trim().is_empty()
                || path.contains(['{', '}', '\\', '[', ']', '?', '#', '@', '%'])
            {
                reach.is_odd = true;
                continue;
            }
            let path = path.trim();
            if let Some(at) = address(path) {
                reach.is_odd |= at.scheme != "hdfs";
                reach.host(at.host);
                reach.path(at.path, false);
            } else if path.starts_with('/') && !path.starts_with("//") {
                has_default = true;
                reach.path(path, false);
            } else {
                reach.is_odd = true;
            }
        }
    }
    // A path without a host is at the cluster's own, which no list of hosts names.
    reach.is_odd |= has_default && !reach.hosts.is_empty();
}

fn local(node: Node<'_>, reach: &mut Reach) {
    let folder = node.get("baseDir").filter(|value| !value.is_null());
    for path in [folder, node.get("files")] {
        for path in texts(path, &mut reach.is_odd) {
            // Jackson cuts blanks off.
            reach.is_odd |= path.trim_matches(|character: char| character <= ' ') != path;
            reach.path(path, false);
        }
    }
}

/// `jdbc:mysql://host[:port]/database`, with one host and nothing that loads or sends.
fn sql(node: Node<'_>, reach: &mut Reach) {
    const PROPERTIES: [&str; 4] = ["useSSL", "requireSSL", "ssl", "sslmode"];
    let config = node.at(&["database", "connectorConfig"]);
    let uri = config.and_then(|config| config.get("connectURI"));
    let uri = uri.and_then(Node::as_str).unwrap_or_default();
    let at = uri.strip_prefix("jdbc:").and_then(address);
    match at {
        Some(at) if matches!(at.scheme, "mysql" | "mariadb" | "postgresql") => {
            reach.host(at.host);
        }
        _ => reach.is_odd = true,
    }
    let query = uri.split_once('?').map_or("", |(_, query)| query);
    let names = query.split('&').filter(|pair| !pair.is_empty());
    let name = |pair: &str| PROPERTIES.contains(&pair.split('=').next().unwrap_or_default());
    reach.is_odd |= !names.clone().all(name) || uri.contains(['#', ';']);
    let is_there = |node: Option<Node<'_>>| node.is_some_and(|value| !value.is_null());
    reach.is_odd |= is_there(config.and_then(|config| config.get("dbcp")));
    reach.is_odd |= is_there(node.at(&["database", "driverClassName"]));
}
