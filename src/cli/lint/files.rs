//! From paths to files: folders are searched, in an order that does not change.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Something to judge.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Input {
    /// As a person knows it.
    pub(super) shown: String,
    pub(super) source: Source,
    /// Did somebody name it, or was it found in a folder?
    pub(super) named: bool,
}

/// Where its text is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Source {
    Stdin,
    File(PathBuf),
}

/// Folders that hold other people's files.
const FOREIGN: [&str; 2] = ["node_modules", "target"];

/// Every file that the paths name or hold, each once, and what cannot be read.
pub(super) fn find(paths: &[PathBuf]) -> (Vec<Input>, Vec<String>) {
    let mut search = Search::default();
    for path in paths {
        if path.as_os_str() == "-" {
            search.add("<stdin>".to_owned(), Source::Stdin, true);
            continue;
        }
        match fs::metadata(path) {
            Ok(found) if found.is_dir() => search.folder(path),
            Ok(_) => search.file(path, true),
            Err(error) => search.problem(path, &error),
        }
    }
    (search.inputs, search.problems)
}

#[derive(Default)]
struct Search {
    inputs: Vec<Input>,
    problems: Vec<String>,
    /// Names that are there already.
    shown: BTreeSet<String>,
    /// Folders that were searched, by their real paths: a link may lead back.
    searched: BTreeSet<PathBuf>,
}

impl Search {
    fn add(&mut self, shown: String, source: Source, named: bool) {
        if self.shown.insert(shown.clone()) {
            self.inputs.push(Input {
                shown,
                source,
                named,
            });
        }
    }

    fn file(&mut self, path: &Path, named: bool) {
        let plain = path.strip_prefix(".").unwrap_or(path);
        let shown = plain.to_string_lossy().into_owned();
        self.add(shown, Source::File(path.to_owned()), named);
    }

    fn problem(&mut self, path: &Path, error: &std::io::Error) {
        let words = words(error);
        self.problems.push(format!("{}: {words}", path.display()));
    }

    fn folder(&mut self, path: &Path) {
        match fs::canonicalize(path) {
            Ok(real) => {
                if !self.searched.insert(real) {
                    return;
                }
            }
            Err(error) => return self.problem(path, &error),
        }
        let entries = fs::read_dir(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let mut entries = match entries {
            Ok(entries) => entries,
            Err(error) => return self.problem(path, &error),
        };
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let path = entry.path();
            // A link that leads nowhere is no file; whoever names it hears of it.
            let Ok(found) = fs::metadata(&path) else {
                continue;
            };
            if found.is_dir() {
                if !name.starts_with('.') && !FOREIGN.contains(&&*name) {
                    self.folder(&path);
                }
            } else if found.is_file() && name.ends_with(".json") {
                self.file(&path, false);
            }
        }
    }
}

/// An error in words, without the number of the system's call.
pub(in crate::cli) fn words(error: &std::io::Error) -> String {
    let text = error.to_string();
    match text.split_once(" (os error") {
        Some((words, _)) => words.to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_searched_in_order_and_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path();
        for path in [
            "b.json",
            "a/z.json",
            "a/c/1.json",
            "a/notes.txt",
            ".hidden/x.json",
            "node_modules/x.json",
            "a/target/x.json",
            "json",
        ] {
            let path = root.join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, "{}").expect("written");
        }
        std::os::unix::fs::symlink(root, root.join("a/loop")).expect("linked");
        std::os::unix::fs::symlink("nowhere", root.join("gone.json")).expect("linked");
        let (inputs, problems) = find(&[root.join("b.json"), root.to_owned(), root.join("a")]);
        let found: Vec<(String, bool)> = inputs
            .iter()
            .map(|input| {
                let below = Path::new(&input.shown).strip_prefix(root).expect("below");
                (below.to_string_lossy().into_owned(), input.named)
            })
            .collect();
        let found: Vec<_> = found
            .iter()
            .map(|(path, named)| (path.as_str(), *named))
            .collect();
        assert_eq!(
            found,
            [("b.json", true), ("a/c/1.json", false), ("a/z.json", false)]
        );
        assert_eq!(problems, Vec::<String>::new());
        let nowhere = root.join("nowhere");
        let (inputs, problems) = find(&[PathBuf::from("-"), nowhere.clone()]);
        assert_eq!(inputs.len(), 1);
        assert_eq!(
            problems,
            [format!("{}: No such file or directory", nowhere.display())]
        );
    }
}
