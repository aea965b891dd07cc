//! A native query, as an MSQ controller runs it: which tables it reads.
//!
//! The Broker checks that the one who asks may read them; a task that is submitted by hand passes by
//! that check (`MSQControllerTask` in Druid 28), so it is made here.

use super::Reader;
use super::effects::Opaque;
use crate::json::{Kind, Node};

/// Types of queries whose parts are known: each reads its `dataSource` and nothing else.
const QUERIES: [&str; 9] = [
    "groupBy",
    "scan",
    "search",
    "segmentMetadata",
    "timeBoundary",
    "timeseries",
    "topN",
    "windowOperator",
    "dataSourceMetadata",
];

/// The reader bounds a document's depth too.
const DEEPEST: usize = 64;

impl Reader {
    /// Notes the tables of a query. What is not understood makes the whole opaque.
    pub(super) fn query(&mut self, query: Node<'_>) {
        self.query_at(query, 0);
    }

    fn query_at(&mut self, query: Node<'_>, depth: usize) {
        let type_id = query.get("queryType").and_then(Node::as_str);
        if !type_id.is_some_and(|type_id| QUERIES.contains(&&*type_id)) {
            self.opaque(Opaque::Query);
        }
        self.table(query.get("dataSource"), depth);
    }

    fn table(&mut self, source: Option<Node<'_>>, depth: usize) {
        let Some(source) = source.filter(|_| depth < DEEPEST) else {
            return self.opaque(Opaque::Query);
        };
        if source.kind() == Kind::String {
            return self.table_name(Some(source));
        }
        let type_id = source.get("type").filter(|node| !node.is_null());
        let Some(type_id) = type_id.map_or(Some("table".into()), Node::as_str) else {
            return self.opaque(Opaque::Query);
        };
        let depth = depth + 1;
        match &*type_id {
            "table" | "globalTable" => self.table_name(source.get("name")),
            "union" => {
                let parts = source.get("dataSources").filter(|list| !list.is_empty());
                let Some(parts) = parts.filter(|list| list.kind() == Kind::Array) else {
                    return self.opaque(Opaque::Query);
                };
                for part in parts.elements() {
                    self.table(Some(part), depth);
                }
            }
            "join" => {
                self.table(source.get("left"), depth);
                self.table(source.get("right"), depth);
            }
            "query" => match source.get("query") {
                Some(query) => self.query_at(query, depth),
                None => self.opaque(Opaque::Query),
            },
            "unnest" | "filter" | "restrict" => self.table(source.get("base"), depth),
            // What it holds itself, or what the operators put into every process.
            "inline" | "lookup" => {}
            // The walk reads its `inputSource`, as everywhere.
            "external" if source.get("inputSource").is_some() => {}
            _ => {
                self.opaque(Opaque::Query);
                if source.get("name").is_some() {
                    self.table_name(source.get("name"));
                }
            }
        }
    }

    fn table_name(&mut self, name: Option<Node<'_>>) {
        match name.and_then(Node::as_str).map(|name| name.parse()) {
            Some(Ok(datasource)) => {
                let _is_noted = self.read(datasource);
            }
            Some(Err(_)) | None => self.opaque(Opaque::Query),
        }
    }
}
