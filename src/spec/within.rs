//! Specs in a document that nobody has said to be one: a file of a repository, an answer of Druid
//! that was kept.

use super::kinds::{STREAMS, kind_named};
use crate::json::{Kind, Node};
use crate::route::SpecKind;

/// A spec in a document.
#[derive(Debug, Clone)]
pub struct Within<'d> {
    /// The spec.
    pub node: Node<'d>,
    /// Where it stands: a JSON Pointer. [`Node::pointer`] walks from the root, which is too long a
    /// way for each of 20,000 specs.
    pub pointer: String,
    /// What it is.
    pub kind: SpecKind,
}

/// The parts of a spec that tell it from any other object.
const PARTS: [&str; 4] = ["dataSchema", "ioConfig", "tuningConfig", "dataSource"];

/// The specs in a document, in its order: the document itself, or those of an answer of Druid (a
/// task's payload, supervisors, their histories) or of a list. Empty: it is something else.
pub fn specs_in<'d>(root: Node<'d>, asked: Option<SpecKind>) -> Vec<Within<'d>> {
    let one = |pointer: String, node| {
        let (below, node) = spec_of(node)?;
        Some(Within {
            node,
            pointer: format!("{pointer}{below}"),
            kind: asked.unwrap_or_else(|| kind_of(node)),
        })
    };
    let all = |pointer: &str, list: Node<'d>| -> Vec<Within<'d>> {
        let elements = list.elements().enumerate();
        let found = elements.filter_map(|(index, node)| one(format!("{pointer}/{index}"), node));
        found.collect()
    };
    match root.kind() {
        Kind::Object => match one(String::new(), root) {
            Some(spec) => vec![spec],
            // `GET /supervisor/history`: a list under each id.
            None => {
                let versions = root.entries().flat_map(|(key, versions)| {
                    let id = key.as_str().unwrap_or_default();
                    let id = id.replace('~', "~0").replace('/', "~1");
                    all(&format!("/{id}"), versions)
                });
                versions.collect()
            }
        },
        Kind::Array => all("", root),
        Kind::Null | Kind::Boolean | Kind::Number | Kind::String => Vec::new(),
    }
}

/// What an object is, by its type or, where that says nothing, by what a stream has. What could be
/// either is a task.
pub fn kind_of(node: Node<'_>) -> SpecKind {
    if node.get("samplerConfig").is_some() {
        return SpecKind::Sampler;
    }
    let type_id = node.get("type").and_then(Node::as_str);
    if let Some(kind) = type_id.as_deref().and_then(kind_named) {
        return kind;
    }
    let io_config = [&["spec", "ioConfig"][..], &["ioConfig"]];
    let of_stream = ["topic", "topicPattern", "stream", "consumerProperties"];
    let is_stream = io_config
        .iter()
        .filter_map(|keys| node.at(keys))
        .any(|config| of_stream.iter().any(|key| config.get(key).is_some()));
    if is_stream {
        SpecKind::Supervisor
    } else {
        SpecKind::Task
    }
}

/// Does a text that cannot be read hold a word of a spec?
pub fn mentions_druid(text: &[u8]) -> bool {
    let mut words = PARTS.iter().map(|part| part.as_bytes());
    words.any(|word| text.windows(word.len()).any(|window| window == word))
}

/// The spec that an object is, or wraps, and the way to it.
fn spec_of(node: Node<'_>) -> Option<(&'static str, Node<'_>)> {
    if let (Some(task), Some(payload)) = (node.get("task"), node.get("payload")) {
        // `GET /task/{id}`
        let wraps = task.kind() == Kind::String && payload.kind() == Kind::Object;
        return wraps.then_some(("/payload", payload));
    }
    let spec = node
        .get("spec")
        .filter(|spec| spec.kind() == Kind::Object && spec.get("type").is_some());
    if let Some(spec) = spec {
        // A supervisor's row in a list or a history; a spec of the old form has its type outside.
        let is_row = node.get("type").is_none() || node.get("state").is_some();
        let named = node.get("id").is_some() || node.get("version").is_some();
        let type_id = spec.get("type").and_then(Node::as_str);
        let known = type_id.and_then(|id| kind_named(&id)) == Some(SpecKind::Supervisor);
        if is_row && (named && known || is_spec(spec)) {
            return Some(("/spec", spec));
        }
    }
    is_spec(node).then_some(("", node))
}

/// Is it meant as a spec? Many files have a `type`, and Kubernetes has a `spec`.
fn is_spec(node: Node<'_>) -> bool {
    let has_part = |node: Node<'_>| PARTS.iter().any(|part| node.get(part).is_some());
    let type_id = node.get("type").and_then(Node::as_str);
    let known = type_id.as_deref().is_some_and(|id| {
        // These are words of other files too.
        let alone = !STREAMS.contains(&id) && id != "index";
        kind_named(id).is_some() && (alone || has_part(node) || node.get("spec").is_some())
    });
    let of_parts = node.get("dataSchema").is_some() && node.get("ioConfig").is_some();
    let holds_parts = node
        .get("spec")
        .is_some_and(|spec| spec.kind() == Kind::Object && has_part(spec));
    known || of_parts || holds_parts || type_id.is_some() && node.get("dataSource").is_some()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::json::{Document, Limits};

    #[test]
    fn specs_are_found_where_druid_and_people_put_them() {
        use SpecKind::{Sampler, Supervisor, Task};
        for (text, expected) in [
            (r#"{"type":"noop"}"#, &[("", Task)][..]),
            (r#"{"type":"kafka","spec":{}}"#, &[("", Supervisor)]),
            (
                r#"{"type":"index","spec":{},"samplerConfig":{}}"#,
                &[("", Sampler)],
            ),
            (r#"{"type":"acme","dataSource":"a"}"#, &[("", Task)]),
            (
                r#"{"type":"kafkaa","spec":{"ioConfig":{"topic":"a"}}}"#,
                &[("", Supervisor)],
            ),
            (r#"{"spec":{"dataSchema":{}}}"#, &[("", Task)]),
            (
                r#"{"dataSchema":{},"ioConfig":{"stream":"a"}}"#,
                &[("", Supervisor)],
            ),
            (
                r#"{"task":"a","payload":{"type":"noop"}}"#,
                &[("/payload", Task)],
            ),
            (
                r#"{"task":"a","payload":{"type":"acme"}}"#,
                &[("/payload", Task)],
            ),
            (
                r#"[{"id":"a","spec":{"type":"kafka"}},{"id":"b","state":"RUNNING","type":"kafka","spec":{"type":"kinesis","ioConfig":{}}}]"#,
                &[("/0/spec", Supervisor), ("/1/spec", Supervisor)],
            ),
            (
                r#"[{"spec":{"type":"NoopSupervisorSpec","id":null},"version":"2020"}]"#,
                &[("/0/spec", Supervisor)],
            ),
            (
                r#"{"a/b":[{"spec":{"type":"kafka","dataSchema":{}},"version":"1"}],"b":[5,{"version":"2","spec":{"type":"autocompact"}}]}"#,
                &[("/a~1b/0/spec", Supervisor), ("/b/1/spec", Supervisor)],
            ),
            (
                r#"[{"type":"noop"},{"type":"compact"}]"#,
                &[("/0", Task), ("/1", Task)],
            ),
            (r#"[{"type":"noop"},{"name":"a"},5]"#, &[("/0", Task)]),
            // Other people's files.
            (r#"{"name":"a","version":"1.0.0","type":"module"}"#, &[]),
            (r#"{"type":"object","properties":{}}"#, &[]),
            (r#"{"type":"kafka","servers":["a"]}"#, &[]),
            (r#"{"type":"index"}"#, &[]),
            (r#"{"spec":{"type":"kafka"}}"#, &[]),
            (
                r#"{"apiVersion":"v1","kind":"Pod","spec":{"containers":[]}}"#,
                &[],
            ),
            (
                r#"{"apiVersion":"v1","spec":{"type":"ClusterIP","ports":[]}}"#,
                &[],
            ),
            (r#"{"compilerOptions":{}}"#, &[]),
            (r#"["noop",{}]"#, &[]),
            ("[]", &[]),
            ("{}", &[]),
            ("5", &[]),
        ] {
            let document = Document::read(Bytes::from(text), &Limits::default()).expect(text);
            let found: Vec<(String, SpecKind)> = specs_in(document.root(), None)
                .iter()
                .map(|within| {
                    assert_eq!(within.pointer, within.node.pointer(), "{text}");
                    (within.pointer.clone(), within.kind)
                })
                .collect();
            let found: Vec<_> = found
                .iter()
                .map(|(at, kind)| (at.as_str(), *kind))
                .collect();
            assert_eq!(found, expected, "{text}");
            let asked = specs_in(document.root(), Some(Supervisor));
            assert!(
                asked.iter().all(|within| within.kind == Supervisor),
                "{text}"
            );
            assert_eq!(asked.len(), expected.len(), "{text}");
        }
    }

    #[test]
    fn a_broken_text_is_known_by_its_words() {
        assert!(mentions_druid(
            br#"{"type": "index_parallel", "dataSchema": {"#
        ));
        assert!(!mentions_druid(br#"{"compilerOptions": { // a comment"#));
        assert!(!mentions_druid(b""));
    }
}
