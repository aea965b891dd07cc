//! One walk over the whole body for what is dangerous wherever it stands: objects in disguise, and
//! context keys that reach a JVM.
//!
//! Jackson reads `["kill", {…}]` as a `kill` task wherever a polymorphic type without a default is
//! expected (`AsPropertyTypeDeserializer`; run on Druid 28.0.0): the body, `ioConfig`,
//! `inputSource`, `delegates` and many more. Whoever looks for objects sees nothing of what is
//! inside, so such an array is refused wherever an object with a type can stand: everywhere but as
//! the value of a field that Druid declares as a list, and inside its free maps. To name the places
//! where it may not stand is safe against fields that nobody thought of; to name those where it can
//! stand (50 families, more with each extension) would not be.

use std::collections::HashSet;

use super::Reader;
use super::effects::Opaque;
use crate::druid::DataSource;
use crate::finding::{Code, Finding, MASK_WORDS, quote};
use crate::json::{Elements, Entries, Kind, Node};

/// Fields that Druid reads as lists, whose elements may be strings or objects: a dimension, a
/// flattened field or a column may be written as its name. The list itself is not polymorphic.
const LISTS: [&str; 6] = [
    "dataSources",
    "dimensions",
    "dimensionExclusions",
    "fields",
    "columns",
    "groupingColumns",
];

/// Fields that Druid reads as free maps: nothing in them is polymorphic.
const FREE_MAPS: [&str; 3] = ["consumerProperties", "properties", "jobProperties"];

/// Free maps that become the context of a task: of the task itself or of a supervisor's, and
/// `taskContext` of a compaction's configuration.
const CONTEXTS: [&str; 2] = ["context", "taskContext"];

/// Input sources and firehoses that read a datasource, by the type that they have.
const READERS: [&str; 2] = ["druid", "ingestSegment"];

/// Hadoop's `inputSpec` of type `dataSource` names its datasource in an object under this key.
const INGESTION_SPEC: &str = "ingestionSpec";

/// More datasources than a spec has ever named; each is authorized and logged.
const MOST_READS: usize = 1_000;

/// What a walk hands down from an object to its values.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The body itself, whose own `dataSource` is its kind's business.
    Root,
    /// Where an object with a type can stand.
    Polymorphic,
    /// The value of one of [`LISTS`].
    List,
    /// The value of [`INGESTION_SPEC`].
    Ingestion,
    /// Inside one of [`FREE_MAPS`].
    Free,
    /// Inside one of [`CONTEXTS`].
    Context,
}

impl Place {
    /// The place of what stands under `key`.
    fn under(self, key: &str) -> Place {
        if CONTEXTS.contains(&key) {
            return Place::Context;
        }
        match self {
            Place::Free | Place::Context => self,
            _ if FREE_MAPS.contains(&key) => Place::Free,
            _ if LISTS.contains(&key) => Place::List,
            _ if key == INGESTION_SPEC => Place::Ingestion,
            Place::Root | Place::Polymorphic | Place::List | Place::Ingestion => Place::Polymorphic,
        }
    }

    /// The place of a list's elements.
    fn inside(self) -> Place {
        match self {
            Place::Free | Place::Context => self,
            Place::Root | Place::Polymorphic | Place::List | Place::Ingestion => Place::Polymorphic,
        }
    }
}

/// What is left to see of an array or object: no more of them at a time than the document is deep.
enum Level<'d> {
    Elements(Elements<'d>, Place),
    Entries(Entries<'d>, Place),
}

impl<'d> Level<'d> {
    fn of(node: Node<'d>, place: Place) -> Level<'d> {
        match node.kind() {
            Kind::Object => Level::Entries(node.entries(), place),
            Kind::Array | Kind::Null | Kind::Boolean | Kind::Number | Kind::String => {
                Level::Elements(node.elements(), place)
            }
        }
    }

    /// The next array or object, its place, and what it is as an input.
    fn next(&mut self) -> Option<(Node<'d>, Place, Option<InputField>)> {
        let holds = |node: Node<'_>| matches!(node.kind(), Kind::Array | Kind::Object);
        match self {
            Level::Elements(elements, place) => elements
                .find(|element| holds(*element))
                .map(|element| (element, place.inside(), None)),
            Level::Entries(entries, place) => {
                let (key, value) = entries.find(|(_, value)| holds(*value))?;
                let key = key.as_str().unwrap_or_default();
                let place = place.under(&key);
                Some((value, place, InputField::of(&key, place)))
            }
        }
    }
}

/// A field that holds an input.
#[derive(Clone, Copy)]
enum InputField {
    InputSource,
    Firehose,
    Format,
}

impl InputField {
    fn of(key: &str, place: Place) -> Option<InputField> {
        match key {
            _ if matches!(place, Place::Free | Place::Context) => None,
            "inputSource" => Some(InputField::InputSource),
            "firehose" => Some(InputField::Firehose),
            "inputFormat" | "parser" => Some(InputField::Format),
            _ => None,
        }
    }
}

/// Datasources in the order in which they stand in the document, each once.
#[derive(Default)]
pub(super) struct Reads {
    pub(super) list: Vec<DataSource>,
    seen: HashSet<DataSource>,
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

    /// Walks the body in the document's order, every node once and without recursion, until there
    /// is room for no more findings. Notes what something in it reads.
    pub(super) fn walk(&mut self, root: Node<'_>, writes: &[DataSource]) {
        if root.raw().contains(MASK_WORDS) {
            self.masks(root);
        }
        let mut levels = vec![Level::of(root, Place::Root)];
        // How many levels are open where a format began, which is read to its end at once.
        let mut format = None;
        while let Some(level) = levels.last_mut() {
            if self.is_full() {
                break;
            }
            let Some((node, place, field)) = level.next() else {
                levels.pop();
                if format.is_some_and(|begun| levels.len() <= begun) {
                    format = None;
                }
                continue;
            };
            self.visit(node, place, writes);
            match field {
                Some(InputField::InputSource) => self.input_source(node),
                Some(InputField::Firehose) => self.firehose(node),
                Some(InputField::Format) if format.is_none() => {
                    format = Some(levels.len());
                    self.format(node);
                }
                Some(InputField::Format) | None => {}
            }
            levels.push(Level::of(node, place));
        }
    }

    /// Tells the secrets that somebody has not seen and would overwrite. The reader bounds the depth.
    fn masks(&mut self, node: Node<'_>) {
        match node.kind() {
            Kind::Object => node.entries().for_each(|(_, value)| self.masks(value)),
            Kind::Array => node.elements().for_each(|element| self.masks(element)),
            Kind::String
                if node.as_str().is_some_and(|text| text.contains(MASK_WORDS))
                    && !self.is_full() =>
            {
                let message = "This is a mask that the gateway has put over a secret";
                // Said of the place and not of the value, which is no secret.
                let finding = Finding::about_key(Code::MaskedSecret, node, message);
                self.report(finding.effect(
                    "Druid would take it for the secret; write the secret itself, or a provider that finds it",
                ));
            }
            Kind::String | Kind::Number | Kind::Boolean | Kind::Null => {}
        }
    }

    fn visit(&mut self, node: Node<'_>, place: Place, writes: &[DataSource]) {
        match place {
            Place::Polymorphic | Place::Ingestion if is_wrapper(node) => self.wrapper(node),
            Place::Context => self.context(node),
            Place::Root | Place::Polymorphic | Place::Ingestion | Place::List | Place::Free => {}
        }
        self.named_datasource(node, place, writes);
    }

    /// Notes the datasource that an object reads.
    ///
    /// What is known to read one must name it by a plain string. Any other object below the body
    /// with a `dataSource` counts too if it has a name there, other than what the spec writes: an
    /// input source of an extension, a segment, a table of a query. To ask for one permission too
    /// many is no harm.
    fn named_datasource(&mut self, node: Node<'_>, place: Place, writes: &[DataSource]) {
        let Some(name) = node.get("dataSource").filter(|name| !name.is_null()) else {
            return;
        };
        let type_id = node.get("type").and_then(Node::as_str);
        let is_reader = place == Place::Ingestion
            || type_id.is_some_and(|type_id| READERS.contains(&&*type_id));
        let datasource = if is_reader {
            self.name::<DataSource>(name, "A datasource")
        } else if matches!(place, Place::Free | Place::Context) {
            None
        } else {
            let datasource = name.as_str().and_then(|name| name.parse().ok());
            datasource.filter(|datasource| !writes.contains(datasource))
        };
        let Some(datasource) = datasource else {
            return;
        };
        // Of a spec that cannot be seen through nobody knows whether it reads or writes it.
        let is_known = is_reader || self.opaque.is_none();
        if is_known && !self.read(datasource) {
            let message = format!("The spec names more than {MOST_READS} datasources");
            self.report(Finding::new(Code::TooManyValues, name, message));
        }
    }

    /// Notes a datasource that is read, once. `false`: there are too many, and not all can be told.
    pub(super) fn read(&mut self, datasource: DataSource) -> bool {
        if self.reads.seen.contains(&datasource) {
            return true;
        }
        if self.reads.list.len() == MOST_READS {
            self.opaque(Opaque::Input);
            return false;
        }
        self.reads.seen.insert(datasource.clone());
        self.reads.list.push(datasource);
        true
    }

    /// Keys that a forking or Kubernetes runner turns into flags and properties of the task's JVM
    /// (`ForkingTaskRunner`): arbitrary code on the worker for whoever may submit.
    fn context(&mut self, context: Node<'_>) {
        for (key, _) in context.entries() {
            let Some(name) = key.as_str() else { continue };
            if name.trim_start().to_ascii_lowercase().starts_with("druid.") {
                if self.is_full() {
                    return;
                }
                let message = format!("{} is not allowed in a context", quote(&name));
                let finding = Finding::about_key(Code::JvmContextKey, key, message);
                self.report(
                    finding.effect("Druid passes it to the task's JVM: it can run any code"),
                );
            }
        }
    }
}
