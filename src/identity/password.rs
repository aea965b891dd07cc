//! argon2id, by the `argon2` crate.

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params};

/// A hash may ask for at most this much memory, in KiB: a configuration is trusted, but a typo in
/// it must not let one login take the machine.
const MOST_MEMORY: u32 = 256 * 1024;

/// A password cannot be hashed.
#[derive(Debug, thiserror::Error)]
pub enum HashError {
    /// RFC 7617 has no empty password here.
    #[error("the password is empty")]
    Empty,
    /// The crate refused, or there is no randomness.
    #[error("cannot hash the password")]
    Failed(#[source] argon2::password_hash::Error),
}

/// The argon2id hash (PHC string, the crate's default parameters: 19 MiB, 2 passes) of a password.
///
/// # Errors
/// [`HashError`]
pub fn hash_password(password: &str) -> Result<String, HashError> {
    if password.is_empty() {
        return Err(HashError::Empty);
    }
    Argon2::default()
        .hash_password(password.as_bytes())
        .map(|hash| hash.to_string())
        .map_err(HashError::Failed)
}

/// Is this a hash that [`matches()`] can check? Tells why not.
pub(super) fn check(hash: &str) -> Result<(), &'static str> {
    let parsed = PasswordHash::new(hash).map_err(|_| "it is not a PHC string")?;
    if Algorithm::try_from(parsed.algorithm.as_str()) != Ok(Algorithm::Argon2id) {
        return Err("it is not argon2id");
    }
    let params = Params::try_from(&parsed).map_err(|_| "its parameters are not argon2's")?;
    if params.m_cost() > MOST_MEMORY {
        return Err("it asks for more than 256 MiB of memory");
    }
    if parsed.hash.is_none() || parsed.salt.is_none() {
        return Err("it has no salt or no hash");
    }
    Ok(())
}

/// Does `password` have this hash? Some 20 ms of CPU and 19 MiB with the default parameters.
pub(super) fn matches(password: &str, hash: &str) -> bool {
    PasswordHash::new(hash).is_ok_and(|parsed| {
        Argon2::default()
            .verify_password(password.as_bytes(), &parsed)
            .is_ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_matches_its_password_and_no_other() {
        let hash = hash_password("secret").expect("hashed");
        assert_eq!(check(&hash), Ok(()));
        assert!(matches("secret", &hash));
        assert!(!matches("Secret", &hash));
        assert!(!matches("", &hash));
    }

    #[test]
    fn weak_and_broken_hashes_are_refused() {
        let good = hash_password("secret").expect("hashed");
        for bad in [
            "",
            "secret",
            "$2y$10$abcdefghijklmnopqrstuv",
            "$argon2i$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA",
            "$argon2id$v=19$m=99999999,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA",
            "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ",
            &good.replace("argon2id", "argon2x"),
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
