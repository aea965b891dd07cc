//! Fields that nothing reads: what was probably meant.

use super::{IGNORES, name, subject};
use crate::finding::{Code, Finding};
use crate::json::Node;
use crate::schema::check::Frame;
use crate::schema::near::Spelling;
use crate::schema::suggest::{self, Hints};
use crate::schema::table::{Dates, Role, Types};

pub(super) fn dates_code(types: &Types, dates: Dates) -> Code {
    match dates.since {
        Some(since) if types.version < since => Code::NewerField,
        Some(_) | None => Code::RemovedField,
    }
}

pub(super) fn other_release(
    types: &Types,
    key: Node<'_>,
    dates: Dates,
    frame: Option<&Frame<'_, '_>>,
) -> Finding {
    let code = dates_code(types, dates);
    let name = name(key);
    let message = match (code, dates) {
        (
            Code::NewerField,
            Dates {
                since: Some(since), ..
            },
        ) => format!(
            "{name} is read by Druid {since} and later; this is Druid {}",
            types.version
        ),
        (
            _,
            Dates {
                until: Some(until), ..
            },
        ) => {
            format!("{name} is no longer read by Druid {until} and later")
        }
        _ => format!("{name} is not read by Druid {}", types.version),
    };
    let finding = Finding::about_key(code, key, message).effect(IGNORES);
    let successor = frame.and_then(|frame| {
        let written = key.as_str()?;
        let (_, new) = SUCCESSORS.iter().find(|(old, _)| *old == written)?;
        let class = types.class(frame.class);
        class
            .named(new)
            .filter(|field| matches!(field.role, Role::Read(_)))
    });
    match successor {
        Some(field) if frame.is_some_and(|frame| frame.node.get(&field.name).is_none()) => {
            finding.rename(&field.name)
        }
        Some(_) | None => finding,
    }
}

/// What took the place of fields that are gone.
const SUCCESSORS: &[(&str, &str)] = &[
    ("firehose", "inputSource"),
    ("filter", "objectGlob"),
    ("recordBufferSize", "recordBufferSizeBytes"),
    ("maxRecordsPerPoll", "maxBytesPerPoll"),
];

/// What was probably meant by an unknown field.
#[derive(Debug)]
pub(in crate::schema) enum Guess<'t> {
    /// A near name of the same object.
    Near(&'t str),
    /// A near name of the same object, which is there already.
    Beside(&'t str),
    /// This name, elsewhere in this document.
    Place(suggest::Place),
    /// A near name, elsewhere.
    NearPlace(&'t str, suggest::Place),
    /// This name in other types that may stand here.
    Types(Vec<&'t str>, &'t str),
    /// Nothing.
    Nothing,
}

impl Guess<'_> {
    pub(super) fn code(&self) -> Code {
        match self {
            Guess::Near(_) | Guess::Beside(_) => Code::MisspelledField,
            Guess::Place(_) | Guess::NearPlace(..) | Guess::Types(..) => Code::MisplacedField,
            Guess::Nothing => Code::UnknownField,
        }
    }
}

pub(in crate::schema) fn guess<'t>(
    hints: &Hints<'t>,
    key: Node<'_>,
    value: Node<'_>,
    frame: &Frame<'_, '_>,
) -> Guess<'t> {
    let written = key.as_str().unwrap_or_default();
    let spelling = Spelling::of(&written);
    let near = suggest::near_field(hints, &spelling, value, frame, true);
    if let Some(near) = near.filter(|near| near.slips <= 1) {
        return Guess::Near(near.name);
    }
    if let Some(name) = suggest::habit(hints, &written, frame) {
        return Guess::Near(name);
    }
    let place = suggest::place(hints, &written, value, frame);
    if let Some(place) = place.filter(|place| near.is_none() || place.steps <= 2) {
        return Guess::Place(place);
    }
    if let Some(near) = near {
        return Guess::Near(near.name);
    }
    if let Some((others, own)) = suggest::other_types(hints, &written, frame) {
        return Guess::Types(others, own);
    }
    let taken = suggest::near_field(hints, &spelling, value, frame, false);
    if let Some(taken) = taken.filter(|taken| taken.slips <= 1) {
        return Guess::Beside(taken.name);
    }
    if let Some((name, place)) = suggest::near_place(hints, &spelling, value, frame) {
        return Guess::NearPlace(name, place);
    }
    Guess::Nothing
}

pub(super) fn unknown(
    types: &Types,
    key: Node<'_>,
    frame: &Frame<'_, '_>,
    guess: Guess<'_>,
) -> Finding {
    let code = guess.code();
    let name = name(key);
    let subject = subject(types, frame);
    let not_a_field = format!("{name} is not a field of {subject}");
    match guess {
        Guess::Near(near) => Finding::about_key(code, key, not_a_field)
            .effect(format!("{IGNORES}; the default applies"))
            .rename(near),
        Guess::Beside(near) => {
            let message = format!("{not_a_field}, which has `{near}` already");
            Finding::about_key(code, key, message).effect(IGNORES)
        }
        Guess::Place(place) => {
            let holder = place
                .pointer
                .rsplit_once('/')
                .map_or("", |(holder, _)| holder);
            let belongs = match holder {
                "" => "at the top level".to_owned(),
                holder => format!("in `{holder}`"),
            };
            let message = format!("{not_a_field}; it belongs {belongs}");
            let written = key.as_str().unwrap_or_default();
            Finding::about_key(code, key, message)
                .effect(IGNORES)
                .suggest_place(written, place.pointer)
        }
        Guess::NearPlace(near, place) => {
            let message = format!(
                "{not_a_field}; perhaps `{near}` in `{}` is meant",
                place.holder()
            );
            Finding::about_key(code, key, message)
                .effect(IGNORES)
                .suggest_place(near, place.pointer)
        }
        Guess::Types(others, own) => {
            let known: Vec<String> = others.iter().take(4).map(|id| format!("`{id}`")).collect();
            let message = format!(
                "{not_a_field}: it is known for {}, not for `{own}`",
                known.join(", ")
            );
            Finding::about_key(code, key, message).effect(IGNORES)
        }
        Guess::Nothing => Finding::about_key(code, key, not_a_field).effect(IGNORES),
    }
}
