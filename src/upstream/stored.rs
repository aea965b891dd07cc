//! A submission whose answer was lost: was it stored?
//!
//! Druid keys tasks by id and refuses a known one, so a submission that carries an id can be
//! asked for and repeated without ever being executed twice. One without an id cannot: whether it
//! was stored is unknown, and it is not sent again.

use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use tokio::time::{Instant, timeout_at};

use super::Overlords;
use super::answer::ReadError;
use super::attempt::{Request, SendError};
use super::exchange::{Failure, Miss, Plan, Trail, Whole};
use super::wire::Head;
use crate::druid::{DataSource, TaskId};
use crate::route::encode_segment;

/// How much older than our first byte a task may seem and still be ours: the `Date` header that
/// Druid's clock is told from has whole seconds, and it is another node's clock that stamped it.
const TOLERANCE: SignedDuration = SignedDuration::from_secs(2);

/// A task's status has some 430 bytes, and the message of its failure.
const LARGEST_STATUS: usize = 1 << 20;

/// What makes a stored task recognizable as the one that was sent.
#[derive(Debug, Clone)]
pub struct Submission {
    /// Its id; without one nothing can be asked for.
    pub id: Option<TaskId>,
    /// Its type.
    pub type_id: String,
    /// The datasource it writes.
    pub datasource: Option<DataSource>,
}

/// How a submission ended.
#[derive(Debug)]
pub enum Submitted {
    /// Druid's answer.
    Answered(Head, Bytes),
    /// The answer was lost, and the leader has the task: as good as a 200.
    Stored(TaskId),
}

/// What the leader says about an id.
enum Asked {
    Ours,
    Another,
    Unknown,
}

#[derive(Deserialize)]
struct StatusAnswer {
    status: Status,
}

#[derive(Deserialize)]
struct Status {
    #[serde(rename = "type")]
    type_id: Option<String>,
    #[serde(rename = "dataSource")]
    datasource: Option<String>,
    #[serde(rename = "createdTime")]
    created: Option<String>,
}

impl Overlords {
    /// Sends a submission until it has an answer, or nobody can tell what became of it. The answer
    /// is read whole, up to `limit` bytes.
    ///
    /// # Errors
    /// [`Failure`]; `Lost` and `Late` mean that it may have been stored.
    pub async fn submit(
        self: &Arc<Self>,
        request: &Request,
        submission: &Submission,
        plan: Plan,
        limit: usize,
        trail: &mut Trail,
    ) -> Result<Submitted, Failure> {
        let mut lost_before = false;
        loop {
            let lost = match self.attempt(request, plan, trail).await {
                Ok(mut answer) => match timeout_at(plan.deadline, answer.whole(limit)).await {
                    Ok(Ok(body)) => {
                        answer.leave_seat();
                        let head = answer.head.clone();
                        return self
                            .answered(head, body, submission, lost_before, plan, trail)
                            .await;
                    }
                    Ok(Err(ReadError::TooLarge { .. })) => return Err(Failure::TooLarge),
                    Ok(Err(ReadError::NoMemory(_))) => return Err(Failure::NoMemory),
                    Ok(Err(ReadError::Cut(_))) => None,
                    Err(_) => return Err(Failure::Late),
                },
                Err(Miss::NotExecuted) => continue,
                Err(Miss::Maybe(error)) => Some(error),
                Err(missed @ (Miss::NoLeader | Miss::Overloaded(_))) => {
                    return Err(missed.into_failure(lost_before));
                }
            };
            lost_before = true;
            if !matches!(lost, Some(SendError::Unreadable(_))) {
                self.after_loss(trail);
            }
            if Instant::now() >= plan.deadline {
                return Err(Failure::Late);
            }
            let Some(id) = &submission.id else {
                return Err(Failure::Lost(lost));
            };
            match self.asked(id, submission, plan, trail).await {
                Ok(Asked::Ours) => return Ok(Submitted::Stored(id.clone())),
                // Not ours: Druid says so itself, in its own words.
                Ok(Asked::Unknown | Asked::Another) => {
                    self.pause(trail.attempts, plan.deadline).await;
                }
                Err(_) if Instant::now() >= plan.deadline => return Err(Failure::Late),
                Err(_) => return Err(Failure::Lost(lost)),
            }
        }
    }

    async fn answered(
        self: &Arc<Self>,
        head: Head,
        body: Bytes,
        submission: &Submission,
        lost_before: bool,
        plan: Plan,
        trail: &mut Trail,
    ) -> Result<Submitted, Failure> {
        if lost_before
            && head.status == StatusCode::BAD_REQUEST
            && let Some(id) = &submission.id
            && says_already_exists(&body)
            && let Ok(Asked::Ours) = self.asked(id, submission, plan, trail).await
        {
            return Ok(Submitted::Stored(id.clone()));
        }
        Ok(Submitted::Answered(head, body))
    }

    async fn asked(
        self: &Arc<Self>,
        id: &TaskId,
        submission: &Submission,
        plan: Plan,
        trail: &mut Trail,
    ) -> Result<Asked, Failure> {
        let target = format!(
            "/druid/indexer/v1/task/{}/status",
            encode_segment(id.as_str())
        );
        let plan = Plan {
            repeatable: true,
            unavailable_is_an_answer: false,
            turn: plan.turn.patient(),
            ..plan
        };
        let mut asking = Trail::default();
        let asked = self
            .exchange_whole(&Request::get(target), plan, LARGEST_STATUS, &mut asking)
            .await;
        trail.attempts += asking.attempts;
        trail.node = asking.node.or(trail.node);
        let Whole {
            head,
            body,
            held: _held,
        } = asked?;
        if head.status == StatusCode::NOT_FOUND {
            return Ok(Asked::Unknown);
        }
        let Some(first_byte) = trail.first_byte else {
            return Ok(Asked::Another);
        };
        let skew = self.skew(&head);
        let Ok(found) = serde_json::from_slice::<StatusAnswer>(&body) else {
            return Ok(Asked::Another);
        };
        Ok(if is_ours(&found.status, submission, first_byte, skew) {
            Asked::Ours
        } else {
            Asked::Another
        })
    }

    /// Druid's clock less ours, as far as its `Date` header tells.
    fn skew(&self, head: &Head) -> SignedDuration {
        let date = head
            .headers
            .get(http::header::DATE)
            .and_then(|value| value.to_str().ok())
            .and_then(|text| jiff::fmt::rfc2822::parse(text).ok());
        date.map_or(SignedDuration::ZERO, |date| {
            date.timestamp()
                .duration_since((self.settings.wall_clock)())
        })
    }
}

fn is_ours(
    status: &Status,
    submission: &Submission,
    first_byte: Timestamp,
    skew: SignedDuration,
) -> bool {
    let created = status
        .created
        .as_deref()
        .and_then(|text| text.parse::<Timestamp>().ok());
    let Some(created) = created else {
        return false;
    };
    status.type_id.as_deref() == Some(submission.type_id.as_str())
        && submission.datasource.as_ref().map(DataSource::as_str) == status.datasource.as_deref()
        && created.duration_since(first_byte) + TOLERANCE >= skew
}

/// Druid 28: `{"error":"Task [x] already exists."}`; from 29 on `"errorCode":"entryAlreadyExists"`.
fn says_already_exists(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Refusal {
        error: Option<String>,
        error_code: Option<String>,
    }
    serde_json::from_slice::<Refusal>(body).is_ok_and(|refusal| {
        refusal.error_code.as_deref() == Some("entryAlreadyExists")
            || refusal
                .error
                .is_some_and(|text| text.ends_with("already exists."))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a timestamp")
    }

    #[test]
    fn a_task_is_ours_if_type_datasource_and_age_agree() {
        let submission = Submission {
            id: Some("t1".parse().expect("an id")),
            type_id: "noop".to_owned(),
            datasource: Some("wiki".parse().expect("a name")),
        };
        let first_byte = at("2026-11-23T12:00:10Z");
        let seconds = SignedDuration::from_secs;
        let cases: &[(&str, &str, &str, i64, bool)] = &[
            ("noop", "wiki", "2026-11-23T12:00:11.500Z", 0, true),
            ("noop", "wiki", "2026-11-23T12:00:09.000Z", 0, true),
            ("noop", "wiki", "2026-11-23T12:00:07.900Z", 0, false),
            ("noop", "wiki", "2026-11-22T12:00:10.000Z", 0, false),
            ("noop", "other", "2026-11-23T12:00:11.000Z", 0, false),
            ("index", "wiki", "2026-11-23T12:00:11.000Z", 0, false),
            ("noop", "wiki", "yesterday", 0, false),
            // Druid's clock is an hour ahead: created an hour "later" is what now looks like.
            ("noop", "wiki", "2026-11-23T13:00:10.000Z", 3_600, true),
            ("noop", "wiki", "2026-11-23T12:59:00.000Z", 3_600, false),
        ];
        for (type_id, datasource, created, skew, ours) in cases {
            let status = Status {
                type_id: Some((*type_id).to_owned()),
                datasource: Some((*datasource).to_owned()),
                created: Some((*created).to_owned()),
            };
            let judged = is_ours(&status, &submission, first_byte, seconds(*skew));
            assert_eq!(judged, *ours, "{type_id} {datasource} {created} {skew}");
        }
    }

    #[test]
    fn both_ways_of_saying_already_exists_are_known() {
        assert!(says_already_exists(
            br#"{"error":"Task [x] already exists."}"#
        ));
        assert!(says_already_exists(
            br#"{"error":"druidException","errorCode":"entryAlreadyExists","errorMessage":"m"}"#
        ));
        assert!(!says_already_exists(
            br#"{"error":"druidException","errorCode":"invalidInput"}"#
        ));
        assert!(!says_already_exists(b"<html>already exists.</html>"));
    }
}
