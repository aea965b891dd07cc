//! From a file to a configuration, with as much of what it refers to as its reader needs.

use std::path::{Path, PathBuf};

use super::{Config, Judging, Problem, htpasswd, reload, secret, sections};

/// A configuration that cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The file says something that cannot hold.
    #[error("{} in {path}", problems_in_words(problems.len()))]
    Invalid {
        /// The file.
        path: PathBuf,
        /// All that is wrong, in the file's order.
        problems: Vec<Problem>,
    },
}

fn problems_in_words(count: usize) -> String {
    match count {
        1 => "1 problem".to_owned(),
        more => format!("{more} problems"),
    }
}

/// Reads what a configuration file says of judging.
///
/// # Errors
/// [`LoadError`]: the file cannot be read, or all that is wrong in it.
pub fn load_judging(path: &Path) -> Result<Judging, LoadError> {
    Judging::from_toml(&text(path)?).map_err(|problems| LoadError::Invalid {
        path: path.to_owned(),
        problems,
    })
}

/// Reads a configuration file and the environment variables and files it refers to.
///
/// # Errors
/// [`LoadError`]: the file cannot be read, or all that is wrong in it.
pub fn load(path: &Path) -> Result<Config, LoadError> {
    Config::from_toml(&text(path)?, &secret::resolve).map_err(|problems| LoadError::Invalid {
        path: path.to_owned(),
        problems,
    })
}

/// Reads a configuration file and nothing that it refers to, to judge what requests would be told.
/// Its secrets and its issuers' keys are empty, the users of its htpasswd file are not there, and it
/// need not name an Overlord: no gateway can be made of it.
///
/// # Errors
/// [`LoadError`]: the file cannot be read, or all that is wrong in it.
pub fn load_alone(path: &Path) -> Result<Config, LoadError> {
    sections::read(&text(path)?, sections::Purpose::Judge).map_err(|problems| LoadError::Invalid {
        path: path.to_owned(),
        problems,
    })
}

/// The names of the users of an htpasswd file.
///
/// # Errors
/// Why it cannot be read, or what is wrong in it.
pub fn htpasswd_users(path: &Path) -> Result<Vec<String>, String> {
    let text = secret::resolve(&format!("file:{}", path.display()))?;
    let (lines, problems) = htpasswd::read(&text);
    match problems.is_empty() {
        true => Ok(lines.into_iter().map(|line| line.name).collect()),
        false => Err(problems.join("; ")),
    }
}

/// The files whose content belongs to the configuration of this file, even if it is refused for
/// what they hold. `None`: what they are cannot be read.
pub fn named(path: &Path) -> Option<Vec<PathBuf>> {
    let config = sections::read(&text(path).ok()?, sections::Purpose::Judge).ok()?;
    Some(config.files().into_iter().map(Path::to_owned).collect())
}

fn text(path: &Path) -> Result<String, LoadError> {
    reload::read(path).map_err(|source| LoadError::Read {
        path: path.to_owned(),
        source,
    })
}
