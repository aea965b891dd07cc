//! Secrets: read from where the file points, never printed.

use std::fmt;
use std::path::{Path, PathBuf};

/// A secret's value. `Debug` hides it; there is no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    value: String,
    file: Option<PathBuf>,
}

impl Secret {
    /// What `reference` leads to.
    pub(super) fn new(reference: &str, value: String) -> Secret {
        Secret {
            value,
            file: reference.strip_prefix("file:").map(PathBuf::from),
        }
    }

    /// The file that it is from.
    pub(super) fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// The value itself, for the one who sends or compares it.
    pub fn expose(&self) -> &str {
        &self.value
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Follows `env:NAME` or `file:PATH`. One trailing line break of a file is not part of the secret.
#[expect(
    clippy::disallowed_methods,
    reason = "secrets enter the program here and nowhere else"
)]
pub(super) fn resolve(reference: &str) -> Result<String, String> {
    let value = if let Some(name) = reference.strip_prefix("env:") {
        std::env::var(name).map_err(|_| format!("the environment variable `{name}` is not set"))?
    } else if let Some(path) = reference.strip_prefix("file:") {
        let mut text = std::fs::read_to_string(path)
            .map_err(|error| format!("cannot read the secret's file: {}", error.kind()))?;
        if text.ends_with('\n') {
            text.pop();
            if text.ends_with('\r') {
                text.pop();
            }
        }
        text
    } else {
        return Err("a secret is a reference: `env:NAME` or `file:PATH`".to_owned());
    };
    Ok(value)
}

/// What is there to be kept secret is not empty.
pub(super) fn filled(value: String) -> Result<String, String> {
    match value.is_empty() {
        true => Err("the secret is empty".to_owned()),
        false => Ok(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_never_printed() {
        assert!(!format!("{:?}", Secret::new("env:X", "hunter2".to_owned())).contains("hunter2"));
    }

    #[test]
    fn a_literal_is_no_secret_and_is_not_repeated() {
        let refused = resolve("hunter2").expect_err("not a reference");
        assert!(!refused.contains("hunter2"), "{refused}");
        assert!(resolve("env:OVERGATE_TEST_IS_NOT_SET").is_err());
    }
}
