//! An Overlord's answer, from its header on.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::time::{Instant, timeout_at};

use super::attempt::Line;
use super::exchange::Whole;
use super::flow::Seat;
use super::wire::{Connection, Head, WireError};
use super::{Held, Memory, NoMemory, Overlords};

/// An answer that is read whole takes a buffer that doubles as it grows, and as much again when it
/// is reduced.
const FACTOR: usize = 4;

/// So much of it is free: short answers, which tell what became of a change, are always read.
const FREE: usize = 64 * 1024;

/// A short answer is held until its end is here, so that a cut in it can be mended: up to so many
/// bytes, for so long. An Overlord sends them at once; one that is shutting down was seen to take
/// longer than 50 ms to the cut (37.0.0, `SIGTERM`).
const AHEAD: usize = 32 * 1024;
const AHEAD_TIME: Duration = Duration::from_secs(1);

/// Why an answer's body ended early.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The node closed the connection or paused too long.
    #[error("the Overlord's answer was cut")]
    Cut(#[source] WireError),
    /// Longer than the reader wants.
    #[error("the Overlord's answer is larger than {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// Too much is being read whole at this time.
    #[error("there is no memory for the Overlord's answer")]
    NoMemory(#[from] NoMemory),
}

/// An answer whose header is here and whose body is still coming. Dropping it closes the
/// connection; reading it to its end gives the connection back to the pool.
pub struct Answer {
    /// Status and headers.
    pub head: Head,
    pub(super) first: Option<Bytes>,
    /// Until the body's end.
    pub(super) connection: Option<Connection>,
    pub(super) line: Line,
    pub(super) overlords: Arc<Overlords>,
    pub(super) held: Held,
    /// Until the answer has begun; then who reads it slowly keeps nobody waiting.
    pub(super) seat: Option<Seat>,
}

impl Answer {
    /// Reads the beginning of the body, or with a limit all of it, so that a cut before its end
    /// can still be mended.
    pub(super) async fn prefetch(
        &mut self,
        whole: Option<(usize, &Memory)>,
    ) -> Result<(), ReadError> {
        self.first = match whole {
            None => self.beginning().await?,
            Some((limit, memory)) => Some(self.gather(limit, Some(memory)).await?),
        };
        self.leave_seat();
        Ok(())
    }

    /// The Overlord has done its work for this request: the next one may be sent.
    pub(super) fn leave_seat(&mut self) {
        if let Some(seat) = self.seat.take() {
            seat.answered();
        }
    }

    /// All of a short answer; of others the first piece, or what came soon.
    async fn beginning(&mut self) -> Result<Option<Bytes>, ReadError> {
        let Some(first) = self.read().await? else {
            return Ok(None);
        };
        if first.len() >= AHEAD {
            return Ok(Some(first));
        }
        let soon = Instant::now() + AHEAD_TIME;
        let mut length = first.len();
        let mut pieces = vec![first];
        while length < AHEAD {
            // Reading can be broken off and goes on where it was.
            match timeout_at(soon, self.read()).await {
                Ok(Ok(Some(piece))) => {
                    length += piece.len();
                    pieces.push(piece);
                }
                Ok(Ok(None)) | Err(_) => break,
                Ok(Err(error)) => return Err(error),
            }
        }
        Ok(match pieces.len() {
            1 => pieces.pop(),
            _ => Some(pieces.concat().into()),
        })
    }

    /// The body that was read whole, and the memory that it holds.
    pub(super) fn into_whole(mut self) -> Whole {
        Whole {
            body: self.first.take().unwrap_or_default(),
            head: self.head,
            held: self.held,
        }
    }

    /// The next piece of the body; `None` at its end.
    ///
    /// # Errors
    /// [`ReadError::Cut`]
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, ReadError> {
        match self.first.take() {
            Some(first) => Ok(Some(first)),
            None => self.read().await,
        }
    }

    async fn read(&mut self) -> Result<Option<Bytes>, ReadError> {
        let Some(connection) = self.connection.as_mut() else {
            return Ok(None);
        };
        let pause = self.overlords.settings.read_timeout;
        let piece = connection.piece(pause).await.map_err(ReadError::Cut)?;
        if piece.is_none()
            && let Some(connection) = self.connection.take()
        {
            self.overlords.give_back(self.line, connection);
        }
        Ok(piece)
    }

    /// Reads the rest of the body, up to `limit` bytes.
    ///
    /// # Errors
    /// [`ReadError`]
    pub async fn whole(&mut self, limit: usize) -> Result<Bytes, ReadError> {
        self.gather(limit, None).await
    }

    async fn gather(&mut self, limit: usize, memory: Option<&Memory>) -> Result<Bytes, ReadError> {
        let left = self.connection.as_ref().and_then(Connection::left);
        let expected = left.map_or(0, |left| {
            usize::try_from(left).map_or(FREE, |left| left.min(FREE))
        });
        let mut whole = BytesMut::with_capacity(expected);
        while let Some(chunk) = self.chunk().await? {
            if whole.len() + chunk.len() > limit {
                return Err(ReadError::TooLarge { limit });
            }
            let length = whole.len() + chunk.len();
            if let Some(memory) = memory
                && length > FREE
            {
                memory.grow(&mut self.held, length * FACTOR)?;
            }
            whole.extend_from_slice(&chunk);
        }
        Ok(whole.freeze())
    }
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer")
            .field("status", &self.head.status)
            .finish_non_exhaustive()
    }
}
