//! Noticing that the configuration file has changed.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// A configuration file is at most this long: a file that grew without end is a mistake.
const LARGEST: u64 = 16 << 20;

/// Compares a file's content with what it was at the last look.
///
/// The content is compared, not the time stamp or the inode: an orchestrator that swaps a
/// symbolic link, an editor that renames and a tool that keeps time stamps are all noticed.
#[derive(Debug)]
pub struct Watch {
    path: PathBuf,
    last: Option<String>,
}

impl Watch {
    /// Watches `path`, taking its present content as known.
    pub fn new(path: &Path) -> Watch {
        Watch {
            path: path.to_owned(),
            last: read(path).ok(),
        }
    }

    /// Has the content changed since the last call? A file that cannot be read has not.
    pub fn changed(&mut self) -> bool {
        match read(&self.path) {
            Ok(text) if self.last.as_deref() != Some(text.as_str()) => {
                self.last = Some(text);
                true
            }
            Ok(_) | Err(_) => false,
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the configuration file is read here and nowhere else"
)]
pub(super) fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let file = std::fs::File::open(path)?;
    if file.take(LARGEST + 1).read_to_string(&mut text)? as u64 > LARGEST {
        return Err(io::Error::other("the file is larger than 16 MiB"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_told_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("overgate.toml");
        std::fs::write(&path, "a").expect("written");
        let mut watch = Watch::new(&path);
        assert!(!watch.changed());
        std::fs::write(&path, "b").expect("written");
        assert!(watch.changed());
        assert!(!watch.changed());
        std::fs::remove_file(&path).expect("removed");
        assert!(!watch.changed(), "a file that is gone changes nothing");
    }
}
