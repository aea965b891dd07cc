//! Authorization held against an oracle: a plain table of what a spec touches and who may do what,
//! written from the documentation of Druid's API without a look at the code.

#![allow(clippy::print_stdout, reason = "a test says what it compared")]

mod druid;
mod generate;
mod matrix;
mod reasons;
mod word;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use overgate::admission::{Enforcement, Head, Login, Rejection, Snapshot, Step, begin};
use overgate::caller::{Principal, Schemes};
use overgate::druid::{DruidVersion, Owner};
use overgate::finding::Levels;
use overgate::json::{Document, Limits};
use overgate::policy::{self, PolicySet, Role};
use overgate::quota::Charge;
use overgate::route::{Action, SpecKind};
use overgate::schema::SchemaSet;
use overgate::spec::Spec;
use word::{Kind, Where, may, may_ask, may_submit, touch, type_id};

const ACTIONS: [(&str, Action); 5] = [
    ("read", Action::Read),
    ("submit", Action::Submit),
    ("shutdown", Action::Shutdown),
    ("manage", Action::Manage),
    ("admin", Action::Admin),
];

/// The grants of the oracle as the roles of a configuration.
fn policies(grants: &[word::Grant]) -> PolicySet {
    let grants = grants.iter().map(|grant| policy::Grant {
        actions: ACTIONS
            .iter()
            .filter(|(name, _)| grant.actions.contains(name))
            .map(|(_, action)| *action)
            .collect(),
        datasources: grant
            .datasources
            .iter()
            .map(|pattern| pattern.parse().expect("a pattern"))
            .collect(),
        task_types: grant
            .task_types
            .as_ref()
            .map(|types| types.iter().map(|id| Arc::from(id.as_str())).collect()),
        inputs: grant
            .inputs
            .iter()
            .map(|rule| policy::InputRule {
                type_id: rule.kind.as_str().into(),
                hosts: rule.hosts.clone(),
                buckets: rule.buckets.clone(),
                prefixes: rule.prefixes.clone(),
            })
            .collect(),
    });
    PolicySet::new([Role {
        name: "holder".into(),
        grants: grants.collect(),
    }])
}

fn principal() -> Principal {
    Principal::new("somebody", vec![Arc::from("holder")])
}

fn spec_kind(kind: Kind) -> SpecKind {
    match kind {
        Kind::Task => SpecKind::Task,
        Kind::Supervisor => SpecKind::Supervisor,
    }
}

/// What the generator makes and the gateway refuses before it asks who may: by the finding's code.
const REFUSED_ANYWAY: [&str; 7] = [
    "conflicting-datasource",
    "reserved-id",
    "wrapper-array",
    "missing-field",
    "wrong-type",
    "noop-supervisor",
    "invalid-name",
];

#[test]
fn specs_touch_what_the_oracle_says() {
    const SPECS: u64 = 60_000;
    let mut differences = Vec::new();
    let (mut allowed, mut refused) = (0, 0);
    let mut anyway: BTreeMap<String, usize> = BTreeMap::new();
    for seed in 0..SPECS {
        let (kind, body) = generate::spec(seed);
        let grants = generate::grants(seed);
        let told = touch(kind, &body);
        let expected = may_submit(&grants, kind, type_id(&body), &told, &[]);
        let text = body.to_string();
        let document =
            Document::read(Bytes::from(text.clone()), &Limits::default()).expect("a document");
        let spec = match Spec::read(&document, spec_kind(kind)) {
            Ok(spec) => spec,
            Err(findings) => {
                let code = findings.first().expect("a finding").code.name();
                assert!(REFUSED_ANYWAY.contains(&code), "{code}: {text}");
                *anyway.entry(code.to_owned()).or_default() += 1;
                continue;
            }
        };
        let names = |list: &[overgate::druid::DataSource]| -> BTreeSet<String> {
            list.iter().map(ToString::to_string).collect()
        };
        let effects = &spec.effects;
        let is_opaque = effects.opaque.is_some();
        let set = policies(&grants);
        let ours = set.authorize_submission(&principal(), &spec).is_ok();
        let mut wrong = reasons::of_submission(&set, &principal(), &spec, ours);
        if ours {
            allowed += 1;
        } else {
            refused += 1;
        }
        if is_opaque != told.opaque {
            wrong.push(format!("opaque {:?}, not {}", effects.opaque, told.opaque));
        }
        if !told.opaque && names(&effects.writes) != told.writes {
            wrong.push(format!(
                "writes {:?}, not {:?}",
                effects.writes, told.writes
            ));
        }
        if !told.opaque && names(&effects.reads) != told.reads {
            wrong.push(format!("reads {:?}, not {:?}", effects.reads, told.reads));
        }
        if ours != expected {
            wrong.push(format!("allowed {ours}, not {expected}: {grants:?}"));
        }
        if !wrong.is_empty() {
            differences.push(format!(
                "{}\n  {text}\n  {:?}\n  {:?}",
                wrong.join("; "),
                effects,
                told
            ));
        }
    }
    assert!(allowed > 15_000 && refused > 15_000, "{allowed} {refused}");
    println!("{SPECS} specs: {allowed} allowed, {refused} refused, refused anyway {anyway:?}");
    assert!(
        differences.is_empty(),
        "{} differences, the first:\n{}",
        differences.len(),
        differences[..differences.len().min(12)].join("\n")
    );
}

/// What a snapshot of these roles is, before a Druid of this version.
fn snapshot(grants: &[word::Grant], schemas: &Arc<SchemaSet>, major: u16) -> Arc<Snapshot> {
    Arc::new(Snapshot {
        generation: 1,
        enforcement: Enforcement::Audit,
        schemes: Schemes::default(),
        policies: policies(grants),
        rate_limits: overgate::quota::RateLimits::default(),
        live_quotas: overgate::quota::LiveQuotas::default(),
        schemas: schemas.clone(),
        json: Limits::default(),
        max_body: 1 << 20,
        druid_version: DruidVersion::new(major, 0, 0),
    })
}

/// The header of a request with this body.
fn head(method: &str, target: String, body: Option<&str>) -> Head {
    Head {
        method: method.to_owned().into(),
        target,
        has_body: body.is_some(),
        length: body.map(|body| body.len() as u64),
        content_type: body.map(|_| "application/json".to_owned()),
        is_encoded: false,
        source: None,
    }
}

/// Drives the pipeline: who owns what is given. What is explained of it must be so, too.
fn decide(
    snapshot: Arc<Snapshot>,
    method: &str,
    target: String,
    body: Option<String>,
    owner: Option<&[String]>,
) -> Result<(), Rejection> {
    let outcome = drive(
        snapshot.clone(),
        method,
        target.clone(),
        body.clone(),
        owner,
    );
    reasons::are_those_of_the_verdict(&snapshot, method, target, body, owner, &outcome);
    outcome
}

fn drive(
    snapshot: Arc<Snapshot>,
    method: &str,
    target: String,
    body: Option<String>,
    owner: Option<&[String]>,
) -> Result<(), Rejection> {
    let head = head(method, target, body.as_deref());
    let mut step = begin(head, snapshot);
    loop {
        step = match step {
            Step::Done(verdict) => return verdict.decision.map(drop),
            Step::NeedPrincipal(wait) => wait.supply(Login::Known(principal())),
            Step::NeedOwner(wait) => wait.supply(owner.map(|names| {
                let names = names.iter().map(|name| name.parse().expect("a name"));
                Owner::DataSources(names.collect())
            })),
            Step::NeedBody(wait) => wait.supply(Ok(Bytes::from(body.clone().unwrap_or_default()))),
            Step::NeedCharge(wait) => wait.supply(Ok(Charge::default())),
        };
    }
}

const NAMES: [&str; 7] = [
    "wiki",
    "wiki_en",
    "wikipedia",
    "metrics",
    "ads",
    "Wiki",
    "none",
];

#[test]
fn decisions_are_those_of_the_oracle() {
    const ROUNDS: u64 = 400;
    let schemas = SchemaSet::load(DruidVersion::new(33, 0, 0), Levels::default());
    let schemas = Arc::new(schemas.expect("a table"));
    let (mut decisions, mut allowed) = (0, 0);
    let mut differences = Vec::new();
    for seed in 0..ROUNDS {
        let grants = generate::grants(seed * 7 + 1);
        let versions = [33, 31, 28].map(|major| snapshot(&grants, &schemas, major));
        for (place, (method, template, action, at)) in word::ENDPOINTS.iter().enumerate() {
            let pick = |salt: usize| NAMES[(seed as usize * 31 + place * 7 + salt) % NAMES.len()];
            let datasource = pick(0).to_owned();
            let target = template
                .replace("{datasource}", &datasource)
                .replace("{task}", "some_task")
                .replace("{supervisor}", "some_supervisor")
                .replace("{segment}", "some_segment")
                .replace("{worker}", "some_worker:8091");
            let target = format!("{}{target}", word::PREFIX);
            // Of half of the ids nobody knows the second owner; of a tenth nobody knows any.
            let owner = match (seed as usize + place) % 10 {
                0 => None,
                1..=5 => Some(vec![pick(3).to_owned()]),
                _ => Some(vec![pick(3).to_owned(), pick(5).to_owned()]),
            };
            let named = [pick(1).to_owned(), pick(2).to_owned()];
            let (body, expected) = match at {
                Where::Body if *template == "/task" || *template == "/supervisor" => {
                    let wanted = match *template {
                        "/task" => Kind::Task,
                        _ => Kind::Supervisor,
                    };
                    let mut seeds = (0..).map(|more| generate::spec(seed * 1_009 + more));
                    let (kind, body) = seeds.find(|(kind, _)| *kind == wanted).expect("one");
                    let told = touch(kind, &body);
                    let replaced = match kind {
                        Kind::Supervisor => owner.clone().unwrap_or_default(),
                        Kind::Task => Vec::new(),
                    };
                    let expected = may_submit(&grants, kind, type_id(&body), &told, &replaced);
                    (Some(body.to_string()), expected)
                }
                Where::Body if *template == "/lockedIntervals" => {
                    let body = format!(r#"{{"{}":0,"{}":0}}"#, named[0], named[1]);
                    if named[0] == named[1] {
                        continue;
                    }
                    (Some(body), may(&grants, action, &named))
                }
                Where::Body => {
                    let body = format!(
                        r#"[{{"datasource":"{}"}},{{"datasource":"{}"}}]"#,
                        named[0], named[1]
                    );
                    (Some(body), may(&grants, action, &named))
                }
                // Outlives its supervisor: the answer is reduced to what may be read of it.
                Where::Supervisor if template.ends_with("/history") => (None, may_ask(&grants)),
                Where::Task | Where::Supervisor => {
                    let expected = owner
                        .as_ref()
                        .is_some_and(|names| may(&grants, action, names));
                    (None, expected)
                }
                Where::Path => (
                    None,
                    may(&grants, action, std::slice::from_ref(&datasource)),
                ),
                Where::List => (None, may_ask(&grants)),
                Where::Cluster => (None, may(&grants, action, &[])),
                // Whom no grant lets read anything is told nothing at all.
                Where::Anybody => (None, may_ask(&grants)),
                Where::Never => (None, false),
            };
            let json = match *template {
                _ if body.is_some() => body,
                "/taskStatus" => Some("[]".to_owned()),
                "/sampler" => Some(r#"{"type":"index","spec":{}}"#.to_owned()),
                "/compaction/config/datasources/{datasource}" if *method == "POST" => {
                    Some(format!(r#"{{"dataSource":"{datasource}"}}"#))
                }
                _ if *method == "POST" => Some("{}".to_owned()),
                _ => None,
            };
            // Some endpoints came late, some are gone again.
            let outcomes = versions.iter().map(|snapshot| {
                let (target, json) = (target.clone(), json.clone());
                decide(snapshot.clone(), method, target, json, owner.as_deref())
            });
            let is_there = |outcome: &Result<(), Rejection>| {
                !matches!(outcome, Err(Rejection::NotInVersion(_)))
            };
            let outcome = outcomes.into_iter().find(is_there);
            let outcome = outcome.unwrap_or_else(|| panic!("no version has {template}"));
            decisions += 1;
            allowed += usize::from(outcome.is_ok());
            let is_no_judgement = matches!(
                &outcome,
                Err(Rejection::UnknownEndpoint
                    | Rejection::MethodNotAllowed(_)
                    | Rejection::Body(_)
                    | Rejection::InvalidDocument(_))
            );
            // Refused as no spec at all: the other test names the reasons.
            let is_no_spec = matches!(&outcome, Err(Rejection::InvalidSpec(_)));
            if is_no_judgement || (!is_no_spec && outcome.is_ok() != expected) {
                differences.push(format!(
                    "{method} {target} owner {owner:?} {json:?}: {outcome:?}, not {expected}: {grants:?}"
                ));
            }
        }
    }
    println!("{decisions} decisions, {allowed} of them allowed");
    assert!(decisions >= 20_000, "{decisions} decisions");
    assert!(
        differences.is_empty(),
        "{} differences, the first:\n{}",
        differences.len(),
        differences[..differences.len().min(12)].join("\n")
    );
}
