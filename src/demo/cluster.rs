//! The cluster's shared state: what Druid keeps in its metadata store and its task queue.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::supervisors::Supervisors;
use super::task::{Stage, Task};
use super::workers::Workers;

/// Tasks that are kept; beyond it the oldest finished ones are forgotten.
const MOST_TASKS: usize = 20_000;

/// Bytes of their payloads that are kept; beyond it likewise.
const MOST_BYTES: usize = 256 << 20;

/// The wall clock of a cluster.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// How a cluster is simulated.
#[derive(Clone)]
pub struct Settings {
    /// The wall clock. Tasks run by it, and answers are dated by it.
    pub clock: Clock,
    /// Tasks that run at the same time.
    pub capacity: usize,
    /// How long a task runs that is no `noop` and does not say.
    pub run_time: SignedDuration,
    /// Tasks that may be unfinished at the same time: more are refused as Druid 28 refuses them.
    /// Never more than 20,000.
    pub queue: usize,
}

impl Default for Settings {
    /// The time of day, 2 slots, 2 seconds, no limit of its own to the queue.
    fn default() -> Settings {
        Settings {
            clock: Arc::new(time_of_day),
            capacity: 2,
            run_time: SignedDuration::from_secs(2),
            queue: MOST_TASKS,
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place where the time of day enters the embedded Overlord"
)]
fn time_of_day() -> Timestamp {
    Timestamp::now()
}

/// Tasks and supervisors, shared by the nodes that serve them: leadership may move, they stay.
pub struct Cluster {
    settings: Settings,
    state: Mutex<State>,
}

/// What is kept.
pub(super) struct State {
    pub(super) supervisors: Supervisors,
    pub(super) workers: Workers,
    /// By the order of their submission.
    tasks: BTreeMap<u64, Task>,
    by_id: HashMap<String, u64>,
    pending: VecDeque<u64>,
    running: Vec<u64>,
    capacity: usize,
    bytes: usize,
    made: u64,
}

/// There is no room for one more task.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Full {
    /// More are unfinished than may be: so many.
    Queue(usize),
    /// The payloads are too large together.
    Store,
}

impl Cluster {
    /// An empty cluster.
    pub fn new(settings: Settings) -> Arc<Cluster> {
        Arc::new(Cluster {
            state: Mutex::new(State {
                supervisors: Supervisors::default(),
                workers: Workers::default(),
                tasks: BTreeMap::new(),
                by_id: HashMap::new(),
                pending: VecDeque::new(),
                running: Vec::new(),
                capacity: settings.capacity,
                bytes: 0,
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

    /// Id and payload of every stored task, the oldest first. For tests: what was really accepted.
    pub fn stored(&self) -> Vec<(String, Value)> {
        let state = self.state();
        let payload = |task: &Task| serde_json::from_slice(&task.payload).unwrap_or_default();
        state
            .tasks
            .values()
            .map(|task| (task.id.clone(), payload(task)))
            .collect()
    }
}

impl State {
    /// Runs the simulation up to `now`: tasks take free slots in the order of their submission.
    fn advance(&mut self, now: Timestamp) {
        let mut freed = Timestamp::MIN;
        loop {
            self.fill(freed);
            let next = self
                .running
                .iter()
                .filter_map(|at| Some((self.tasks.get(at)?.ends_at()?, *at)))
                .min();
            match next {
                Some((end, at)) if end <= now => {
                    if let Some(task) = self.tasks.get_mut(&at) {
                        task.end();
                    }
                    self.running.retain(|running| *running != at);
                    freed = end;
                }
                Some(_) | None => return,
            }
        }
    }

    /// Starts what waits, on slots that are free since `freed`.
    fn fill(&mut self, freed: Timestamp) {
        while self.running.len() < self.capacity {
            let Some(at) = self.pending.pop_front() else {
                return;
            };
            let used: Vec<usize> = self
                .running
                .iter()
                .filter_map(|at| match self.tasks.get(at)?.stage {
                    Stage::Running { slot, .. } => Some(slot),
                    Stage::Pending | Stage::Ended { .. } => None,
                })
                .collect();
            let slot = (0..self.capacity)
                .find(|slot| !used.contains(slot))
                .unwrap_or(0);
            if let Some(task) = self.tasks.get_mut(&at) {
                task.stage = Stage::Running {
                    since: freed.max(task.created),
                    slot,
                };
                self.running.push(at);
            }
        }
    }

    pub(super) fn task(&self, id: &str) -> Option<&Task> {
        self.by_id.get(id).and_then(|at| self.tasks.get(at))
    }

    /// Tasks that run, the oldest first.
    pub(super) fn running(&self) -> impl Iterator<Item = &Task> {
        let mut running = self.running.clone();
        running.sort_unstable();
        running.into_iter().filter_map(|at| self.tasks.get(&at))
    }

    /// Tasks that wait for a slot, in their order.
    pub(super) fn pending(&self) -> impl Iterator<Item = &Task> {
        self.pending.iter().filter_map(|at| self.tasks.get(at))
    }

    /// Tasks that have ended, the newest first.
    pub(super) fn ended(&self) -> impl Iterator<Item = &Task> {
        self.tasks.values().rev().filter(|task| task.is_ended())
    }

    fn unfinished(&self) -> usize {
        self.running.len() + self.pending.len()
    }

    /// Stores a task, which then waits for a slot.
    pub(super) fn add(&mut self, task: Task, queue: usize) -> Result<(), Full> {
        let queue = queue.min(MOST_TASKS);
        if self.unfinished() >= queue {
            return Err(Full::Queue(queue));
        }
        if self.tasks.len() >= MOST_TASKS || self.bytes + task.payload.len() > MOST_BYTES {
            self.forget();
        }
        if self.bytes + task.payload.len() > MOST_BYTES {
            return Err(Full::Store);
        }
        self.made += 1;
        self.bytes += task.payload.len();
        self.by_id.insert(task.id.clone(), self.made);
        self.pending.push_back(self.made);
        self.tasks.insert(self.made, task);
        // It runs from the moment it came if there is a slot: nobody may see it wait first.
        self.fill(Timestamp::MIN);
        Ok(())
    }

    /// Forgets the older half of what has ended.
    fn forget(&mut self) {
        let ended: Vec<u64> = self
            .tasks
            .iter()
            .filter(|(_, task)| task.is_ended())
            .map(|(at, _)| *at)
            .collect();
        for at in ended.iter().take(ended.len().div_ceil(2)) {
            if let Some(task) = self.tasks.remove(at) {
                self.bytes -= task.payload.len();
                self.by_id.remove(&task.id);
            }
        }
    }

    /// Ends a task; `false` if there is none.
    pub(super) fn shut_down(&mut self, id: &str, now: Timestamp) -> bool {
        let Some(at) = self.by_id.get(id).copied() else {
            return false;
        };
        if let Some(task) = self.tasks.get_mut(&at) {
            task.shut_down();
        }
        self.pending.retain(|pending| *pending != at);
        self.running.retain(|running| *running != at);
        self.fill(now);
        true
    }

    /// Ids of a datasource's unfinished tasks.
    pub(super) fn unfinished_of(&self, datasource: &str) -> Vec<String> {
        let unfinished = self.pending().chain(self.running());
        unfinished
            .filter(|task| task.datasource == datasource)
            .map(|task| task.id.clone())
            .collect()
    }

    /// A number that looks like chance: never the same twice.
    pub(super) fn chance(&mut self) -> u64 {
        self.made += 1;
        let mixed = self.made.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9)
    }
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cluster")
    }
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Settings {
            clock: _,
            capacity,
            run_time,
            queue,
        } = self;
        write!(
            f,
            "Settings {{ capacity: {capacity}, run_time: {run_time:?}, queue: {queue} }}"
        )
    }
}
