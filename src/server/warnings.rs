//! What works today and should be looked at.

use super::{Upstream, wall_clock};
use crate::config::Config;
use crate::listener::Tls;

/// Says in the log which certificates are out of date, or will be soon, and which users nobody can
/// log in as.
pub(super) fn warn(config: &Config, tls: Option<&Tls>, upstream: &Upstream) {
    let now = wall_clock();
    let own = tls.into_iter().map(Tls::files);
    for files in own.chain([upstream.overlords.trust().files()]) {
        for warning in files.warnings(now) {
            tracing::warn!(warning, "a certificate has to be replaced");
        }
    }
    for warning in config.warnings() {
        tracing::warn!(warning, "the configuration is hardly meant so");
    }
}
