//! Every "no" that a client can get, as a value.

use std::time::Duration;

use crate::caller::Schemes;
use crate::druid::{DataSource, DruidVersion};
use crate::finding::Finding;
use crate::policy::{Denial, Unmet};
use crate::quota::OverQuota;
use crate::route::Action;

/// A refusal: expected, final for this request, and told to the client.
#[derive(Debug, Clone, PartialEq)]
pub enum Rejection {
    /// The path or the query cannot be read in one way.
    MalformedTarget(String),
    /// No credentials, or none that is understood; these would be.
    Unauthenticated(Schemes),
    /// Unknown user, or wrong password, key or token.
    WrongCredentials(Schemes),
    /// Too many wrong credentials came from there; nothing is checked for this long.
    TooManyFailures(Duration),
    /// The keys of the token's issuer cannot be had.
    NoIssuerKeys,
    /// Too many logins at once.
    TooManyLogins,
    /// No such endpoint.
    UnknownEndpoint,
    /// An endpoint of another version of Druid.
    NotInVersion(DruidVersion),
    /// Another method.
    MethodNotAllowed(Vec<&'static str>),
    /// Nobody may use it through the gateway.
    Blocked,
    /// No grant covers it.
    Forbidden {
        /// What was asked for.
        action: Action,
        /// The first datasource that no grant covers.
        datasource: Option<DataSource>,
        /// The condition of a grant that covers it.
        unmet: Option<Unmet>,
    },
    /// There is no such task, or it is somebody else's.
    UnknownTask,
    /// There is no such supervisor, or it is somebody else's.
    UnknownSupervisor,
    /// The body's bytes.
    Body(BodyProblem),
    /// The body is no document.
    InvalidDocument(Finding),
    /// The body is no spec that can be authorized.
    InvalidSpec(Vec<Finding>),
    /// The body does not keep the schema.
    Review(Vec<Finding>),
    /// A limit.
    OverQuota {
        /// Which, and why.
        over: OverQuota,
        /// May its name and numbers be told? To those who may submit.
        may_know: bool,
    },
}

impl From<Denial> for Rejection {
    fn from(denial: Denial) -> Rejection {
        let Denial {
            action,
            datasource,
            unmet,
        } = denial;
        Rejection::Forbidden {
            action,
            datasource,
            unmet,
        }
    }
}

/// Why a body was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyProblem {
    /// A GET or DELETE with a body.
    NotWanted,
    /// Larger than the limit, in bytes.
    TooLarge(usize),
    /// Not `application/json` in UTF-8.
    MediaType,
    /// Any `Content-Encoding`: 48 kB of gzip can end an Overlord (run on Druid 28.0.0).
    Encoded,
    /// It did not arrive in time.
    Late,
    /// The client left or broke the framing.
    Broken,
    /// No memory is left for bodies.
    NoMemory {
        /// Try again after this time.
        retry_after: Duration,
    },
}
