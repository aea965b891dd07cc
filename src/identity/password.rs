//! Password hashes: argon2id and bcrypt. What is weaker is none.

use super::argon2id::Argon2id;
use super::bcrypt::Bcrypt;

/// A check may take about this long, in microseconds.
const LONGEST_CHECK: u64 = 2_000_000;

/// A password cannot be hashed.
#[derive(Debug, thiserror::Error)]
pub enum HashError {
    /// RFC 7617 has no empty password here.
    #[error("the password is empty")]
    Empty,
    /// RFC 7617 has no control characters: with one nobody could log in.
    #[error(
        "there is a control character in the password, and no client can send one: was it pasted with a tab or a line break?"
    )]
    Control,
    /// The crate refused, or there is no randomness.
    #[error("cannot hash the password")]
    Failed(#[source] argon2::password_hash::Error),
}

/// A hash that can be checked.
pub(super) enum Hash {
    Argon2id(Argon2id),
    Bcrypt(Bcrypt),
}

impl Hash {
    /// Reads a hash; tells why it cannot be used.
    pub(super) fn parse(text: &str) -> Result<Hash, &'static str> {
        let hash = if Bcrypt::is_meant(text) {
            Hash::Bcrypt(Bcrypt::parse(text)?)
        } else {
            Hash::Argon2id(Argon2id::parse(text)?)
        };
        if hash.cost() > LONGEST_CHECK {
            return Err("one login would take more than two seconds");
        }
        Ok(hash)
    }

    /// Roughly what a check takes, in microseconds.
    pub(super) fn cost(&self) -> u64 {
        match self {
            Hash::Argon2id(hash) => hash.cost(),
            Hash::Bcrypt(hash) => hash.cost(),
        }
    }

    /// Does `password` have this hash? Takes a core for as long as [`Hash::cost`] says.
    pub(super) fn matches(&self, password: &str) -> bool {
        match self {
            Hash::Argon2id(hash) => hash.matches(password),
            Hash::Bcrypt(hash) => hash.matches(password),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::argon2id::hash_password;
    use super::*;

    /// As `htpasswd -B` writes it; a hash of the crate is `2b`.
    fn bcrypt(password: &str, cost: u32) -> String {
        bcrypt::hash(password, cost)
            .expect("hashed")
            .replacen("$2b$", "$2y$", 1)
    }

    #[test]
    fn a_hash_matches_its_password_and_no_other() {
        for text in [
            hash_password("secret").expect("hashed"),
            bcrypt("secret", 10),
            bcrypt("secret", 10).replacen("$2y$", "$2b$", 1),
        ] {
            let hash = Hash::parse(&text).unwrap_or_else(|reason| panic!("{text}: {reason}"));
            assert!(hash.matches("secret"));
            for wrong in ["Secret", "secret ", "secre", ""] {
                assert!(!hash.matches(wrong), "{text} {wrong}");
            }
        }
    }

    #[test]
    fn what_nobody_can_send_is_no_password() {
        for bad in ["a\tb", "\u{7}", "a\u{7f}", "a\u{85}b", "a\0"] {
            let refused = hash_password(bad).expect_err("a control character");
            assert!(matches!(refused, HashError::Control), "{bad:?}");
            assert!(!refused.to_string().contains(bad));
        }
        for good in [" a b ", "päss", "日本語", "a:b"] {
            assert!(hash_password(good).is_ok(), "{good}");
        }
        assert!(matches!(hash_password(""), Err(HashError::Empty)));
    }

    #[test]
    fn bcrypt_never_cuts_a_password() {
        let longest = "p".repeat(72);
        let hash = Hash::parse(&bcrypt(&longest, 10)).expect("good");
        assert!(hash.matches(&longest));
        assert!(!hash.matches(&format!("{longest}q")));
        assert!(!hash.matches(&longest[1..]));
    }

    #[test]
    fn costs_are_told_apart() {
        let cost = |text: &str| Hash::parse(text).expect("good").cost();
        let argon2id = hash_password("secret").expect("hashed");
        let ten = bcrypt("secret", 10);
        let twelve = ten.replacen("$10$", "$12$", 1);
        assert!(cost(&argon2id) < cost(&ten) && cost(&ten) < cost(&twelve));
    }

    #[test]
    fn weak_and_broken_hashes_are_refused() {
        let good = hash_password("secret").expect("hashed");
        let ten = bcrypt("secret", 10);
        for bad in [
            "",
            "secret",
            "$2y$10$abcdefghijklmnopqrstuv",
            &ten.replacen("$2y$", "$2a$", 1),
            &ten.replacen("$2y$", "$2x$", 1),
            &ten.replacen("$10$", "$09$", 1),
            &ten.replacen("$10$", "$15$", 1),
            &ten.replacen("$10$", "$xx$", 1),
            &format!("{ten}a"),
            &ten[..59],
            "$apr1$r31.....$HqJZimcKQFAMYayBlzkrA/",
            "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=",
            "rqXexS6ZhobKA",
            "$1$abcdefgh$G/2ySuUhzJGfTSiATTjr50",
            "$6$saltsalt$qFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2/jctKu9YterLp8wwnSq.qc.eoxqOmSuNp2xS0ktL3nh/",
            "$argon2i$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA",
            "$argon2id$v=19$m=99999999,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA",
            "$argon2id$v=19$m=262144,t=99,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA",
            "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ",
            &good.replace("argon2id", "argon2x"),
            &good.replace("m=19456,t=2", "m=8,t=1"),
            &good.replace("m=19456,t=2", "m=19456,t=1"),
            &good.replace("m=19456,t=2", "m=7167,t=50"),
            &good.replace("v=19", "v=16"),
            &good.replace("v=19$", ""),
        ] {
            assert!(Hash::parse(bad).is_err(), "{bad}");
        }
    }
}
