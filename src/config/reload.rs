//! Noticing that the configuration file, or a file that it names, has changed.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

/// A configuration file is at most this long: a file that grew without end is a mistake.
const LARGEST: u64 = 16 << 20;

/// Compares the content of files with what it was at the last look.
///
/// The content is compared, not the time stamp or the inode: an orchestrator that swaps a
/// symbolic link, an editor that renames and a tool that keeps time stamps are all noticed. Of the
/// content, keys among it, only a hash is kept.
#[derive(Debug)]
pub struct Watch {
    files: Vec<File>,
}

#[derive(Debug, Clone)]
struct File {
    path: PathBuf,
    /// Of its content, as far as it could be read.
    known: Option<[u8; 32]>,
    /// At the last look it was gone or empty, which it had not been before.
    is_doubted: bool,
}

impl File {
    fn new(path: &Path) -> File {
        File {
            path: path.to_owned(),
            known: fingerprint(path),
            is_doubted: false,
        }
    }

    fn changed(&mut self) -> bool {
        let now = fingerprint(&self.path);
        if now == self.known {
            self.is_doubted = false;
            return false;
        }
        // Some programs empty a file, or take it away, before they write it.
        let is_nothing = now.is_none_or(|now| now == <[u8; 32]>::from(Sha256::digest([])));
        self.is_doubted = is_nothing && !self.is_doubted;
        if self.is_doubted {
            return false;
        }
        self.known = now;
        true
    }
}

impl Watch {
    /// Watches `path`, taking its present content as known.
    pub fn new(path: &Path) -> Watch {
        Watch {
            files: vec![File::new(path)],
        }
    }

    /// Watches these files too, and of those that were added before only them.
    pub fn also<'p>(&mut self, files: impl IntoIterator<Item = &'p Path>) {
        let mut added = Vec::new();
        for path in files {
            let mut known = self.files.iter().skip(1).filter(|file| file.path == path);
            added.push(known.next().cloned().unwrap_or_else(|| File::new(path)));
        }
        self.files.truncate(1);
        self.files.append(&mut added);
    }

    /// Has any content changed since the last call? A file that is gone has; so has one that was
    /// emptied. Both are believed at the second look.
    pub fn changed(&mut self) -> bool {
        let mut changed = false;
        for file in &mut self.files {
            changed |= file.changed();
        }
        changed
    }
}

fn fingerprint(path: &Path) -> Option<[u8; 32]> {
    bytes(path).ok().map(|bytes| Sha256::digest(bytes).into())
}

#[expect(
    clippy::disallowed_methods,
    reason = "the configuration file, and what changes with it, is read here"
)]
fn bytes(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path)?;
    if file.take(LARGEST + 1).read_to_end(&mut bytes)? as u64 > LARGEST {
        return Err(io::Error::other("the file is larger than 16 MiB"));
    }
    Ok(bytes)
}

pub(super) fn read(path: &Path) -> io::Result<String> {
    String::from_utf8(bytes(path)?)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "the file is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_told_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("overgate.toml");
        let key = folder.path().join("server.key");
        std::fs::write(&path, "a").expect("written");
        let mut watch = Watch::new(&path);
        assert!(!watch.changed());
        std::fs::write(&path, "b").expect("written");
        assert!(watch.changed());
        assert!(!watch.changed());
        watch.also([key.as_path()]);
        assert!(!watch.changed());
        std::fs::write(&key, "a").expect("written");
        assert!(watch.changed(), "a file that was not there");
        std::fs::write(&key, "b").expect("written");
        // Asked for once more, what changed meanwhile is still told.
        watch.also([key.as_path()]);
        assert!(watch.changed());
        assert!(!format!("{watch:?}").contains("\"b\""), "no content");
        watch.also([]);
        std::fs::write(&key, "c").expect("written");
        assert!(!watch.changed(), "not watched any more");
        for empty in [true, false] {
            match empty {
                true => std::fs::write(&path, "").expect("written"),
                false => std::fs::remove_file(&path).expect("removed"),
            }
            assert!(!watch.changed(), "somebody may be writing it");
            assert!(watch.changed(), "nobody is");
            assert!(!watch.changed());
        }
        std::fs::write(&path, "d").expect("written");
        assert!(watch.changed());
        std::fs::write(&path, "").expect("written");
        assert!(!watch.changed());
        std::fs::write(&path, "d").expect("written");
        assert!(!watch.changed(), "as it was");
    }
}
