//! The cluster's shared state: what Druid keeps in its metadata store.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::supervisors::Supervisors;
use super::task::{Stage, Task};

/// Tasks that are kept; beyond it the oldest finished ones are forgotten.
const MOST_TASKS: usize = 20_000;

/// How a cluster is simulated.
#[derive(Clone)]
pub struct Settings {
    /// The wall clock.
    pub clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// Tasks that run at the same time.
    pub capacity: usize,
    /// How long a task runs that is no `noop`.
    pub run_time: SignedDuration,
    /// Tasks that may be unfinished at the same time: more are refused as Druid 28 refuses them.
    pub queue: usize,
}

/// Tasks, supervisors, and who leads.
pub struct Cluster {
    settings: Settings,
    state: Mutex<State>,
}

/// What is kept.
pub(super) struct State {
    pub(super) tasks: Vec<Task>,
    by_id: HashMap<String, usize>,
    pub(super) supervisors: Supervisors,
    slots: usize,
    made: u64,
}

impl Cluster {
    /// An empty cluster.
    pub fn new(settings: Settings) -> Arc<Cluster> {
        Arc::new(Cluster {
            state: Mutex::new(State {
                tasks: Vec::new(),
                by_id: HashMap::new(),
                supervisors: Supervisors::default(),
                slots: settings.capacity,
                made: 0,
            }),
            settings,
        })
    }

    pub(super) fn now(&self) -> Timestamp {
        (self.settings.clock)()
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The state as of now: tasks that should have ended have.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.advance(self.now());
        state
    }

    /// How often each task id is stored: never more than once. For tests.
    pub fn stored(&self) -> Vec<(String, Value)> {
        self.state()
            .tasks
            .iter()
            .map(|task| (task.id.clone(), task.payload().clone()))
            .collect()
    }
}

impl State {
    /// Runs the simulation up to `now`: tasks take free slots in the order of their submission.
    fn advance(&mut self, now: Timestamp) {
        let mut at = None;
        loop {
            let used: Vec<usize> = self
                .tasks
                .iter()
                .filter_map(|task| match task.stage {
                    Stage::Running { slot, .. } => Some(slot),
                    Stage::Pending | Stage::Ended { .. } => None,
                })
                .collect();
            let mut free = (0..self.slots).filter(|slot| !used.contains(slot));
            for task in self
                .tasks
                .iter_mut()
                .filter(|task| task.stage == Stage::Pending)
            {
                let Some(slot) = free.next() else { break };
                let since = at.map_or(task.created, |at: Timestamp| at.max(task.created));
                task.stage = Stage::Running { since, slot };
            }
            let next = self
                .tasks
                .iter_mut()
                .filter_map(|task| task.ends_at().map(|end| (end, task)))
                .min_by_key(|(end, _)| *end);
            match next {
                Some((end, task)) if end <= now => {
                    task.end();
                    at = Some(end);
                }
                Some(_) | None => return,
            }
        }
    }

    pub(super) fn task(&self, id: &str) -> Option<&Task> {
        self.by_id.get(id).and_then(|index| self.tasks.get(*index))
    }

    pub(super) fn task_mut(&mut self, id: &str) -> Option<&mut Task> {
        self.by_id
            .get(id)
            .and_then(|index| self.tasks.get_mut(*index))
    }

    pub(super) fn unfinished(&self) -> usize {
        self.tasks.iter().filter(|task| !task.is_ended()).count()
    }

    pub(super) fn add(&mut self, task: Task) {
        if self.tasks.len() >= MOST_TASKS {
            let mut surplus = self.tasks.len() / 2;
            self.tasks.retain(|task| {
                let forget = surplus > 0 && task.is_ended();
                surplus -= usize::from(forget);
                !forget
            });
            self.by_id = self
                .tasks
                .iter()
                .enumerate()
                .map(|(index, task)| (task.id.clone(), index))
                .collect();
        }
        self.by_id.insert(task.id.clone(), self.tasks.len());
        self.tasks.push(task);
    }

    /// Eight letters from a to p, as in Druid's ids, from a count instead of chance.
    pub(super) fn letters(&mut self) -> String {
        self.made += 1;
        let mut number = self.made.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (0..8)
            .map(|_| {
                number = number.rotate_left(4);
                char::from(b'a' + u8::try_from(number & 15).unwrap_or(0))
            })
            .collect()
    }
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cluster")
    }
}
