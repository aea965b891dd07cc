//! The users of one configuration, by what they log in with.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OnceCell;
use tokio::time::Instant;

use super::api_key::Keys;
use super::password::Hash;
use super::token::Issuers;
use crate::caller::{Principal, Schemes, is_key};

/// A user as the configuration knows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    /// Its name.
    pub name: String,
    /// Its password's hash: argon2id or bcrypt.
    pub password: Option<String>,
    /// SHA-256 of each of its API keys.
    pub api_keys: Vec<[u8; 32]>,
    /// The names of its roles.
    pub roles: Vec<String>,
}

/// A user whose hash cannot be checked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the password hash of user `{name}` cannot be used: {reason}")]
pub struct InvalidUser {
    /// The user.
    pub name: String,
    /// What is wrong with the hash.
    pub reason: &'static str,
}

/// The users of one configuration.
pub struct Users {
    pub(super) generation: u64,
    by_name: HashMap<String, User>,
    /// What is checked for users that do not exist, so that they take as long as those who do: the
    /// costliest hash there is. What comes of it is not looked at.
    decoy: Option<Arc<Hash>>,
    floor: Arc<Floor>,
    by_key: Keys,
    pub(super) issuers: Issuers,
}

/// How long it takes at least until a password is called wrong, lest the time tell whose hash is
/// which.
#[derive(Default)]
struct Floor {
    /// The costliest hash, if there are cheaper ones.
    hash: Option<Arc<Hash>>,
    measured: OnceCell<Duration>,
}

impl Floor {
    /// What that hash takes, and a quarter of it. Measured once, off the request's thread.
    async fn time(&self) -> Duration {
        let Some(hash) = &self.hash else {
            return Duration::ZERO;
        };
        let measure = || async {
            let hash = hash.clone();
            let measured = tokio::task::spawn_blocking(move || {
                let begun = Instant::now();
                hash.matches("");
                begun.elapsed() * 5 / 4
            });
            measured.await.unwrap_or_default()
        };
        *self.measured.get_or_init(measure).await
    }
}

pub(super) struct User {
    pub(super) hash: Arc<Hash>,
    pub(super) principal: Principal,
}

impl Users {
    /// `generation` tells one configuration from the next: a login remembered under one is checked
    /// again under another.
    ///
    /// # Errors
    /// [`InvalidUser`] for the first hash that cannot be checked.
    pub fn new(
        generation: u64,
        accounts: impl IntoIterator<Item = Account>,
        issuers: Issuers,
    ) -> Result<Users, InvalidUser> {
        let mut by_name = HashMap::new();
        let mut decoy: Option<Arc<Hash>> = None;
        let mut cheapest = u64::MAX;
        let mut by_key = Keys::default();
        for account in accounts {
            let Account {
                name,
                password,
                api_keys,
                roles,
            } = account;
            let roles: Vec<Arc<str>> = roles.into_iter().map(Arc::from).collect();
            let principal = Principal::new(name.as_str(), roles);
            for digest in api_keys {
                by_key.add(digest, principal.clone());
            }
            if let Some(password) = password {
                let hash = Hash::parse(&password).map_err(|reason| InvalidUser {
                    name: name.clone(),
                    reason,
                })?;
                let hash = Arc::new(hash);
                cheapest = cheapest.min(hash.cost());
                if decoy
                    .as_ref()
                    .is_none_or(|decoy| decoy.cost() < hash.cost())
                {
                    decoy = Some(hash.clone());
                }
                by_name.insert(name, User { hash, principal });
            }
        }
        let costliest = decoy.clone().filter(|decoy| decoy.cost() > cheapest);
        Ok(Users {
            generation,
            by_name,
            decoy,
            floor: Arc::new(Floor {
                hash: costliest,
                measured: OnceCell::new(),
            }),
            by_key,
            issuers,
        })
    }

    /// Begins what goes on beside requests: keys are fetched, times measured. Takes a runtime.
    pub fn start(&self) {
        self.issuers.start();
        let floor = self.floor.clone();
        tokio::spawn(async move { floor.time().await });
    }

    /// No password is called wrong sooner than this after its check began.
    pub(super) async fn floor(&self) -> Duration {
        self.floor.time().await
    }

    /// Whose tokens are taken.
    pub fn issuers(&self) -> &Issuers {
        &self.issuers
    }

    /// The ways of logging in with a header that somebody can use.
    pub fn schemes(&self) -> Schemes {
        Schemes {
            basic: !self.by_name.is_empty(),
            key: !self.by_key.is_empty(),
            token: !self.issuers.is_empty(),
            certificate: false,
        }
    }

    /// Can this be somebody's token, or key with dots in it?
    pub(super) fn takes_bearer(&self, text: &str) -> bool {
        let schemes = self.schemes();
        schemes.token || schemes.key && is_key(text)
    }

    /// Whose key is it?
    pub(super) fn with_key(&self, key: &str) -> Option<Principal> {
        self.by_key.owner(key).cloned()
    }

    /// The user of that name, and the hash that its password, or anybody's, is checked against.
    /// `None`: nobody logs in with a password.
    pub(super) fn named(&self, name: &str) -> Option<(Option<&User>, Arc<Hash>)> {
        let user = self.by_name.get(name);
        let hash = user.map_or(self.decoy.as_ref(), |user| Some(&user.hash))?;
        Some((user, hash.clone()))
    }
}

/// Hashes are not for logs.
impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Account")
            .field("name", &self.name)
            .field("roles", &self.roles)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Users {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Users")
            .field("generation", &self.generation)
            .field("passwords", &self.by_name.len())
            .field("api_keys", &self.by_key.len())
            .field("issuers", &self.issuers)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::super::argon2id::hash_password;
    use super::*;

    fn account(name: &str, password: String) -> Account {
        Account {
            name: name.to_owned(),
            password: Some(password),
            api_keys: Vec::new(),
            roles: Vec::new(),
        }
    }

    #[test]
    fn a_bad_hash_stops_the_load() {
        assert!(Users::new(1, [account("etl", "secret".to_owned())], Issuers::default()).is_err());
    }

    #[test]
    fn who_does_not_exist_costs_what_the_costliest_does() {
        let cheap = hash_password("secret").expect("hashed");
        let costly = bcrypt::hash("secret", 10).expect("hashed");
        let costs = |users: Users, name: &str| users.named(name).map(|(_, hash)| hash.cost());
        for accounts in [
            [account("a", cheap.clone()), account("b", costly.clone())],
            [account("b", costly.clone()), account("a", cheap.clone())],
        ] {
            let users = || Users::new(1, accounts.clone(), Issuers::default()).expect("good");
            assert_eq!(costs(users(), "nobody"), costs(users(), "b"));
            assert!(costs(users(), "nobody") > costs(users(), "a"));
        }
        assert_eq!(
            costs(
                Users::new(1, [], Issuers::default()).expect("good"),
                "nobody"
            ),
            None
        );
    }
}
