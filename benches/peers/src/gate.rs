//! The floor: a change that makes requests much dearer does not land unseen.

use crate::goals::GOALS;
use crate::result::Results;

/// So often is it measured, if a bound does not hold: what disturbs a machine makes a request
/// dearer, and never cheaper.
pub const ATTEMPTS: usize = 3;

/// Prints each bound with the least that was measured in any attempt; tells whether all hold.
pub fn check(attempts: &[Results]) -> bool {
    let mut holds = true;
    for goal in GOALS {
        let measured = attempts.iter().filter_map(|results| goal.measured(results));
        let Some(least) = measured.min_by(f64::total_cmp) else {
            continue;
        };
        let is_over = least > goal.gate();
        holds &= !is_over;
        println!(
            "{} {}: {least:.2}, at most {}",
            if is_over { "OVER" } else { "ok  " },
            goal.what,
            goal.gate()
        );
    }
    holds
}
