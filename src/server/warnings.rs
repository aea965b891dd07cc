//! What works today and should be looked at.

use super::{Upstream, wall_clock};
use crate::config::Config;
use crate::identity::Issuers;
use crate::listener::Tls;

/// Says in the log which certificates are out of date, or will be soon, and which users nobody can
/// log in as.
pub(super) fn warn(config: &Config, tls: Option<&Tls>, upstream: &Upstream, issuers: &Issuers) {
    let now = wall_clock();
    let own = tls.into_iter().map(Tls::files);
    let others = [upstream.overlords.trust().files()].into_iter();
    for files in own.chain(others).chain(issuers.files()) {
        for warning in files.warnings(now) {
            tracing::warn!(warning, "a certificate has to be replaced");
        }
    }
    for warning in config.warnings() {
        tracing::warn!(warning, "the configuration is hardly meant so");
    }
}
