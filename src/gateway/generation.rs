//! What one configuration makes of the gateway.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use tokio::time::Instant;

use crate::admission::Snapshot;
use crate::identity::{Certificates, Users};
use crate::route::Action;
use crate::store::Store;
use crate::upstream::{LiveList, Overlords, Owners};

/// One configuration at work. An exchange keeps the generation it began with.
#[derive(Debug)]
pub struct Generation {
    /// The rules.
    pub snapshot: Arc<Snapshot>,
    /// Who may log in.
    pub users: Users,
    /// Who may log in with a certificate.
    pub certificates: Certificates,
    /// Where requests go.
    pub overlords: Arc<Overlords>,
    /// Whose tasks they are.
    pub owners: Arc<Owners>,
    /// Which tasks live.
    pub live: Arc<LiveList>,
    /// Where gateways keep their limits together.
    pub shared: Option<Shared>,
    /// How exchanges run.
    pub settings: Settings,
}

/// Limits that gateways enforce together.
#[derive(Debug, Clone)]
pub struct Shared {
    /// Where they are kept.
    pub store: Arc<Store>,
    /// While the store does not answer: each gateway has this part of them. `None`: what they cover
    /// is refused.
    pub gateways: Option<NonZeroU32>,
}

/// How exchanges run.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Proxies in front whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// `Host` values that are served, in lower case; empty: any.
    pub hosts: Vec<String>,
    /// A body must have arrived in this time.
    pub body_timeout: Duration,
    /// A client that takes nothing for this long is cut.
    pub write_timeout: Duration,
    /// A change has its answer in this time, counted from its header.
    pub submission_deadline: Duration,
    /// A read has its answer's header in this time, counted from its own header.
    pub read_deadline: Duration,
    /// The answer to a read of a state serves others this long after it was asked for.
    pub reuse_reads: Duration,
    /// An answer has gone down in this time.
    pub transfer_deadline: Duration,
}

/// When an exchange must have its answer: one deadline for its body and for every question that it
/// takes, so that no request outlives its budget.
#[derive(Debug, Clone, Copy)]
pub(super) struct Due {
    read: Instant,
    change: Instant,
}

impl Due {
    /// For a request whose header is here now.
    pub(super) fn from_now(settings: &Settings) -> Due {
        let now = Instant::now();
        Due {
            read: now + settings.read_deadline,
            change: now + settings.submission_deadline,
        }
    }

    /// For what this action does.
    pub(super) fn by(self, action: Action) -> Instant {
        match action {
            Action::Read => self.read,
            Action::Submit
            | Action::Shutdown
            | Action::Manage
            | Action::Admin
            | Action::ReadSecrets
            | Action::Blocked => self.change,
        }
    }
}
