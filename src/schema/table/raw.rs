//! The table as it is written; `schemas/generator/README.md` says what each part is.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

#[derive(Deserialize)]
pub(super) struct RawTable {
    pub(super) druid: String,
    pub(super) roots: BTreeMap<String, RawShape>,
    pub(super) families: BTreeMap<String, RawFamily>,
    pub(super) classes: BTreeMap<String, RawClass>,
    pub(super) leaves: BTreeMap<String, RawLeaf>,
    pub(super) removed: RawRemoved,
}

/// What other releases have.
#[derive(Deserialize)]
pub(super) struct RawRemoved {
    pub(super) ids: BTreeMap<String, BTreeMap<String, RawDates>>,
    pub(super) classes: BTreeMap<String, BTreeMap<String, RawDates>>,
}

/// The first release that has it, and the first that has it no longer.
#[derive(Deserialize)]
pub(super) struct RawDates {
    #[serde(default)]
    pub(super) guessed: bool,
    pub(super) since: Option<String>,
    pub(super) until: Option<String>,
}

#[derive(Deserialize, Clone)]
#[serde(rename_all = "lowercase")]
pub(super) enum RawShape {
    Any(serde::de::IgnoredAny),
    Family(String),
    Class(String),
    Leaf(String),
    Array(Box<RawShape>),
    Map(Box<RawShape>),
}

#[derive(Deserialize)]
pub(super) struct RawFamily {
    pub(super) property: String,
    pub(super) default: Option<String>,
    /// Is an unknown id refused although there is a default?
    #[serde(default)]
    pub(super) strict: bool,
    pub(super) text: Option<RawShape>,
    pub(super) ids: BTreeMap<String, RawMember>,
    /// Ids that are registered and can be read by no means.
    #[serde(default)]
    pub(super) unreadable: Vec<String>,
}

#[derive(Deserialize)]
pub(super) struct RawMember {
    #[serde(flatten)]
    pub(super) shape: RawShape,
    pub(super) extension: Option<String>,
    #[serde(default)]
    pub(super) unproven: bool,
}

#[derive(Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[derive(Default)]
pub(super) struct RawClass {
    pub(super) properties: BTreeMap<String, RawField>,
    pub(super) echo: Vec<String>,
    pub(super) ignored: Vec<String>,
    pub(super) one_of: Vec<Vec<Vec<String>>>,
    pub(super) string: bool,
    pub(super) integer: bool,
    pub(super) delegate: Option<RawShape>,
    pub(super) open: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RawField {
    pub(super) shape: RawShape,
    #[serde(default)]
    pub(super) required: bool,
    #[serde(default)]
    pub(super) not_null: bool,
    #[serde(default)]
    pub(super) deprecated: bool,
    pub(super) default: Option<Box<RawValue>>,
    pub(super) since: Option<String>,
    pub(super) until: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct RawLeaf {
    pub(super) java: String,
    #[serde(default, rename = "enum")]
    pub(super) names: Vec<String>,
    /// JSON texts, and whether Druid read them.
    pub(super) reads: BTreeMap<String, bool>,
}
