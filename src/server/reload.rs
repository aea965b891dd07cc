//! Taking a new configuration while the old one serves.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::parts::{
    admin_token, edge, generation, guarded, listener_tls, shared, upstream, upstream_tls,
};
use super::warnings::warn;
use super::{StartError, State, Upstream, chain};
use crate::config::{self, Config, LoadError};
use crate::gateway::Gateway;
use crate::identity::Clock;
use crate::listener::Listener;
use crate::upstream::Trust;

/// Exchanges of an old generation may go on this long with its view of the Overlords.
const FAREWELL: Duration = Duration::from_secs(120);

/// What a reload works on.
pub(super) struct Reloader {
    pub(super) config: Config,
    pub(super) path: Option<PathBuf>,
    pub(super) watch: Option<config::Watch>,
    pub(super) upstream: Upstream,
    pub(super) gateway: Arc<Gateway>,
    pub(super) listener: Arc<Listener<Gateway>>,
    pub(super) clock: Clock,
    pub(super) state: Arc<State>,
    /// Where the admin listener stands.
    pub(super) admin: SocketAddr,
}

impl Reloader {
    /// Has the configuration file, or a file that it names, changed since the last look?
    pub(super) fn changed(&mut self) -> bool {
        self.watch.as_mut().is_some_and(config::Watch::changed)
    }

    /// Takes the file's present content, or keeps the old generation and says why.
    pub(super) fn reload(&mut self) {
        let Some(path) = self.path.clone() else {
            return;
        };
        match self.take(&path) {
            Ok(generation) => {
                self.state.reload_failed.store(false, Ordering::Relaxed);
                tracing::info!(generation, "configuration reloaded");
            }
            Err(error) => {
                self.state.reload_failed.store(true, Ordering::Relaxed);
                if let StartError::Config(LoadError::Invalid { problems, .. }) = &error {
                    for problem in problems {
                        tracing::error!(%problem, "the configuration is wrong");
                    }
                }
                tracing::error!(error = %chain(&error), "reload refused, the old configuration serves on");
            }
        }
    }

    fn take(&mut self, path: &Path) -> Result<u64, StartError> {
        // Of a configuration that is refused too: what it names may be mended. Looked at before
        // they are read: what changes in between is noticed.
        if let Some(watch) = &mut self.watch
            && let Some(files) = config::named(path)
        {
            watch.also(files.iter().map(PathBuf::as_path));
        }
        let config = config::load(path)?;
        let fixed = [
            (
                "listener.address",
                config.listener.address == self.config.listener.address,
            ),
            (
                "admin.address",
                config.admin.address == self.config.admin.address,
            ),
            ("telemetry", config.telemetry == self.config.telemetry),
            (
                "validation.body_memory",
                config.validation.body_memory == self.config.validation.body_memory,
            ),
        ];
        if let Some((key, _)) = fixed.iter().find(|(_, same)| !same) {
            return Err(StartError::NeedsRestart(key));
        }
        guarded(&config.admin, self.admin)?;
        let number = self.state.generation.load(Ordering::Relaxed) + 1;
        let tls = listener_tls(&config.listener)?;
        let trust = Trust::read(&upstream_tls(&config.upstream))?;
        let same =
            config.upstream == self.upstream.config && trust == *self.upstream.overlords.trust();
        let changed = (!same)
            .then(|| upstream(&config, self.upstream.overlords.memory(), &self.clock))
            .transpose()?;
        let side = changed.as_ref().unwrap_or(&self.upstream);
        let before = self.gateway.generation();
        let shared = match config.store == self.config.store {
            true => before.shared.clone(),
            false => shared(config.store.as_ref())?,
        };
        // Keys that were fetched stay.
        let issuers = Some(before.users.issuers());
        let made = generation(&config, number, side, shared.as_ref(), &self.clock, issuers);
        let generation = match made {
            Ok(generation) => generation,
            Err(error) => {
                if let Some(unused) = changed {
                    unused.probe.abort();
                }
                return Err(error);
            }
        };
        generation.users.start();
        warn(&config, tls.as_ref(), side, generation.users.issuers());
        self.gateway.replace(generation);
        self.listener.set(edge(&config.listener), tls);
        self.state.generation.store(number, Ordering::Relaxed);
        self.state.admin_token.store(admin_token(&config.admin));
        self.config = config;
        if let Some(changed) = changed {
            let old = std::mem::replace(&mut self.upstream, changed);
            tokio::spawn(async move {
                tokio::time::sleep(FAREWELL).await;
                old.probe.abort();
            });
        }
        Ok(number)
    }
}
