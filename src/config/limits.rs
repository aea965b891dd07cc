//! `[[rate_limit]]` and `[[quota]]`.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::sync::Arc;

use super::roles::{ACTIONS, name, word};
use super::table::{Table, nearest};
use super::users::role;
use crate::druid::{DataSourcePattern, DataSourcePatterns};
use crate::policy::Role;
use crate::quota::{Cost, Holds, KeyPart, LiveQuota, Numbers, Per, Rate, RateLimit};
use crate::route::{Action, SpecKind};
use crate::spec::{kind_named, types};

const KEY_PARTS: [KeyPart; 6] = [
    KeyPart::Principal,
    KeyPart::Role,
    KeyPart::DataSource,
    KeyPart::TaskType,
    KeyPart::Source,
    KeyPart::Operation,
];

const HOLDS: &[(&str, Holds)] = &[("enforce", Holds::Enforced), ("audit", Holds::Audited)];

/// A burst is at most this: nobody waits for more.
const LARGEST_BURST: usize = 1_000_000;

/// So many tasks no Overlord has.
const LARGEST_QUOTA: usize = 1_000_000;

/// Both kinds of limits; their names are one list, since metrics and answers tell them by it.
pub(super) fn limits(
    root: &Table<'_, '_>,
    roles: &[Role],
) -> (Vec<Arc<RateLimit>>, Vec<Arc<LiveQuota>>) {
    let mut taken = BTreeSet::new();
    let rates = root.tables("rate_limit").into_iter();
    let rates = rates
        .filter_map(|table| rate_limit(table, roles, &mut taken).map(Arc::new))
        .collect();
    let quotas = root.tables("quota").into_iter();
    let quotas = quotas
        .filter_map(|table| quota(table, roles, &mut taken).map(Arc::new))
        .collect();
    (rates, quotas)
}

fn rate_limit(
    table: Table<'_, '_>,
    roles: &[Role],
    taken: &mut BTreeSet<String>,
) -> Option<RateLimit> {
    let name = name(&table, taken);
    let actions = actions(&table);
    let submits = actions.contains(&Action::Submit);
    let covered = covered(&table, roles);
    let parts: Vec<(&str, KeyPart)> = KEY_PARTS.map(|part| (part.name(), part)).to_vec();
    let key = table.list("key", word(&parts)).unwrap_or_default();
    let mut seen = Vec::new();
    for part in &key {
        if seen.contains(part) {
            let message = format!("`{}` is there twice", part.name());
            table.wrong_value("key", message, None);
        }
        seen.push(*part);
    }
    if key.contains(&KeyPart::TaskType) && !submits {
        let message = "only submissions have a task type, and `submit` is not among the actions";
        table.wrong_value("key", message, None);
    }
    let costs = [("request", Cost::Request), ("slots", Cost::Slots)];
    let cost = table.choice("cost", &costs).unwrap_or(Cost::Request);
    if cost == Cost::Slots && actions.iter().any(|action| *action != Action::Submit) {
        let message = "only submissions take slots: `actions` is `[\"submit\"]` then";
        table.wrong_value("cost", message, None);
    }
    let numbers = table.required("rate").and_then(|_| numbers(&table, None));
    let overrides = table
        .tables("overrides")
        .into_iter()
        .filter_map(|table| {
            let patterns = patterns(&table);
            let own = numbers.and_then(|numbers| self::numbers(&table, Some(numbers)));
            table.finish();
            Some((patterns?, own?))
        })
        .collect();
    let holds = table.choice("mode", HOLDS).unwrap_or(Holds::Enforced);
    table.finish();
    Some(RateLimit {
        name: name?.into(),
        actions,
        roles: covered,
        key,
        cost,
        numbers: numbers?,
        overrides,
        holds,
    })
}

fn actions(table: &Table<'_, '_>) -> Vec<Action> {
    let actions = table.list("actions", |text| match word(ACTIONS)(text)? {
        Action::ReadSecrets => {
            Err("no request asks for `read-secrets`: it decides what answers show".to_owned())
        }
        action => Ok(action),
    });
    if table.is_empty_list("actions") {
        table.wrong_value("actions", "this names no action", None);
    }
    actions.unwrap_or_else(|| vec![Action::Submit])
}

/// The roles that a limit covers; empty: all.
fn covered(table: &Table<'_, '_>, roles: &[Role]) -> Vec<Arc<str>> {
    if table.is_empty_list("roles") {
        table.wrong_value(
            "roles",
            "this names no role; without the line it is all",
            None,
        );
    }
    let covered = table.list("roles", |text| role(text, roles));
    covered.into_iter().flatten().map(Arc::from).collect()
}

/// Rate and burst. Without a burst it is what comes back in the rate's own time; beside `default`
/// either may be left away.
fn numbers(table: &Table<'_, '_>, default: Option<Numbers>) -> Option<Numbers> {
    let rate = table.parsed("rate", str::parse::<Rate>);
    let burst = table.count("burst", 1..=LARGEST_BURST);
    let burst = burst.and_then(|burst| NonZeroU32::new(u32::try_from(burst).ok()?));
    if let (None, None, Some(_)) = (rate, burst, default) {
        table.wrong("this needs a `rate` or a `burst` of its own");
    }
    let rate = rate.or(default.map(|numbers| numbers.rate))?;
    let burst = burst.or(default.map(|numbers| numbers.burst));
    Some(Numbers {
        rate,
        burst: burst.unwrap_or(rate.tokens),
    })
}

fn patterns(table: &Table<'_, '_>) -> Option<Vec<DataSourcePattern>> {
    let patterns = table.list("datasources", str::parse::<DataSourcePattern>);
    if patterns.is_none() {
        table.wrong("`datasources` is missing");
    }
    if table.is_empty_list("datasources") {
        table.wrong_value("datasources", "this names no datasource", None);
    }
    patterns
}

fn quota(table: Table<'_, '_>, roles: &[Role], taken: &mut BTreeSet<String>) -> Option<LiveQuota> {
    #[derive(Clone, Copy, PartialEq)]
    enum Word {
        All,
        DataSource,
        Role,
    }
    let name = name(&table, taken);
    let words = [
        ("datasource", Word::DataSource),
        ("role", Word::Role),
        ("all", Word::All),
    ];
    let word = table.choice("per", &words).unwrap_or(Word::DataSource);
    let covered = covered(&table, roles);
    if !covered.is_empty() && word != Word::Role {
        table.wrong_value("roles", "this goes with `per = \"role\"` only", None);
    }
    let per = match word {
        Word::All => Per::All,
        Word::DataSource => Per::DataSource,
        Word::Role => Per::Role(writers(roles, &covered)),
    };
    let counts = [("tasks", Cost::Request), ("slots", Cost::Slots)];
    let count = table.choice("count", &counts).unwrap_or(Cost::Request);
    let most = most(&table);
    let datasources = table.list("datasources", str::parse::<DataSourcePattern>);
    if table.is_empty_list("datasources") {
        table.wrong_value("datasources", "this names no datasource", None);
    }
    let task_types = table.list("task_types", task_type);
    if table.is_empty_list("task_types") {
        table.wrong_value("task_types", "this names no type", None);
    }
    let tables = table.tables("overrides");
    if !tables.is_empty() && word != Word::DataSource {
        let message =
            "single datasources have numbers of their own with `per = \"datasource\"` only";
        table.wrong_value("overrides", message, None);
    }
    let overrides = tables
        .into_iter()
        .filter_map(|table| {
            let patterns = patterns(&table);
            let own = self::most(&table);
            table.finish();
            Some((patterns?, own?))
        })
        .collect();
    let holds = table.choice("mode", HOLDS).unwrap_or(Holds::Enforced);
    table.finish();
    Some(LiveQuota {
        name: name?.into(),
        per,
        datasources: datasources.unwrap_or_default().into(),
        task_types: task_types.unwrap_or_default(),
        count,
        most: most?,
        overrides,
        holds,
    })
}

fn most(table: &Table<'_, '_>) -> Option<u32> {
    let most = table.count("max", 1..=LARGEST_QUOTA);
    if most.is_none() && !table.has("max") {
        table.wrong("`max` is missing");
    }
    u32::try_from(most?).ok()
}

/// The roles that may submit, with what: those of `covered`, or all.
fn writers(roles: &[Role], covered: &[Arc<str>]) -> BTreeMap<Arc<str>, DataSourcePatterns> {
    let covers = |role: &&Role| covered.is_empty() || covered.contains(&role.name);
    roles
        .iter()
        .filter(covers)
        .map(|role| {
            let grants = role.grants.iter();
            let submits = grants.filter(|grant| grant.actions.contains(&Action::Submit));
            let patterns = submits.flat_map(|grant| &grant.datasources).cloned();
            (role.name.clone(), patterns.collect::<DataSourcePatterns>())
        })
        .filter(|(_, patterns)| !patterns.is_empty())
        .collect()
}

/// A type of tasks, as the Overlord lists them.
fn task_type(text: &str) -> Result<String, String> {
    if kind_named(text) == Some(SpecKind::Supervisor) {
        return Err(format!(
            "`{text}` is a supervisor; the Overlord lists its tasks as `index_{text}`"
        ));
    }
    let tasks = || types().filter(|known| kind_named(known) == Some(SpecKind::Task));
    match nearest(text, tasks()) {
        Some(near) if !tasks().any(|known| known == text) => Err(format!(
            "there is no type `{}`; did you mean `{near}`?",
            text.escape_debug()
        )),
        _ if text.is_empty() || text.contains('*') => {
            Err("this is a type's id; each stands for itself".to_owned())
        }
        _ => Ok(text.to_owned()),
    }
}
