//! The count of live tasks: the last list, and the admissions that it does not show yet.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::state::{Pending, State, Tallies, Tally, UNTOLD};
use super::{LiveDraw, LiveOver, LiveTask, Occupies};
use crate::quota::Clock;

/// Admissions that wait for a list to show them. More are not admitted.
const MOST_PENDING: usize = 100_000;

/// What tasks start by themselves (`AbstractBatchIndexTask`, MSQ). Nobody else may submit them.
const SUB_TASKS: [&str; 8] = [
    "single_phase_sub_task",
    "index_sub",
    "partial_index_generate",
    "partial_dimension_cardinality",
    "partial_range_index_generate",
    "partial_dimension_distribution",
    "partial_index_generic_merge",
    "query_worker",
];

/// A supervisor has started its tasks by then, and the list shows them.
const SETTLES: Duration = Duration::from_secs(60);

/// The tasks that live. Outlives a configuration, as long as the Overlords are the same.
#[derive(Debug)]
pub struct LiveTasks {
    clock: Clock,
    state: Mutex<State>,
}

/// The name of the quota that has no room, and what is in use, if that is counted.
pub type Full = (Arc<str>, Option<LiveOver>);

/// A submission's place among the live tasks, from its admission to Druid's answer.
#[derive(Debug)]
#[must_use]
pub struct LiveHold {
    tasks: Arc<LiveTasks>,
    number: u64,
    is_settled: bool,
}

impl LiveTasks {
    /// Nothing is known yet.
    pub fn new(clock: Clock) -> Arc<LiveTasks> {
        Arc::new(LiveTasks {
            clock,
            state: Mutex::default(),
        })
    }

    /// The time, to be handed to [`LiveTasks::saw`] with the list that is asked for now.
    pub fn now(&self) -> Duration {
        self.clock.now()
    }

    /// How old the list is that is counted. `None`: there was none yet.
    pub fn age(&self) -> Option<Duration> {
        let asked = self.lock().asked?;
        Some(self.clock.now().saturating_sub(asked))
    }

    /// Tasks and slots that are counted now, and admissions that no list has shown yet.
    pub fn counted(&self) -> (u32, u32, usize) {
        let state = self.lock();
        let mut all = Tally::default();
        for tally in state.listed.values().flat_map(HashMap::values) {
            all.add(tally.tasks, tally.slots);
        }
        (all.tasks, all.slots, state.pending.len())
    }

    /// Takes note of a list that was asked for at `asked`.
    pub fn saw(&self, asked: Duration, tasks: &[LiveTask]) {
        let mut state = self.lock();
        if state.asked.is_some_and(|newer| newer >= asked) {
            return;
        }
        let ids: HashSet<&str> = tasks.iter().map(|task| task.id.as_str()).collect();
        let State {
            pending, declared, ..
        } = &mut *state;
        let mut shown = Vec::new();
        // What was answered before the list was asked for is in it, or has ended.
        pending.retain(|number, admitted| {
            let stays = match &admitted.answered {
                Some((at, _)) if admitted.occupies.supervisor.is_some() => {
                    asked.saturating_sub(*at) < SETTLES
                }
                Some((at, id)) if *at <= asked => {
                    // Of what cannot be told the list tells how much it takes.
                    let slots = Some(admitted.occupies.slots).filter(|slots| *slots != UNTOLD);
                    if let (Some(id), Some(slots)) = (id, slots)
                        && ids.contains(id.as_str())
                    {
                        declared.insert(id.clone(), slots);
                    }
                    false
                }
                Some(_) | None => true,
            };
            if !stays {
                shown.push((*number, admitted.occupies.clone()));
            }
            stays
        });
        declared.retain(|id, _| ids.contains(id.as_str()));
        for (number, occupies) in shown {
            state.forget(number, &occupies);
        }
        let mut shown: HashMap<&str, u32> = HashMap::new();
        // A client may name any group: only types that tasks start themselves are sub-tasks.
        let head = |task: &LiveTask| {
            task.group == task.id
                || !SUB_TASKS.contains(&task.task_type.as_str())
                || !ids.contains(task.group.as_str())
        };
        let mut supervised: HashMap<String, u32> = HashMap::new();
        for task in tasks
            .iter()
            .filter(|task| !ids.contains(task.group.as_str()))
        {
            *supervised.entry(task.group.clone()).or_default() += 1;
        }
        for task in tasks.iter().filter(|task| !head(task)) {
            *shown.entry(task.group.as_str()).or_default() += 1;
        }
        let mut listed = Tallies::new();
        for task in tasks {
            let (count, slots) = if head(task) {
                // What it said it would take and has not taken yet.
                let subtasks = shown.get(task.id.as_str()).copied().unwrap_or_default();
                let said = state.declared.get(&task.id).copied().unwrap_or(1);
                (1, said.saturating_sub(subtasks).max(1))
            } else {
                (0, 1)
            };
            listed
                .entry(task.datasource.parse().ok())
                .or_default()
                .entry(task.task_type.clone())
                .or_default()
                .add(count, slots);
        }
        state.listed = listed;
        state.listed_sums.clear();
        state.supervised = supervised;
        state.asked = Some(asked);
    }

    /// A place for a submission, if every quota has room for it. The second value names the quotas
    /// that are audited and have none.
    ///
    /// # Errors
    /// The name of the quota that has no room, and what is in use.
    pub fn hold(
        self: &Arc<Self>,
        draws: &[LiveDraw],
        occupies: Occupies,
    ) -> Result<(LiveHold, Vec<Arc<str>>), Full> {
        let mut state = self.lock();
        let would = state.room(draws, &occupies)?;
        if let (Some(first), true) = (draws.first(), state.pending.len() >= MOST_PENDING) {
            return Err((first.quota.name.clone(), None));
        }
        let number = state.next;
        state.next += 1;
        state.remember(number, &occupies);
        let pending = Pending {
            occupies,
            answered: None,
        };
        state.pending.insert(number, pending);
        let hold = LiveHold {
            tasks: self.clone(),
            number,
            is_settled: false,
        };
        Ok((hold, would))
    }

    /// What [`LiveTasks::hold`] would say.
    ///
    /// # Errors
    /// The name of the quota that has no room, and what is in use.
    pub fn look(&self, draws: &[LiveDraw], occupies: &Occupies) -> Result<(), Full> {
        self.lock().room(draws, occupies).map(drop)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LiveHold {
    /// Druid has answered, or may have taken it: it is counted until a list that is asked for from
    /// now on has come. With its `id`, its slots are counted as long as it lives.
    pub fn answered(mut self, id: Option<String>) {
        self.settle(id);
    }

    /// Druid has not taken it.
    pub fn release(mut self) {
        self.is_settled = true;
        let mut state = self.tasks.lock();
        if let Some(pending) = state.pending.remove(&self.number) {
            state.forget(self.number, &pending.occupies);
        }
    }

    fn settle(&mut self, id: Option<String>) {
        self.is_settled = true;
        let now = self.tasks.clock.now();
        if let Some(pending) = self.tasks.lock().pending.get_mut(&self.number) {
            pending.answered = Some((now, id));
        }
    }
}

/// Whatever became of it: it may live.
impl Drop for LiveHold {
    fn drop(&mut self) {
        if !self.is_settled {
            self.settle(None);
        }
    }
}

#[cfg(test)]
mod tests;
