//! A request until it has an answer: finding the leader, waiting out an election, repeating what
//! may be repeated.
//!
//! A refused connection, a 307 and the 503 of a leader that is not ready come before Druid has
//! queued anything (`RedirectFilter` stands before every resource; run on Druid 28.0.0 and
//! 33.0.0), so whatever they answered is sent again. A request whose answer was cut may have been
//! executed: only what is safe to do twice is sent again.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use tokio::time::{Instant, sleep, timeout_at};

use super::Overlords;
use super::attempt::{Answer, Request, SendError};

/// Requests that waited for a leader come back spread over this time.
const SPREAD: Duration = Duration::from_millis(50);

/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// How a request may be carried through.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// May it be sent again after a cut answer?
    pub repeatable: bool,
    /// The answer's header must be here by then.
    pub deadline: Instant,
    /// A 503 is Druid's answer (`/supervisor/{id}/health`), not a node that is not ready.
    pub unavailable_is_an_answer: bool,
}

/// What happened on the way, for the access log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Trail {
    /// How many times the request was sent or tried to be sent.
    pub attempts: u32,
    /// The node that was tried last.
    pub node: Option<usize>,
}

/// Why there is no answer to hand on.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Nobody led by the deadline; nothing was executed.
    #[error("no Overlord led by the deadline")]
    NoLeader,
    /// The answer was cut; the request may have been executed.
    #[error("the Overlord's answer was lost")]
    Lost(#[source] Option<SendError>),
    /// No answer by the deadline; the request may have been executed.
    #[error("the Overlord did not answer by the deadline")]
    Late,
    /// An answer that is longer than it can be.
    #[error("the Overlord's answer is too large")]
    TooLarge,
}

/// Why one attempt has no answer.
pub(super) enum Miss {
    /// Nothing was executed: try again.
    NotExecuted,
    /// It may have been executed.
    Maybe(SendError),
    /// Nobody led by the deadline.
    NoLeader,
}

impl Overlords {
    /// Sends `request` to the leader, waiting for one and repeating as `plan` allows. The answer's
    /// first piece is here, so that nothing of it has to be taken back.
    ///
    /// # Errors
    /// [`Failure`]
    pub async fn exchange(
        self: &Arc<Self>,
        request: &Request,
        plan: Plan,
        trail: &mut Trail,
    ) -> Result<Answer, Failure> {
        loop {
            let lost = match self.attempt(request, plan, trail).await {
                Ok(mut answer) => match timeout_at(plan.deadline, answer.prefetch()).await {
                    Ok(Ok(())) => return Ok(answer),
                    Ok(Err(_)) => None,
                    Err(_) => return Err(Failure::Late),
                },
                Err(Miss::NotExecuted) => continue,
                Err(Miss::Maybe(error)) => Some(error),
                Err(Miss::NoLeader) => return Err(Failure::NoLeader),
            };
            self.after_loss(trail);
            if Instant::now() >= plan.deadline {
                return Err(Failure::Late);
            }
            if !plan.repeatable {
                return Err(Failure::Lost(lost));
            }
            self.pause(trail.attempts).await;
        }
    }

    /// The node that cut an answer must show again that it leads.
    pub(super) fn after_loss(&self, trail: &Trail) {
        if let Some(node) = trail.node {
            self.distrust(node);
        }
    }

    /// One attempt at whoever leads.
    pub(super) async fn attempt(
        self: &Arc<Self>,
        request: &Request,
        plan: Plan,
        trail: &mut Trail,
    ) -> Result<Answer, Miss> {
        let Some(node) = self.leader_by(plan.deadline).await else {
            return Err(Miss::NoLeader);
        };
        trail.attempts += 1;
        trail.node = Some(node);
        let sent = tokio::select! {
            sent = self.send(node, request, plan.deadline) => sent,
            // A node that was stopped never answers; its successor can be asked at once.
            () = self.succeeded(node) => Err(SendError::Late),
        };
        let again = match sent {
            Ok(answer) => match answer.head.status {
                // Its Location is never followed: it can be a dead node, the sender itself, or
                // an address that only the cluster knows.
                StatusCode::TEMPORARY_REDIRECT => true,
                StatusCode::SERVICE_UNAVAILABLE => !plan.unavailable_is_an_answer,
                _ => return Ok(answer),
            }
            .then_some(())
            .ok_or(answer),
            Err(SendError::NotSent(_) | SendError::NotFound(_)) => Ok(()),
            Err(error @ (SendError::Cut(_) | SendError::Late)) => return Err(Miss::Maybe(error)),
        };
        match again {
            Err(answer) => Ok(answer),
            Ok(()) => {
                self.distrust(node);
                self.pause(trail.attempts).await;
                Err(Miss::NotExecuted)
            }
        }
    }

    /// The leader, as soon as there is one.
    async fn leader_by(&self, deadline: Instant) -> Option<usize> {
        let mut view = self.view.subscribe();
        if let Some(leader) = view.borrow_and_update().leader() {
            return Some(leader);
        }
        let found = timeout_at(deadline, async {
            loop {
                view.changed().await.ok()?;
                if let Some(leader) = view.borrow_and_update().leader() {
                    return Some(leader);
                }
            }
        })
        .await
        .ok()
        .flatten();
        sleep(self.jitter(SPREAD)).await;
        found
    }

    /// Ends when another node than `node` leads.
    async fn succeeded(&self, node: usize) {
        let mut view = self.view.subscribe();
        loop {
            if view
                .borrow_and_update()
                .leader()
                .is_some_and(|leader| leader != node)
            {
                return;
            }
            if view.changed().await.is_err() {
                return std::future::pending().await;
            }
        }
    }

    /// Waits before the next attempt: longer each time, with jitter.
    pub(super) async fn pause(&self, attempts: u32) {
        let base = Duration::from_millis(10) * (1 << attempts.min(6));
        sleep(base.min(LONGEST_PAUSE) / 2 + self.jitter(base.min(LONGEST_PAUSE) / 2)).await;
    }
}
