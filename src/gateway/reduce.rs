//! Short answers, reduced to what the principal may read.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::exchange::{Gateway, Record};
use super::generation::Generation;
use super::problem::Problem;
use super::share::Question;
use crate::admission::Rejection;
use crate::caller::Principal;
use crate::disclosure::{
    Show, Unexpected, members_with, named_list, statuses, supervisor_histories, supervisor_history,
    supervisor_owners, supervisors,
};
use crate::druid::{DataSource, Owner, TaskId};
use crate::finding::sealed;
use crate::policy::Sight;
use crate::route::{Action, Disclosure, PREFIX, Route};
use crate::upstream::{Failure, Held, Owners, Plan, Request, Trail, Whole};

/// The largest answer that is reduced whole.
pub(super) const LARGEST: usize = 64 << 20;

/// So much of an answer takes no memory that is counted.
const FREE: usize = 64 * 1024;

/// Owners that are asked for at the same time.
const QUESTIONS: usize = 8;

impl From<Unexpected> for Box<Problem> {
    fn from(_: Unexpected) -> Box<Problem> {
        Box::new(Problem::unexpected_answer())
    }
}

impl From<Failure> for Box<Problem> {
    fn from(failure: Failure) -> Box<Problem> {
        Box::new(Problem::upstream(&failure, false))
    }
}

impl Gateway {
    /// Reduces an answer that was read whole; what that takes is held until the answer is out.
    pub(super) async fn reduce(
        &self,
        principal: &Principal,
        route: &Route,
        Whole {
            head, body: text, ..
        }: &Whole,
        generation: &Generation,
        plan: Plan,
        record: &mut Record<'_>,
    ) -> Result<(Bytes, Held), Box<Problem>> {
        // What it asks now is the second half of something.
        let plan = Plan {
            repeatable: true,
            unavailable_is_an_answer: false,
            turn: plan.turn.patient(),
            ..plan
        };
        if head.headers.contains_key(header::CONTENT_ENCODING) {
            return Err(Unexpected.into());
        }
        // An answer that many share is held once, what each is given of it is his own.
        let mut held = Held::default();
        if record.outcome.sharing.is_some() {
            let own = text.len().saturating_sub(FREE) * 2;
            let grown = self.body_memory.grow(&mut held, own);
            grown.map_err(|_| Failure::NoMemory)?;
        }
        let policies = &generation.snapshot.policies;
        let sight = policies.sight(principal, Action::Read);
        let secrets = policies.sight(principal, Action::ReadSecrets);
        let show =
            |datasource: &DataSource| match (sight.sees(datasource), secrets.sees(datasource)) {
                (false, _) => Show::Hidden,
                (true, false) => Show::Sealed,
                (true, true) => Show::Whole,
            };
        let reduced = match route.endpoint.disclosure {
            Disclosure::TaskStatuses => {
                let ids = members_with(text)?;
                let visible = visible_tasks(ids, &sight, generation, plan, record).await?;
                statuses(text, |id| visible.contains(id))?
            }
            Disclosure::Supervisors => {
                let all = self
                    .all_supervisors(principal, generation, plan, record)
                    .await?;
                let owners = supervisor_owners(&all.body)?;
                let of = |owner: &Owner| match (
                    is_visible(owner, &sight),
                    is_visible(owner, &secrets),
                ) {
                    (false, _) => Show::Hidden,
                    (true, false) => Show::Sealed,
                    (true, true) => Show::Whole,
                };
                supervisors(text, |id, own| match owners.get(id) {
                    Some(owner) => own.map_or(Show::Whole, of).min(of(owner)),
                    None => Show::Hidden,
                })?
            }
            Disclosure::SupervisorHistory => match supervisor_history(text, &show)? {
                Some(history) => history,
                None => return Err(Box::new(Rejection::UnknownSupervisor.into())),
            },
            Disclosure::SupervisorHistories => supervisor_histories(text, &show)?,
            Disclosure::CompactionConfigs => named_list(text, "compactionConfigs", &show)?,
            Disclosure::CompactionStatuses => named_list(text, "latestStatus", &show)?,
            Disclosure::Payload => sealed(text).unwrap_or_else(|| text.to_vec()),
            Disclosure::Whole | Disclosure::TaskList => text.to_vec(),
        };
        Ok((reduced.into(), held))
    }

    /// All supervisors with their specs: which of them somebody may see is told by what they write.
    async fn all_supervisors(
        &self,
        principal: &Principal,
        generation: &Generation,
        plan: Plan,
        record: &mut Record<'_>,
    ) -> Result<Arc<Whole>, Failure> {
        let begun = Instant::now();
        let overlords = &generation.overlords;
        let full = Question {
            target: format!("{PREFIX}/supervisor?full").into(),
            unavailable_is_an_answer: false,
            reuse: generation.settings.reuse_reads,
            keep: generation.settings.reuse_reads,
            if_wanted: false,
            principal: Some(principal),
            turn: plan.turn,
        };
        let read = self.share.read(&full, generation, plan.deadline).await;
        let mut trail = read.trail;
        let told = match read.told {
            Some(told) => told,
            None => {
                let full = Request::get(full.target);
                let asked = overlords.exchange_whole(&full, plan, LARGEST, &mut trail);
                asked.await.map(Arc::new)
            }
        };
        record.upstream(trail, overlords, begun.elapsed());
        told
    }
}

fn is_visible(owner: &Owner, sight: &Sight<'_>) -> bool {
    match owner {
        Owner::DataSources(datasources) => {
            datasources.iter().all(|datasource| sight.sees(datasource))
        }
        Owner::Unnamed => sight.sees_all(),
    }
}

/// Which of these tasks may be seen. Their owners are asked for where they are not remembered.
async fn visible_tasks(
    ids: Vec<String>,
    sight: &Sight<'_>,
    generation: &Generation,
    plan: Plan,
    record: &mut Record<'_>,
) -> Result<HashSet<String>, Box<Problem>> {
    let begun = Instant::now();
    let overlords = &generation.overlords;
    let mut visible = HashSet::new();
    let mut questions = JoinSet::new();
    let mut ids = ids.into_iter();
    loop {
        while questions.len() < QUESTIONS {
            let Some(id) = ids.next() else { break };
            let Ok(task) = id.parse::<TaskId>() else {
                continue;
            };
            questions.spawn(ask(generation.owners.clone(), task, plan));
        }
        let Some(answered) = questions.join_next().await else {
            // They are asked side by side: their times do not add up.
            record.upstream(Trail::default(), overlords, begun.elapsed());
            return Ok(visible);
        };
        let Ok((id, owner, trail)) = answered else {
            continue;
        };
        record.upstream(trail, overlords, Duration::ZERO);
        if let Some(owner) = owner?
            && is_visible(&owner, sight)
        {
            visible.insert(id.to_string());
        }
    }
}

async fn ask(
    owners: Arc<Owners>,
    id: TaskId,
    plan: Plan,
) -> (TaskId, Result<Option<Owner>, Failure>, Trail) {
    let mut trail = Trail::default();
    let asked = owners.task(&id, false, plan.turn, plan.deadline, &mut trail);
    let owner = asked.await;
    (id, owner, trail)
}
