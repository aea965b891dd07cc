//! Signed tokens (JWT, RFC 7519) of configured issuers, checked as RFC 8725 advises.
//!
//! A token is read twice: strictly by [`claims`], which tells what it says, and then by the
//! `jsonwebtoken` crate, which checks its signature, and issuer and audience once more. What the
//! two could read differently (duplicate keys, numbers as strings) has been refused before. The
//! token chooses nothing but the issuer, by its `iss`: that issuer's algorithms and keys are fixed,
//! and a key that comes with the token, or an address of one, is not looked at.

mod claims;
mod keys;
mod pem;
mod remote;
mod signature;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jsonwebtoken::Validation;

use super::authenticator::Clock;
use crate::caller::{Algorithm, Principal};
use crate::certificate::Files;
use claims::Token;
pub use keys::InvalidKeys;
use keys::{Key, KeySet};
pub use remote::{Address, CaError};
use remote::{Fetched, Remote};

/// Clocks may differ by this, in seconds.
const LEEWAY: i64 = 60;

/// The longest name of a principal, in bytes.
const LONGEST_NAME: usize = 256;

/// Where an issuer's keys are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Keys {
    /// In a text: a JWK set or PEM.
    Text(String),
    /// At an address, as a JWK set.
    Address(Address),
}

/// Whose tokens are taken, and as what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuerSettings {
    /// What its principals' names begin with.
    pub name: String,
    /// `iss`, exactly.
    pub issuer: String,
    /// `aud`: one of these.
    pub audiences: Vec<String>,
    /// `alg`: one of these.
    pub algorithms: Vec<Algorithm>,
    /// Its keys.
    pub keys: Keys,
    /// The claim that names the principal.
    pub principal: String,
    /// The claim that holds what roles are made of.
    pub roles_claim: String,
    /// From values of that claim to names of roles.
    pub roles: Vec<(String, String)>,
}

/// An issuer that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum InvalidIssuer {
    /// Its keys.
    #[error("the keys of issuer `{name}` cannot be used: {reason}")]
    Keys {
        /// The issuer.
        name: String,
        /// What is wrong with them.
        reason: InvalidKeys,
    },
    /// The certificates that its address is checked with.
    #[error("the keys of issuer `{name}` cannot be fetched")]
    Ca {
        /// The issuer.
        name: String,
        /// What is wrong with them.
        source: CaError,
    },
}

/// Why a token is not taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// It is wrong.
    Wrong,
    /// It was good, or may have been: it has expired.
    Expired,
    /// It names a key that its issuer, asked for it, does not have.
    UnknownKey,
    /// Its issuer could not be asked for its keys, or is not to be asked yet.
    NoKeys,
}

/// A good token.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Accepted {
    pub(super) principal: Principal,
    /// It expires in this time.
    pub(super) lifetime: Duration,
}

/// The issuers of one configuration.
#[derive(Default)]
pub struct Issuers {
    by_issuer: HashMap<String, Issuer>,
}

struct Issuer {
    settings: IssuerSettings,
    roles: HashMap<String, Arc<str>>,
    keys: Source,
}

enum Lifetime {
    Left(Duration),
    Expired,
}

enum Source {
    Fixed(Arc<KeySet>),
    Remote(Arc<Remote>),
}

impl Issuers {
    /// Issuers with their keys. Those at an address that `before` had already keep what was
    /// fetched; others are fetched after [`Issuers::start`].
    ///
    /// # Errors
    /// [`InvalidIssuer`] for the first that cannot be used.
    pub fn new(
        issuers: impl IntoIterator<Item = IssuerSettings>,
        clock: &Clock,
        before: Option<&Issuers>,
    ) -> Result<Issuers, InvalidIssuer> {
        signature::install();
        let mut by_issuer = HashMap::new();
        for settings in issuers {
            let keys = match &settings.keys {
                Keys::Text(text) => KeySet::read(text.as_bytes())
                    .map(|keys| Source::Fixed(Arc::new(keys)))
                    .map_err(|reason| InvalidIssuer::Keys {
                        name: settings.name.clone(),
                        reason,
                    })?,
                Keys::Address(address) => {
                    let known = before.and_then(|before| before.remote(address));
                    let remote = Remote::new(address.clone(), clock.clone(), known);
                    let remote = remote.map_err(|source| InvalidIssuer::Ca {
                        name: settings.name.clone(),
                        source,
                    })?;
                    Source::Remote(remote)
                }
            };
            let roles = settings.roles.iter();
            let roles = roles.map(|(value, role)| (value.clone(), Arc::from(role.as_str())));
            by_issuer.insert(
                settings.issuer.clone(),
                Issuer {
                    roles: roles.collect(),
                    keys,
                    settings,
                },
            );
        }
        Ok(Issuers { by_issuer })
    }

    /// Fetches keys from now on, as long as these issuers are in use. Takes a runtime.
    pub fn start(&self) {
        for issuer in self.by_issuer.values() {
            if let Source::Remote(remote) = &issuer.keys {
                remote.start();
            }
        }
    }

    /// The files of authorities that the addresses of keys are believed by.
    pub fn files(&self) -> impl Iterator<Item = &Files> {
        self.by_issuer
            .values()
            .filter_map(|issuer| match &issuer.keys {
                Source::Remote(remote) => remote.files(),
                Source::Fixed(_) => None,
            })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_issuer.is_empty()
    }

    fn remote(&self, address: &Address) -> Option<&Remote> {
        self.by_issuer
            .values()
            .find_map(|issuer| match &issuer.keys {
                Source::Remote(remote) if remote.address() == address => Some(&**remote),
                Source::Remote(_) | Source::Fixed(_) => None,
            })
    }

    /// Whose token is it? `now` is the wall clock's time in seconds since 1970. A key that is not
    /// known is asked for, once.
    pub(super) async fn check(&self, text: &str, now: i64) -> Result<Accepted, Refused> {
        let token = Token::read(text).ok_or(Refused::Wrong)?;
        let issuer = self.issuer(&token).ok_or(Refused::Wrong)?;
        let refused = match issuer.check(text, &token, now) {
            Err(refused @ (Refused::UnknownKey | Refused::NoKeys)) => refused,
            decided => return decided,
        };
        let Source::Remote(remote) = &issuer.keys else {
            return Err(match refused {
                Refused::UnknownKey => Refused::Wrong,
                refused => refused,
            });
        };
        let fetched = remote.refresh().await;
        match issuer.check(text, &token, now) {
            Err(Refused::UnknownKey) if fetched != Fetched::Now => Err(Refused::NoKeys),
            decided => decided,
        }
    }

    fn issuer(&self, token: &Token) -> Option<&Issuer> {
        self.by_issuer.get(&*token.issuer()?)
    }
}

impl Issuer {
    fn check(&self, text: &str, token: &Token, now: i64) -> Result<Accepted, Refused> {
        // All that costs little comes before the signature.
        let algorithm = self.algorithm(token).ok_or(Refused::Wrong)?;
        let lifetime = self.lifetime(token, now).ok_or(Refused::Wrong)?;
        let principal = self.principal(token).ok_or(Refused::Wrong)?;
        let id = token.key_id().ok_or(Refused::Wrong)?;
        let keys = match &self.keys {
            Source::Fixed(keys) => keys.clone(),
            Source::Remote(remote) => remote.keys().ok_or(Refused::NoKeys)?,
        };
        let candidates = keys.candidates(id.as_deref(), algorithm);
        let is_remote = matches!(self.keys, Source::Remote(_));
        if candidates.is_empty() {
            return Err(match lifetime {
                // Its key may have gone since; nobody is asked for one that helps no more.
                Lifetime::Expired if is_remote => Refused::Expired,
                Lifetime::Expired | Lifetime::Left(_) => Refused::UnknownKey,
            });
        }
        let is_signed = |key: &&Key| self.is_signed(text, algorithm, key);
        if !candidates.iter().any(is_signed) {
            return Err(Refused::Wrong);
        }
        match lifetime {
            Lifetime::Expired => Err(Refused::Expired),
            Lifetime::Left(lifetime) => Ok(Accepted {
                principal,
                lifetime,
            }),
        }
    }

    fn algorithm(&self, token: &Token) -> Option<Algorithm> {
        let name = token.algorithm()?;
        let mut algorithms = self.settings.algorithms.iter();
        algorithms
            .find(|algorithm| algorithm.name() == name)
            .copied()
    }

    /// How long it is good; `None` if it is not yet, or for somebody else.
    fn lifetime(&self, token: &Token, now: i64) -> Option<Lifetime> {
        let expires = token.expires()?;
        let begins = token.begins()?.unwrap_or(0);
        let has_begun = begins <= now.saturating_add(LEEWAY);
        if !has_begun || !token.is_for(&self.settings.audiences) {
            return None;
        }
        if now.saturating_sub(LEEWAY) >= expires {
            return Some(Lifetime::Expired);
        }
        let left = u64::try_from(expires.saturating_sub(now)).unwrap_or(0);
        Some(Lifetime::Left(Duration::from_secs(left)))
    }

    /// Who it is: the issuer's name, a colon, and the claim. No user's name has a colon.
    fn principal(&self, token: &Token) -> Option<Principal> {
        let subject = token.text(&self.settings.principal)?;
        let name = format!("{}:{subject}", self.settings.name);
        if subject.is_empty() || name.len() > LONGEST_NAME || name.chars().any(char::is_control) {
            return None;
        }
        let values = token.list(&self.settings.roles_claim);
        let mut roles: Vec<Arc<str>> = Vec::new();
        for value in values {
            if let Some(role) = self.roles.get(&*value)
                && !roles.contains(role)
            {
                roles.push(role.clone());
            }
        }
        Some(Principal::new(name, roles))
    }

    fn is_signed(&self, text: &str, algorithm: Algorithm, key: &Key) -> bool {
        let Ok(named) = algorithm.name().parse() else {
            return false;
        };
        let mut validation = Validation::new(named);
        // The times were looked at, with a clock that was handed in.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        validation.set_issuer(&[&self.settings.issuer]);
        validation.set_audience(&self.settings.audiences);
        jsonwebtoken::decode::<serde::de::IgnoredAny>(text, &key.key, &validation).is_ok()
    }
}

impl std::fmt::Debug for Issuers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.by_issuer.keys()).finish()
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(super) use tests::{NOW, e1, issuers};
