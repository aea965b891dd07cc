//! Reading a spec never panics, and what it lets through hides no wrapper array from a plain look at
//! the places that decide.

use std::sync::OnceLock;

use bytes::Bytes;
use overgate::finding::{Finding, MOST};
use overgate::json::{Document, Limits};
use overgate::route::SpecKind;
use overgate::schema::SchemaSet;
use overgate::spec::Spec;

fn bounded(findings: &[Finding]) {
    assert!(findings.len() <= MOST);
    for finding in findings {
        assert!(finding.pointer.len() <= 1_100 && finding.message.len() <= 2_000);
        assert!(finding.line >= 1 && finding.column >= 1);
    }
}

/// Panics if it does not hold for these bytes.
pub fn holds(bytes: &[u8]) {
    static SCHEMAS: OnceLock<SchemaSet> = OnceLock::new();
    let schemas = SCHEMAS.get_or_init(|| {
        let version = overgate::druid::DruidVersion::new(28, 0, 0);
        let levels = overgate::finding::Levels::default();
        SchemaSet::load(version, levels).expect("the embedded types can be used")
    });
    let Ok(document) = Document::read(Bytes::copy_from_slice(bytes), &Limits::default()) else {
        return;
    };
    let tree: serde_json::Value = serde_json::from_slice(bytes).expect("serde_json accepts it");
    for kind in [SpecKind::Task, SpecKind::Supervisor, SpecKind::Sampler] {
        bounded(&schemas.check(&document, kind));
        match Spec::read(&document, kind) {
            Ok(spec) => {
                assert_eq!(tree["type"], spec.type_id.as_str());
                for place in ["/spec", "/spec/ioConfig", "/spec/ioConfig/inputSource"] {
                    let disguised = tree
                        .pointer(place)
                        .and_then(|value| value.as_array())
                        .is_some_and(|array| {
                            matches!(array.as_slice(), [first, second] if first.is_string() && second.is_object())
                        });
                    assert!(!disguised, "{place}");
                }
            }
            Err(findings) => {
                assert!(!findings.is_empty());
                bounded(&findings);
            }
        }
    }
}
