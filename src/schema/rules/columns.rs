//! The columns of a datasource: dimensions, metrics, transforms, granularities.

use super::names::{Names, TIME, name, name_node};
use super::{Breach, Breaches, Object, REFUSES, Rule, get, is_blank, is_true, whole};
use crate::finding::{Code, quote};
use crate::json::{Kind, Node};

pub(super) const RULES: &[Rule] = &[
    Rule {
        classes: &["DataSchema"],
        check: schema,
    },
    Rule {
        classes: &["DimensionsSpec"],
        check: dimensions,
    },
    Rule {
        classes: &["UserCompactionTaskDimensionsConfig"],
        check: |object, breaches| twice_in_list(object, &dimension_names(object), breaches),
    },
    Rule {
        classes: &["AggregateProjectionSpec"],
        check: projection,
    },
    Rule {
        classes: &["NestedDataColumnSchema"],
        check: nested,
    },
    Rule {
        classes: &["TransformSpec"],
        check: transforms,
    },
];

fn list<'d>(
    node: Option<Node<'d>>,
    name: &str,
) -> impl Iterator<Item = Node<'d>> + Clone + use<'d> {
    node.and_then(|node| get(node, name))
        .into_iter()
        .flat_map(Node::elements)
}

fn length(node: Option<Node<'_>>, name: &str) -> usize {
    node.and_then(|node| get(node, name)).map_or(0, Node::len)
}

fn schema<'d>(object: Object<'_, 'd>, breaches: &mut Breaches<'_, 'd>) {
    let dimensions = object.get("dimensionsSpec");
    let wanted = dimensions.is_some() || object.release() >= 37;
    if wanted
        && object.get("timestampSpec").is_none()
        && object.get("parser").is_none_or(|_| dimensions.is_some())
    {
        let message = "`timestampSpec` is missing in dataSchema";
        breaches.push(Breach::new(
            Code::MissingField,
            object.node(),
            message,
            REFUSES,
        ));
    }
    if object.release() >= 37
        && let Some(parser) = object.get("parser")
    {
        let message = "`parser` is gone since 37: write `timestampSpec` and `dimensionsSpec`, and an `inputFormat`";
        breaches.push(Breach::new(Code::RemovedField, parser, message, REFUSES));
    }
    let metrics = object.list("metricsSpec");
    let all_dimensions = list(dimensions, "dimensions");
    for null in metrics.clone().filter(|metric| metric.is_null()) {
        let message = "A metric cannot be null";
        breaches.push(Breach::new(Code::WrongType, null, message, REFUSES));
    }
    let of_metrics = Names::of(metrics.clone());
    // Where nothing is compared with them nobody need know the dimensions' names.
    let has_others = metrics.clone().next().is_some() || object.get("transformSpec").is_some();
    let named = has_others.then(|| Names::of(all_dimensions.clone()));
    let all_have_one = |names: Option<&Names<'_>>, count: usize| {
        names.is_some_and(|names| names.len() == count && !names.has_blank)
    };
    let are_named = all_have_one(named.as_ref(), length(dimensions, "dimensions"))
        && all_have_one(
            Some(&of_metrics),
            length(Some(object.node()), "metricsSpec"),
        );
    let columns = all_dimensions.chain(metrics.clone());
    let spatial = list(dimensions, "spatialDimensions");
    for column in columns.filter(|_| !are_named) {
        if !breaches.wants(Code::MissingField) {
            break;
        }
        if name(column).is_none_or(|name| name.is_empty())
            && matches!(column.kind(), Kind::Object | Kind::String)
        {
            let message = "`name` is missing: a column needs one";
            breaches.push(Breach::new(Code::MissingField, column, message, REFUSES));
        }
    }
    for column in spatial {
        if !breaches.wants(Code::MissingField) {
            break;
        }
        if get(column, "dimName").is_none_or(is_blank) && column.kind() == Kind::Object {
            let message = "`dimName` is missing: a dimension needs a name";
            breaches.push(Breach::new(Code::MissingField, column, message, REFUSES));
        }
    }
    // Names that stand twice in one of the two lists are told there.
    let shared = named.as_ref().filter(|named| named.may_share(&of_metrics));
    for metric in metrics.clone().filter(|_| shared.is_some()) {
        if !breaches.wants(Code::ConflictingFields) {
            break;
        }
        if let Some(name) = name(metric)
            && shared.is_some_and(|named| named.contain(&name))
        {
            let message = format!("The column {} is a dimension and a metric", quote(&name));
            let breach = Breach::new(Code::ConflictingFields, name_node(metric), message, REFUSES);
            breaches.push(breach);
        }
    }
    for (name, node) in of_metrics.twice() {
        let message = format!("The metric {} stands twice", quote(&name));
        breaches.push(Breach::new(Code::ConflictingFields, node, message, REFUSES));
    }
    let is_time = |metric: &Node<'_>| name(*metric).as_deref() == Some(TIME);
    if of_metrics.has_time
        && let Some(metric) = metrics.clone().find(is_time)
    {
        let message = "`__time` is the column of time; a metric needs another name";
        breaches.push(Breach::new(
            Code::ConflictingFields,
            name_node(metric),
            message,
            REFUSES,
        ));
    }
    rollup(object, breaches);
    if let (Some(dimensions), Some(columns)) = (dimensions, named) {
        unused(object, dimensions, &columns, breaches);
    }
}

fn rollup<'d>(object: Object<'_, 'd>, breaches: &mut Breaches<'_, 'd>) {
    let Some(granularity) = object.get("granularitySpec") else {
        return;
    };
    let Some(rollup) = get(granularity, "rollup") else {
        return;
    };
    let metrics = object.list("metricsSpec");
    let mut counts = metrics
        .filter(|metric| get(*metric, "type").and_then(Node::as_str).as_deref() == Some("count"));
    if is_true(rollup) && counts.next().is_none() {
        breaches.push(Breach::new(
            Code::RollupWithoutCount,
            rollup,
            "Rows are rolled up, and no `count` metric says how many",
            "Druid merges rows of the same dimensions; how many there were is lost",
        ));
    }
}

/// How much text is gone through for columns that nothing takes: some milliseconds. Who has more
/// transforms than that is told of the first.
const MOST_SEARCHED: usize = 4 << 20;

/// A transform that makes a column which nothing takes.
fn unused<'d>(
    object: Object<'_, 'd>,
    dimensions: Node<'d>,
    columns: &Names<'d>,
    breaches: &mut Breaches<'_, 'd>,
) {
    let transform_spec = object.get("transformSpec");
    let named = get(dimensions, "dimensions").is_some_and(|list| !is_blank(list));
    let discovers = ["useSchemaDiscovery", "includeAllDimensions"]
        .iter()
        .any(|flag| get(dimensions, flag).is_some_and(is_true));
    if !named || discovers {
        return;
    }
    let around = object.node().raw().len();
    let mut left = MOST_SEARCHED;
    for transform in list(transform_spec, "transforms") {
        let Some(result) = name(transform) else {
            continue;
        };
        if columns.contain(&result) {
            continue;
        }
        if left == 0 || !breaches.wants(Code::UnusedTransform) {
            break;
        }
        left = left.saturating_sub(around);
        // A metric, a filter, an expression or the timestamp may take it: any mention counts.
        let mentions = |node: Node<'d>| mentions(node, &result);
        let is_used = object.list("metricsSpec").any(mentions)
            || get(dimensions, "spatialDimensions").is_some_and(mentions)
            || object.get("timestampSpec").is_some_and(mentions)
            || transform_spec
                .and_then(|spec| get(spec, "filter"))
                .is_some_and(mentions)
            || list(transform_spec, "transforms")
                .filter(|other| other.index() != transform.index())
                .any(|other| get(other, "expression").is_some_and(mentions));
        if !is_used && &*result != TIME {
            let message = format!(
                "The transform {} is neither a dimension nor used by anything",
                quote(&result)
            );
            let effect = "Druid computes it for every row and stores nothing";
            breaches.push(Breach::new(
                Code::UnusedTransform,
                name_node(transform),
                message,
                effect,
            ));
        }
    }
}

/// Does a text below this value hold the name?
fn mentions(node: Node<'_>, name: &str) -> bool {
    let raw = node.raw();
    // What is escaped may be the name.
    raw.contains(name) || raw.contains('\\')
}

/// The names of dimensions, spatial ones too.
fn dimension_names<'d>(object: Object<'_, 'd>) -> Names<'d> {
    let spatial = object.list("spatialDimensions");
    let spatial = spatial.filter_map(|dimension| get(dimension, "dimName"));
    Names::of(object.list("dimensions").chain(spatial))
}

fn dimensions<'d>(object: Object<'_, 'd>, breaches: &mut Breaches<'_, 'd>) {
    let names = dimension_names(object);
    twice_in_list(object, &names, breaches);
    let all = object.list("dimensions");
    for null in all.clone().filter(|dimension| dimension.is_null()) {
        let message = "A dimension cannot be null";
        breaches.push(Breach::new(Code::WrongType, null, message, REFUSES));
    }
    let parsed = object
        .outer()
        .is_some_and(|outer| outer.class().ends_with("ParseSpec"));
    let columns = parsed.then(|| all.clone()).into_iter().flatten();
    for column in columns.filter(|column| !column.is_null() && name(*column).is_none()) {
        let message = "`name` is missing: a column needs one";
        breaches.push(Breach::new(Code::MissingField, column, message, REFUSES));
    }
    let excluded = object.list("dimensionExclusions");
    let excluded = excluded.clone().next().map(|_| Names::of(excluded));
    let is_told = excluded.is_some() || names.has_time;
    for dimension in all.filter(|_| is_told) {
        if !breaches.wants(Code::ConflictingFields) {
            break;
        }
        let Some(name) = name(dimension) else {
            continue;
        };
        if excluded.as_ref().is_some_and(|names| names.contain(&name)) {
            let message = format!("{} is a dimension and excluded", quote(&name));
            let breach = Breach::new(
                Code::ConflictingFields,
                name_node(dimension),
                message,
                REFUSES,
            );
            breaches.push(breach);
        }
        if name == TIME {
            let id = get(dimension, "type").and_then(Node::as_str);
            if id.as_deref() != Some("long") {
                let message = "`__time` is a column of type `long`";
                breaches.push(Breach::new(Code::InvalidValue, dimension, message, REFUSES));
            }
        }
    }
    let named = object.get("dimensions").is_some_and(|list| !is_blank(list))
        || object
            .get("spatialDimensions")
            .is_some_and(|list| !is_blank(list));
    let discovers = ["useSchemaDiscovery", "includeAllDimensions"]
        .iter()
        .any(|flag| object.get(flag).is_some());
    if !named && !discovers && object.get("dimensionExclusions").is_none_or(is_blank) {
        breaches.push(Breach::new(
            Code::ImplicitDimensions,
            object.node(),
            "No dimension is named, and neither `useSchemaDiscovery` nor `includeAllDimensions` is set",
            "Druid takes every field that it finds as a string dimension",
        ));
    }
}

/// Names that stand twice; two columns without a name have the same.
fn twice_in_list<'d>(object: Object<'_, 'd>, names: &Names<'d>, breaches: &mut Breaches<'_, 'd>) {
    let all = object.list("dimensions");
    let spatial = object.list("spatialDimensions");
    for (name, node) in names.twice() {
        let message = format!("The dimension {} stands twice", quote(&name));
        breaches.push(Breach::new(Code::ConflictingFields, node, message, REFUSES));
    }
    if names.len() == all.clone().count() + spatial.clone().count() {
        return;
    }
    let plain = all.filter(|dimension| !dimension.is_null() && name(*dimension).is_none());
    let mut nameless =
        plain.chain(spatial.filter(|dimension| get(*dimension, "dimName").is_none()));
    if let (Some(_), Some(second)) = (nameless.next(), nameless.next()) {
        let message = "The name is missing, and in another dimension too: they are the same column";
        breaches.push(Breach::new(Code::MissingField, second, message, REFUSES));
    }
}

fn projection<'d>(object: Object<'_, 'd>, breaches: &mut Breaches<'_, 'd>) {
    // Not looked at by 33.
    if object.release() >= 37 && object.get("name").is_none_or(is_blank) {
        let message = "`name` is missing: a projection needs one";
        let node = object.get("name").unwrap_or(object.node());
        breaches.push(Breach::new(Code::MissingField, node, message, REFUSES));
    }
    let empty = |name: &str| object.get(name).is_none_or(is_blank);
    if empty("groupingColumns") && empty("aggregators") {
        let message = "`groupingColumns` or `aggregators` is missing: what the projection holds";
        breaches.push(Breach::new(
            Code::MissingField,
            object.node(),
            message,
            REFUSES,
        ));
    }
    for column in object.list("groupingColumns") {
        if name(column).is_none() && !column.is_null() {
            let message = "`name` is missing: a column needs one";
            breaches.push(Breach::new(Code::MissingField, column, message, REFUSES));
        }
    }
    if object.release() >= 37 && object.within(&["DataSchema"]).is_some() {
        for metric in object.list("aggregators") {
            if name(metric).is_none_or(|name| name.is_empty()) && !metric.is_null() {
                let message = "`name` is missing: a metric needs one";
                breaches.push(Breach::new(Code::MissingField, metric, message, REFUSES));
            }
        }
    }
}

fn nested<'d>(object: Object<'_, 'd>, breaches: &mut Breaches<'_, 'd>) {
    // Refused by 28, taken by 33.
    if object.release() < 33
        && let Some(node) = object.get("formatVersion")
        && whole(node).is_some_and(|version| version != 4.0 && version != 5.0)
    {
        let message = "`formatVersion` is 4 or 5";
        breaches.push(Breach::new(Code::InvalidValue, node, message, REFUSES));
    }
}

fn transforms<'d>(object: Object<'_, 'd>, breaches: &mut Breaches<'_, 'd>) {
    let all = object.list("transforms");
    for (name, node) in Names::of(all).twice() {
        let message = format!("The transform {} stands twice", quote(&name));
        breaches.push(Breach::new(Code::ConflictingFields, node, message, REFUSES));
    }
}
