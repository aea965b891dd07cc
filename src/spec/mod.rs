//! What a submitted body says: its type, its id, and every datasource it reads or writes.
//!
//! Reading goes on past what is broken and collects findings; a [`Spec`] exists only if nothing
//! that decides authorization is in doubt. Druid's own check covers a task's destination alone:
//! who may write one datasource can read all others through an input source (run on 28.0.0).

mod address;
mod effects;
mod formats;
mod inputs;
mod kinds;
mod query;
mod slots;
mod sql;
mod stored;
mod streams;
mod walk;
mod within;

pub use effects::{Effects, Input, Opaque, Place};
pub use kinds::{kind_named, types};
pub use stored::{owner_in, stored_owner};
pub use within::{Within, kind_of, mentions_druid, specs_in};

use self::walk::Reads;
use crate::druid::{DataSource, SupervisorId, TaskId};
use crate::finding::{Code, Finding, MOST, quote};
use crate::json::{Document, Kind, Node};
use crate::route::SpecKind;

/// A body that was understood as far as authorization needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spec {
    /// Task, supervisor or sampler.
    pub kind: SpecKind,
    /// The `type`.
    pub type_id: String,
    /// The id that it gives itself, or that Druid will derive from it.
    pub id: SpecId,
    /// What it does.
    pub effects: Effects,
}

/// The id of what is submitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SpecId {
    /// A task's; `None`: Druid makes one.
    Task(Option<TaskId>),
    /// A supervisor's: every id under which some version of Druid would store it.
    Supervisor(Vec<SupervisorId>),
    /// A sampler has none.
    None,
}

impl Spec {
    /// Reads a document as a spec of that kind.
    ///
    /// # Errors
    /// What is wrong, at most [`MOST`] findings in the document's order.
    pub fn read(document: &Document, kind: SpecKind) -> Result<Spec, Vec<Finding>> {
        let mut reader = Reader::default();
        let spec = reader.spec(document.root(), kind);
        match spec {
            Some(spec) if reader.findings.is_empty() => Ok(spec),
            Some(_) | None => Err(reader.into_findings()),
        }
    }
}

/// What is dangerous wherever it stands in a body of Druid's, spec or not: objects in disguise and
/// context keys that reach a JVM. A compaction configuration (`taskContext`) is such a body; at most
/// [`MOST`] findings.
pub fn hazards(document: &Document) -> Vec<Finding> {
    let mut reader = Reader::default();
    if walk::is_wrapper(document.root()) {
        reader.wrapper(document.root());
    }
    reader.walk(document.root(), &[]);
    reader.into_findings()
}

/// Collects findings while it reads.
#[derive(Default)]
struct Reader {
    findings: Vec<Finding>,
    reads: Reads,
    inputs: Vec<Input>,
    opaque: Option<Opaque>,
}

impl Reader {
    fn spec(&mut self, root: Node<'_>, kind: SpecKind) -> Option<Spec> {
        if root.kind() != Kind::Object {
            if walk::is_wrapper(root) {
                self.wrapper(root);
            } else {
                let message = format!("A {} is an object, not {}", noun(kind), root.kind().name());
                self.report(Finding::new(Code::WrongType, root, message));
            }
            return None;
        }
        let Some(type_id) = self.type_of(root, kind) else {
            // What is dangerous anywhere is told all the same.
            self.walk(root, &[]);
            return None;
        };
        let mut effects = self.effects(root, kind, &type_id);
        let id = match kind {
            SpecKind::Task => SpecId::Task(self.task_id(root)),
            SpecKind::Supervisor => {
                SpecId::Supervisor(self.supervisor_ids(root, &type_id, &effects))
            }
            SpecKind::Sampler => SpecId::None,
        };
        self.opaque = self.opaque.or(effects.opaque);
        // Last: the findings above are few, those of the walk as many as the body wants.
        self.walk(root, &effects.writes);
        effects.reads = std::mem::take(&mut self.reads.list);
        effects.inputs = std::mem::take(&mut self.inputs);
        effects.opaque = self.opaque;
        Some(Spec {
            kind,
            type_id,
            id,
            effects,
        })
    }

    /// Notes that not all can be told.
    fn opaque(&mut self, why: Opaque) {
        self.opaque.get_or_insert(why);
    }

    /// What was found, in the document's order.
    fn into_findings(self) -> Vec<Finding> {
        let mut findings = self.findings;
        findings.sort_by_key(|finding| (finding.line, finding.column));
        findings
    }

    /// Are there as many findings as anybody will see? To make one takes a look at the whole
    /// document (its pointer): who can find thousands asks first.
    fn is_full(&self) -> bool {
        self.findings.len() >= MOST
    }

    /// Notes a finding, if there is room.
    fn report(&mut self, finding: Finding) {
        if !self.is_full() {
            self.findings.push(finding);
        }
    }

    fn type_of(&mut self, root: Node<'_>, kind: SpecKind) -> Option<String> {
        let Some(node) = root.get("type") else {
            let message = format!("A {} needs a `type`", noun(kind));
            self.report(
                Finding::new(Code::MissingField, root, message).effect("Druid answers 400"),
            );
            return None;
        };
        match node.as_str() {
            Some(text)
                if !text.is_empty() && text.len() <= 200 && !text.contains(char::is_control) =>
            {
                Some(text.into_owned())
            }
            Some(_) => {
                let message = "`type` is empty, longer than 200 bytes or has control characters";
                self.report(Finding::new(Code::InvalidName, node, message));
                None
            }
            None => {
                let message = format!("`type` is a string, not {}", node.kind().name());
                self.report(Finding::new(Code::WrongType, node, message));
                None
            }
        }
    }

    /// A name that decides something: a plain string that keeps the rule for names.
    fn name<T: std::str::FromStr<Err = crate::druid::InvalidName>>(
        &mut self,
        node: Node<'_>,
        what: &str,
    ) -> Option<T> {
        let Some(text) = node.as_str() else {
            let message = format!("{what} is a string, not {}", node.kind().name());
            let finding = Finding::new(Code::WrongType, node, message);
            self.report(finding.effect("Druid would take a number or a boolean as its text"));
            return None;
        };
        match text.parse() {
            Ok(name) => Some(name),
            Err(error) => {
                let message = format!("{what} cannot be {}: {error}", quote(&text));
                self.report(Finding::new(Code::InvalidName, node, message));
                None
            }
        }
    }

    /// A datasource that must be there.
    fn required_datasource(&mut self, holder: Node<'_>, keys: &[&str]) -> Option<DataSource> {
        match holder.at(keys) {
            Some(node) if !node.is_null() => self.name(node, "A datasource"),
            Some(_) | None => {
                // Points at the deepest object that is there.
                let mut deepest = holder;
                for key in keys {
                    match deepest.get(key) {
                        Some(node) if node.kind() == Kind::Object => deepest = node,
                        Some(node) if !node.is_null() => {
                            let message =
                                format!("`{key}` is an object, not {}", node.kind().name());
                            self.report(Finding::new(Code::WrongType, node, message));
                            return None;
                        }
                        Some(_) | None => break,
                    }
                }
                let message = format!("The datasource is missing: `{}`", keys.join("."));
                self.report(
                    Finding::new(Code::MissingField, deepest, message).effect("Druid answers 400"),
                );
                None
            }
        }
    }

    fn task_id(&mut self, root: Node<'_>) -> Option<TaskId> {
        let node = root.get("id").filter(|node| !node.is_null())?;
        self.name(node, "A task's id")
    }
}

fn noun(kind: SpecKind) -> &'static str {
    match kind {
        SpecKind::Task => "task",
        SpecKind::Supervisor => "supervisor spec",
        SpecKind::Sampler => "sampler spec",
    }
}

#[cfg(test)]
mod tests;
