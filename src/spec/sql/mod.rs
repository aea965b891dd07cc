//! An SQL statement that writes, as `scheduled_batch` has one: which table it writes, which it reads.
//!
//! The cluster runs it with its own rights, so the tables count here. What is told is told only of
//! statements that are read to the last token, in the part of SQL that every reader reads alike;
//! anything else (comments, table functions, qualified names, nested `WITH`) is not understood.

use std::ops::ControlFlow;

use sqlparser::ast::{ObjectName, Query, Select, SetExpr, TableFactor, Visit as _, Visitor};
use sqlparser::dialect::GenericDialect;
use sqlparser::keywords::Keyword;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Token, Word};

use self::tokens::{is_bare, tokens};

mod tokens;

/// What a statement writes and reads.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Tables {
    pub(super) target: String,
    /// Each once, in the order in which they stand.
    pub(super) sources: Vec<String>,
}

/// The tables of `INSERT INTO … SELECT …` or `REPLACE INTO … OVERWRITE … SELECT …`; `None`: it is
/// not understood.
pub(super) fn tables(sql: &str) -> Option<Tables> {
    let tokens = tokens(sql)?;
    let mut rest = tokens.as_slice();
    let verb = word(&mut rest)?;
    keyword(&mut rest, Keyword::INTO)?;
    let target = match rest {
        [
            Token::Word(schema),
            Token::Period,
            Token::Word(name),
            more @ ..,
        ] if schema.value == DRUID => {
            rest = more;
            name.value.clone()
        }
        [Token::Word(name), more @ ..] if more.first() != Some(&Token::Period) => {
            rest = more;
            name.value.clone()
        }
        _ => return None,
    };
    match verb {
        Keyword::INSERT => columns(&mut rest)?,
        Keyword::REPLACE => {
            columns(&mut rest)?;
            overwrite(&mut rest)?;
        }
        _ => return None,
    }
    let end = at_top(rest, |word| word.value.eq_ignore_ascii_case("PARTITIONED"));
    let (query, tail) = rest.split_at(end.unwrap_or(rest.len()));
    // A granularity and columns: names, calls and what is in them.
    let queries = [
        Keyword::SELECT,
        Keyword::WITH,
        Keyword::VALUES,
        Keyword::EXISTS,
        Keyword::IN,
        Keyword::FROM,
        Keyword::JOIN,
        Keyword::UNION,
    ];
    let is_plain = |token: &Token| match token {
        Token::Word(word) => !queries.iter().any(|query| is_bare(word, *query)),
        _ => true,
    };
    if !tail.iter().all(is_plain) {
        return None;
    }
    let dialect = GenericDialect {};
    let mut parser = Parser::new(&dialect).with_tokens(query.to_vec());
    let query = parser.parse_query().ok()?;
    if parser.next_token().token != Token::EOF {
        return None;
    }
    Some(Tables {
        target,
        sources: sources(&query)?,
    })
}

/// The schema of datasources.
const DRUID: &str = "druid";

fn word(rest: &mut &[Token]) -> Option<Keyword> {
    let [Token::Word(word), more @ ..] = rest else {
        return None;
    };
    *rest = more;
    Some(word.keyword)
}

fn keyword(rest: &mut &[Token], wanted: Keyword) -> Option<()> {
    (word(rest)? == wanted).then_some(())
}

/// A list of columns, if one is there.
fn columns(rest: &mut &[Token]) -> Option<()> {
    if rest.first() != Some(&Token::LParen) {
        return Some(());
    }
    // Of a query in parentheses there is a word that begins one.
    let end = rest.iter().position(|token| *token == Token::RParen)?;
    let (list, more) = rest.split_at(end + 1);
    let is_name = |token: &Token| match token {
        Token::Word(word) => word.keyword != Keyword::SELECT && word.keyword != Keyword::WITH,
        Token::Comma => true,
        _ => false,
    };
    if !list.get(1..end)?.iter().all(is_name) {
        return Some(());
    }
    *rest = more;
    Some(())
}

/// `OVERWRITE ALL`, or `OVERWRITE WHERE` and a condition without a query in it.
fn overwrite(rest: &mut &[Token]) -> Option<()> {
    let [Token::Word(overwrite), Token::Word(what), more @ ..] = rest else {
        return None;
    };
    if !overwrite.value.eq_ignore_ascii_case("OVERWRITE") {
        return None;
    }
    match what.keyword {
        Keyword::ALL => *rest = more,
        Keyword::WHERE => {
            let begins = |word: &Word| matches!(word.keyword, Keyword::SELECT | Keyword::WITH);
            let (condition, query) = more.split_at(at_top(more, begins)?);
            let dialect = GenericDialect {};
            let mut parser = Parser::new(&dialect).with_tokens(condition.to_vec());
            let condition = parser.parse_expr().ok()?;
            if parser.next_token().token != Token::EOF || condition.visit(&mut NoQuery).is_break() {
                return None;
            }
            *rest = query;
        }
        _ => return None,
    }
    Some(())
}

/// Where the first such word stands that is in no parentheses and no quotes.
fn at_top(tokens: &[Token], is: impl Fn(&Word) -> bool) -> Option<usize> {
    let mut depth = 0_usize;
    tokens.iter().position(|token| match token {
        Token::LParen => {
            depth += 1;
            false
        }
        Token::RParen => {
            depth = depth.saturating_sub(1);
            false
        }
        Token::Word(word) => depth == 0 && word.quote_style.is_none() && is(word),
        _ => false,
    })
}

/// The tables that a query reads. Names that its own `WITH` gives are none, where they are known:
/// in the queries behind them.
fn sources(query: &Query) -> Option<Vec<String>> {
    let mut reading = Reading::default();
    if let Some(with) = &query.with {
        if with.recursive {
            return None;
        }
        for table in &with.cte_tables {
            reading.read(&table.query)?;
            reading.given.push(table.alias.name.value.clone());
        }
    }
    let body = Query {
        with: None,
        ..query.clone()
    };
    reading.read(&body)?;
    Some(reading.found)
}

/// Breaks at a query.
struct NoQuery;

impl Visitor for NoQuery {
    type Break = ();

    fn pre_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        ControlFlow::Break(())
    }
}

#[derive(Default)]
struct Reading {
    /// Names that stand for queries.
    given: Vec<String>,
    found: Vec<String>,
}

impl Reading {
    fn read(&mut self, query: &Query) -> Option<()> {
        match query.visit(self) {
            ControlFlow::Continue(()) => Some(()),
            ControlFlow::Break(()) => None,
        }
    }
}

impl Visitor for Reading {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        if query.with.is_some() || !is_query(&query.body) {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        // The parser takes a `SELECT` of nothing.
        if select.into.is_some() || select.projection.is_empty() {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        let is_plain = matches!(
            factor,
            TableFactor::Table {
                args: None,
                version: None,
                json_path: None,
                ..
            } | TableFactor::Derived { .. }
                | TableFactor::NestedJoin { .. }
                | TableFactor::UNNEST { .. }
        );
        if is_plain {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<()> {
        let mut parts = relation.0.iter().map(|part| part.as_ident());
        let name = match (parts.next(), parts.next(), parts.next()) {
            (Some(Some(name)), None, None) => {
                if self.given.contains(&name.value) {
                    return ControlFlow::Continue(());
                }
                name
            }
            (Some(Some(schema)), Some(Some(name)), None) if schema.value == DRUID => name,
            _ => return ControlFlow::Break(()),
        };
        if !self.found.contains(&name.value) {
            self.found.push(name.value.clone());
        }
        ControlFlow::Continue(())
    }
}

/// `SELECT`, `VALUES`, and sets of them.
fn is_query(body: &SetExpr) -> bool {
    match body {
        SetExpr::Select(_) | SetExpr::Values(_) => true,
        // Visited as a query of its own.
        SetExpr::Query(_) => true,
        SetExpr::SetOperation { left, right, .. } => is_query(left) && is_query(right),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::tokens::{DEEPEST, LONGEST_CHAIN};
    use super::*;

    #[test]
    fn statements_and_their_tables() {
        type Expected = Option<(&'static str, &'static [&'static str])>;
        let cases: &[(&str, Expected)] = &[
            ("INSERT INTO a SELECT * FROM b", Some(("a", &["b"]))),
            (
                "insert into a (x, y) select x, y from b partitioned by day",
                Some(("a", &["b"])),
            ),
            (
                "REPLACE INTO \"a\" OVERWRITE ALL SELECT TIME_FLOOR(__time, 'PT1H'), SUM(n) FROM druid.\"b-c\" GROUP BY 1 PARTITIONED BY DAY CLUSTERED BY n",
                Some(("a", &["b-c"])),
            ),
            (
                "REPLACE INTO a OVERWRITE WHERE __time >= TIMESTAMP '2020-01-01' SELECT * FROM b PARTITIONED BY ALL",
                Some(("a", &["b"])),
            ),
            (
                "INSERT INTO a SELECT * FROM b JOIN c ON b.x = c.x WHERE y IN (SELECT y FROM d) PARTITIONED BY DAY",
                Some(("a", &["b", "c", "d"])),
            ),
            (
                "INSERT INTO a SELECT * FROM b UNION ALL SELECT * FROM (SELECT * FROM c) PARTITIONED BY DAY",
                Some(("a", &["b", "c"])),
            ),
            (
                "INSERT INTO a SELECT b.x, (SELECT MAX(z) FROM d) FROM b, c PARTITIONED BY DAY",
                Some(("a", &["d", "b", "c"])),
            ),
            (
                "INSERT INTO a WITH w AS (SELECT * FROM b) SELECT * FROM w PARTITIONED BY DAY",
                Some(("a", &["b"])),
            ),
            // In the first query the second name is a table's.
            (
                "INSERT INTO a WITH w AS (SELECT * FROM v), v AS (SELECT 1) SELECT * FROM w JOIN v ON TRUE PARTITIONED BY DAY",
                Some(("a", &["v"])),
            ),
            (
                "INSERT INTO a SELECT * FROM (WITH w AS (SELECT 1) SELECT * FROM w), w",
                None,
            ),
            ("INSERT INTO a SELECT * FROM b; DROP TABLE c", None),
            ("INSERT INTO a SELECT * FROM b -- , c", None),
            ("INSERT INTO a SELECT * FROM b /* c */", None),
            ("INSERT INTO a SELECT * FROM sys.tasks", None),
            (
                "INSERT INTO a SELECT * FROM INFORMATION_SCHEMA.TABLES",
                None,
            ),
            ("INSERT INTO sys.a SELECT * FROM b", None),
            ("INSERT INTO a SELECT * FROM `b`", None),
            ("INSERT INTO a SELECT * FROM U&\"b\"", None),
            ("INSERT INTO a SELECT 'it\\' FROM b, c WHERE x = ' '", None),
            (
                "INSERT INTO a SELECT * FROM TABLE(EXTERN('{\"type\":\"local\"}', '{}', '[]')) PARTITIONED BY DAY",
                None,
            ),
            (
                "INSERT INTO a SELECT * FROM EXTERN('x') PARTITIONED BY DAY",
                None,
            ),
            (
                "INSERT INTO a SELECT x PARTITIONED FROM c PARTITIONED BY DAY",
                None,
            ),
            ("INSERT INTO a TABLE b PARTITIONED BY DAY", None),
            ("INSERT INTO a SELECT * INTO c FROM b", None),
            (
                "INSERT INTO a SELECT * FROM b PARTITIONED BY (SELECT x FROM c)",
                None,
            ),
            (
                "REPLACE INTO a OVERWRITE WHERE x IN (SELECT y FROM c) SELECT * FROM b",
                None,
            ),
            (
                "REPLACE INTO a OVERWRITE WHERE x >= 1 TABLE c UNION ALL SELECT * FROM b PARTITIONED BY ALL",
                None,
            ),
            (
                "REPLACE INTO a OVERWRITE WHERE x >= 1 (TABLE c) UNION ALL SELECT * FROM b",
                None,
            ),
            (
                "REPLACE INTO a OVERWRITE WHERE x >= 1 VALUES (1) UNION ALL SELECT * FROM b",
                None,
            ),
            (
                "INSERT INTO a SELECT * FROM b PARTITIONED BY DAY CLUSTERED BY x IN (TABLE c)",
                None,
            ),
            (
                "INSERT INTO a SELECT * FROM b PARTITIONED BY TIME_FLOOR(__time, 'PT1H') CLUSTERED BY x, y",
                Some(("a", &["b"])),
            ),
            (
                "INSERT INTO EXTERN(local(exportPath => '/x')) AS CSV SELECT * FROM b",
                None,
            ),
            ("REPLACE INTO a OVERWRITE ALL SELECT", None),
            ("SELECT * FROM b", None),
            ("EXPLAIN PLAN FOR INSERT INTO a SELECT * FROM b", None),
            (
                "INSERT INTO a SELECT * FROM b FOR SYSTEM_TIME AS OF x",
                None,
            ),
            ("", None),
        ];
        for (sql, expected) in cases {
            let expected = expected.map(|(target, sources)| Tables {
                target: target.to_owned(),
                sources: sources.iter().map(|name| (*name).to_owned()).collect(),
            });
            assert_eq!(tables(sql), expected, "{sql}");
        }
    }

    #[test]
    fn the_longest_chains_at_all_depths_are_read() {
        let mut inner = "1".to_owned();
        for _ in 0..DEEPEST {
            inner = format!("({inner}{})", "+1".repeat(LONGEST_CHAIN));
        }
        let sql = format!(
            "INSERT INTO a SELECT {inner} FROM b{}",
            " UNION ALL SELECT 1".repeat(49)
        );
        assert!(tables(&sql).is_some());
    }

    #[test]
    fn what_was_made_to_cost_is_not_read() {
        for sql in [
            format!(
                "INSERT INTO a SELECT {}1{} FROM b",
                "(".repeat(5_000),
                ")".repeat(5_000)
            ),
            format!("INSERT INTO a SELECT {} FROM b", "1+".repeat(50_000)),
            format!(
                "INSERT INTO a SELECT * FROM b WHERE {} x",
                "NOT ".repeat(9_000)
            ),
            format!(
                "INSERT INTO a SELECT CASE {} END FROM b",
                "CASE WHEN 1 THEN ".repeat(2_000)
            ),
            format!(
                "INSERT INTO a SELECT 1 FROM b WHERE x=1{}",
                " AND x=1".repeat(2_400)
            ),
            format!(
                "INSERT INTO a SELECT 1 FROM b WHERE f(1,2){}",
                " AND f(1,2)".repeat(900)
            ),
            format!("INSERT INTO a SELECT 1{} FROM b", "+1".repeat(4_900)),
            format!(
                "INSERT INTO a SELECT 1 FROM b{}",
                " UNION ALL SELECT 1".repeat(1_600)
            ),
            format!("INSERT INTO a SELECT - {} 1 FROM b", "- ".repeat(4_000)),
            format!("INSERT INTO a SELECT x {} FROM b", "IS NULL ".repeat(3_000)),
            format!("INSERT INTO a SELECT x{} FROM b", ".y".repeat(4_000)),
        ] {
            assert_eq!(tables(&sql), None, "{}", &sql[..40]);
        }
    }
}
