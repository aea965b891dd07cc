//! The floor: a change that makes requests much dearer does not land unseen.

use std::time::Duration;

use crate::goals::GOALS;
use crate::result::Results;

/// So many goals does the short form measure.
const BOUNDS: usize = 5;

/// So often is it measured, if a bound does not hold: what disturbs a machine moves a ratio by a
/// tenth, sometimes a fifth. What doubles the cost of a request is over the bound each time.
pub const ATTEMPTS: usize = 8;

/// Between two of them: a machine that is disturbed is so for a minute or two.
pub const PAUSE: Duration = Duration::from_secs(20);

/// Prints each bound with the least that was measured in any attempt; tells whether all hold.
pub fn check(attempts: &[Results]) -> bool {
    let mut holds = true;
    let mut count = 0;
    for goal in GOALS {
        let measured = attempts.iter().filter_map(|results| goal.measured(results));
        let Some(least) = measured.min_by(f64::total_cmp) else {
            continue;
        };
        count += 1;
        let is_over = least > goal.floor;
        holds &= !is_over;
        println!(
            "{} {}: {least:.2}, at most {}",
            if is_over { "OVER" } else { "ok  " },
            goal.what,
            goal.floor
        );
    }
    // What could not be measured has not held.
    if count < BOUNDS {
        println!(
            "OVER {} of {BOUNDS} bounds could not be measured",
            BOUNDS - count
        );
    }
    holds && count >= BOUNDS
}
