//! The floor: a change that makes requests much dearer does not land unseen.

use crate::goals::GOALS;
use crate::result::Results;

/// Prints each bound with what was measured; tells whether all hold.
pub fn check(results: &Results) -> bool {
    let mut holds = true;
    for goal in GOALS {
        let Some(measured) = goal.measured(results) else {
            continue;
        };
        let is_over = measured > goal.gate();
        holds &= !is_over;
        println!(
            "{} {}: {measured:.2}, at most {}",
            if is_over { "OVER" } else { "ok  " },
            goal.what,
            goal.gate()
        );
    }
    holds
}
