//! Batch ingestion: what is read, how it is parsed, what it replaces.

use super::{Breach, Breaches, Object, REFUSES, Rule, get, is_blank, is_true, text, whole};
use crate::finding::Code;
use crate::json::{Kind, Node};

pub(super) const RULES: &[Rule] = &[
    Rule {
        classes: &["ParallelIndexIngestionSpec", "IndexTask.IndexIngestionSpec"],
        check: batch,
    },
    Rule {
        classes: &["ParallelIndexTuningConfig"],
        check: serial,
    },
    Rule {
        classes: &["LocalInputSource"],
        check: local,
    },
    Rule {
        classes: &["HttpInputSource"],
        check: http,
    },
    Rule {
        classes: &["InlineInputSource"],
        check: inline,
    },
    Rule {
        classes: &["CombiningInputSource"],
        check: combining,
    },
    Rule {
        classes: &["GeneratorInputSource"],
        check: generator,
    },
    Rule {
        classes: &["MaxSizeSplitHintSpec", "SegmentsSplitHintSpec"],
        check: split_hint,
    },
    Rule {
        classes: &["DruidInputSource"],
        check: druid,
    },
    Rule {
        classes: &["SqlInputSource"],
        check: sql,
    },
    Rule {
        classes: &[
            "S3InputSource",
            "AzureInputSource",
            "AzureStorageAccountInputSource",
            "GoogleCloudStorageInputSource",
        ],
        check: cloud,
    },
];

/// Sources that read rows by themselves.
const WITHOUT_FORMAT: [&str; 4] = ["druid", "sql", "generator", "nil"];

/// Sources that read bytes; of others nobody knows.
const WITH_FORMAT: [&str; 9] = [
    "local",
    "http",
    "inline",
    "s3",
    "azure",
    "azureStorage",
    "google",
    "hdfs",
    "oss",
];

/// Must an input source be told the format? `None`: it is not known.
fn needs_format(source: Node<'_>) -> Option<bool> {
    let id = get(source, "type")?.as_str()?;
    if WITHOUT_FORMAT.contains(&&*id) {
        return Some(false);
    }
    if WITH_FORMAT.contains(&&*id) {
        return Some(true);
    }
    if id != "combining" {
        return None;
    }
    let delegates = get(source, "delegates").filter(|node| node.kind() == Kind::Array)?;
    // The reader bounds how deep they nest.
    let needs: Option<Vec<bool>> = delegates.elements().map(needs_format).collect();
    needs.map(|needs| needs.contains(&true))
}

fn batch<'d>(object: Object<'_, 'd>, breaches: &mut Breaches<'_, 'd>) {
    let (Some(schema), Some(io)) = (object.get("dataSchema"), object.get("ioConfig")) else {
        return;
    };
    sources(object, schema, io, breaches);
    let intervals = schema.at(&["granularitySpec", "intervals"]);
    let intervals = intervals.filter(|node| !is_blank(*node));
    let append = get(io, "appendToExisting").filter(|node| is_true(*node));
    let drop = get(io, "dropExisting").filter(|node| is_true(*node));
    if let (Some(_), Some(drop)) = (append, drop) {
        let message = "`dropExisting` cannot stand beside `appendToExisting`: replace or append";
        breaches.push(Breach::new(Code::ConflictingFields, drop, message, REFUSES));
    }
    if append.is_none() && drop.is_none() && intervals.is_none() && !reads_itself(schema, io) {
        breaches.push(Breach::new(
            Code::OverwriteWithoutIntervals,
            get(schema, "granularitySpec").unwrap_or(schema),
            "The task replaces data, and `intervals` does not say of what time",
            "Druid replaces every time chunk that any row falls into, also one with a wrong timestamp",
        ));
    }
    // Checked by the tasks that people write, not by their sub-tasks.
    let is_parallel = object.within(&["ParallelIndexSupervisorTask"]).is_some();
    let is_index = object.within(&["IndexTask"]).is_some();
    if !is_parallel && !is_index {
        return;
    }
    match (drop, intervals) {
        (Some(node), None) => {
            let message =
                "`dropExisting` needs `intervals` in the granularitySpec: what is dropped";
            breaches.push(Breach::new(Code::MissingField, node, message, REFUSES));
        }
        (Some(node), Some(_)) if append.is_none() => breaches.push(Breach::new(
            Code::DropExisting,
            node,
            "`dropExisting` drops everything in `intervals` that is not written again",
            "Druid puts tombstones over what is not rewritten",
        )),
        _ => {}
    }
    if is_index && object.release() >= 37 {
        return;
    }
    let tuning = object.get("tuningConfig");
    let forced = tuning.and_then(|tuning| get(tuning, "forceGuaranteedRollup"));
    if let (Some(append), true) = (append, forced.is_some_and(is_true)) {
        let message = "Perfect rollup cannot be had while appending";
        breaches.push(Breach::new(
            Code::ConflictingFields,
            append,
            message,
            REFUSES,
        ));
    }
}

/// Does it rewrite an interval of its own datasource, or another's, that it names?
fn reads_itself(schema: Node<'_>, io: Node<'_>) -> bool {
    let Some(source) = get(io, "inputSource") else {
        return true;
    };
    let is_druid = get(source, "type").and_then(Node::as_str).as_deref() == Some("druid");
    is_druid && get(schema, "granularitySpec").is_none()
}

/// The input source, and whoever parses what it reads.
fn sources<'d>(
    object: Object<'_, 'd>,
    schema: Node<'d>,
    io: Node<'d>,
    breaches: &mut Breaches<'_, 'd>,
) {
    // `parser` is gone in 37.
    let parser = get(schema, "parser").filter(|_| object.release() < 37);
    let format = get(io, "inputFormat");
    let firehose = get(io, "firehose").filter(|_| object.release() < 31);
    if let (Some(_), Some(node)) = (firehose, format.or(get(io, "inputSource"))) {
        let message =
            "`firehose` cannot stand beside `inputSource` or `inputFormat`, which took its place";
        breaches.push(Breach::new(Code::ConflictingFields, node, message, REFUSES));
        return;
    }
    let Some(source) = get(io, "inputSource") else {
        let is_parallel = object.within(&["ParallelIndexSupervisorTask"]).is_some();
        if (is_parallel || object.release() >= 37) && firehose.is_none() {
            let message = "`inputSource` is missing in ioConfig";
            breaches.push(Breach::new(Code::MissingField, io, message, REFUSES));
        }
        return;
    };
    if let Some(parser) = parser {
        let message = "`parser` cannot stand beside `inputSource`: write `inputFormat`";
        breaches.push(Breach::new(
            Code::ConflictingFields,
            parser,
            message,
            REFUSES,
        ));
        return;
    }
    match (needs_format(source), format) {
        (Some(true), None) => {
            let message = "`inputFormat` is missing in ioConfig: this source only reads bytes";
            breaches.push(Breach::new(Code::MissingField, io, message, REFUSES));
        }
        (Some(false), Some(format)) => {
            let message = "`inputFormat` is not used: this source reads rows by itself";
            let effect = "Druid ignores it without a word";
            breaches.push(Breach::new(Code::UnreadFormat, format, message, effect));
        }
        (Some(true), Some(_)) | (Some(false), None) | (None, _) => {}
    }
}

fn serial<'d>(object: Object<'_, 'd>, breaches: &mut Breaches<'_, 'd>) {
    let most = object.number("maxNumConcurrentSubTasks");
    if most == Some(1.0)
        && let Some(node) = object.get("maxNumConcurrentSubTasks")
    {
        breaches.push(Breach::new(
            Code::SlowStart,
            node,
            "With one concurrent sub-task nothing runs in parallel",
            "the task reads everything by itself",
        ));
    }
}

fn local<'d>(object: Object<'_, 'd>, breaches: &mut Breaches<'_, 'd>) {
    let files = object.get("files").is_some_and(|files| !is_blank(files));
    let folder = object
        .get("baseDir")
        .and_then(text)
        .is_some_and(|folder| !folder.trim().is_empty());
    match (files, folder, object.get("filter")) {
        (false, false, _) => {
            let message = "`baseDir` with `filter`, or `files`, is missing";
            breaches.push(Breach::new(
                Code::MissingField,
                object.node(),
                message,
                REFUSES,
            ));
        }
        (_, true, None) => {
            let message = "`filter` is missing: which files of `baseDir`";
            breaches.push(Breach::new(
                Code::MissingField,
                object.node(),
                message,
                REFUSES,
            ));
        }
        _ => breaches.push(Breach::new(
            Code::LocalFiles,
            object.node(),
            "The files are read where the task runs, not where the spec was written",
            "the task fails or reads nothing where the path is not there",
        )),
    }
}

fn http<'d>(object: Object<'_, 'd>, breaches: &mut Breaches<'_, 'd>) {
    let Some(uris) = object.get("uris") else {
        return;
    };
    if is_blank(uris) {
        let message = "`uris` must not be empty";
        breaches.push(Breach::new(Code::InvalidValue, uris, message, REFUSES));
    }
    for uri in uris.elements() {
        let text = uri.as_str().unwrap_or_default();
        let scheme = text.split_once(':').map_or("", |(scheme, _)| scheme);
        let is_http = ["http", "https"]
            .iter()
            .any(|known| scheme.eq_ignore_ascii_case(known));
        if !is_http && !text.is_empty() {
            let message = "This must be an address of `http` or `https`";
            let effect =
                "Druid refuses the spec, unless `druid.ingestion.http.allowedProtocols` has it";
            breaches.push(Breach::new(Code::InvalidValue, uri, message, effect));
        }
    }
}

fn inline<'d>(object: Object<'_, 'd>, breaches: &mut Breaches<'_, 'd>) {
    if let Some(data) = object.get("data")
        && is_blank(data)
    {
        let message = "`data` must not be empty";
        breaches.push(Breach::new(Code::InvalidValue, data, message, REFUSES));
    }
}

fn combining<'d>(object: Object<'_, 'd>, breaches: &mut Breaches<'_, 'd>) {
    if let Some(delegates) = object.get("delegates")
        && is_blank(delegates)
    {
        let message = "`delegates` must not be empty";
        breaches.push(Breach::new(Code::InvalidValue, delegates, message, REFUSES));
    }
}

fn generator<'d>(object: Object<'_, 'd>, breaches: &mut Breaches<'_, 'd>) {
    if object.get("schemaName").is_none() && object.get("schema").is_none() {
        let message = "`schemaName` or `schema` is missing: what to generate";
        breaches.push(Breach::new(
            Code::MissingField,
            object.node(),
            message,
            REFUSES,
        ));
    }
}

fn split_hint<'d>(object: Object<'_, 'd>, breaches: &mut Breaches<'_, 'd>) {
    for name in ["maxSplitSize", "maxNumFiles"] {
        if let Some(node) = object.get(name)
            && whole(node).is_some_and(|size| size < 1.0)
        {
            let message = format!("`{name}` must be greater than 0");
            breaches.push(Breach::new(Code::InvalidValue, node, message, REFUSES));
        }
    }
}

fn druid<'d>(object: Object<'_, 'd>, breaches: &mut Breaches<'_, 'd>) {
    if let (Some(_), Some(segments)) = (object.get("interval"), object.get("segments")) {
        let message = "`segments` cannot stand beside `interval`: one of the two";
        breaches.push(Breach::new(
            Code::ConflictingFields,
            segments,
            message,
            REFUSES,
        ));
    }
}

fn sql<'d>(object: Object<'_, 'd>, breaches: &mut Breaches<'_, 'd>) {
    if let Some(sqls) = object.get("sqls")
        && is_blank(sqls)
    {
        let message = "`sqls` must not be empty";
        breaches.push(Breach::new(Code::InvalidValue, sqls, message, REFUSES));
    }
}

/// Exactly one list, and not an empty one.
fn cloud<'d>(object: Object<'_, 'd>, breaches: &mut Breaches<'_, 'd>) {
    const LISTS: [&str; 3] = ["uris", "prefixes", "objects"];
    let given = LISTS.iter().filter_map(|name| {
        let node = object.get(name).filter(|node| !is_blank(*node))?;
        Some((*name, node))
    });
    let given: Vec<_> = given.collect();
    match given.as_slice() {
        [] => {
            let message = "`uris`, `prefixes` or `objects` is missing";
            breaches.push(Breach::new(
                Code::MissingField,
                object.node(),
                message,
                REFUSES,
            ));
        }
        [_] => {}
        [(first, _), (second, node), ..] => {
            let message = format!("`{second}` cannot stand beside `{first}`: one of them");
            breaches.push(Breach::new(
                Code::ConflictingFields,
                *node,
                message,
                REFUSES,
            ));
        }
    }
}
