//! How bad a code is in one configuration.

use super::code::{CODES, Code, Severity};

/// What a code does: in the gateway, and in `overgate lint`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Refused; an error.
    Deny,
    /// Told in a header; a warning.
    Warn,
    /// Logged; an information.
    Audit,
    /// Nothing.
    Off,
}

impl Level {
    /// From its name in a configuration.
    pub fn named(name: &str) -> Option<Level> {
        Some(match name {
            "deny" => Level::Deny,
            "warn" => Level::Warn,
            "audit" => Level::Audit,
            "off" => Level::Off,
            _ => return None,
        })
    }

    fn severity(self) -> Option<Severity> {
        match self {
            Level::Deny => Some(Severity::Error),
            Level::Warn => Some(Severity::Warning),
            Level::Audit => Some(Severity::Info),
            Level::Off => None,
        }
    }
}

/// The level of every code.
#[derive(Debug, Clone)]
pub struct Levels {
    /// In the order of [`CODES`].
    severities: Vec<Option<Severity>>,
}

impl Default for Levels {
    fn default() -> Levels {
        Levels {
            severities: CODES.iter().map(|row| Some(row.severity)).collect(),
        }
    }
}

impl Levels {
    /// Sets the level of a code.
    pub fn set(&mut self, code: Code, level: Level) {
        if let Some(severity) = self.severities.get_mut(code as usize) {
            *severity = level.severity();
        }
    }

    /// How bad findings of this code are; `None`: nobody asks for them.
    pub fn of(&self, code: Code) -> Option<Severity> {
        self.severities.get(code as usize).copied().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_default_until_it_is_set() {
        let mut levels = Levels::default();
        for row in CODES {
            assert_eq!(levels.of(row.code), Some(row.severity), "{}", row.code);
        }
        levels.set(Code::UnknownField, Level::Warn);
        levels.set(Code::UnknownType, Level::Off);
        assert_eq!(levels.of(Code::UnknownField), Some(Severity::Warning));
        assert_eq!(levels.of(Code::UnknownType), None);
        assert_eq!(levels.of(Code::MissingField), Some(Severity::Error));
    }
}
