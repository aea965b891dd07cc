//! What a spec is and does, in words.

use super::stages::{MOST_NAMES, some};
use crate::druid::DataSource;
use crate::finding::quote;
use crate::route::SpecKind;
use crate::spec::{Input, Spec, SpecId};

pub(super) fn lines(spec: &Spec) -> Vec<String> {
    let effects = &spec.effects;
    let kind = match spec.kind {
        SpecKind::Task => "a task",
        SpecKind::Supervisor => "a supervisor",
        SpecKind::Sampler => "a sampler's spec",
    };
    let id = match &spec.id {
        SpecId::Task(Some(id)) => format!(" with the id {}", quote(id.as_str())),
        SpecId::Task(None) => " without an id".to_owned(),
        SpecId::Supervisor(_) | SpecId::None => String::new(),
    };
    let slots = match effects.slots {
        Some(1) => "1 slot".to_owned(),
        Some(slots) => format!("at most {slots} slots"),
        None => "as many slots as a limit allows: how many cannot be told".to_owned(),
    };
    let names = |list: &[DataSource]| match list {
        [] => "no datasource".to_owned(),
        list => some(list.iter().map(|name| quote(name.as_str()))),
    };
    let mut lines = vec![
        format!("{kind} of type {}{id}, {slots}", quote(&spec.type_id)),
        format!("writes {}", names(&effects.writes)),
        format!("reads {}", names(&effects.reads)),
    ];
    match effects.inputs.as_slice() {
        [] => lines.push("no input from outside of Druid".to_owned()),
        inputs => lines.extend(inputs.iter().take(MOST_NAMES).map(input_line)),
    }
    if let Some(more) = effects.inputs.len().checked_sub(MOST_NAMES + 1) {
        lines.push(format!("and {} more inputs", more + 1));
    }
    lines.extend(
        effects
            .opaque
            .map(|opaque| format!("not all can be told: {}", opaque.reason())),
    );
    lines
}

fn input_line(input: &Input) -> String {
    let mut line = format!("input {}", quote(&input.type_id));
    let mut part = |label: &str, names: Vec<String>| {
        if !names.is_empty() {
            line.push_str(&format!("; {label} {}", some(names)));
        }
    };
    part(
        "hosts",
        input.hosts.iter().map(|name| quote(name)).collect(),
    );
    part(
        "buckets",
        input.buckets.iter().map(|name| quote(name)).collect(),
    );
    let paths = input.paths.iter().map(|place| {
        let below = if place.is_prefix {
            " and all that begins so"
        } else {
            ""
        };
        format!("{}{below}", quote(&place.text))
    });
    part("paths", paths.collect());
    if !input.is_told {
        line.push_str("; where it reads cannot be told");
    }
    line
}
