//! One row of the table: what an endpoint is, and which paths are its own.

use super::operation::{Action, BodyUse, Class, Disclosure, Operation, Origin, Repeat, Who};
use super::{Segment, Subject};
use crate::druid::{DataSource, DruidVersion, InvalidName};

/// One endpoint.
#[derive(Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// `GET`, `POST` or `DELETE`.
    pub method: &'static str,
    /// Below the prefix; `{task}`, `{supervisor}`, `{datasource}`, `{segment}`, `{worker}` stand
    /// for one segment.
    pub template: &'static str,
    /// What it does.
    pub operation: Operation,
    /// What a grant must allow.
    pub action: Action,
    /// Where its datasources are found.
    pub origin: Origin,
    /// Who may use it if it has none.
    pub who: Who,
    /// How much it matters under load.
    pub class: Class,
    /// What becomes of the body.
    pub body: BodyUse,
    /// May it be sent again after its answer was cut?
    pub repeat: Repeat,
    /// The first major release that has it.
    pub since: u16,
    /// The last one.
    pub until: Option<u16>,
    /// What becomes of the answer.
    pub disclosure: Disclosure,
    /// The query's keys.
    pub query: &'static [&'static str],
    /// A short answer about a state, which many clients ask for again and again: one question may
    /// answer all of them.
    pub is_shared: bool,
}

/// What may look different after a request was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changes {
    /// Nothing.
    Nothing,
    /// One task's status, and the lists that it stands in.
    Task,
    /// Whatever there is.
    Anything,
}

pub(super) const fn get(template: &'static str, operation: Operation, origin: Origin) -> Endpoint {
    Endpoint {
        method: "GET",
        template,
        operation,
        action: Action::Read,
        origin,
        who: Who::ClusterWide,
        // What nobody has thought about is large.
        class: Class::Listing,
        body: BodyUse::Ignored,
        repeat: Repeat::Yes,
        since: 25,
        until: None,
        disclosure: Disclosure::Whole,
        query: &[],
        is_shared: false,
    }
}

pub(super) const fn post(
    template: &'static str,
    operation: Operation,
    origin: Origin,
    action: Action,
) -> Endpoint {
    let mut endpoint = get(template, operation, origin);
    endpoint.method = "POST";
    endpoint.action = action;
    endpoint.class = match action {
        Action::Read | Action::ReadSecrets => Class::Listing,
        Action::Submit => Class::Submission,
        Action::Shutdown | Action::Manage | Action::Admin | Action::Blocked => Class::Change,
    };
    endpoint.repeat = Repeat::No;
    endpoint
}

pub(super) const fn delete(
    template: &'static str,
    operation: Operation,
    origin: Origin,
) -> Endpoint {
    let mut endpoint = post(template, operation, origin, Action::Manage);
    endpoint.method = "DELETE";
    endpoint
}

/// A POST that changes what a datasource runs or keeps.
pub(super) const fn manage(
    template: &'static str,
    operation: Operation,
    origin: Origin,
) -> Endpoint {
    post(template, operation, origin, Action::Manage)
}

/// A POST that changes the cluster.
pub(super) const fn admin(template: &'static str, operation: Operation) -> Endpoint {
    post(template, operation, Origin::None, Action::Admin)
}

impl Endpoint {
    pub(super) const fn body(mut self, body: BodyUse) -> Endpoint {
        self.body = body;
        self
    }

    pub(super) const fn reads(mut self, disclosure: Disclosure) -> Endpoint {
        self.disclosure = disclosure;
        self
    }

    pub(super) const fn query(mut self, query: &'static [&'static str]) -> Endpoint {
        self.query = query;
        self
    }

    pub(super) const fn shared(mut self) -> Endpoint {
        self.is_shared = true;
        self
    }

    pub(super) const fn repeat(mut self, repeat: Repeat) -> Endpoint {
        self.repeat = repeat;
        self
    }

    pub(super) const fn class(mut self, class: Class) -> Endpoint {
        self.class = class;
        self
    }

    pub(super) const fn since(mut self, major: u16) -> Endpoint {
        self.since = major;
        self
    }

    pub(super) const fn until(mut self, major: u16) -> Endpoint {
        self.until = Some(major);
        self
    }

    pub(super) const fn anybody(mut self) -> Endpoint {
        self.who = Who::Anybody;
        self
    }

    /// Does this release of Druid have the endpoint?
    pub fn is_in(&self, version: DruidVersion) -> bool {
        version.major() >= self.since && self.until.is_none_or(|last| version.major() <= last)
    }

    /// Is it about the cluster as a whole, so that only a grant on every datasource will do?
    pub fn is_cluster_wide(&self) -> bool {
        match (self.origin, self.who) {
            (Origin::None, Who::ClusterWide) => true,
            (Origin::None, Who::Anybody)
            | (
                Origin::Path
                | Origin::Body
                | Origin::Query
                | Origin::Task
                | Origin::Supervisor
                | Origin::Response,
                Who::ClusterWide | Who::Anybody,
            ) => false,
        }
    }

    /// What may look different after it was answered.
    pub fn changes(&self) -> Changes {
        match (self.action, self.operation) {
            (Action::Read, _) => Changes::Nothing,
            // Both are questions that take a spec.
            (_, Operation::Sample | Operation::SimulateCompaction) => Changes::Nothing,
            (_, Operation::SubmitTask | Operation::ShutdownTask) => Changes::Task,
            _ => Changes::Anything,
        }
    }

    /// Submissions can be asked about without being made.
    pub fn takes_dry_run(&self) -> bool {
        matches!(
            self.operation,
            Operation::SubmitTask | Operation::SubmitSupervisor
        )
    }
}

/// An endpoint with its template in parts.
pub(super) struct Row {
    pub(super) endpoint: &'static Endpoint,
    parts: Vec<&'static str>,
}

impl Row {
    /// The endpoints of a table, in its order, by the number of their parts.
    pub(super) fn by_length(endpoints: &'static [Endpoint]) -> Vec<Vec<Row>> {
        let mut rows = Vec::new();
        for endpoint in endpoints {
            let parts: Vec<&str> = endpoint.template.split('/').skip(1).collect();
            if rows.len() <= parts.len() {
                rows.resize_with(parts.len() + 1, Vec::new);
            }
            rows[parts.len()].push(Row { endpoint, parts });
        }
        rows
    }

    /// What the path names.
    pub(super) fn subject(&self, segments: &[Segment<'_>]) -> Result<Subject, InvalidName> {
        let mut subject = Subject::None;
        for (part, (text, _)) in self.parts.iter().zip(segments) {
            match *part {
                "{task}" => subject = Subject::Task(text.parse()?),
                "{supervisor}" => subject = Subject::Supervisor(text.parse()?),
                "{datasource}" => subject = Subject::DataSource(text.parse()?),
                // Addresses and segments' ids have no type of their own. Both are names: an id
                // begins with its datasource's, and Druid stores it in as many characters.
                "{worker}" => {
                    let name: DataSource = text.parse()?;
                    subject = Subject::Worker(name.to_string());
                }
                "{segment}" => {
                    let _: DataSource = text.parse()?;
                }
                _ => {}
            }
        }
        Ok(subject)
    }

    /// Does the template fit a path that has as many parts?
    pub(super) fn fit(&self, segments: &[Segment<'_>]) -> Option<Fit> {
        let mut fit = Fit {
            literals: 0,
            is_disguised: false,
        };
        for (part, (text, plain)) in self.parts.iter().zip(segments) {
            if part.starts_with('{') {
                continue;
            }
            if part != text {
                return None;
            }
            fit.literals += 1;
            fit.is_disguised |= !plain;
        }
        Some(fit)
    }
}

/// How a template fits a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fit {
    /// Segments that are literals of the template.
    pub(super) literals: usize,
    /// One of them was spelled with an escape.
    pub(super) is_disguised: bool,
}
