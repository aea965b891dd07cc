//! A request's body, read whole within its bounds.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::time::{Instant, timeout_at};

use crate::admission::BodyProblem;
use crate::listener::Session;
use crate::upstream::{Held, Memory, NoMemory};

/// What is set aside for a body whose length is not known yet.
const FIRST: usize = 4 * 1024;

/// A body is read into a buffer that doubles as it grows.
const FACTOR: usize = 2;

/// A client slower than this, after [`GRACE`], is cut: bytes a second.
const SLOWEST: u64 = 1024;
const GRACE: Duration = Duration::from_secs(5);

/// What a body takes while it is read, forwarded and maybe sent again.
pub(super) fn memory_of(length: usize) -> usize {
    length * FACTOR
}

impl From<NoMemory> for BodyProblem {
    fn from(NoMemory: NoMemory) -> BodyProblem {
        BodyProblem::NoMemory {
            retry_after: Duration::from_secs(1),
        }
    }
}

/// Reads a body of at most `limit` bytes until `end`. A client that waits for
/// `100 Continue` gets it now: the header has passed every check.
pub(super) async fn read_whole(
    session: &mut Session,
    length: Option<u64>,
    limit: usize,
    end: Instant,
    memory: &Memory,
) -> (Result<Bytes, BodyProblem>, Held) {
    let mut held = Held::default();
    let read = read(session, length, limit, end, memory, &mut held).await;
    (read, held)
}

async fn read(
    session: &mut Session,
    length: Option<u64>,
    limit: usize,
    end: Instant,
    memory: &Memory,
    held: &mut Held,
) -> Result<Bytes, BodyProblem> {
    let length = match length.map(usize::try_from) {
        Some(Ok(length)) if length <= limit => Some(length),
        Some(_) => return Err(BodyProblem::TooLarge(limit)),
        None => None,
    };
    memory.grow(held, memory_of(length.unwrap_or(FIRST)))?;
    match timeout_at(end, session.ask_for_body()).await {
        Ok(Ok(())) => {}
        Ok(Err(_)) | Err(_) => return Err(BodyProblem::Broken),
    }
    let begun = Instant::now();
    let mut body = BytesMut::with_capacity(length.unwrap_or(FIRST).min(1 << 20));
    loop {
        let paid_for = Duration::from_secs(body.len() as u64 / SLOWEST);
        let until = end.min(begun + GRACE + paid_for);
        match timeout_at(until, session.read_body(&mut body)).await {
            Err(_) => return Err(BodyProblem::Late),
            Ok(Err(_)) => return Err(BodyProblem::Broken),
            Ok(Ok(0)) => break,
            Ok(Ok(_)) => {}
        }
        if body.len() > limit {
            return Err(BodyProblem::TooLarge(limit));
        }
        memory.grow(held, memory_of(body.len()))?;
    }
    if length.is_some_and(|length| length != body.len()) {
        // Druid runs a task as soon as its JSON is complete, whatever was announced; we do not.
        return Err(BodyProblem::Broken);
    }
    Ok(body.freeze())
}
