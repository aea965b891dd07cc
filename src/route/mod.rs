//! Which endpoint, and what does the address name? Pure: a method and a target in, a [`Route`] out.
//!
//! The path is parsed once, into [`CanonicalPath`]; what is sent upstream is that form, never the
//! client's bytes. Druid reads one path twice, with two readings: Jetty matches its filters on the
//! decoded and normalized path, Jersey its resources on the raw one less `;parameters` (run on
//! 28.0.0). Whatever the two, or we, could read differently is refused.

mod endpoint;
mod endpoints;
mod operation;
mod path;
mod query;

pub use endpoint::{Changes, Endpoint};
pub use endpoints::ENDPOINTS;
pub use operation::{
    Action, BodyUse, Class, Disclosure, JsonUse, Operation, Origin, Repeat, SpecKind, Who,
};
pub use path::{CanonicalPath, MalformedPath, PREFIX, Target, encode_segment};
pub use query::{MalformedQuery, Query};

use std::cmp::Ordering;
use std::sync::LazyLock;

use self::endpoint::Row;
use self::path::MOST_SEGMENTS;

use crate::druid::{DataSource, SupervisorId, TaskId};

/// Looked at for every request.
static ROWS: LazyLock<Vec<Vec<Row>>> = LazyLock::new(|| Row::by_length(ENDPOINTS));

/// A segment of a path, and whether it was spelled without an escape.
type Segment<'p> = (&'p str, bool);

/// A request's endpoint with what its path and query name.
#[derive(Debug, Clone)]
pub struct Route {
    /// The row of the table.
    pub endpoint: &'static Endpoint,
    /// The path as it is sent upstream.
    pub path: CanonicalPath,
    /// The query, keys allowed and values decoded.
    pub query: Query,
    /// What the path names.
    pub subject: Subject,
}

/// What a path names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// Nothing in particular.
    None,
    /// A datasource.
    DataSource(DataSource),
    /// A task.
    Task(TaskId),
    /// A supervisor.
    Supervisor(SupervisorId),
    /// A worker (`host:port`).
    Worker(String),
}

/// No route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unroutable {
    /// No endpoint has this path.
    UnknownEndpoint,
    /// The path is an endpoint's, the method is not.
    MethodNotAllowed {
        /// The methods that it has.
        allow: Vec<&'static str>,
    },
    /// The path names something that cannot have that name.
    InvalidName(crate::druid::InvalidName),
    /// The query.
    Query(MalformedQuery),
}

impl Route {
    /// Finds the endpoint of a path that [`CanonicalPath::parse`] let pass, and reads its query.
    ///
    /// # Errors
    /// [`Unroutable`]
    pub fn find(
        method: &str,
        path: CanonicalPath,
        query: Option<&str>,
    ) -> Result<Route, Unroutable> {
        let mut literals = 0;
        let mut found = None;
        let mut segments = [("", false); MOST_SEGMENTS];
        let count = path.segments().len();
        for (place, segment) in segments.iter_mut().zip(path.segments()) {
            *place = segment;
        }
        let segments: &[Segment<'_>] = segments.get(..count).unwrap_or_default();
        let rows = ROWS.get(count);
        let rows = rows.map(Vec::as_slice).unwrap_or_default();
        for row in rows {
            let Some(fit) = row.fit(segments) else {
                continue;
            };
            // Druid takes `/supervisor/%68istory` for the supervisor `history`; sent in its
            // canonical form it would be the history of all. What would change its meaning on the
            // way has none.
            if fit.is_disguised {
                return Err(Unroutable::UnknownEndpoint);
            }
            // `/supervisor/history` is never the supervisor `history`, for any method: Jersey takes
            // the row with the most literal segments before it looks at the method (run on 28.0.0).
            match fit.literals.cmp(&literals) {
                Ordering::Less => continue,
                Ordering::Equal => {}
                Ordering::Greater => {
                    literals = fit.literals;
                    found = None;
                }
            }
            if row.endpoint.method == method {
                found = Some(row);
            }
        }
        let Some(row) = found else {
            let fits = |row: &&Row| {
                row.fit(segments)
                    .is_some_and(|fit| fit.literals == literals)
            };
            let fitting = rows.iter().filter(fits);
            let allow: Vec<_> = fitting.map(|row| row.endpoint.method).collect();
            return Err(match allow.as_slice() {
                [] => Unroutable::UnknownEndpoint,
                _ => Unroutable::MethodNotAllowed { allow },
            });
        };
        let endpoint = row.endpoint;
        let subject = row.subject(segments).map_err(Unroutable::InvalidName)?;
        let query = Query::parse(query, endpoint).map_err(Unroutable::Query)?;
        Ok(Route {
            endpoint,
            path,
            query,
            subject,
        })
    }

    /// The target that is sent upstream: canonical path and canonical query.
    ///
    /// Druid's documentation gives the four old lists the parameters of `/tasks`, and calls each
    /// equivalent to `/tasks?state=…`; Druid ignores them all there but `type` for running tasks (run
    /// on 28.0.0 and 33.0.0). So whoever uses one is given what it is said to be equivalent to.
    pub fn upstream_target(&self) -> String {
        let (state, known) = match self.endpoint.operation {
            Operation::ListCompleteTasks => ("complete", "n"),
            Operation::ListRunningTasks => ("running", "type"),
            Operation::ListPendingTasks => ("pending", ""),
            Operation::ListWaitingTasks => ("waiting", ""),
            _ => ("", ""),
        };
        if !state.is_empty() && self.query.has_other_than(known) {
            let mut target = format!("{PREFIX}/tasks?state={state}");
            self.query.write_filters(&mut target);
            return target;
        }
        let mut target = String::new();
        self.path.write_to(&mut target);
        self.query.write_to(&mut target);
        target
    }
}

#[cfg(test)]
mod tests;
