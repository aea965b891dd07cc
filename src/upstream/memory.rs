//! Memory for what is read whole: requests' bodies and the Overlords' answers share it.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Memory is accounted for in pieces of this many bytes.
const PIECE: usize = 4 * 1024;

/// Memory for all that is read whole or judged at one time.
#[derive(Debug, Clone)]
pub struct Memory {
    pieces: Arc<Semaphore>,
    total: usize,
}

/// A part of it, given back on drop.
#[derive(Debug, Default)]
pub struct Held(Option<OwnedSemaphorePermit>);

/// So much memory is not free now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the memory for bodies and answers is taken")]
pub struct NoMemory;

impl Memory {
    /// So many bytes.
    pub fn new(bytes: usize) -> Memory {
        let total = (bytes / PIECE).min(Semaphore::MAX_PERMITS);
        Memory {
            pieces: Arc::new(Semaphore::new(total)),
            total,
        }
    }

    /// A part of as many bytes as this has, for itself.
    pub fn part(&self, divisor: usize) -> Memory {
        Memory::new(self.total / divisor.max(1) * PIECE)
    }

    /// Bytes in use.
    pub fn used(&self) -> usize {
        (self.total - self.pieces.available_permits().min(self.total)) * PIECE
    }

    /// Makes `held` cover `bytes`. What would take more than all there is gets all of it: it runs
    /// alone, but it runs.
    ///
    /// # Errors
    /// [`NoMemory`]: others have it. Nobody waits for it, so nobody waits for each other.
    pub fn grow(&self, held: &mut Held, bytes: usize) -> Result<(), NoMemory> {
        let wanted = bytes.div_ceil(PIECE).min(self.total);
        let present = held.0.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let Some(more) = wanted.checked_sub(present).filter(|more| *more > 0) else {
            return Ok(());
        };
        let more = u32::try_from(more).map_err(|_| NoMemory)?;
        let permit = self
            .pieces
            .clone()
            .try_acquire_many_owned(more)
            .map_err(|_| NoMemory)?;
        match &mut held.0 {
            Some(present) => present.merge(permit),
            None => held.0 = Some(permit),
        }
        Ok(())
    }
}

impl Held {
    /// Gives back what is held beyond `bytes`.
    pub fn shrink(&mut self, bytes: usize) {
        if let Some(present) = &mut self.0
            && let Some(spare) = present.num_permits().checked_sub(bytes.div_ceil(PIECE))
        {
            drop(present.split(spare));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded_and_comes_back() {
        let memory = Memory::new(16 * PIECE);
        let mut first = Held::default();
        assert_eq!(memory.grow(&mut first, 8 * PIECE), Ok(()));
        assert_eq!(memory.used(), 8 * PIECE);
        assert_eq!(memory.grow(&mut first, 12 * PIECE), Ok(()), "it grows");
        assert_eq!(memory.grow(&mut first, 5 * PIECE), Ok(()));
        assert_eq!(memory.used(), 12 * PIECE, "and does not shrink by itself");
        let mut second = Held::default();
        assert_eq!(memory.grow(&mut second, 8 * PIECE), Err(NoMemory));
        first.shrink(9 * PIECE);
        assert_eq!(memory.used(), 9 * PIECE);
        first.shrink(10 * PIECE);
        assert_eq!(memory.used(), 9 * PIECE);
        drop(first);
        assert_eq!(memory.used(), 0);
        assert_eq!(memory.grow(&mut second, 1 << 40), Ok(()), "alone");
        assert_eq!(memory.used(), 16 * PIECE);
        assert_eq!(memory.grow(&mut Held::default(), 1), Err(NoMemory));
    }
}
