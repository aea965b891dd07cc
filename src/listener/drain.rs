//! How a gateway stops: told to everybody who has to behave differently meanwhile.

use std::sync::Arc;

use tokio::sync::watch;

/// Where a stopping gateway stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Not stopping.
    Serving,
    /// Still accepting, not ready, and every answer says `Connection: close`.
    LameDuck,
    /// Not accepting; idle connections close.
    Closing,
}

/// The phase, and what has to end before the process may.
#[derive(Debug)]
pub struct Drain {
    phase: watch::Sender<Phase>,
    alive: watch::Sender<Alive>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Alive {
    accept_loops: usize,
    connections: usize,
}

/// Something that the end of the process waits for; it ends on drop.
#[derive(Debug)]
pub(super) struct Guard {
    drain: Arc<Drain>,
    count: fn(&mut Alive) -> &mut usize,
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.drain.alive.send_modify(|alive| {
            let count = (self.count)(alive);
            *count = count.saturating_sub(1);
        });
    }
}

impl Default for Drain {
    fn default() -> Drain {
        Drain {
            phase: watch::Sender::new(Phase::Serving),
            alive: watch::Sender::new(Alive::default()),
        }
    }
}

impl Drain {
    /// The present phase.
    pub fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    /// Goes on to `phase`; never back.
    pub fn enter(&self, phase: Phase) {
        self.phase.send_if_modified(|present| {
            let later = phase > *present;
            if later {
                *present = phase;
            }
            later
        });
    }

    /// Ends when `phase` is reached.
    pub async fn reached(&self, phase: Phase) {
        // The sender is ours, so the wait cannot fail.
        let _ = self
            .phase
            .subscribe()
            .wait_for(|present| *present >= phase)
            .await;
    }

    /// Ends when no accept loop runs and no connection is left. The loops are waited for first: a
    /// loop may have just taken one more connection when the last one known ends.
    pub async fn finished(&self) {
        let mut alive = self.alive.subscribe();
        let _ = alive
            .wait_for(|alive| alive.accept_loops == 0 && alive.connections == 0)
            .await;
    }

    /// Connections that are open.
    pub fn connections(&self) -> usize {
        self.alive.borrow().connections
    }

    pub(super) fn accept_loop(self: &Arc<Self>) -> Guard {
        self.guard(|alive| &mut alive.accept_loops)
    }

    /// Taken before the connection's task is spawned: between the two the process could end.
    pub(super) fn connection(self: &Arc<Self>) -> Guard {
        self.guard(|alive| &mut alive.connections)
    }

    fn guard(self: &Arc<Self>, count: fn(&mut Alive) -> &mut usize) -> Guard {
        self.alive.send_modify(|alive| *count(alive) += 1);
        Guard {
            drain: self.clone(),
            count,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_end_waits_for_loops_and_connections() {
        let drain = Arc::new(Drain::default());
        let accept_loop = drain.accept_loop();
        let connection = drain.connection();
        drain.enter(Phase::Closing);
        drain.enter(Phase::LameDuck);
        assert_eq!(drain.phase(), Phase::Closing, "never back");
        let mut finished = Box::pin(drain.finished());
        for guard in [accept_loop, connection] {
            assert!(futures_poll(&mut finished).await.is_none());
            drop(guard);
        }
        finished.await;
    }

    /// Polls once.
    async fn futures_poll<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
        tokio::select! { biased; output = future => Some(output), () = std::future::ready(()) => None }
    }
}
