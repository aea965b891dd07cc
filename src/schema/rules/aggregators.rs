//! Aggregators.

use super::filters::is_column_type;
use super::{Breach, Breaches, Object, REFUSES, Rule, is_blank, text, whole};
use crate::finding::Code;
use crate::json::Node;

pub(super) const RULES: &[Rule] = &[
    Rule {
        classes: &[
            "LongSumAggregatorFactory",
            "LongMinAggregatorFactory",
            "LongMaxAggregatorFactory",
            "DoubleSumAggregatorFactory",
            "DoubleMinAggregatorFactory",
            "DoubleMaxAggregatorFactory",
            "FloatSumAggregatorFactory",
            "FloatMinAggregatorFactory",
            "FloatMaxAggregatorFactory",
        ],
        check: simple,
    },
    Rule {
        classes: &["CardinalityAggregatorFactory"],
        check: cardinality,
    },
    Rule {
        classes: &["ExpressionLambdaAggregatorFactory"],
        check: expression,
    },
    Rule {
        classes: &["SingleValueAggregatorFactory"],
        check: single_value,
    },
    Rule {
        classes: &["GroupingAggregatorFactory"],
        check: grouping,
    },
    Rule {
        classes: &[
            "StringAnyAggregatorFactory",
            "StringFirstAggregatorFactory",
            "StringLastAggregatorFactory",
        ],
        check: string,
    },
    Rule {
        classes: &[
            "SketchMergeAggregatorFactory",
            "OldSketchMergeAggregatorFactory",
            "OldSketchBuildAggregatorFactory",
            "DoublesSketchAggregatorFactory",
            "DoublesSketchMergeAggregatorFactory",
            "ArrayOfDoublesSketchAggregatorFactory",
        ],
        check: sketch,
    },
    Rule {
        classes: &[
            "HllSketchBuildAggregatorFactory",
            "HllSketchMergeAggregatorFactory",
        ],
        check: hll,
    },
];

fn both<'d>(object: Object<'_, 'd>, first: &str, second: &str, breaches: &mut Breaches<'_, 'd>) {
    if let (Some(_), Some(node)) = (object.get(first), object.get(second)) {
        let message = format!("`{second}` cannot stand beside `{first}`: one of the two");
        breaches.push(Breach::new(Code::ConflictingFields, node, message, REFUSES));
    }
}

fn neither<'d>(object: Object<'_, 'd>, first: &str, second: &str, breaches: &mut Breaches<'_, 'd>) {
    // An absent field of a group is told by the types.
    let is_null = |name| object.node().get(name).is_some_and(|node| node.is_null());
    if object.get(first).is_none()
        && object.get(second).is_none()
        && (is_null(first) || is_null(second))
    {
        let message = format!("`{first}` or `{second}` is missing");
        breaches.push(Breach::new(
            Code::MissingField,
            object.node(),
            message,
            REFUSES,
        ));
    }
}

fn simple<'d>(object: Object<'_, 'd>, breaches: &mut Breaches<'_, 'd>) {
    both(object, "fieldName", "expression", breaches);
}

fn cardinality<'d>(object: Object<'_, 'd>, breaches: &mut Breaches<'_, 'd>) {
    both(object, "fields", "fieldNames", breaches);
    neither(object, "fields", "fieldNames", breaches);
}

fn expression<'d>(object: Object<'_, 'd>, breaches: &mut Breaches<'_, 'd>) {
    // Druid makes a set of them.
    let mut fields: Vec<_> = object
        .get("fields")
        .into_iter()
        .flat_map(Node::elements)
        .filter_map(text)
        .collect();
    fields.sort_unstable();
    fields.dedup();
    let one = fields.len() == 1;
    if !one && object.get("combine").is_none() {
        let at = object.get("fields").unwrap_or(object.node());
        let message = "Without `combine` there must be one field in `fields`";
        breaches.push(Breach::new(Code::ConflictingFields, at, message, REFUSES));
    }
    if let Some(node) = object.get("maxSizeBytes")
        && whole(node).is_some_and(|size| size < 10.0)
    {
        let message = "`maxSizeBytes` must be 10 or more";
        breaches.push(Breach::new(Code::InvalidValue, node, message, REFUSES));
    }
}

fn single_value<'d>(object: Object<'_, 'd>, breaches: &mut Breaches<'_, 'd>) {
    if let Some(node) = object.get("columnType")
        && node.as_str().is_some_and(|text| !is_column_type(&text))
    {
        let message = "`columnType` must be the type of a column: `STRING`, `LONG`, `ARRAY<LONG>`";
        breaches.push(Breach::new(Code::InvalidValue, node, message, REFUSES));
    }
}

fn grouping<'d>(object: Object<'_, 'd>, breaches: &mut Breaches<'_, 'd>) {
    if let Some(node) = object.get("groupings")
        && is_blank(node)
    {
        let message = "`groupings` must not be empty";
        breaches.push(Breach::new(Code::InvalidValue, node, message, REFUSES));
    }
    // Checked since 33.
    if object.release() < 33 {
        return;
    }
    let mut groupings: Vec<_> = object
        .get("groupings")
        .into_iter()
        .flat_map(Node::elements)
        .collect();
    groupings.sort_by_cached_key(|node| text(*node));
    if let Some([_, again]) = groupings
        .array_windows()
        .find(|[left, right]| text(*left) == text(*right))
    {
        let message = "A dimension stands twice in `groupings`";
        breaches.push(Breach::new(
            Code::ConflictingFields,
            *again,
            message,
            REFUSES,
        ));
    }
}

fn string<'d>(object: Object<'_, 'd>, breaches: &mut Breaches<'_, 'd>) {
    if let Some(node) = object.get("maxStringBytes")
        && whole(node).is_some_and(|size| size < 0.0)
    {
        let message = "`maxStringBytes` must not be negative";
        breaches.push(Breach::new(Code::InvalidValue, node, message, REFUSES));
    }
}

fn sketch<'d>(object: Object<'_, 'd>, breaches: &mut Breaches<'_, 'd>) {
    for name in ["size", "k", "nominalEntries"] {
        let Some(node) = object.get(name) else {
            continue;
        };
        let Some(size) = whole(node) else {
            continue;
        };
        #[expect(clippy::cast_possible_truncation, reason = "checked before")]
        let is_power =
            size >= 1.0 && size <= f64::from(i32::MAX) && (size as i64).count_ones() == 1;
        if !is_power {
            let message = format!("`{name}` must be a power of two");
            breaches.push(Breach::new(Code::InvalidValue, node, message, REFUSES));
        }
    }
}

fn hll<'d>(object: Object<'_, 'd>, breaches: &mut Breaches<'_, 'd>) {
    if let Some(node) = object.get("tgtHllType")
        && text(node).is_some_and(|text| !matches!(&*text, "HLL_4" | "HLL_6" | "HLL_8"))
    {
        let message = "`tgtHllType` is one of `HLL_4`, `HLL_6`, `HLL_8`";
        breaches.push(Breach::new(Code::InvalidValue, node, message, REFUSES));
    }
}
