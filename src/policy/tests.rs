use proptest::prelude::*;

use super::*;
use crate::druid::DataSourcePattern;

fn datasource(name: &str) -> DataSource {
    name.parse().expect("a valid name")
}

fn grant(actions: &[Action], patterns: &[&str]) -> Grant {
    Grant {
        actions: actions.to_vec(),
        datasources: patterns
            .iter()
            .map(|pattern| {
                pattern
                    .parse::<DataSourcePattern>()
                    .expect("a valid pattern")
            })
            .collect(),
        task_types: None,
        inputs: Vec::new(),
    }
}

fn policies(grants: Vec<Grant>) -> PolicySet {
    PolicySet::new([Role {
        name: "writer".into(),
        grants,
    }])
}

fn holder() -> Principal {
    Principal::new("etl", vec![Arc::from("writer")])
}

#[test]
fn what_no_grant_names_is_denied() {
    let set = policies(vec![
        grant(&[Action::Submit, Action::Read], &["wiki*"]),
        grant(&[Action::Read], &["metrics"]),
    ]);
    let cases: &[(Action, &[&str], bool)] = &[
        (Action::Submit, &["wikipedia"], true),
        (Action::Submit, &["wikipedia", "wiki_en"], true),
        (Action::Read, &["wikipedia", "metrics"], true),
        (Action::Submit, &["metrics"], false),
        (Action::Submit, &["wikipedia", "metrics"], false),
        (Action::Submit, &["a_wiki"], false),
        (Action::Submit, &["Wikipedia"], false),
        (Action::Shutdown, &["wikipedia"], false),
        (Action::Admin, &["wikipedia"], false),
        (Action::Blocked, &["wikipedia"], false),
        (Action::Submit, &[], false),
    ];
    for (action, names, allowed) in cases {
        let datasources: Vec<_> = names.iter().map(|name| datasource(name)).collect();
        let outcome = set.authorize(&holder(), *action, Scope::DataSources(&datasources));
        assert_eq!(
            outcome.is_ok(),
            *allowed,
            "{action:?} {names:?}: {outcome:?}"
        );
    }
}

#[test]
fn the_cluster_needs_a_grant_on_every_datasource() {
    let narrow = policies(vec![grant(&[Action::Read], &["a*", "*b"])]);
    let wide = policies(vec![grant(&[Action::Read], &["*"])]);
    assert!(
        narrow
            .authorize(&holder(), Action::Read, Scope::Cluster)
            .is_err()
    );
    assert!(
        wide.authorize(&holder(), Action::Read, Scope::Cluster)
            .is_ok()
    );
    assert!(
        wide.authorize(&holder(), Action::Admin, Scope::Cluster)
            .is_err()
    );
}

#[test]
fn an_unknown_role_grants_nothing() {
    let set = policies(vec![grant(&[Action::Read], &["*"])]);
    let stranger = Principal::new("stranger", vec![Arc::from("reader")]);
    assert!(set.standing(&stranger, Action::Read).is_err());
    assert!(!set.sight(&stranger, Action::Read).sees(&datasource("a")));
}

proptest! {
    /// More grants never mean less permission.
    #[test]
    fn adding_a_grant_never_removes_permission(
        first in prop::collection::vec("[abc*]{1,4}", 0..4),
        second in prop::collection::vec("[abc*]{1,4}", 0..4),
        name in "[abc]{1,4}",
    ) {
        let patterns = |texts: &[String]| Grant {
            actions: vec![Action::Submit],
            datasources: texts.iter().filter_map(|text| text.parse().ok()).collect(),
            task_types: None,
            inputs: Vec::new(),
        };
        let fewer = policies(vec![patterns(&first)]);
        let more = policies(vec![patterns(&first), patterns(&second)]);
        let wanted = [datasource(&name)];
        let before = fewer.authorize(&holder(), Action::Submit, Scope::DataSources(&wanted)).is_ok();
        let after = more.authorize(&holder(), Action::Submit, Scope::DataSources(&wanted)).is_ok();
        prop_assert!(!before || after);
    }
}
