//! The review of a body, shared by the proxy, the dry run and the offline commands.

use bytes::Bytes;

use crate::finding::Finding;
use crate::json::{Document, Limits};
use crate::route::SpecKind;
use crate::schema::SchemaSet;
use crate::spec::Spec;

/// A body that could be read.
#[derive(Debug)]
pub struct Reviewed {
    /// What it says.
    pub spec: Spec,
    /// What the schema says of it.
    pub findings: Vec<Finding>,
}

/// Why a body could not be read.
#[derive(Debug)]
pub enum Unreadable {
    /// No document.
    Document(Finding),
    /// No spec that can be authorized.
    Spec(Vec<Finding>),
}

/// Reads and judges a body.
///
/// # Errors
/// [`Unreadable`]
pub fn review(
    body: &Bytes,
    kind: SpecKind,
    limits: &Limits,
    schemas: &SchemaSet,
) -> Result<Reviewed, Unreadable> {
    let document = Document::read(body.clone(), limits)
        .map_err(|invalid| Unreadable::Document(Finding::invalid(&invalid, body)))?;
    match Spec::read(&document, kind) {
        Ok(spec) => Ok(Reviewed {
            spec,
            findings: schemas.check(&document, kind),
        }),
        Err(findings) => Err(Unreadable::Spec(findings)),
    }
}
