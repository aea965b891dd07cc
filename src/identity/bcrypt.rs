//! bcrypt as `htpasswd -B` writes it, by the `bcrypt` crate.

/// Below this a hash is guessed too fast; above it one login takes the machine (cost 14 is a
/// second of CPU).
const COSTS: std::ops::RangeInclusive<u32> = 10..=14;

/// bcrypt reads no more of a password. A longer one is refused: cut, it would let in whoever knows
/// its beginning.
const LONGEST_PASSWORD: usize = 72;

/// A hash of version `2b` or `2y`, which are the same.
pub(super) struct Bcrypt {
    text: String,
    cost: u32,
}

impl Bcrypt {
    /// Is this meant to be one?
    pub(super) fn is_meant(text: &str) -> bool {
        text.starts_with("$2")
    }

    /// Reads a hash; tells why it cannot be checked.
    pub(super) fn parse(text: &str) -> Result<Bcrypt, &'static str> {
        if !text.starts_with("$2b$") && !text.starts_with("$2y$") {
            return Err("of bcrypt's versions only `$2b$` and `$2y$` are without known faults");
        }
        let parts: bcrypt::HashParts = text.parse().map_err(|_| "it is not bcrypt's 60 bytes")?;
        let cost = parts.get_cost();
        if cost < *COSTS.start() {
            return Err("bcrypt's cost is below 10: it is guessed too fast");
        }
        if cost > *COSTS.end() {
            return Err("bcrypt's cost is above 14: one login would take seconds");
        }
        Ok(Bcrypt {
            text: text.to_owned(),
            cost,
        })
    }

    /// Roughly what a check takes, in microseconds: 60 ms at cost 10 (measured).
    pub(super) fn cost(&self) -> u64 {
        60 << self.cost
    }

    pub(super) fn matches(&self, password: &str) -> bool {
        // One that is too long is worked on all the same: how long it takes tells nothing.
        let right = bcrypt::verify(password, &self.text).unwrap_or(false);
        right && password.len() <= LONGEST_PASSWORD
    }
}
