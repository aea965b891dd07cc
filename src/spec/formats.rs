//! What a format reaches: registries of schemas, descriptors, jars.
//!
//! Up to Druid 34 the Overlord opens a descriptor's address while it reads the spec, before anybody is
//! authorized (`FileBasedProtobufBytesDecoder`); a registry is asked with headers that can come from
//! the environment of the process.

use super::Reader;
use super::address::host_of;
use super::inputs::Reach;
use crate::json::{Kind, Node};

impl Reader {
    /// Reads the value of an `inputFormat` or a `parser`. The reader bounds how deep it nests.
    pub(super) fn format(&mut self, node: Node<'_>) {
        match node.kind() {
            Kind::Object => {
                self.registry(node);
                for (key, value) in node.entries() {
                    match key.as_str().as_deref() {
                        // A name on the class path needs no entry.
                        Some("descriptor") => {
                            let is_name =
                                |text: &str| !text.contains([':', '\\']) && !text.contains("..");
                            if !value.is_null()
                                && !value.as_str().is_some_and(|text| is_name(&text))
                            {
                                self.input("descriptor", Reach::odd());
                            }
                        }
                        Some("jarPath" | "thriftJar") if !value.is_null() => {
                            self.input("jar", Reach::odd());
                        }
                        _ => {}
                    }
                    self.format(value);
                }
            }
            Kind::Array => node.elements().for_each(|element| self.format(element)),
            Kind::Null | Kind::Boolean | Kind::Number | Kind::String => {}
        }
    }

    /// An object with addresses is a registry's, whatever its type.
    fn registry(&mut self, node: Node<'_>) {
        let mut reach = Reach::default();
        let mut is_one = false;
        for key in ["url", "urls"] {
            let Some(value) = node.get(key).filter(|value| !value.is_null()) else {
                continue;
            };
            is_one = true;
            // The client behind it takes several in one text.
            let mut host = |node: Node<'_>| {
                let text = node.as_str().unwrap_or_default();
                for address in text.split(',') {
                    match host_of(address.trim()) {
                        Some(host) => reach.host(host),
                        None => reach.is_odd = true,
                    }
                }
            };
            match value.kind() {
                Kind::Array => value.elements().for_each(host),
                _ => host(value),
            }
        }
        if !is_one {
            return;
        }
        // The client's settings can name a proxy and classes; what is sent along must not come from the
        // environment of the process, nor go to another host by its name.
        for (key, is_harmless) in [
            ("config", is_login as fn(&str) -> bool),
            ("headers", |name| {
                !name.eq_ignore_ascii_case("host") && name != PROVIDER
            }),
        ] {
            let map = node.get(key).filter(|value| !value.is_null());
            for (name, value) in map.into_iter().flat_map(Node::entries) {
                let name = name.as_str().unwrap_or_default();
                reach.is_odd |= !is_harmless(&name) || value.kind() != Kind::String;
            }
        }
        self.input("schema_registry", reach);
    }
}

const PROVIDER: &str = "druid.dynamic.config.provider";

/// Settings of a registry's client that only log it in.
fn is_login(name: &str) -> bool {
    matches!(
        name.strip_prefix("schema.registry.").unwrap_or(name),
        "basic.auth.user.info" | "basic.auth.credentials.source"
    )
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::json::{Document, Limits};

    #[test]
    fn what_formats_reach() {
        for (format, expected) in [
            (r#"{"type":"json"}"#, ""),
            (
                r#"{"type":"protobuf","protoBytesDecoder":{"type":"file","descriptor":"wiki.desc"}}"#,
                "",
            ),
            (
                r#"{"type":"protobuf","protoBytesDecoder":{"type":"file","descriptor":"http://169.254.169.254/"}}"#,
                "descriptor [] false",
            ),
            (
                r#"{"type":"protobuf","descriptor":"file:///etc/passwd"}"#,
                "descriptor [] false",
            ),
            (r#"{"type":"thrift","jarPath":"x.jar"}"#, "jar [] false"),
            (
                r#"{"type":"avro_stream","avroBytesDecoder":{"type":"schema_registry","url":"http://registry.example.com:8081"}}"#,
                r#"schema_registry ["registry.example.com"] true"#,
            ),
            (
                r#"{"type":"avro_stream","avroBytesDecoder":{"type":"schema_registry","urls":["http://a:1","http://b"]}}"#,
                r#"schema_registry ["a", "b"] true"#,
            ),
            (
                r#"{"avroBytesDecoder":{"url":"http://a","headers":{"druid.dynamic.config.provider":{"type":"environment","variables":{"X":"SECRET"}}}}}"#,
                r#"schema_registry ["a"] false"#,
            ),
            (
                r#"{"avroBytesDecoder":{"url":"http://a/,http://169.254.169.254/"}}"#,
                r#"schema_registry ["169.254.169.254", "a"] true"#,
            ),
            (
                r#"{"avroBytesDecoder":{"url":"http://a","config":{"basic.auth.user.info":"u:p"}}}"#,
                r#"schema_registry ["a"] true"#,
            ),
            (
                r#"{"avroBytesDecoder":{"url":"http://a","config":{"proxy.host":"evil"}}}"#,
                r#"schema_registry ["a"] false"#,
            ),
            (
                r#"{"avroBytesDecoder":{"url":"http://a","headers":{"Host":"evil"}}}"#,
                r#"schema_registry ["a"] false"#,
            ),
            (
                r#"{"avroBytesDecoder":{"type":"schema_repo","schemaRepository":{"type":"avro_1124_rest_client","url":"http://a/"}}}"#,
                r#"schema_registry ["a"] true"#,
            ),
            (
                r#"{"type":"kafka","valueFormat":{"type":"avro_stream","avroBytesDecoder":{"url":"http://a"}}}"#,
                r#"schema_registry ["a"] true"#,
            ),
        ] {
            let document = Document::read(Bytes::from(format), &Limits::default()).expect("JSON");
            let mut reader = Reader::default();
            reader.format(document.root());
            let told: Vec<_> = reader
                .inputs
                .iter()
                .map(|input| format!("{} {:?} {}", input.type_id, input.hosts, input.is_told))
                .collect();
            assert_eq!(told.join("; "), expected, "{format}");
        }
    }
}
