//! What Druid checks in a submitted task before it stores it: the type, the id, and of the known
//! types' constructors what was recorded. Most of what Druid's classes refuse is accepted here.

use jiff::SignedDuration;

use super::target::interval;
use super::task::iso;
use super::typed::{Family, Refusal, Typed, class_of};
use super::value::{self, Json, Kind};

/// Task types that Druid 28.0.0 knows without extensions (recorded).
const TYPES: [&str; 18] = [
    "archive",
    "compact",
    "index",
    "index_hadoop",
    "index_parallel",
    "index_realtime",
    "index_realtime_appenderator",
    "index_sub",
    "kill",
    "move",
    "noop",
    "partial_dimension_cardinality",
    "partial_dimension_distribution",
    "partial_index_generate",
    "partial_index_generic_merge",
    "partial_range_index_generate",
    "restore",
    "single_phase_sub_task",
];

/// The class of a task.
pub(super) const TASK: &str = "org.apache.druid.indexing.common.task.Task";

/// A task that passed.
#[derive(Debug)]
pub(super) struct NewTask {
    pub(super) id: String,
    pub(super) group: String,
    pub(super) type_id: String,
    pub(super) datasource: String,
    /// As Druid prints it back.
    pub(super) payload: String,
    pub(super) run_time: Option<SignedDuration>,
    pub(super) fails: bool,
    pub(super) log_length: Option<u64>,
}

/// Reads and checks a task. `chance` makes generated ids differ, `now` dates them.
pub(super) fn read(body: &[u8], now: jiff::Timestamp, chance: u64) -> Result<NewTask, Refusal> {
    let absent = format!(
        "java.lang.NullPointerException: Cannot invoke \"{TASK}.getDataSource()\" because \"task\" is null"
    );
    let family = Family {
        class: TASK,
        types: &TYPES,
        absent: &absent,
    };
    let Typed {
        type_id,
        members: spec,
    } = family.read(body)?;
    let check = Check {
        body,
        spec: &spec,
        class: class_of(&type_id),
    };
    let datasource = check.datasource(&type_id)?;
    let run_time = check.run_time(&type_id)?;
    let id = match spec.present("id") {
        Some(_) => check.string("id")?.unwrap_or_default(),
        None => generated(&type_id, &datasource, &spec, now, chance),
    };
    if let Err(problem) = validate_id(&id) {
        return Err(check.problem(&format!("Invalid value for field [task ID]: {problem}")));
    }
    // The columns of the metadata store hold no more (recorded).
    if id.chars().count() > 255 || datasource.chars().count() > 255 {
        return Err(Refusal::Failure(format!(
            "Encountered metadata exception for task [{id}]"
        )));
    }
    let group = match type_id.as_str() {
        "noop" | "index_parallel" => check.string("groupId")?.unwrap_or_else(|| id.clone()),
        _ => id.clone(),
    };
    let context = spec.get("context");
    let simulated = |key: &str| {
        context
            .and_then(|context| context.get(key))
            .and_then(Json::text)
    };
    let millis = |key: &str| {
        simulated(key)
            .and_then(|text| text.parse::<u32>().ok())
            .map(i64::from)
    };
    Ok(NewTask {
        payload: super::payload::print(&type_id, &id, &group, &datasource, &spec),
        run_time: run_time
            .or(millis("simulateRunTime"))
            .map(SignedDuration::from_millis),
        fails: simulated("simulate") == Some("failed"),
        log_length: simulated("simulateLogBytes").and_then(|text| text.parse().ok()),
        id,
        group,
        type_id,
        datasource,
    })
}

/// `<type>_<dataSource>_<8 letters a-p>[_<start>_<end>]_<time>`, or `noop_<time>_<uuid>` (recorded).
fn generated(
    type_id: &str,
    datasource: &str,
    spec: &Json,
    now: jiff::Timestamp,
    chance: u64,
) -> String {
    let now = iso(now);
    if type_id == "noop" {
        let low = chance.wrapping_mul(0x94d0_49bb_1331_11eb);
        return format!(
            "noop_{now}_{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
            chance >> 32,
            (chance >> 16) & 0xffff,
            chance & 0xfff,
            low >> 52,
            low & 0xffff_ffff_ffff
        );
    }
    let letters: String = (0..8)
        .map(|index| char::from(b'a' + u8::try_from((chance >> (index * 4)) & 15).unwrap_or(0)))
        .collect();
    let fixed = ["kill", "move", "archive", "restore"].contains(&type_id);
    let times = spec
        .present("interval")
        .and_then(Json::text)
        .filter(|_| fixed)
        .and_then(|text| interval(text).ok());
    let times = times.map_or_else(String::new, |(start, end)| {
        format!("_{}_{}", iso(start), iso(end))
    });
    format!("{type_id}_{datasource}_{letters}{times}_{now}")
}

/// Druid's rule for ids.
///
/// # Errors
/// What it says of a value that breaks it.
pub(super) fn validate_id(id: &str) -> Result<(), String> {
    if id.is_empty() {
        return Err("must not be null".to_owned());
    }
    if id.starts_with('.') {
        return Err(format!("Value [{id}] cannot start with '.'."));
    }
    if id.contains('/') {
        return Err(format!("Value [{id}] cannot contain '/'."));
    }
    if id.chars().any(|letter| letter != ' ' && matches!(letter, '\t'..='\r' | '\u{85}' | '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{2028}' | '\u{2029}' | '\u{202f}' | '\u{205f}' | '\u{3000}')) {
        return Err(format!("Value [{id}] contains illegal whitespace characters.  Only space is allowed."));
    }
    // Java counts and looks at UTF-16 units.
    let illegal = id.encode_utf16().enumerate().find(
        |(_, unit)| matches!(unit, 1..=0x1e | 0x80..=0x9e | 0xd801..=0xf8fe | 0xfff1..=0xfffe),
    );
    match illegal {
        Some((at, unit)) => Err(format!(
            "Value [{id}] contains illegal UTF8 character [#{unit}] at position [{at}]"
        )),
        None => Ok(()),
    }
}

/// The checks of constructors.
struct Check<'a> {
    body: &'a [u8],
    spec: &'a Json,
    class: String,
}

impl Check<'_> {
    /// The constructor has a problem, which Jackson tells at the end of the object.
    fn problem(&self, problem: &str) -> Refusal {
        self.construct(&self.class, problem, self.spec.end, "")
    }

    fn construct(&self, class: &str, problem: &str, offset: usize, chain: &str) -> Refusal {
        let place = value::place(self.body, offset);
        Refusal::Error(format!(
            "Cannot construct instance of `{class}`, problem: {problem}{place}{chain}"
        ))
    }

    fn chain(&self, key: &str) -> String {
        format!(" (through reference chain: {}[\"{key}\"])", self.class)
    }

    /// A member as a string; only lists and objects cannot be one.
    fn string(&self, key: &str) -> Result<Option<String>, Refusal> {
        let Some(value) = self.spec.present(key) else {
            return Ok(None);
        };
        value.text().map(|text| Some(text.to_owned())).ok_or_else(|| {
            let what = if matches!(value.kind, Kind::List(_)) { "Array" } else { "Object" };
            Refusal::Error(format!(
                "Cannot deserialize value of type `java.lang.String` from {what} value (token `JsonToken.{}`){}{}",
                value.token(),
                value::place(self.body, value.start),
                self.chain(key)
            ))
        })
    }

    fn datasource(&self, type_id: &str) -> Result<String, Refusal> {
        let direct = ["noop", "kill", "compact", "move", "archive", "restore"].contains(&type_id);
        if !direct {
            return self.nested_datasource(type_id);
        }
        let named = self.string("dataSource")?;
        if type_id == "noop" {
            return Ok(named.unwrap_or_else(|| "none".to_owned()));
        }
        let datasource = named.ok_or_else(|| self.problem("dataSource"))?;
        if type_id == "compact" {
            if !["ioConfig", "interval", "segments"]
                .iter()
                .any(|key| self.spec.present(key).is_some())
            {
                return Err(self.problem(
                    "At least one of properties[[ioConfig, interval, segments]] must be present",
                ));
            }
            return Ok(datasource);
        }
        let times = self
            .string("interval")?
            .ok_or_else(|| self.problem("interval"))?;
        interval(&times).map_err(|problem| Refusal::Error(problem + &self.chain("interval")))?;
        Ok(datasource)
    }

    /// Of the types with a `spec`.
    fn nested_datasource(&self, type_id: &str) -> Result<String, Refusal> {
        const BATCH: &str = "org.apache.druid.indexing.common.task.batch.parallel";
        const TASKS: &str = "org.apache.druid.indexing.common.task";
        let (ingestion, io_config) = match type_id {
            "index" => (
                format!("{TASKS}.IndexTask$IndexIngestionSpec"),
                format!("{TASKS}.IndexTask$IndexIOConfig"),
            ),
            _ => (
                format!("{BATCH}.ParallelIndexIngestionSpec"),
                format!("{BATCH}.ParallelIndexIOConfig"),
            ),
        };
        let Some(spec) = self.spec.present("spec") else {
            return Err(self.problem(&format!(
                "Cannot invoke \"{ingestion}.getDataSchema()\" because \"ingestionSchema\" is null"
            )));
        };
        if type_id == "index_realtime" && spec.present("dataSchema").is_none() {
            let class = "org.apache.druid.segment.realtime.FireDepartment";
            return Err(self.construct(class, "dataSchema", spec.end, &self.chain("spec")));
        }
        if type_id == "index_hadoop" && spec.present("ioConfig").is_none() {
            return Err(self.problem(
                "Cannot invoke \"org.apache.druid.indexer.HadoopIOConfig.getSegmentOutputPath()\" because the return value of \"org.apache.druid.indexer.HadoopIngestionSpec.getIOConfig()\" is null",
            ));
        }
        let Some(schema) = spec.present("dataSchema") else {
            return Err(self.construct(&ingestion, "dataSchema", spec.end, &self.chain("spec")));
        };
        let chain = |key: &str| {
            format!(
                " (through reference chain: {}[\"spec\"]->{ingestion}[\"{key}\"])",
                self.class
            )
        };
        let datasource = schema
            .present("dataSource")
            .and_then(Json::text)
            .unwrap_or_default();
        if let Err(problem) = validate_id(datasource) {
            return Err(self.construct(
                "org.apache.druid.segment.indexing.DataSchema",
                &format!("Invalid value for field [dataSource]: {problem}"),
                schema.end,
                &chain("dataSchema"),
            ));
        }
        if !["index", "index_parallel"].contains(&type_id) {
            return Ok(datasource.to_owned());
        }
        let Some(config) = spec.present("ioConfig") else {
            let problem = format!(
                "Cannot invoke \"{io_config}.getInputSource()\" because \"ioConfig\" is null"
            );
            return Err(self.construct(&ingestion, &problem, spec.end, &self.chain("spec")));
        };
        let known: &[&str] = if type_id == "index" {
            &["index", "realtime"]
        } else {
            &["index_parallel", "realtime"]
        };
        let family = Family {
            class: &io_config,
            types: known,
            absent: "",
        };
        if let Some(named) = config.present("type")
            && let Err(message) = family.known(named.text().unwrap_or_default())
        {
            let place = value::place(self.body, named.start);
            return Err(Refusal::Error(format!(
                "{message} (for POJO property 'ioConfig'){place}{}",
                chain("ioConfig")
            )));
        }
        Ok(datasource.to_owned())
    }

    /// A `noop`'s time to run, in milliseconds; 2,500 unless it says otherwise.
    fn run_time(&self, type_id: &str) -> Result<Option<i64>, Refusal> {
        if type_id != "noop" {
            return Ok(None);
        }
        let Some(value) = self.spec.present("runTime") else {
            return Ok(Some(2_500));
        };
        let text = value.text().unwrap_or_default();
        let place = || value::place(self.body, value.start) + &self.chain("runTime");
        let millis = match &value.kind {
            Kind::Text(text) if text.trim().is_empty() => 0,
            Kind::Text(text) => text.trim().parse::<i64>().map_err(|_| {
                Refusal::Error(format!(
                    "Cannot deserialize value of type `long` from String \"{text}\": not a valid `long` value{}",
                    place()
                ))
            })?,
            Kind::Number(text) if value.token() == "VALUE_NUMBER_INT" => text.parse::<i64>().map_err(|_| {
                let place = value::place(self.body, value.end + 1) + &self.chain("runTime");
                Refusal::Error(format!(
                    "Numeric value ({text}) out of range of long (-9223372036854775808 - 9223372036854775807){place}"
                ))
            })?,
            Kind::Number(text) => {
                let whole = text.split(['.', 'e', 'E']).next().unwrap_or_default();
                whole.parse().unwrap_or(i64::MAX)
            }
            Kind::Null | Kind::Bool(_) | Kind::List(_) | Kind::Object(_) => {
                return Err(Refusal::Error(format!("Cannot deserialize value of type `long` from {text}{}", place())));
            }
        };
        // A year is as good as for ever, and adds to any time without overflow.
        Ok(Some(millis.clamp(0, 366 * 86_400_000)))
    }
}
