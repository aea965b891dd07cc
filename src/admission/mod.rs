//! The one pipeline: every check of a request, in order, as a state machine without I/O.
//!
//! [`begin`] returns *done* or *I need a fact*; the shell fetches the fact (the principal, the
//! owner of a task, the body, the word of the limits) and hands it back. The same machine serves the proxy and the
//! commands that judge offline. The order is: path, identity, route, standing, owner, body,
//! document, spec, authorization, review, quota. Strangers learn nothing, not even which endpoints
//! exist; rules are no oracle, since authorization comes before review; and a refused spec costs
//! no token, since quota comes last. What is no submission is counted as soon as it is known who
//! wants to do what, where no limit has to know more.

mod admitted;
mod body;
mod charge;
mod explain;
mod known;
mod lint;
mod rejection;
mod snapshot;
mod step;

pub use admitted::{Admitted, Forward, Trace, Verdict};
pub use charge::{AwaitingCharge, Claim, is_audited};
pub use explain::{Asked, Case, Check, Explained, Question, Supplied, Unanswered, explain};
pub use lint::{Report, lint};
pub use rejection::{BodyProblem, Rejection};
pub use snapshot::{Enforcement, Snapshot};
pub use step::{AwaitingBody, AwaitingOwner, AwaitingPrincipal, Head, Login, Step, begin};
