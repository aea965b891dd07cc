//! The releases of Druid whose types are embedded.

use crate::druid::DruidVersion;

/// A release, and its generated types.
#[derive(Debug)]
pub struct Release {
    /// Which one.
    pub version: DruidVersion,
    /// `types.json`; `schemas/generator/README.md` says what it holds.
    pub(super) types: &'static str,
}

/// All of them, the oldest first. A new one is a line here and a run of `schemas/generator/run`.
pub const RELEASES: &[Release] = &[
    Release {
        version: DruidVersion::new(28, 0, 0),
        types: include_str!("../../schemas/druid-28.0.0/types.json"),
    },
    Release {
        version: DruidVersion::new(33, 0, 0),
        types: include_str!("../../schemas/druid-33.0.0/types.json"),
    },
    Release {
        version: DruidVersion::new(37, 0, 0),
        types: include_str!("../../schemas/druid-37.0.0/types.json"),
    },
];

impl Release {
    /// The one that judges for a release: the newest that is not newer, or the oldest.
    pub fn judging(version: DruidVersion) -> &'static Release {
        let older = RELEASES.iter().rev().find(|known| known.version <= version);
        older.or(RELEASES.first()).expect("there are releases")
    }
}
