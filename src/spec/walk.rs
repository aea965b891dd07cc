//! One walk over the whole body for what is dangerous wherever it stands: objects in disguise, and
//! context keys that reach a JVM.
//!
//! Jackson reads `["kill", {…}]` as a `kill` task wherever a polymorphic type without a default is
//! expected (`AsPropertyTypeDeserializer`; run on Druid 28.0.0): the body, `ioConfig`,
//! `inputSource`, `delegates` and many more. Whoever looks for objects sees nothing of what is
//! inside, so such an array is refused wherever an object with a type can stand.

use super::Reader;
use crate::druid::DataSource;
use crate::finding::{Code, Finding, quote};
use crate::json::{Kind, Node};

/// Fields that Druid reads as lists, whose elements may be strings or objects: a dimension, a
/// flattened field or a column may be written as its name. The list itself is not polymorphic.
const LISTS: [&str; 4] = ["dimensions", "dimensionExclusions", "fields", "columns"];

/// Fields that Druid reads as free maps: nothing in them is polymorphic.
const FREE_MAPS: [&str; 3] = ["consumerProperties", "properties", "jobProperties"];

/// Input sources, firehoses and the like that read a datasource, by the type that they have.
const READERS: [&str; 2] = ["druid", "ingestSegment"];

/// What a walk hands down from an object to its values.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Where an object with a type can stand.
    Polymorphic,
    /// The value of one of [`LISTS`].
    List,
    /// Inside one of [`FREE_MAPS`].
    Free,
}

/// Is this an array of a string and an object, and nothing else?
pub(super) fn is_wrapper(node: Node<'_>) -> bool {
    let mut elements = node.elements();
    matches!(
        (
            elements.next().map(Node::kind),
            elements.next().map(Node::kind)
        ),
        (Some(Kind::String), Some(Kind::Object))
    )
}

impl Reader {
    pub(super) fn wrapper(&mut self, node: Node<'_>) {
        let message = "An object is written here as an array of its type and its fields";
        let finding = Finding::new(Code::WrapperArray, node, message);
        self.report(finding.effect("Druid reads it as the object; write `{\"type\": …}`"));
    }

    /// Walks the body, every node once and without recursion. Returns the datasources that
    /// something in it reads.
    pub(super) fn walk(&mut self, root: Node<'_>) -> Vec<DataSource> {
        let mut reads = Vec::new();
        let mut stack = vec![(root, Place::Polymorphic)];
        while let Some((node, place)) = stack.pop() {
            match node.kind() {
                Kind::Object => {
                    self.reader(node, &mut reads);
                    for (key, value) in node.entries() {
                        let Some(key) = key.as_str() else { continue };
                        if key == "context" {
                            self.context(value);
                        }
                        if matches!(value.kind(), Kind::Object | Kind::Array) {
                            stack.push((value, below(place, &key)));
                        }
                    }
                }
                Kind::Array => {
                    if place == Place::Polymorphic && is_wrapper(node) {
                        self.wrapper(node);
                    }
                    let inner = if place == Place::Free {
                        Place::Free
                    } else {
                        Place::Polymorphic
                    };
                    let nested = node
                        .elements()
                        .filter(|element| matches!(element.kind(), Kind::Object | Kind::Array));
                    stack.extend(nested.map(|element| (element, inner)));
                }
                Kind::Null | Kind::Boolean | Kind::Number | Kind::String => {}
            }
        }
        reads
    }

    /// Notes the datasource that an object reads, if it is an object that reads one.
    fn reader(&mut self, node: Node<'_>, reads: &mut Vec<DataSource>) {
        let type_id = node.get("type").and_then(Node::as_str);
        let is_reader = type_id.is_some_and(|type_id| READERS.contains(&&*type_id));
        // Hadoop's `inputSpec` of type `dataSource` keeps it one level deeper.
        let holder = if is_reader {
            Some(node)
        } else {
            node.get("ingestionSpec")
        };
        let name = holder
            .filter(|holder| holder.kind() == Kind::Object)
            .and_then(|holder| holder.get("dataSource"))
            .filter(|name| !name.is_null());
        if let Some(name) = name
            && let Some(datasource) = self.name::<DataSource>(name, "A datasource")
            && !reads.contains(&datasource)
        {
            reads.push(datasource);
        }
    }

    /// Keys that a forking or Kubernetes runner turns into flags and properties of the task's JVM
    /// (`ForkingTaskRunner`): arbitrary code on the worker for whoever may submit.
    fn context(&mut self, context: Node<'_>) {
        for (key, _) in context.entries() {
            let Some(name) = key.as_str() else { continue };
            if name.trim_start().to_ascii_lowercase().starts_with("druid.") {
                let message = format!("{} is not allowed in a context", quote(&name));
                let finding = Finding::about_key(Code::JvmContextKey, key, message);
                self.report(
                    finding.effect("Druid passes it to the task's JVM: it can run any code"),
                );
            }
        }
    }
}

fn below(place: Place, key: &str) -> Place {
    if place == Place::Free || FREE_MAPS.contains(&key) {
        Place::Free
    } else if LISTS.contains(&key) {
        Place::List
    } else {
        Place::Polymorphic
    }
}
