//! Many files at once, told in order.

use std::collections::BTreeMap;
use std::io::{self, Read as _};
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use bytes::Bytes;

use super::files::words;
use super::{Input, Judged, Source, Tell};
use crate::admission::{Report, lint};
use crate::json::Limits;
use crate::route::SpecKind;
use crate::schema::SchemaSet;
use crate::spec::mentions_druid;

/// What judges.
pub(super) struct Judge {
    pub(super) kind: Option<SpecKind>,
    /// The largest file, in bytes.
    pub(super) largest: usize,
    pub(super) limits: Limits,
    pub(super) schemas: SchemaSet,
}

/// What became of a file.
pub(super) enum Outcome {
    /// It was judged: what is to be said, and what was found.
    Told {
        pieces: Vec<String>,
        reports: Vec<Report>,
    },
    /// It is something else.
    NoSpec,
    /// Why it could not be read.
    Unreadable(String),
}

/// Judges all inputs, on as many threads as there are processors, and hands each outcome over in the
/// order of the inputs.
pub(super) fn in_order(
    judge: &Judge,
    inputs: &[Input],
    tell: &dyn Tell,
    mut take: impl FnMut(Outcome),
) {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let next = AtomicUsize::new(0);
    let (sender, receiver) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..threads.min(inputs.len()) {
            let (next, sender) = (&next, sender.clone());
            scope.spawn(move || {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(input) = inputs.get(at) else { break };
                    if sender.send((at, outcome(judge, input, tell))).is_err() {
                        break;
                    }
                }
            });
        }
        drop(sender);
        let mut early = BTreeMap::new();
        let mut due = 0;
        for (at, outcome) in receiver {
            early.insert(at, outcome);
            while let Some(outcome) = early.remove(&due) {
                take(outcome);
                due += 1;
            }
        }
    });
}

fn outcome(judge: &Judge, input: &Input, tell: &dyn Tell) -> Outcome {
    let bytes = match read(&input.source, judge.largest) {
        Ok(bytes) => Bytes::from(bytes),
        Err(error) => return Outcome::Unreadable(format!("{}: {}", input.shown, words(&error))),
    };
    if bytes.len() > judge.largest {
        // Large files in a folder are rows of data more often than specs.
        if !input.named && !mentions_druid(&bytes) {
            return Outcome::NoSpec;
        }
        let largest = match judge.largest {
            bytes if bytes % (1 << 20) == 0 => format!("{} MiB", bytes >> 20),
            bytes => format!("{bytes} bytes"),
        };
        return Outcome::Unreadable(format!("{}: larger than {largest}", input.shown));
    }
    let (kind, certain) = (judge.kind, input.named);
    match lint(&bytes, kind, certain, &judge.limits, &judge.schemas) {
        None => Outcome::NoSpec,
        Some(reports) => {
            let pieces = tell.file(&Judged {
                shown: &input.shown,
                bytes: &bytes,
                reports: &reports,
            });
            Outcome::Told { pieces, reports }
        }
    }
}

/// The whole text, or the first byte too many.
#[expect(
    clippy::disallowed_methods,
    reason = "the files to judge are read here and nowhere else"
)]
fn read(source: &Source, largest: usize) -> io::Result<Vec<u8>> {
    let most = u64::try_from(largest).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    match source {
        Source::Stdin => io::stdin().lock().take(most).read_to_end(&mut bytes)?,
        Source::File(path) => std::fs::File::open(path)?
            .take(most)
            .read_to_end(&mut bytes)?,
    };
    Ok(bytes)
}
