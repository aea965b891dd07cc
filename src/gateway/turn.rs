//! Whose turn it is when the Overlord is busy.

use crate::caller::Principal;
use crate::druid::DataSource;
use crate::route::Endpoint;
use crate::upstream::Turn;

/// A request's turn: in the flow of the datasource that it is about, and of its principal where it
/// is about none or none is known yet.
pub(super) fn turn(endpoint: &Endpoint, principal: &Principal, about: &[DataSource]) -> Turn {
    match about {
        [] => Turn::of_principal(endpoint.class, principal.name()),
        [first, ..] => Turn::of_datasource(endpoint.class, first),
    }
}
