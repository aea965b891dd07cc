//! A request's body, read whole within its bounds.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use pingora::protocols::http::ServerSession;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

use crate::admission::BodyProblem;

/// Memory is accounted for in pieces of this many bytes.
const PIECE: usize = 4 * 1024;

/// A body is read into a buffer that doubles as it grows.
const FACTOR: usize = 2;

/// A client slower than this, after [`GRACE`], is cut: bytes a second.
const SLOWEST: u64 = 1024;
const GRACE: Duration = Duration::from_secs(5);

/// Memory for all bodies that are read or judged at one time.
#[derive(Debug, Clone)]
pub struct BodyMemory {
    pieces: Arc<Semaphore>,
    total: usize,
}

/// A part of it, given back on drop.
#[derive(Debug)]
pub(super) struct Held(Option<OwnedSemaphorePermit>);

impl BodyMemory {
    /// So many bytes.
    pub fn new(bytes: usize) -> BodyMemory {
        let total = (bytes / PIECE).min(Semaphore::MAX_PERMITS);
        BodyMemory {
            pieces: Arc::new(Semaphore::new(total)),
            total,
        }
    }

    /// Bytes in use.
    pub fn used(&self) -> usize {
        (self.total - self.pieces.available_permits().min(self.total)) * PIECE
    }

    /// Makes `held` cover a body of `bytes` and `judging` bytes more. What would take more than all
    /// there is gets all of it: it runs alone, but it runs.
    pub(super) fn grow(
        &self,
        held: &mut Held,
        bytes: usize,
        judging: usize,
    ) -> Result<(), BodyProblem> {
        let wanted = (bytes * FACTOR + judging).div_ceil(PIECE).min(self.total);
        let present = held.0.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let Some(more) = wanted.checked_sub(present).filter(|more| *more > 0) else {
            return Ok(());
        };
        let no_memory = BodyProblem::NoMemory {
            retry_after: Duration::from_secs(1),
        };
        let more = u32::try_from(more).map_err(|_| no_memory)?;
        let permit = self
            .pieces
            .clone()
            .try_acquire_many_owned(more)
            .map_err(|_| no_memory)?;
        match &mut held.0 {
            Some(present) => present.merge(permit),
            None => held.0 = Some(permit),
        }
        Ok(())
    }

    /// Gives back what a body of `bytes` does not take any more once it is judged.
    pub(super) fn shrink(&self, held: &mut Held, bytes: usize) {
        let wanted = (bytes * FACTOR).div_ceil(PIECE);
        if let Some(present) = &mut held.0
            && let Some(spare) = present.num_permits().checked_sub(wanted)
        {
            drop(present.split(spare));
        }
    }
}

/// Reads a body of at most `limit` bytes until `end`. A client that waits for
/// `100 Continue` gets it now: the header has passed every check.
pub(super) async fn read_whole(
    session: &mut ServerSession,
    length: Option<u64>,
    limit: usize,
    end: Instant,
    memory: &BodyMemory,
) -> (Result<Bytes, BodyProblem>, Held) {
    let mut held = Held(None);
    let read = read(session, length, limit, end, memory, &mut held).await;
    (read, held)
}

async fn read(
    session: &mut ServerSession,
    length: Option<u64>,
    limit: usize,
    end: Instant,
    memory: &BodyMemory,
    held: &mut Held,
) -> Result<Bytes, BodyProblem> {
    let length = match length.map(usize::try_from) {
        Some(Ok(length)) if length <= limit => Some(length),
        Some(_) => return Err(BodyProblem::TooLarge(limit)),
        None => None,
    };
    memory.grow(held, length.unwrap_or(PIECE), 0)?;
    if session.get_header("expect").is_some() && !session.is_body_done() {
        // Otherwise the interim answer would count as the answer, and close the connection.
        session.set_close_on_response_before_downstream_finish(false);
        session
            .write_continue_response()
            .await
            .map_err(|_| BodyProblem::Broken)?;
        session.set_close_on_response_before_downstream_finish(true);
    }
    let begun = Instant::now();
    let mut body = BytesMut::with_capacity(length.unwrap_or(PIECE).min(1 << 20));
    loop {
        let paid_for = Duration::from_secs(body.len() as u64 / SLOWEST);
        let until = end.min(begun + GRACE + paid_for);
        let chunk = match timeout_at(until, session.read_request_body()).await {
            Err(_) => return Err(BodyProblem::Late),
            Ok(Err(_)) => return Err(BodyProblem::Broken),
            Ok(Ok(None)) => break,
            Ok(Ok(Some(chunk))) => chunk,
        };
        if body.len() + chunk.len() > limit {
            return Err(BodyProblem::TooLarge(limit));
        }
        memory.grow(held, body.len() + chunk.len(), 0)?;
        body.extend_from_slice(&chunk);
    }
    if length.is_some_and(|length| length != body.len()) {
        // Druid runs a task as soon as its JSON is complete, whatever was announced; we do not.
        return Err(BodyProblem::Broken);
    }
    Ok(body.freeze())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded_and_comes_back() {
        let memory = BodyMemory::new(16 * PIECE);
        let mut first = Held(None);
        assert_eq!(memory.grow(&mut first, 4 * PIECE, 0), Ok(()));
        assert_eq!(memory.used(), 8 * PIECE);
        assert_eq!(
            memory.grow(&mut first, 6 * PIECE, 0),
            Ok(()),
            "it grows with the body"
        );
        let mut second = Held(None);
        let refused = memory.grow(&mut second, 4 * PIECE, 0);
        assert_eq!(
            refused,
            Err(BodyProblem::NoMemory {
                retry_after: Duration::from_secs(1)
            })
        );
        assert_eq!(
            memory.grow(&mut first, 6 * PIECE, 3 * PIECE),
            Ok(()),
            "judging takes more"
        );
        assert_eq!(memory.used(), 15 * PIECE);
        memory.shrink(&mut first, 6 * PIECE);
        assert_eq!(memory.used(), 12 * PIECE, "until it is done");
        drop(first);
        assert_eq!(memory.used(), 0);
        let mut alone = Held(None);
        assert_eq!(memory.grow(&mut alone, 6 * PIECE, 1 << 30), Ok(()));
        assert!(memory.grow(&mut second, PIECE, 0).is_err());
        drop(alone);
        assert_eq!(memory.grow(&mut second, 4 * PIECE, 0), Ok(()));
    }
}
