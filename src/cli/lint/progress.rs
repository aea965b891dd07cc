//! How far it has come, on a terminal, for who has waited for a second.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

/// A line at the end of a terminal that is written over.
pub(super) struct Progress {
    total: usize,
    done: usize,
    on_terminal: bool,
    begun: Instant,
    drawn: Instant,
    is_shown: bool,
}

/// Nobody wonders before.
const PATIENCE: Duration = Duration::from_secs(1);

/// Between two pictures.
const PACE: Duration = Duration::from_millis(80);

const WIDTH: usize = 24;

#[expect(
    clippy::disallowed_methods,
    reason = "how long a person has waited is no input to any decision"
)]
fn now() -> Instant {
    Instant::now()
}

impl Progress {
    pub(super) fn new(total: usize) -> Progress {
        let begun = now();
        Progress {
            total,
            done: 0,
            on_terminal: io::stderr().is_terminal(),
            begun,
            drawn: begun,
            is_shown: false,
        }
    }

    /// One more is done.
    pub(super) fn step(&mut self) {
        self.done += 1;
        if !self.on_terminal || self.done == self.total {
            return;
        }
        let now = now();
        if now.duration_since(self.begun) < PATIENCE || now.duration_since(self.drawn) < PACE {
            return;
        }
        self.drawn = now;
        self.is_shown = true;
        let _ = write!(io::stderr().lock(), "\r{}", bar(self.done, self.total));
    }

    /// Makes room for what is told.
    pub(super) fn hide(&mut self) {
        if self.is_shown {
            self.is_shown = false;
            let _ = write!(io::stderr().lock(), "\r\u{1b}[2K");
        }
    }
}

fn bar(done: usize, total: usize) -> String {
    let full = (done * WIDTH).checked_div(total).unwrap_or(WIDTH);
    format!(
        "judging [{}{}] {done} of {total} files",
        "=".repeat(full),
        " ".repeat(WIDTH - full)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_fills() {
        for (done, expected) in [
            (0, "judging [                        ] 0 of 8 files"),
            (1, "judging [===                     ] 1 of 8 files"),
            (8, "judging [========================] 8 of 8 files"),
        ] {
            assert_eq!(bar(done, 8), expected);
        }
    }
}
