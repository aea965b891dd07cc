//! The count of live tasks: the last list, and the admissions that it does not show yet.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{Group, LiveDraw, LiveOver, LiveQuota, LiveTask, Occupies, Share};
use crate::druid::DataSource;
use crate::quota::{Clock, Cost, Holds};

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

/// Slots that cannot be told.
const UNTOLD: u32 = u32::MAX;

/// A supervisor has started its tasks by then, and the list shows them.
const SETTLES: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Tally {
    tasks: u32,
    slots: u32,
}

impl Tally {
    fn add(&mut self, tasks: u32, slots: u32) {
        self.tasks = self.tasks.saturating_add(tasks);
        self.slots = self.slots.saturating_add(slots);
    }

    fn of(self, count: Cost) -> u32 {
        match count {
            Cost::Request => self.tasks,
            Cost::Slots => self.slots,
        }
    }
}

/// An admission that no list has shown yet.
#[derive(Debug)]
struct Pending {
    occupies: Occupies,
    /// When Druid answered, and the id of the task.
    answered: Option<(Duration, Option<String>)>,
}

type Tallies = HashMap<Option<DataSource>, HashMap<String, Tally>>;

/// Admissions to one datasource that no list has shown yet, so that nobody has to look at each.
#[derive(Debug, Default)]
struct Admissions {
    /// Those of no supervisor, by their type.
    types: HashMap<String, Sum>,
    /// The others' numbers, by the supervisor.
    supervisors: BTreeMap<String, BTreeSet<u64>>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    admissions: u64,
    tasks: u64,
    /// Of those that can be told.
    slots: u64,
    /// Admissions whose slots cannot: each counts as all that may live.
    untold: u64,
}

impl Sum {
    fn of(self, count: Cost, most: u32) -> u32 {
        let sum = match count {
            Cost::Request => self.tasks,
            Cost::Slots => self.slots + self.untold * u64::from(most),
        };
        u32::try_from(sum).unwrap_or(u32::MAX)
    }
}

/// What the list says of the groups of quotas that look at more than one datasource, until there is
/// another list. A quota is known by its address, and kept, so that no other one has it.
type ListedSums = HashMap<(usize, Option<Arc<str>>), (Arc<LiveQuota>, u32)>;

#[derive(Debug, Default)]
struct State {
    listed: Tallies,
    /// Live tasks of each supervisor, by the group that Druid gives them.
    supervised: HashMap<String, u32>,
    /// When the list that is counted was asked for.
    asked: Option<Duration>,
    /// Slots of live tasks that were admitted here, by id.
    declared: HashMap<String, u32>,
    pending: BTreeMap<u64, Pending>,
    /// The same by datasource.
    admissions: HashMap<Option<DataSource>, Admissions>,
    listed_sums: ListedSums,
    next: u64,
}

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

impl State {
    /// An admission that no list has shown yet.
    fn remember(&mut self, number: u64, occupies: &Occupies) {
        let admissions = self.admissions.entry(occupies.datasource.clone());
        let admissions = admissions.or_default();
        if let Some(id) = &occupies.supervisor {
            let numbers = admissions.supervisors.entry(id.clone()).or_default();
            numbers.insert(number);
            return;
        }
        if !admissions.types.contains_key(&occupies.task_type) {
            let none = Sum::default();
            admissions.types.insert(occupies.task_type.clone(), none);
        }
        if let Some(sum) = admissions.types.get_mut(&occupies.task_type) {
            sum.admissions += 1;
            sum.tasks += u64::from(occupies.tasks);
            match occupies.slots {
                UNTOLD => sum.untold += 1,
                slots => sum.slots += u64::from(slots),
            }
        }
    }

    /// What [`State::remember`] remembered of it.
    fn forget(&mut self, number: u64, occupies: &Occupies) {
        let Some(admissions) = self.admissions.get_mut(&occupies.datasource) else {
            return;
        };
        if let Some(id) = &occupies.supervisor {
            if let Some(numbers) = admissions.supervisors.get_mut(id) {
                numbers.remove(&number);
                if numbers.is_empty() {
                    admissions.supervisors.remove(id);
                }
            }
        } else if let Some(sum) = admissions.types.get_mut(&occupies.task_type) {
            sum.admissions -= 1;
            sum.tasks -= u64::from(occupies.tasks);
            match occupies.slots {
                UNTOLD => sum.untold -= 1,
                slots => sum.slots -= u64::from(slots),
            }
            if sum.admissions == 0 {
                admissions.types.remove(&occupies.task_type);
            }
        }
        if admissions.types.is_empty() && admissions.supervisors.is_empty() {
            self.admissions.remove(&occupies.datasource);
        }
    }

    fn room(&mut self, draws: &[LiveDraw], occupies: &Occupies) -> Result<Vec<Arc<str>>, Full> {
        let mut would = Vec::new();
        for draw in draws {
            // What it replaces: its live tasks, or what was said of them a moment ago.
            let said = self.said_of(occupies).map_or(0, |said| said.of(draw.quota.count));
            let own = self.supervised_by(occupies).max(said);
            let want = draw.want.saturating_sub(own);
            let used = self.used(draw);
            // Who asks for no more than it has is never kept from asking for less.
            if draw.want <= draw.most && (want == 0 || used.saturating_add(want) <= draw.most) {
                continue;
            }
            match draw.holds {
                Holds::Audited => would.push(draw.quota.name.clone()),
                Holds::Enforced => {
                    let over = LiveOver {
                        count: draw.quota.count,
                        used,
                        most: draw.most,
                        // More than ever may live, whatever does now?
                        want: if draw.want > draw.most {
                            draw.want
                        } else {
                            want
                        },
                        shares: self.shares(draw),
                    };
                    return Err((draw.quota.name.clone(), Some(over)));
                }
            }
        }
        Ok(would)
    }

    /// What was last said of the supervisor that a submission replaces, whatever it wrote then.
    fn said_of(&self, occupies: &Occupies) -> Option<&Occupies> {
        let id = occupies.supervisor.as_ref()?;
        let last = self
            .admissions
            .values()
            .filter_map(|admissions| admissions.supervisors.get(id)?.last())
            .max()?;
        self.pending.get(last).map(|pending| &pending.occupies)
    }

    /// How much lives of a draw's group: the sum of its [`shares`](State::shares), without a look
    /// at each task, and of a quota for each datasource at no other one's.
    fn used(&mut self, draw: &LiveDraw) -> u32 {
        let count = draw.quota.count;
        let (listed, admitted) = match &draw.group {
            Group::DataSource(own) => {
                let own = Some(own.clone());
                let admissions = self.admissions.get_key_value(&own);
                let counts = draw.counts(own.as_ref());
                let types = self.listed.get(&own).filter(|_| counts).into_iter().flatten();
                let types = types.filter(|(task_type, _)| draw.quota.counts_type(task_type));
                let listed = types.fold(0_u32, |sum, (_, tally)| sum.saturating_add(tally.of(count)));
                (listed, self.admitted(draw, admissions))
            }
            Group::All | Group::Role(_) => {
                let listed = self.listed_sum(draw);
                (listed, self.admitted(draw, &self.admissions))
            }
        };
        listed.saturating_add(admitted)
    }

    /// What the list says of a group of many datasources.
    fn listed_sum(&mut self, draw: &LiveDraw) -> u32 {
        let role = match &draw.group {
            Group::Role(role) => Some(role.clone()),
            Group::All | Group::DataSource(_) => None,
        };
        let key = (Arc::as_ptr(&draw.quota).addr(), role);
        if let Some((_, sum)) = self.listed_sums.get(&key) {
            return *sum;
        }
        let mut sum = 0_u32;
        for (datasource, types) in &self.listed {
            if !draw.counts(datasource.as_ref()) {
                continue;
            }
            for (task_type, tally) in types {
                if draw.quota.counts_type(task_type) {
                    sum = sum.saturating_add(tally.of(draw.quota.count));
                }
            }
        }
        self.listed_sums.insert(key, (draw.quota.clone(), sum));
        sum
    }

    /// What was admitted of a draw's group and is not listed yet, in these datasources.
    fn admitted<'a>(
        &'a self,
        draw: &LiveDraw,
        of: impl IntoIterator<Item = (&'a Option<DataSource>, &'a Admissions)>,
    ) -> u32 {
        let quota = &draw.quota;
        let mut used = 0_u32;
        // Of a supervisor what was said last, less what lives of it.
        let mut levels: BTreeMap<&str, (u64, &Occupies)> = BTreeMap::new();
        for (datasource, admissions) in of {
            if !draw.counts(datasource.as_ref()) {
                continue;
            }
            for (task_type, sum) in &admissions.types {
                if quota.counts_type(task_type) {
                    used = used.saturating_add(sum.of(quota.count, draw.most));
                }
            }
            for (id, numbers) in &admissions.supervisors {
                let counted = numbers.iter().rev().find_map(|number| {
                    let occupies = &self.pending.get(number)?.occupies;
                    quota
                        .counts_type(&occupies.task_type)
                        .then_some((*number, occupies))
                });
                if let Some(counted) = counted
                    && levels.get(id.as_str()).is_none_or(|level| level.0 < counted.0)
                {
                    levels.insert(id, counted);
                }
            }
        }
        for (_, occupies) in levels.into_values() {
            used = used.saturating_add(self.level(draw, occupies));
        }
        used
    }

    /// What an admission counts in a draw, less what lives of it.
    fn level(&self, draw: &LiveDraw, occupies: &Occupies) -> u32 {
        let own = match occupies.of(draw.quota.count) {
            UNTOLD => draw.most,
            told => told,
        };
        own.saturating_sub(self.supervised_by(occupies))
    }

    /// Live tasks of the supervisor that a submission replaces: Druid groups them by its id.
    fn supervised_by(&self, occupies: &Occupies) -> u32 {
        let Some(id) = &occupies.supervisor else {
            return 0;
        };
        let group = format!("{}_{id}", occupies.task_type);
        self.supervised.get(&group).copied().unwrap_or_default()
    }

    /// What lives of a draw's group, the largest part first.
    /// A look at each: for who is refused.
    fn shares(&self, draw: &LiveDraw) -> Vec<Share> {
        let quota = &draw.quota;
        let mut parts: HashMap<(Option<&DataSource>, &str), u32> = HashMap::new();
        let mut add = |datasource, task_type, used: u32| {
            let part = parts.entry((datasource, task_type)).or_default();
            *part = part.saturating_add(used);
        };
        let listed: Vec<_> = match &draw.group {
            Group::DataSource(own) => {
                let own = Some(own.clone());
                self.listed.get_key_value(&own).into_iter().collect()
            }
            Group::All | Group::Role(_) => self.listed.iter().collect(),
        };
        for (datasource, types) in listed {
            if !draw.counts(datasource.as_ref()) {
                continue;
            }
            for (task_type, tally) in types {
                if quota.counts_type(task_type) {
                    add(datasource.as_ref(), task_type, tally.of(quota.count));
                }
            }
        }
        // Of a supervisor what was said last, less what lives of it.
        let mut levels: HashMap<&str, &Occupies> = HashMap::new();
        let mut admitted: Vec<&Occupies> = Vec::new();
        for Pending { occupies, .. } in self.pending.values() {
            if !draw.counts(occupies.datasource.as_ref()) || !quota.counts_type(&occupies.task_type)
            {
                continue;
            }
            match &occupies.supervisor {
                Some(id) => {
                    levels.insert(id, occupies);
                }
                None => admitted.push(occupies),
            }
        }
        for occupies in admitted.into_iter().chain(levels.into_values()) {
            let own = self.level(draw, occupies);
            let key = (occupies.datasource.as_ref(), occupies.task_type.as_str());
            let part = parts.entry(key).or_default();
            *part = part.saturating_add(own);
        }
        let mut shares: Vec<Share> = parts
            .into_iter()
            .filter(|(_, used)| *used > 0)
            .map(|((datasource, task_type), used)| Share {
                datasource: datasource.cloned(),
                task_type: task_type.to_owned(),
                used,
            })
            .collect();
        shares.sort_unstable_by(|left, right| {
            let by_name =
                || (&left.datasource, &left.task_type).cmp(&(&right.datasource, &right.task_type));
            right.used.cmp(&left.used).then_with(by_name)
        });
        shares
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
