//! argon2id, by the `argon2` crate.

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params};

use super::password::HashError;

/// A hash may ask for at most this much memory, in KiB: a configuration is trusted, but a typo in
/// it must not let one login take the machine.
const MOST_MEMORY: u32 = 256 * 1024;

/// A hash has the memory of the weakest parameters that OWASP's cheat sheet for storing passwords
/// allows, in KiB, and does at least their work, in KiB times passes.
const LEAST_MEMORY: u32 = 7 * 1024;
const LEAST_WORK: u64 = 5 * 7 * 1024;

/// argon2 1.3: the versions before have faults.
const VERSION: u32 = 0x13;

/// A hash in the PHC string format.
pub(super) struct Argon2id {
    text: String,
    params: Params,
}

impl Argon2id {
    /// Reads a PHC string; tells why it cannot be checked.
    pub(super) fn parse(text: &str) -> Result<Argon2id, &'static str> {
        let parsed = PasswordHash::new(text).map_err(|_| "it is not a PHC string")?;
        if Algorithm::try_from(parsed.algorithm.as_str()) != Ok(Algorithm::Argon2id) {
            return Err("it is not argon2id");
        }
        let params = Params::try_from(&parsed).map_err(|_| "its parameters are not argon2's")?;
        if parsed.version != Some(VERSION) {
            return Err("it is not of argon2's version 19");
        }
        let work = u64::from(params.m_cost()).saturating_mul(params.t_cost().into());
        if params.m_cost() < LEAST_MEMORY || work < LEAST_WORK {
            return Err("its parameters are too weak: it is guessed too fast");
        }
        if params.m_cost() > MOST_MEMORY {
            return Err("it asks for more than 256 MiB of memory");
        }
        if parsed.hash.is_none() || parsed.salt.is_none() {
            return Err("it has no salt or no hash");
        }
        Ok(Argon2id {
            text: text.to_owned(),
            params,
        })
    }

    /// Roughly what a check takes, in microseconds: 23 ms for 19 MiB and 2 passes (measured).
    pub(super) fn cost(&self) -> u64 {
        let passes = u64::from(self.params.m_cost()).saturating_mul(self.params.t_cost().into());
        passes.saturating_mul(6) / 10
    }

    pub(super) fn matches(&self, password: &str) -> bool {
        PasswordHash::new(&self.text).is_ok_and(|parsed| {
            Argon2::default()
                .verify_password(password.as_bytes(), &parsed)
                .is_ok()
        })
    }
}

/// The argon2id hash (PHC string, the crate's default parameters: 19 MiB, 2 passes) of a password.
///
/// # Errors
/// [`HashError`]
pub fn hash_password(password: &str) -> Result<String, HashError> {
    if password.is_empty() {
        return Err(HashError::Empty);
    }
    if password.chars().any(char::is_control) {
        return Err(HashError::Control);
    }
    Argon2::default()
        .hash_password(password.as_bytes())
        .map(|hash| hash.to_string())
        .map_err(HashError::Failed)
}
