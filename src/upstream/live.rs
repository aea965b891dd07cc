//! The list of live tasks, asked of the leader when somebody has to know and not more often.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::exchange::{Failure, Plan, Trail};
use super::{Overlords, Request, Turn};
use crate::quota::{LiveTask, LiveTasks};
use crate::route::Class;

/// All that is unfinished and nothing else: `max` counts finished tasks only (run on Druid 28.0.0
/// and 33.0.0).
const TARGET: &str = "/druid/indexer/v1/tasks?max=0";

/// The largest list that is read; some 400 bytes a task.
const LARGEST: usize = 64 << 20;

/// A list this old is counted, and a newer one asked for beside.
const FRESH: Duration = Duration::from_secs(2);

/// One that is older is not counted.
const STALE: Duration = Duration::from_secs(10);

/// Nobody is refused by a list that is older.
const TO_REFUSE: Duration = Duration::from_secs(1);

/// Asks for the list and hands it to the count.
#[derive(Debug)]
pub struct LiveList {
    overlords: Arc<Overlords>,
    tasks: Arc<LiveTasks>,
    /// One asks at a time; who waits finds the list new.
    asking: Mutex<()>,
}

#[derive(Deserialize)]
struct Listed<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow, rename = "groupId")]
    group: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "type")]
    task_type: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "dataSource")]
    datasource: Option<Cow<'a, str>>,
}

impl LiveList {
    /// What `tasks` counts is asked of the leader among `overlords`.
    pub fn new(overlords: Arc<Overlords>, tasks: Arc<LiveTasks>) -> Arc<LiveList> {
        Arc::new(LiveList {
            overlords,
            tasks,
            asking: Mutex::new(()),
        })
    }

    /// The count.
    pub fn tasks(&self) -> &Arc<LiveTasks> {
        &self.tasks
    }

    /// Sees to it that the count can be used.
    ///
    /// # Errors
    /// [`Failure`]: it cannot.
    pub async fn count(
        self: &Arc<Self>,
        deadline: Instant,
        trail: &mut Trail,
    ) -> Result<(), Failure> {
        match self.tasks.age() {
            Some(age) if age <= FRESH => Ok(()),
            Some(age) if age <= STALE => {
                // Somebody asks already, or this one begins to and waits for nothing.
                if self.asking.try_lock().is_ok() {
                    let list = self.clone();
                    tokio::spawn(async move {
                        // Who needs it asks again.
                        let _ = list.ask(FRESH, deadline, &mut Trail::default()).await;
                    });
                }
                Ok(())
            }
            Some(_) | None => self.ask(STALE, deadline, trail).await,
        }
    }

    /// Sees to it that the count is good enough to refuse somebody; tells whether it is newer now.
    pub async fn count_to_refuse(&self, deadline: Instant, trail: &mut Trail) -> bool {
        self.tasks.age().is_none_or(|age| age > TO_REFUSE)
            && self.ask(TO_REFUSE, deadline, trail).await.is_ok()
    }

    async fn ask(
        &self,
        oldest: Duration,
        deadline: Instant,
        trail: &mut Trail,
    ) -> Result<(), Failure> {
        let _turn = tokio::time::timeout_at(deadline, self.asking.lock())
            .await
            .map_err(|_| Failure::Late)?;
        if self.tasks.age().is_some_and(|age| age <= oldest) {
            return Ok(());
        }
        let plan = Plan {
            repeatable: true,
            deadline,
            // Everybody waits for it: in nobody's flow, and not to be sent away.
            turn: Turn::of_principal(Class::Submission, "").patient(),
            unavailable_is_an_answer: false,
        };
        let asked = self.tasks.now();
        let answer = self
            .overlords
            .exchange_whole(&Request::get(TARGET), plan, LARGEST, trail)
            .await?;
        match answer.head.status {
            StatusCode::OK => {}
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => return Err(Failure::Login),
            _ => return Err(Failure::Unexpected),
        }
        let listed: Vec<Listed<'_>> =
            serde_json::from_slice(&answer.body).map_err(|_| Failure::Unexpected)?;
        let text = |name: Option<Cow<'_, str>>| name.map_or_else(String::new, Cow::into_owned);
        let tasks: Vec<LiveTask> = listed
            .into_iter()
            .map(|task| LiveTask {
                group: task
                    .group
                    .map_or_else(|| task.id.to_string(), Cow::into_owned),
                id: task.id.into_owned(),
                task_type: text(task.task_type),
                datasource: text(task.datasource),
            })
            .collect();
        self.tasks.saw(asked, &tasks);
        Ok(())
    }
}
