//! Files of certificates that are in use, and when they end.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::pem::Chain;

/// Which certificates stood in which files when they were read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Files(Vec<(PathBuf, Chain)>);

impl Files {
    /// Takes note of a file.
    pub fn push(&mut self, path: &Path, chain: Chain) {
        self.0.push((path.to_owned(), chain));
    }

    /// A sentence for each certificate that is out of date, or will be within 14 days.
    pub fn warnings(&self, now: Timestamp) -> impl Iterator<Item = String> + '_ {
        self.0.iter().flat_map(move |(path, chain)| {
            let tell = |warning| format!("{}: {warning}", path.display());
            chain.warnings(now).map(tell)
        })
    }

    /// When the first certificate in each file ends.
    pub fn ends(&self) -> impl Iterator<Item = (&Path, Timestamp)> {
        let files = self.0.iter();
        files.map(|(path, chain)| (path.as_path(), chain.end()))
    }
}
