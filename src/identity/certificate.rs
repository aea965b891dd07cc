//! Users by the names in their certificates.

use std::collections::HashMap;
use std::sync::Arc;

use crate::caller::Principal;
use crate::certificate::Name;

/// The users of one configuration that can log in with a certificate.
#[derive(Debug, Default)]
pub struct Certificates {
    by_name: HashMap<Name, Principal>,
}

impl Certificates {
    /// Users as (name, names in certificates, roles). No two users share a name in a certificate:
    /// the configuration sees to it.
    pub fn new(users: impl IntoIterator<Item = (String, Vec<Name>, Vec<String>)>) -> Certificates {
        let mut by_name = HashMap::new();
        for (user, names, roles) in users {
            let roles: Vec<Arc<str>> = roles.into_iter().map(Arc::from).collect();
            let principal = Principal::new(user, roles);
            by_name.extend(names.into_iter().map(|name| (name, principal.clone())));
        }
        Certificates { by_name }
    }

    /// Can nobody log in with a certificate?
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// Whom a verified certificate with these names belongs to: nobody if no user has one of them,
    /// and nobody if two users have.
    pub fn who(&self, names: &[Name]) -> Option<Principal> {
        let mut users = names.iter().filter_map(|name| self.by_name.get(name));
        let first = users.next()?;
        users.all(|user| user == first).then(|| first.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_one_users_or_nobodys() {
        let names = |all: &[&str]| -> Vec<Name> {
            let read = |name: &&str| name.parse().expect("a name");
            all.iter().map(read).collect()
        };
        let user = |user: &str, all: &[&str]| (user.to_owned(), names(all), vec!["r".to_owned()]);
        let certificates = Certificates::new([
            user("etl", &["dns:etl.example", "uri:spiffe://prod/etl"]),
            user("ops", &["dns:ops.example"]),
            user("none", &[]),
        ]);
        let cases: &[(&[&str], Option<&str>)] = &[
            (&[], None),
            (&["dns:etl.example"], Some("etl")),
            (&["dns:ETL.example"], Some("etl")),
            (&["dns:unknown.example", "dns:ops.example"], Some("ops")),
            (&["dns:etl.example", "uri:spiffe://prod/etl"], Some("etl")),
            (&["dns:etl.example", "dns:ops.example"], None),
            (&["dns:sub.etl.example"], None),
            (&["dns:example"], None),
            (&["uri:spiffe://prod/ETL"], None),
            (&["uri:spiffe://prod/etl/"], None),
            // The same text as another kind of name is another name.
            (&["email:etl@etl.example"], None),
        ];
        for (shown, expected) in cases {
            let who = certificates.who(&names(shown));
            let name = who.as_ref().map(|principal| &**principal.name());
            assert_eq!(name, *expected, "{shown:?}");
            assert!(who.is_none_or(|who| who.roles() == [Arc::from("r")]));
        }
    }
}
