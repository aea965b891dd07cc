//! What is counted: the list, the admissions that it does not show yet, and the sums of both.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::count::Full;
use super::{Group, LiveDraw, LiveOver, LiveQuota, Occupies, Share};
use crate::druid::DataSource;
use crate::quota::{Cost, Holds};

/// Slots that cannot be told.
pub(super) const UNTOLD: u32 = u32::MAX;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) tasks: u32,
    pub(super) slots: u32,
}

impl Tally {
    pub(super) fn add(&mut self, tasks: u32, slots: u32) {
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
pub(super) struct Pending {
    pub(super) occupies: Occupies,
    /// When Druid answered, and the id of the task.
    pub(super) answered: Option<(Duration, Option<String>)>,
}

pub(super) type Tallies = HashMap<Option<DataSource>, HashMap<String, Tally>>;

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
pub(super) struct State {
    pub(super) listed: Tallies,
    /// Live tasks of each supervisor, by the group that Druid gives them.
    pub(super) supervised: HashMap<String, u32>,
    /// When the list that is counted was asked for.
    pub(super) asked: Option<Duration>,
    /// Slots of live tasks that were admitted here, by id.
    pub(super) declared: HashMap<String, u32>,
    pub(super) pending: BTreeMap<u64, Pending>,
    /// The same by datasource.
    admissions: HashMap<Option<DataSource>, Admissions>,
    pub(super) listed_sums: ListedSums,
    pub(super) next: u64,
}

impl State {
    /// An admission that no list has shown yet.
    pub(super) fn remember(&mut self, number: u64, occupies: &Occupies) {
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
    pub(super) fn forget(&mut self, number: u64, occupies: &Occupies) {
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

    pub(super) fn room(
        &mut self,
        draws: &[LiveDraw],
        occupies: &Occupies,
    ) -> Result<Vec<Arc<str>>, Full> {
        let mut would = Vec::new();
        for draw in draws {
            // What it replaces: its live tasks, or what was said of them a moment ago.
            let said = self
                .said_of(occupies)
                .map_or(0, |said| said.of(draw.quota.count));
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
    pub(super) fn used(&mut self, draw: &LiveDraw) -> u32 {
        let count = draw.quota.count;
        let (listed, admitted) = match &draw.group {
            Group::DataSource(own) => {
                let own = Some(own.clone());
                let admissions = self.admissions.get_key_value(&own);
                let counts = draw.counts(own.as_ref());
                let types = self
                    .listed
                    .get(&own)
                    .filter(|_| counts)
                    .into_iter()
                    .flatten();
                let types = types.filter(|(task_type, _)| draw.quota.counts_type(task_type));
                let listed =
                    types.fold(0_u32, |sum, (_, tally)| sum.saturating_add(tally.of(count)));
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
                    && levels
                        .get(id.as_str())
                        .is_none_or(|level| level.0 < counted.0)
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
        match occupies.of(draw.quota.count) {
            // All that may live, whatever does: anybody may name its tasks' group.
            UNTOLD => draw.most,
            told => told.saturating_sub(self.supervised_by(occupies)),
        }
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
    pub(super) fn shares(&self, draw: &LiveDraw) -> Vec<Share> {
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
