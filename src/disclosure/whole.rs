//! Short lists, reduced whole.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::{Show, Unexpected};
use crate::druid::{DataSource, Owner};
use crate::finding::sealed;
use crate::spec::owner_in;

/// An object's members in their order, duplicates kept, values as they came.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Members<'a>, D::Error> {
        struct Collect;

        impl<'de> Visitor<'de> for Collect {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry::<String, &RawValue>()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Collect)
    }
}

fn members(text: &[u8]) -> Result<Vec<(String, &RawValue)>, Unexpected> {
    serde_json::from_slice::<Members<'_>>(text)
        .map(|members| members.0)
        .map_err(|_| Unexpected)
}

fn elements(text: &[u8]) -> Result<Vec<&RawValue>, Unexpected> {
    serde_json::from_slice(text).map_err(|_| Unexpected)
}

/// A list of what may be shown.
fn array<'a>(elements: impl IntoIterator<Item = (&'a RawValue, Show)>) -> Vec<u8> {
    let mut out = vec![b'['];
    for (element, show) in elements {
        let element = element.get().as_bytes();
        let element = match show {
            Show::Hidden => continue,
            Show::Sealed => sealed(element).map_or(Cow::Borrowed(element), Cow::Owned),
            Show::Whole => Cow::Borrowed(element),
        };
        if out.len() > 1 {
            out.push(b',');
        }
        out.extend_from_slice(&element);
    }
    out.push(b']');
    out
}

fn object<'a>(members: impl IntoIterator<Item = (String, &'a [u8])>) -> Vec<u8> {
    let mut out = vec![b'{'];
    for (name, value) in members {
        if out.len() > 1 {
            out.push(b',');
        }
        // A string can always be written.
        out.extend_from_slice(&serde_json::to_vec(&name).unwrap_or_default());
        out.push(b':');
        out.extend_from_slice(value);
    }
    out.push(b'}');
    out
}

/// How many elements a list has.
///
/// # Errors
/// [`Unexpected`]
pub fn length(text: &[u8]) -> Result<usize, Unexpected> {
    Ok(elements(text)?.len())
}

/// The names of an object's members: the ids in a `taskStatus` answer.
///
/// # Errors
/// [`Unexpected`]
pub fn members_with(text: &[u8]) -> Result<Vec<String>, Unexpected> {
    Ok(members(text)?.into_iter().map(|(name, _)| name).collect())
}

/// A `taskStatus` answer without the ids that are not to be seen.
///
/// # Errors
/// [`Unexpected`]
pub fn statuses(text: &[u8], sees: impl Fn(&str) -> bool) -> Result<Vec<u8>, Unexpected> {
    let kept = members(text)?.into_iter().filter(|(id, _)| sees(id));
    Ok(object(
        kept.map(|(id, status)| (id, status.get().as_bytes())),
    ))
}

/// Whom each supervisor of a `?full` list belongs to.
///
/// # Errors
/// [`Unexpected`]
pub fn supervisor_owners(text: &[u8]) -> Result<BTreeMap<String, Owner>, Unexpected> {
    #[derive(Deserialize)]
    struct Entry {
        id: String,
        spec: Option<Value>,
        #[serde(rename = "dataSource")]
        datasource: Option<String>,
    }
    let owner = |entry: &Entry| match (&entry.spec, &entry.datasource) {
        (Some(spec), _) if !spec.is_null() => owner_in(spec),
        (_, Some(name)) => match name.parse() {
            Ok(datasource) => Owner::DataSources(vec![datasource]),
            Err(_) => Owner::Unnamed,
        },
        _ => Owner::Unnamed,
    };
    let mut owners = BTreeMap::new();
    for element in elements(text)? {
        // One tree at a time: a spec's is many times as large as its text.
        let entry: Entry = serde_json::from_str(element.get()).map_err(|_| Unexpected)?;
        owners.insert(entry.id.clone(), owner(&entry));
    }
    Ok(owners)
}

/// A supervisor list, of ids or of objects with an `id`, without those that are not to be seen.
/// `show` is told the id and, of what holds a spec, whose that spec says it is: the list may be
/// older or newer than what else is known of the id.
///
/// # Errors
/// [`Unexpected`]
pub fn supervisors(
    text: &[u8],
    show: impl Fn(&str, Option<&Owner>) -> Show,
) -> Result<Vec<u8>, Unexpected> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Entry {
        Id(String),
        Full { id: String, spec: Option<Value> },
    }
    let mut kept = Vec::new();
    for element in elements(text)? {
        let show = match serde_json::from_str(element.get()).map_err(|_| Unexpected)? {
            Entry::Id(id) => show(&id, None),
            Entry::Full { id, spec } => {
                let own = spec.filter(|spec| !spec.is_null());
                show(&id, own.as_ref().map(owner_in).as_ref())
            }
        };
        kept.push((element, show));
    }
    Ok(array(kept))
}

/// Past specs of one supervisor, without those of datasources that are not to be seen. `None` when
/// nothing is left.
///
/// # Errors
/// [`Unexpected`]
pub fn supervisor_history(
    text: &[u8],
    show: &dyn Fn(&DataSource) -> Show,
) -> Result<Option<Vec<u8>>, Unexpected> {
    #[derive(Deserialize)]
    struct Version {
        spec: Option<Value>,
    }
    let mut kept = Vec::new();
    for element in elements(text)? {
        let version: Version = serde_json::from_str(element.get()).map_err(|_| Unexpected)?;
        let show = match version.spec.as_ref().map(owner_in) {
            Some(Owner::DataSources(datasources)) => datasources.iter().map(show).min(),
            Some(Owner::Unnamed) | None => None,
        };
        if let Some(show @ (Show::Sealed | Show::Whole)) = show {
            kept.push((element, show));
        }
    }
    Ok((!kept.is_empty()).then(|| array(kept)))
}

/// Past specs of all supervisors, likewise; a supervisor of which nothing is left is left out.
///
/// # Errors
/// [`Unexpected`]
pub fn supervisor_histories(
    text: &[u8],
    show: &dyn Fn(&DataSource) -> Show,
) -> Result<Vec<u8>, Unexpected> {
    let mut kept = Vec::new();
    for (id, versions) in members(text)? {
        if let Some(versions) = supervisor_history(versions.get().as_bytes(), show)? {
            kept.push((id, versions));
        }
    }
    Ok(object(
        kept.iter()
            .map(|(id, versions)| (id.clone(), versions.as_slice())),
    ))
}

/// An object whose member `name` is a list of objects with a `dataSource` each, that list reduced.
///
/// # Errors
/// [`Unexpected`]
pub fn named_list(
    text: &[u8],
    name: &str,
    show: &dyn Fn(&DataSource) -> Show,
) -> Result<Vec<u8>, Unexpected> {
    #[derive(Deserialize)]
    struct Named {
        #[serde(rename = "dataSource")]
        datasource: Option<String>,
    }
    let mut out = Vec::new();
    for (member, value) in members(text)? {
        if member != name {
            // Nothing else is known to stand there, so nothing else is shown.
            continue;
        }
        let mut kept = Vec::new();
        for element in elements(value.get().as_bytes())? {
            let named: Named = serde_json::from_str(element.get()).map_err(|_| Unexpected)?;
            let datasource = named
                .datasource
                .and_then(|name| name.parse::<DataSource>().ok());
            let show = datasource.map_or(Show::Hidden, |datasource| show(&datasource));
            kept.push((element, show));
        }
        out.push((member, array(kept)));
    }
    Ok(object(
        out.iter()
            .map(|(name, list)| (name.clone(), list.as_slice())),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only_a(datasource: &DataSource) -> Show {
        match datasource.as_str() {
            "a" => Show::Whole,
            "sealed" => Show::Sealed,
            _ => Show::Hidden,
        }
    }

    fn shown(is_shown: bool) -> Show {
        if is_shown { Show::Whole } else { Show::Hidden }
    }

    fn text(bytes: Vec<u8>) -> String {
        String::from_utf8(bytes).expect("UTF-8")
    }

    #[test]
    fn what_stays_keeps_its_bytes() {
        let answer = br#"{"t1":{"id":"t1","duration":1.50} ,"t\"2":{"id":"x"},"t3":{}}"#;
        let kept = statuses(answer, |id| id != "t3").map(text);
        assert_eq!(
            kept.as_deref(),
            Ok(r#"{"t1":{"id":"t1","duration":1.50},"t\"2":{"id":"x"}}"#)
        );
        assert_eq!(members_with(answer).map(|ids| ids.len()), Ok(3));
        assert_eq!(statuses(b"[]", |_| true), Err(Unexpected));
        assert_eq!(statuses(b"{}", |_| true).map(text).as_deref(), Ok("{}"));
    }

    #[test]
    fn supervisors_are_told_by_their_ids() {
        assert_eq!(
            supervisors(br#"["a","b"]"#, |id, _| shown(id == "a"))
                .map(text)
                .as_deref(),
            Ok(r#"["a"]"#)
        );
        let full = br#"[{"id":"a","state":"RUNNING"},{"id":"b","spec":{}}]"#;
        assert_eq!(
            supervisors(full, |id, _| shown(id == "b"))
                .map(text)
                .as_deref(),
            Ok(r#"[{"id":"b","spec":{}}]"#)
        );
        assert_eq!(supervisors(b"[5]", |_, _| Show::Whole), Err(Unexpected));
    }

    #[test]
    fn owners_are_read_from_a_full_list() {
        let full = br#"[
            {"id":"a","spec":{"spec":{"dataSchema":{"dataSource":"wiki"}}}},
            {"id":"b","spec":{"type":"NoopSupervisorSpec","type":"noop"}},
            {"id":"c","dataSource":"x"},
            {"id":"d"}]"#;
        let owners = supervisor_owners(full).expect("a list");
        let of = |name: &str| Owner::DataSources(vec![name.parse().expect("a name")]);
        assert_eq!(owners.get("a"), Some(&of("wiki")));
        assert_eq!(owners.get("b"), Some(&Owner::Unnamed));
        assert_eq!(owners.get("c"), Some(&of("x")));
        assert_eq!(owners.get("d"), Some(&Owner::Unnamed));
    }

    #[test]
    fn histories_keep_what_may_be_seen() {
        // Druid prints a tombstone with two `type`s.
        let history = br#"[{"spec":{"type":"NoopSupervisorSpec","dataSources":["a"],"type":"noop"},"version":"1"},
            {"spec":{"dataSource":"b"},"version":"2"},{"spec":null,"version":"3"}]"#;
        let kept = supervisor_history(history, &only_a)
            .expect("a list")
            .map(text);
        assert_eq!(
            kept.as_deref(),
            Some(
                r#"[{"spec":{"type":"NoopSupervisorSpec","dataSources":["a"],"type":"noop"},"version":"1"}]"#
            )
        );
        assert_eq!(
            supervisor_history(br#"[{"spec":{"dataSource":"b"}}]"#, &only_a),
            Ok(None)
        );
        let all = br#"{"x":[{"spec":{"dataSource":"a"}}],"y":[{"spec":{"dataSource":"b"}}]}"#;
        assert_eq!(
            supervisor_histories(all, &only_a).map(text).as_deref(),
            Ok(r#"{"x":[{"spec":{"dataSource":"a"}}]}"#)
        );
    }

    #[test]
    fn secrets_are_shown_to_those_who_may_read_them() {
        let full = br#"[{"id":"a","password":"x"},{"id":"b","password":"x"},{"id":"c"}]"#;
        let show = |id: &str| match id {
            "a" => Show::Whole,
            "b" => Show::Sealed,
            _ => Show::Hidden,
        };
        assert_eq!(
            supervisors(full, |id, _| show(id)).map(text).as_deref(),
            Ok(r#"[{"id":"a","password":"x"},{"id":"b","password":"<masked by overgate>"}]"#)
        );
        let history = br#"[{"spec":{"dataSource":"a","pwd":"x"}},{"spec":{"dataSource":"sealed","pwd":"x"}},{"spec":{"dataSources":["a","sealed"],"pwd":"x"}},{"spec":{"dataSources":["a","b"]}}]"#;
        let kept = supervisor_history(history, &only_a)
            .expect("a list")
            .map(text);
        assert_eq!(
            kept.as_deref(),
            Some(
                r#"[{"spec":{"dataSource":"a","pwd":"x"}},{"spec":{"dataSource":"sealed","pwd":"<masked by overgate>"}},{"spec":{"dataSources":["a","sealed"],"pwd":"<masked by overgate>"}}]"#
            )
        );
    }

    #[test]
    fn named_lists_lose_what_is_not_to_be_seen() {
        let configs = br#"{"compactionConfigs":[{"dataSource":"a"},{"dataSource":"b"}],"more":1}"#;
        assert_eq!(
            named_list(configs, "compactionConfigs", &only_a)
                .map(text)
                .as_deref(),
            Ok(r#"{"compactionConfigs":[{"dataSource":"a"}]}"#)
        );
    }
}
