//! Typed reading of a TOML table that collects problems instead of stopping at the first.

use std::cell::RefCell;
use std::fmt::Display;
use std::ops::{Range, RangeInclusive};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::{Problem, position};

/// Collects the problems of one text.
pub(super) struct Report<'t> {
    text: &'t str,
    problems: RefCell<Vec<(usize, Problem)>>,
}

impl<'t> Report<'t> {
    pub(super) fn new(text: &'t str) -> Report<'t> {
        Report {
            text,
            problems: RefCell::default(),
        }
    }

    pub(super) fn add(
        &self,
        offset: usize,
        key: &str,
        message: String,
        suggestion: Option<String>,
    ) {
        let (line, column) = position(self.text, offset);
        let key = key.to_owned();
        self.problems.borrow_mut().push((
            offset,
            Problem {
                line,
                column,
                key,
                message,
                suggestion,
            },
        ));
    }

    /// All problems in the order of the text.
    pub(super) fn into_problems(self) -> Vec<Problem> {
        let mut problems = self.problems.into_inner();
        problems.sort_by_key(|(offset, _)| *offset);
        problems.into_iter().map(|(_, problem)| problem).collect()
    }
}

/// One table, and which of its keys somebody has asked for.
pub(super) struct Table<'a, 't> {
    report: &'a Report<'t>,
    name: String,
    start: usize,
    entries: Option<&'a DeTable<'t>>,
    known: RefCell<Vec<&'static str>>,
}

impl<'a, 't> Table<'a, 't> {
    pub(super) fn root(report: &'a Report<'t>, entries: &'a DeTable<'t>) -> Table<'a, 't> {
        Table::new(report, String::new(), 0, Some(entries))
    }

    fn new(
        report: &'a Report<'t>,
        name: String,
        start: usize,
        entries: Option<&'a DeTable<'t>>,
    ) -> Table<'a, 't> {
        Table {
            report,
            name,
            start,
            entries,
            known: RefCell::default(),
        }
    }

    /// Does the file have this table at all?
    pub(super) fn is_present(&self) -> bool {
        self.entries.is_some()
    }

    /// The full name of a key of this table.
    pub(super) fn path(&self, key: &str) -> String {
        if self.name.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.name)
        }
    }

    /// Notes a problem with the table as a whole.
    pub(super) fn wrong(&self, message: impl Display) {
        self.report
            .add(self.start, &self.name, message.to_string(), None);
    }

    /// Notes a problem with a key's value.
    pub(super) fn wrong_value(
        &self,
        key: &'static str,
        message: impl Display,
        suggestion: Option<String>,
    ) {
        let offset = self
            .find(key)
            .map_or(self.start, |value| value.span().start);
        self.report
            .add(offset, &self.path(key), message.to_string(), suggestion);
    }

    fn find(&self, key: &'static str) -> Option<&'a Spanned<DeValue<'t>>> {
        if !self.known.borrow().contains(&key) {
            self.known.borrow_mut().push(key);
        }
        self.entries?.get(key)
    }

    fn expected(&self, key: &str, span: Range<usize>, what: &str, found: &DeValue<'_>) {
        let message = format!("this is {what}, not a TOML {}", found.type_str());
        self.report.add(span.start, &self.path(key), message, None);
    }

    /// A string turned into something else; `None` when absent or wrong (which is then noted).
    pub(super) fn parsed<T, E: Display>(
        &self,
        key: &'static str,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let value = self.find(key)?;
        let Some(text) = value.get_ref().as_str() else {
            self.expected(key, value.span(), "a string", value.get_ref());
            return None;
        };
        match read(text) {
            Ok(parsed) => Some(parsed),
            Err(error) => {
                self.wrong_value(key, error, None);
                None
            }
        }
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(&self, key: &'static str, words: &[(&str, T)]) -> Option<T> {
        let chosen = self.text(key)?;
        let found = words.iter().find(|(word, _)| *word == chosen);
        if found.is_none() {
            let all: Vec<_> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
            let suggestion = nearest(&chosen, words.iter().map(|(word, _)| *word));
            self.wrong_value(
                key,
                format!("this is one of {}", all.join(", ")),
                suggestion,
            );
        }
        found.map(|(_, value)| *value)
    }

    pub(super) fn text(&self, key: &'static str) -> Option<String> {
        self.parsed(key, |text| Ok::<_, &str>(text.to_owned()))
    }

    /// Text that must be there.
    pub(super) fn required(&self, key: &'static str) -> Option<String> {
        if self.find(key).is_none() {
            self.wrong(format!("`{key}` is missing"));
            return None;
        }
        let text = self.text(key)?;
        if text.is_empty() {
            self.wrong_value(key, "this is empty", None);
            return None;
        }
        Some(text)
    }

    /// A whole number within bounds.
    pub(super) fn count(&self, key: &'static str, within: RangeInclusive<usize>) -> Option<usize> {
        let value = self.find(key)?;
        let Some(integer) = value.get_ref().as_integer() else {
            self.expected(key, value.span(), "a whole number", value.get_ref());
            return None;
        };
        let digits = integer.as_str().replace('_', "");
        match usize::from_str_radix(digits.trim_start_matches('+'), integer.radix()) {
            Ok(number) if within.contains(&number) => Some(number),
            Ok(_) | Err(_) => {
                let (least, most) = (within.start(), within.end());
                self.wrong_value(key, format!("this is from {least} to {most}"), None);
                None
            }
        }
    }

    /// A list of strings, each turned into something else; wrong ones are noted and left out.
    pub(super) fn list<T, E: Display>(
        &self,
        key: &'static str,
        read: impl Fn(&str) -> Result<T, E>,
    ) -> Option<Vec<T>> {
        let value = self.find(key)?;
        let Some(elements) = value.get_ref().as_array() else {
            self.expected(key, value.span(), "a list of strings", value.get_ref());
            return None;
        };
        let mut read_all = Vec::new();
        for (index, element) in elements.iter().enumerate() {
            let name = format!("{key}[{}]", index + 1);
            let Some(text) = element.get_ref().as_str() else {
                self.expected(&name, element.span(), "a string", element.get_ref());
                continue;
            };
            match read(text) {
                Ok(parsed) => read_all.push(parsed),
                Err(error) => {
                    self.report.add(
                        element.span().start,
                        &self.path(&name),
                        error.to_string(),
                        None,
                    );
                }
            }
        }
        Some(read_all)
    }

    /// Is this key there, whatever its value?
    pub(super) fn has(&self, key: &'static str) -> bool {
        self.find(key).is_some()
    }

    /// Is this key's value a list without elements?
    pub(super) fn is_empty_list(&self, key: &'static str) -> bool {
        self.find(key)
            .and_then(|value| value.get_ref().as_array())
            .is_some_and(|elements| elements.is_empty())
    }

    /// A table below this one; empty when absent.
    pub(super) fn table(&self, key: &'static str) -> Table<'a, 't> {
        let found = self.find(key);
        let entries = found.and_then(|value| {
            let table = value.get_ref().as_table();
            if table.is_none() {
                self.expected(key, value.span(), "a table", value.get_ref());
            }
            table
        });
        let start = found.map_or(self.start, |value| value.span().start);
        Table::new(self.report, self.path(key), start, entries)
    }

    /// The tables of `[[key]]`.
    pub(super) fn tables(&self, key: &'static str) -> Vec<Table<'a, 't>> {
        let Some(value) = self.find(key) else {
            return Vec::new();
        };
        let Some(elements) = value.get_ref().as_array() else {
            self.expected(key, value.span(), "a list of tables", value.get_ref());
            return Vec::new();
        };
        let mut tables = Vec::new();
        for (index, element) in elements.iter().enumerate() {
            let name = format!("{key}[{}]", index + 1);
            match element.get_ref().as_table() {
                Some(table) => tables.push(Table::new(
                    self.report,
                    self.path(&name),
                    element.span().start,
                    Some(table),
                )),
                None => self.expected(&name, element.span(), "a table", element.get_ref()),
            }
        }
        tables
    }

    /// All keys with their values, which are strings turned into something else: for a table whose
    /// keys are the operator's own.
    pub(super) fn pairs<T, E: Display>(
        self,
        read: impl Fn(&str) -> Result<T, E>,
    ) -> Vec<(String, T)> {
        let mut pairs = Vec::new();
        for (key, value) in self.entries.into_iter().flatten() {
            let name: &str = key.get_ref();
            let Some(text) = value.get_ref().as_str() else {
                self.expected(name, value.span(), "a string", value.get_ref());
                continue;
            };
            match read(text) {
                Ok(parsed) => pairs.push((name.to_owned(), parsed)),
                Err(error) => {
                    let start = value.span().start;
                    let path = self.path(name);
                    self.report.add(start, &path, error.to_string(), None);
                }
            }
        }
        pairs
    }

    /// Notes every key that nobody asked for.
    pub(super) fn finish(self) {
        let known = self.known.borrow();
        for (key, _) in self.entries.into_iter().flatten() {
            let name: &str = key.get_ref();
            if !known.contains(&name) {
                self.report.add(
                    key.span().start,
                    &self.path(name),
                    "there is no such key".to_owned(),
                    nearest(name, known.iter().copied()),
                );
            }
        }
    }
}

/// The most similar of `names`, if any is similar enough to have been meant.
pub(crate) fn nearest<'n>(text: &str, names: impl IntoIterator<Item = &'n str>) -> Option<String> {
    names
        .into_iter()
        .map(|name| (strsim::jaro_winkler(text, name), name))
        .filter(|(similarity, _)| *similarity > 0.8)
        .max_by(|(left, _), (right, _)| left.total_cmp(right))
        .map(|(_, name)| name.to_owned())
}
