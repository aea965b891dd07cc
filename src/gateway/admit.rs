//! Drives admission: fetches the facts that it asks for.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::body::{memory_of, read_whole};
use super::exchange::{Gateway, Record};
use super::generation::{Due, Generation};
use super::head;
use super::problem::Problem;
use super::share::Question;
use super::turn::turn;
use crate::admission::{Admitted, AwaitingBody, BodyProblem, Login, Rejection, Step, begin};
use crate::caller::Credentials;
use crate::druid::Owner;
use crate::identity::Failure as LoginFailure;
use crate::listener::{Arrival, Session};
use crate::route::Subject;
use crate::upstream::{Failure, Held, Trail, Turn, spec_of, status_of};

/// Bodies above this are judged on a thread of their own, so that others are not kept waiting.
const LARGE: usize = 256 * 1024;

/// What is unknown, or somebody else's, is told at a multiple of this after it was asked for. The
/// Overlord finds a task sooner than it finds that there is none, and the gateway remembers tasks:
/// without it the time would tell the one from the other.
const LEVEL: Duration = Duration::from_millis(25);

/// An owner that was asked for.
struct Asked {
    subject: Subject,
    turn: Turn,
    begun: Instant,
    deadline: Instant,
    /// Was it remembered?
    is_remembered: bool,
}

impl Gateway {
    /// Judges a request to the end. The body's memory is held until the answer is out.
    pub(super) async fn admit(
        &self,
        session: &mut Session,
        arrival: &Arrival,
        generation: &Generation,
        due: Due,
        record: &mut Record<'_>,
    ) -> Result<(Admitted, Option<Held>), Problem> {
        let request = head::head(session.request(), record.outcome.source);
        let length = request.length;
        let mut held = None;
        let mut asked = None;
        let mut step = begin(request, generation.snapshot.clone());
        loop {
            step = match step {
                Step::Done(verdict) => {
                    record.learn(verdict.trace);
                    if let (
                        Err(Rejection::UnknownTask | Rejection::UnknownSupervisor),
                        Some(asked),
                    ) = (&verdict.decision, asked)
                    {
                        level(generation, &asked, record).await;
                    }
                    return match verdict.decision {
                        Ok(admitted) => Ok((admitted, held)),
                        Err(rejection) => Err(rejection.into()),
                    };
                }
                Step::NeedPrincipal(wait) => {
                    let login = self.login(session, arrival, generation, record).await;
                    wait.supply(login)
                }
                Step::NeedOwner(wait) => {
                    let begun = Instant::now();
                    let mut trail = Trail::default();
                    let subject = wait.subject();
                    let deadline = due.by(wait.action());
                    // Its datasource is the question.
                    let turn = turn(wait.endpoint(), wait.principal(), &[]);
                    // A task's owner never changes.
                    let fresh = wait.fresh() && !matches!(subject, Subject::Task(_));
                    let remembered = match fresh {
                        true => None,
                        false => generation.owners.remembered_owner(&subject),
                    };
                    let is_remembered = remembered.is_some();
                    let owner = match remembered {
                        Some(owner) => Ok(Some(owner)),
                        None => {
                            self.owner(generation, &subject, fresh, turn, deadline, &mut trail)
                                .await
                        }
                    };
                    record.upstream(trail, &generation.overlords, begun.elapsed());
                    asked = Some(Asked {
                        subject,
                        turn,
                        begun,
                        deadline,
                        is_remembered,
                    });
                    match owner {
                        Ok(owner) => wait.supply(owner),
                        Err(failure) => {
                            let (trace, charge) = wait.into_trace();
                            record.learn(trace);
                            self.owes(charge, generation, record);
                            return Err(Problem::upstream(&failure, false));
                        }
                    }
                }
                Step::NeedBody(wait) => {
                    let end = Instant::now() + generation.settings.body_timeout;
                    let end = end.min(due.by(wait.action()));
                    let limit = wait.limit();
                    let (body, memory) =
                        read_whole(session, length, limit, end, &self.body_memory).await;
                    let memory = held.insert(memory);
                    let received = body.as_ref().map_or(0, Bytes::len);
                    record.outcome.received = received as u64;
                    let body = body.and_then(|body| {
                        let judging = wait.memory(&body);
                        self.body_memory
                            .grow(memory, memory_of(received) + judging)?;
                        Ok(body)
                    });
                    let judged = judge(wait, body).await?;
                    memory.shrink(memory_of(received));
                    judged
                }
                Step::NeedCharge(wait) => self.charge(wait, generation, due, record).await?,
            };
        }
    }

    /// Whom something belongs to. Unless it must be known afresh, the question is one that many may
    /// ask at the same time; of a task it is the one for its status.
    async fn owner(
        &self,
        generation: &Generation,
        subject: &Subject,
        fresh: bool,
        turn: Turn,
        deadline: Instant,
        trail: &mut Trail,
    ) -> Result<Option<Owner>, Failure> {
        if fresh {
            return owner(generation, subject, true, turn, deadline, trail).await;
        }
        let target = match subject {
            Subject::Task(id) => status_of(id).into(),
            Subject::Supervisor(id) => spec_of(id).into(),
            Subject::None | Subject::DataSource(_) | Subject::Worker(_) => {
                return Ok(Some(Owner::Unnamed));
            }
        };
        let question = Question {
            target,
            unavailable_is_an_answer: false,
            // What it says is remembered anyway, if it says it well.
            reuse: Duration::ZERO,
            // Of a task it may be the very thing that is read; specs are not shared.
            keep: match subject {
                Subject::Task(_) => generation.settings.reuse_reads,
                _ => Duration::ZERO,
            },
            if_wanted: false,
            principal: None,
            turn,
        };
        let read = self.share.read(&question, generation, deadline).await;
        *trail = read.trail;
        match read.told {
            Some(told) => generation.owners.read(subject, &*told?),
            None => owner(generation, subject, true, turn, deadline, trail).await,
        }
    }

    async fn login(
        &self,
        session: &Session,
        arrival: &Arrival,
        generation: &Generation,
        record: &Record<'_>,
    ) -> Login {
        let Ok(credentials) = head::credentials(session.request()) else {
            return Login::Absent;
        };
        let credentials = head::or_certificate(credentials, arrival);
        if let Credentials::Certificate(names) = &credentials {
            let who = generation.certificates.who(names);
            if who.is_none() {
                tracing::debug!(?names, "a client's certificate is no user's");
            }
            return who.map_or(Login::Absent, Login::Known);
        }
        let source = record.outcome.source;
        match self
            .authenticator
            .authenticate(&generation.users, &credentials, source, self.now())
            .await
        {
            Ok(principal) => Login::Known(principal),
            Err(LoginFailure::Absent) => Login::Absent,
            Err(LoginFailure::Wrong) => Login::Wrong,
            Err(LoginFailure::Busy) => Login::Busy,
            Err(LoginFailure::Unavailable) => Login::Unavailable,
            Err(LoginFailure::Slowed(wait)) => Login::Slowed(wait),
        }
    }
}

async fn judge(wait: AwaitingBody, body: Result<Bytes, BodyProblem>) -> Result<Step, Problem> {
    if body.as_ref().is_ok_and(|body| body.len() > LARGE) {
        // A panic there is a defect; the client gets an answer all the same.
        return tokio::task::spawn_blocking(move || wait.supply(body))
            .await
            .map_err(|_| Problem::unexpected_answer());
    }
    Ok(wait.supply(body))
}

/// Waits until nobody can tell what is somebody else's from what there is not.
async fn level(generation: &Generation, asked: &Asked, record: &mut Record<'_>) {
    if asked.is_remembered {
        // The leader was not asked: it is now, since it would be about an id that nobody knows.
        let begun = Instant::now();
        let mut trail = Trail::default();
        let Asked {
            subject,
            turn,
            deadline,
            ..
        } = asked;
        let _known = owner(generation, subject, true, *turn, *deadline, &mut trail).await;
        record.upstream(trail, &generation.overlords, begun.elapsed());
    }
    even(asked.begun, asked.deadline).await;
}

/// Waits for the next step of [`LEVEL`] since something was asked for.
pub(super) async fn even(begun: Instant, deadline: Instant) {
    let steps = begun.elapsed().as_millis() / LEVEL.as_millis() + 1;
    let steps = u32::try_from(steps).unwrap_or(u32::MAX);
    if let Some(wait) = LEVEL.checked_mul(steps) {
        tokio::time::sleep_until((begun + wait).min(deadline)).await;
    }
}

async fn owner(
    generation: &Generation,
    subject: &Subject,
    fresh: bool,
    turn: Turn,
    deadline: Instant,
    trail: &mut Trail,
) -> Result<Option<Owner>, Failure> {
    let owners = &generation.owners;
    match subject {
        Subject::Task(id) => owners.task(id, fresh, turn, deadline, trail).await,
        Subject::Supervisor(id) => owners.supervisor(id, fresh, turn, deadline, trail).await,
        Subject::None | Subject::DataSource(_) | Subject::Worker(_) => Ok(Some(Owner::Unnamed)),
    }
}
