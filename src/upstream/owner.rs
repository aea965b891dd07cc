//! Which datasources a task or a supervisor belongs to, asked of the leader.
//!
//! A task's datasource never changes, so a positive answer is kept; "unknown" is never kept, since
//! the task may appear at any time. A supervisor's spec can change at any time: it is kept for
//! reads only, and only for [`SUPERVISOR_LIFETIME`].

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::StatusCode;
use serde::Deserialize;
use serde::de::IgnoredAny;
use tokio::time::Instant;

use super::exchange::{Failure, Plan, Trail, Whole};
use super::{Overlords, Request, Turn};
use crate::druid::{DataSource, Owner, SupervisorId, TaskId};
use crate::route::{PREFIX, Subject, encode_segment};
use crate::spec::stored_owner;

/// Task owners in each half of the cache; some 300 bytes each.
const HALF: usize = 50_000;

/// Supervisors remembered.
const SUPERVISORS: usize = 5_000;

/// How long a supervisor's datasources are believed, for reads.
const SUPERVISOR_LIFETIME: Duration = Duration::from_secs(2);

/// The largest answer of the leader that is read to find an owner.
const LARGEST: usize = 32 << 20;

/// Looks up owners and remembers them.
#[derive(Debug)]
pub struct Owners {
    overlords: Arc<Overlords>,
    tasks: Mutex<Halves<TaskId, Owner>>,
    supervisors: Mutex<HashMap<SupervisorId, (Owner, Instant)>>,
}

/// A bounded map that forgets its older half at once.
#[derive(Debug)]
struct Halves<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    half: usize,
}

impl<K: Hash + Eq + Clone, V: Clone> Halves<K, V> {
    fn new(half: usize) -> Halves<K, V> {
        Halves {
            young: HashMap::new(),
            old: HashMap::new(),
            half,
        }
    }

    fn get(&mut self, key: &K) -> Option<V> {
        if let Some(value) = self.young.get(key) {
            return Some(value.clone());
        }
        let value = self.old.remove(key)?;
        self.put(key.clone(), value.clone());
        Some(value)
    }

    fn put(&mut self, key: K, value: V) {
        if self.young.len() >= self.half {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, value);
    }

    fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

#[derive(Deserialize)]
struct TaskAnswer {
    status: TaskFields,
}

#[derive(Deserialize)]
struct TaskFields {
    #[serde(rename = "dataSource")]
    datasource: Option<String>,
}

/// The target of the question for a task's status, which names its datasource.
pub fn status_of(id: &TaskId) -> String {
    format!("{PREFIX}/task/{}/status", encode_segment(id.as_str()))
}

/// The target of the question for a supervisor's spec.
pub fn spec_of(id: &SupervisorId) -> String {
    format!("{PREFIX}/supervisor/{}", encode_segment(id.as_str()))
}

impl Owners {
    /// Owners as the leader among `overlords` tells them.
    pub fn new(overlords: Arc<Overlords>) -> Owners {
        Owners {
            overlords,
            tasks: Mutex::new(Halves::new(HALF)),
            supervisors: Mutex::default(),
        }
    }

    /// How many tasks are remembered.
    pub fn remembered(&self) -> usize {
        self.tasks().len()
    }

    /// Takes note of a task that was just accepted.
    pub fn learn(&self, id: TaskId, datasource: DataSource) {
        self.tasks().put(id, Owner::DataSources(vec![datasource]));
    }

    /// Forgets a supervisor that is about to change.
    pub fn forget(&self, id: &SupervisorId) {
        self.supervisors().remove(id);
    }

    /// Whom it belongs to, as far as that is remembered for reads; `None`: the leader must be
    /// asked.
    pub fn remembered_owner(&self, subject: &Subject) -> Option<Owner> {
        match subject {
            Subject::Task(id) => self.tasks().get(id),
            Subject::Supervisor(id) => match self.supervisors().get(id) {
                Some((owner, at)) if at.elapsed() < SUPERVISOR_LIFETIME => Some(owner.clone()),
                Some(_) | None => None,
            },
            Subject::None | Subject::DataSource(_) | Subject::Worker(_) => Some(Owner::Unnamed),
        }
    }

    /// Reads what the leader said about a task ([`status_of`]) or a supervisor ([`spec_of`]), and
    /// remembers it; `None`: there is no such.
    ///
    /// # Errors
    /// [`Failure`]: it says nothing of an owner.
    pub fn read(&self, subject: &Subject, told: &Whole) -> Result<Option<Owner>, Failure> {
        match told.head.status {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => return Ok(None),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => return Err(Failure::Login),
            _ => return Err(Failure::Unexpected),
        }
        match subject {
            Subject::Task(id) => self.read_task(id, &told.body).map(Some),
            Subject::Supervisor(id) => self.read_supervisor(id, &told.body).map(Some),
            Subject::None | Subject::DataSource(_) | Subject::Worker(_) => Ok(Some(Owner::Unnamed)),
        }
    }

    /// Whom a task belongs to; `None`: there is no such task. `fresh` asks the leader in any case.
    ///
    /// # Errors
    /// [`Failure`]: the leader could not be asked.
    pub async fn task(
        &self,
        id: &TaskId,
        fresh: bool,
        turn: Turn,
        deadline: Instant,
        trail: &mut Trail,
    ) -> Result<Option<Owner>, Failure> {
        if !fresh && let Some(owner) = self.tasks().get(id) {
            return Ok(Some(owner));
        }
        let told = self.fetch(status_of(id), turn, deadline, trail).await?;
        self.read(&Subject::Task(id.clone()), &told)
    }

    fn read_task(&self, id: &TaskId, body: &[u8]) -> Result<Owner, Failure> {
        // What cannot be read says nothing of the task, and nothing is to be remembered of it.
        let answer: TaskAnswer = serde_json::from_slice(body).map_err(|_| Failure::Unexpected)?;
        let named = answer
            .status
            .datasource
            .and_then(|name| name.parse::<DataSource>().ok());
        let owner = named.map_or(Owner::Unnamed, |datasource| {
            Owner::DataSources(vec![datasource])
        });
        self.tasks().put(id.clone(), owner.clone());
        Ok(owner)
    }

    /// Whom a supervisor belongs to; `None`: there is no such supervisor. `fresh` asks the leader
    /// in any case: for every operation that changes something.
    ///
    /// # Errors
    /// [`Failure`]: the leader could not be asked.
    pub async fn supervisor(
        &self,
        id: &SupervisorId,
        fresh: bool,
        turn: Turn,
        deadline: Instant,
        trail: &mut Trail,
    ) -> Result<Option<Owner>, Failure> {
        if !fresh
            && let Some((owner, at)) = self.supervisors().get(id)
            && at.elapsed() < SUPERVISOR_LIFETIME
        {
            return Ok(Some(owner.clone()));
        }
        let told = self.fetch(spec_of(id), turn, deadline, trail).await?;
        self.read(&Subject::Supervisor(id.clone()), &told)
    }

    fn read_supervisor(&self, id: &SupervisorId, body: &[u8]) -> Result<Owner, Failure> {
        if serde_json::from_slice::<IgnoredAny>(body).is_err() {
            return Err(Failure::Unexpected);
        }
        let owner = stored_owner(body);
        let mut supervisors = self.supervisors();
        if supervisors.len() >= SUPERVISORS {
            supervisors.retain(|_, (_, at)| at.elapsed() < SUPERVISOR_LIFETIME);
        }
        if supervisors.len() < SUPERVISORS {
            supervisors.insert(id.clone(), (owner.clone(), Instant::now()));
        }
        Ok(owner)
    }

    /// A GET's answer.
    async fn fetch(
        &self,
        target: String,
        turn: Turn,
        deadline: Instant,
        trail: &mut Trail,
    ) -> Result<Whole, Failure> {
        let plan = Plan {
            repeatable: true,
            deadline,
            unavailable_is_an_answer: false,
            turn,
        };
        self.overlords
            .exchange_whole(&Request::get(target), plan, LARGEST, trail)
            .await
    }

    fn tasks(&self) -> MutexGuard<'_, Halves<TaskId, Owner>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn supervisors(&self) -> MutexGuard<'_, HashMap<SupervisorId, (Owner, Instant)>> {
        self.supervisors
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_is_bounded_and_keeps_what_is_used() {
        let mut halves = Halves::new(10);
        halves.put(0, 'x');
        for number in 1..100 {
            halves.put(number, 'y');
            assert_eq!(halves.get(&0), Some('x'), "asked for again and again");
            assert!(halves.len() <= 20);
        }
        assert_eq!(halves.get(&1), None);
    }
}
