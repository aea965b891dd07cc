//! The gateway: one request from its checked header to the end of its answer.
//!
//! The edge hands over a [`Session`](crate::listener::Session); [`admission`](crate::admission)
//! decides; what is admitted goes upstream over Pingora's connector, in one of two ways that the
//! type of [`Forward`](crate::admission::Forward) chooses: a judged submission is sent with its
//! exact length and answered whole (`submit.rs`), everything else streams through (`relay.rs`),
//! each piece read from the Overlord only when the client has taken the one before. Statuses and
//! lists, which many clients poll, are asked for once for all who read them at the time (`share/`),
//! and go down from there. Pingora's own proxy loop is not used: it cannot wait for a leader, and a
//! body that was read before it is lost (run on 0.9.1).

mod admit;
mod answer;
mod body;
mod charge;
mod exchange;
mod generation;
mod gzip;
mod head;
mod pieces;
mod problem;
mod reduce;
mod relay;
mod share;
mod shutdown_all;
mod submit;
mod turn;

pub use exchange::{Gateway, Parts};
pub use generation::{Generation, Settings, Shared};
pub use problem::Refusal;
