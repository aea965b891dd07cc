//! One generation of the rules.

use std::sync::Arc;

use crate::caller::Schemes;
use crate::druid::DruidVersion;
use crate::json::Limits;
use crate::policy::PolicySet;
use crate::quota::{LiveQuotas, RateLimits};
use crate::schema::SchemaSet;

/// Do review and limits refuse?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enforcement {
    /// Yes.
    Enforce,
    /// They judge and report, and refuse nothing. Everything else holds all the same.
    Audit,
}

/// All that decides, as one configuration says it. An exchange keeps the snapshot it began with,
/// so it sees one generation of the rules even across a reload.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Counts configurations.
    pub generation: u64,
    /// Enforce or audit.
    pub enforcement: Enforcement,
    /// How to log in.
    pub schemes: Schemes,
    /// Who may do what.
    pub policies: PolicySet,
    /// How often.
    pub rate_limits: RateLimits,
    /// How many at once.
    pub live_quotas: LiveQuotas,
    /// The form of specs.
    pub schemas: Arc<SchemaSet>,
    /// Bounds of a document.
    pub json: Limits,
    /// The largest judged body, in bytes.
    pub max_body: usize,
    /// Which Druid is behind.
    pub druid_version: DruidVersion,
}
