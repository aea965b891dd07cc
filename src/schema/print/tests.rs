use bytes::Bytes;
use serde_json::Value;

use super::*;
use crate::druid::DruidVersion;
use crate::json::{Document, Limits};
use crate::schema::leaf::Reading;
use crate::schema::{RELEASES, Release};

fn types(version: DruidVersion) -> Types {
    Types::read(Release::judging(version).types, version).expect("a table")
}

/// Values as people write them, right and wrong.
const SAMPLES: &[&str] = &[
    "null",
    "true",
    "false",
    "0",
    "1",
    "5",
    "-1",
    "7",
    "5.7",
    "200",
    "40000",
    "3000000000",
    "1e3",
    "[]",
    "[5]",
    "{}",
    "{\"a\": 1}",
    "\"\"",
    "\" \"",
    "\"abc\"",
    "\"true\"",
    "\"True\"",
    "\"tRUE\"",
    "\" true \"",
    "\"yes\"",
    "\"null\"",
    "\"5\"",
    "\" 5 \"",
    "\"+5\"",
    "\"++5\"",
    "\"-5\"",
    "\"5.7\"",
    "\"1e3\"",
    "\"5f\"",
    "\"NaN\"",
    "\"many\"",
    "\"0x10\"",
    "\"1_000\"",
    "\"P1D\"",
    "\"PT1H\"",
    "\"pt1h\"",
    "\"P1Y2M3DT4H5M6.5S\"",
    "\"P\"",
    "\"PT\"",
    "\"1h\"",
    "\"P1H\"",
    "\"2020\"",
    "\"2020-01-31\"",
    "\"2020-01-31T00:00:00Z\"",
    "\"T10:00\"",
    "\"yesterday\"",
    "\"2020-01-01/2020-02-01\"",
    "\"2020-01-01/P1D\"",
    "\"P1D/2020-01-01\"",
    "\"2020-01-01\"",
    "\"2020-01-01 - 2020-02-01\"",
    "\"day\"",
    "\"DAY\"",
    "\"Day\"",
    "\"days\"",
    "\"HOUR\"",
    "\"hourly\"",
    "\"UTC\"",
    "\"Europe/Berlin\"",
    "\"+01:00\"",
    "\"512MiB\"",
    "\"512mb\"",
    "\"1g\"",
    "\"5b\"",
    "\"1 kb\"",
    "\"lz4\"",
    "\"LZ4\"",
    "\"lz5\"",
    "\"SORTED_ARRAY\"",
    "\"sorted_array\"",
    "\"string\"",
    "\"STRING\"",
    "\"longs\"",
    "\"lexicographic\"",
    "\"http://a/b\"",
];

/// Where the schema of a value is wider than the reading: what only arithmetic or a calendar shows.
const WIDER: &[(&str, &str)] = &[
    // A text that says a number out of range.
    ("Byte", "\"2020\""),
    ("Duration", "\"P1Y2M3DT4H5M6.5S\""),
    // A validator does not see how a number is written.
    ("Boolean", "1e3"),
    ("boolean", "1e3"),
    ("DateTime", "1e3"),
    ("Duration", "1e3"),
    ("Period", "1e3"),
    ("HumanReadableBytes", "1e3"),
];

#[test]
fn a_printed_value_takes_what_is_read() {
    let mut wrong = Vec::new();
    let mut wider: BTreeSet<&(&str, &str)> = BTreeSet::new();
    let mut asked = 0;
    for release in RELEASES {
        let types = types(release.version);
        for leaf in &types.leaves {
            let schema = leaf::schema(leaf);
            let validator = jsonschema::validator_for(&schema).expect("a schema");
            for sample in SAMPLES {
                let document = Document::read(Bytes::from(*sample), &Limits::default());
                let document = document.expect("JSON");
                let read = leaf.read(document.root()) != Reading::Refused;
                let value: Value = serde_json::from_str(sample).expect("JSON");
                let taken = validator.is_valid(&value);
                let known = WIDER.iter().find(|row| **row == (&*leaf.name, sample));
                if taken && !read && known.is_some() {
                    wider.extend(known);
                } else if read != taken {
                    wrong.push(format!(
                        "{} {} {sample}: read {read}, taken {taken}",
                        release.version, leaf.name
                    ));
                }
                asked += 1;
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(asked > 5_000, "{asked}");
    let idle: Vec<_> = WIDER.iter().filter(|row| !wider.contains(row)).collect();
    assert!(idle.is_empty(), "{idle:?}");
}

#[test]
fn every_definition_is_there_and_used() {
    for release in RELEASES {
        let types = types(release.version);
        for (kind, root) in [
            (SpecKind::Task, types.task),
            (SpecKind::Supervisor, types.supervisor),
        ] {
            let text = json_schema(&types, kind, root);
            let schema: Value = serde_json::from_str(&text).expect("JSON");
            let definitions = schema["$defs"].as_object().expect("definitions");
            for name in definitions.keys() {
                assert!(
                    text.contains(&format!("\"#/$defs/{name}\"")),
                    "{name} is not used"
                );
            }
            let mut referred = 0;
            for reference in text.split("\"#/$defs/").skip(1) {
                let name = reference.split('"').next().expect("closed");
                assert!(definitions.contains_key(name), "{name} is missing");
                referred += 1;
            }
            assert!(referred > 300, "{referred}");
        }
    }
}

#[test]
fn fields_say_what_is_known_of_them() {
    let types = types(DruidVersion::new(28, 0, 0));
    let text = json_schema(&types, SpecKind::Task, types.task);
    let schema: Value = serde_json::from_str(&text).expect("JSON");
    let definitions = &schema["$defs"];
    assert_eq!(schema["$id"], "urn:overgate:druid:28.0.0:task");
    assert_eq!(schema["title"], "Apache Druid 28.0.0: task");
    let granularity = &definitions["UniformGranularitySpec.type"]["properties"];
    assert_eq!(granularity["rollup"]["default"], true);
    assert_eq!(
        granularity["rollup"]["description"],
        "True or false. Default: `true`."
    );
    assert_eq!(
        definitions["HttpInputSource.type"]["title"],
        "http input source"
    );
    assert_eq!(
        definitions["HttpInputSource.type"]["required"],
        json!(["uris"])
    );
    let sources = &definitions["family.InputSource"];
    assert_eq!(sources["required"], json!(["type"]));
    assert!(
        sources["properties"]["type"]["anyOf"]
            .to_string()
            .contains("Needs the extension")
    );
}
