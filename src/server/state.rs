//! What the admin listener reads of a running gateway.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use arc_swap::ArcSwapOption;

use crate::admin;
use crate::gateway::Gateway;
use crate::listener::{Drain, Listener, Phase};
use crate::quota::{Fullness, Limiter};
use crate::telemetry::{AccessLog, Metrics, Readings};

/// What the admin listener reads.
pub(super) struct State {
    pub(super) gateway: Arc<Gateway>,
    pub(super) listener: Arc<Listener<Gateway>>,
    pub(super) drain: Arc<Drain>,
    pub(super) limiter: Arc<Limiter>,
    pub(super) access_log: Arc<AccessLog>,
    pub(super) generation: AtomicU64,
    pub(super) reload_failed: AtomicBool,
    pub(super) admin_token: ArcSwapOption<String>,
}

impl admin::Source for State {
    fn readings(&self) -> Readings {
        let generation = self.gateway.generation();
        let view = generation.overlords.view();
        let leader = view.leader();
        let load = generation.overlords.load();
        let overlords = generation
            .overlords
            .nodes()
            .iter()
            .zip(view.states())
            .enumerate();
        let tls = self.listener.tls();
        let own = tls.iter().flat_map(|tls| tls.files().ends());
        let issuers = generation.users.issuers().files();
        let ends = own
            .chain(generation.overlords.trust().files().ends())
            .chain(issuers.flat_map(|files| files.ends()));
        let shared = generation.shared.as_ref();
        let store = shared.map(|shared| &shared.store);
        let tasks = generation.live.tasks();
        let (live_tasks, live_slots, live_pending) = tasks.counted();
        Readings {
            certificates: ends
                .map(|(path, end)| (path.display().to_string(), end.as_second()))
                .collect(),
            overlords: overlords
                .map(|(index, (node, state))| {
                    (node.authority(), state.name(), leader == Some(index))
                })
                .collect(),
            login: generation.overlords.login(),
            in_flight: load.in_flight,
            waiting: load
                .waiting
                .map(|(class, count)| (class.name(), count))
                .to_vec(),
            connections: self.listener.connections(),
            limiter_keys: self.limiter.len(),
            limiter_overflowed: self.limiter.overflowed(),
            store: store.map(|store| store.is_up()),
            store_failures: store.map_or(0, |store| store.failures()),
            live_tasks,
            live_slots,
            live_pending,
            live_age: tasks.age().map(|age| age.as_secs()),
            logins: self.gateway.remembered_logins(),
            owners: generation.owners.remembered(),
            body_bytes: self.gateway.body_bytes(),
            dropped_lines: self.access_log.dropped(),
            draining: self.drain.phase() > Phase::Serving,
            generation: self.generation.load(Ordering::Relaxed),
            reload_failed: self.reload_failed.load(Ordering::Relaxed),
        }
    }

    fn fullest(&self, most: usize) -> Vec<Fullness> {
        self.limiter.fullest(most)
    }

    fn metrics(&self) -> &Metrics {
        self.gateway.telemetry().metrics()
    }

    fn token(&self) -> Option<Arc<String>> {
        self.admin_token.load_full()
    }
}
