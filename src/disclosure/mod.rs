//! What may an answer show? Lists reduced to what the principal may read, the bytes of what stays
//! untouched.
//!
//! Druid's answers are read tolerantly: they can hold duplicate keys. An element that cannot be
//! understood is not shown; an answer that is not what the endpoint answers is not handed on.

mod list;
mod whole;

pub use list::TaskList;
pub use whole::{
    length, members_with, named_list, statuses, supervisor_histories, supervisor_history,
    supervisor_owners, supervisors,
};

/// An answer that cannot be reduced, because it is not what the endpoint answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the Overlord's answer is not of the form that this endpoint has")]
pub struct Unexpected;

/// What of a spec somebody may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Show {
    /// Nothing.
    Hidden,
    /// All but its secrets.
    Sealed,
    /// All of it.
    Whole,
}
