//! Druid's releases.

use std::fmt;
use std::str::FromStr;

/// A release of Druid: `28.0.0`. `28` is the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DruidVersion {
    major: u16,
    minor: u16,
    patch: u16,
}

/// Text that is no release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a Druid version is up to three numbers: `28.0.0`, `28`")]
pub struct InvalidVersion;

impl DruidVersion {
    /// `major.minor.patch`.
    pub const fn new(major: u16, minor: u16, patch: u16) -> DruidVersion {
        DruidVersion {
            major,
            minor,
            patch,
        }
    }

    /// The first number, which is what endpoints come and go with.
    pub const fn major(self) -> u16 {
        self.major
    }

    /// Of the releases that are known, the nearest that is not newer than this one. `None`: this
    /// one is older than them all.
    pub fn nearest(self, known: &[DruidVersion]) -> Option<DruidVersion> {
        known.iter().copied().filter(|known| *known <= self).max()
    }
}

impl FromStr for DruidVersion {
    type Err = InvalidVersion;

    fn from_str(text: &str) -> Result<DruidVersion, InvalidVersion> {
        let number = |text: &str| {
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            if digits {
                text.parse().map_err(|_| InvalidVersion)
            } else {
                Err(InvalidVersion)
            }
        };
        let parts: Vec<u16> = text.split('.').map(number).collect::<Result<_, _>>()?;
        match parts.as_slice() {
            [major] => Ok(DruidVersion::new(*major, 0, 0)),
            [major, minor] => Ok(DruidVersion::new(*major, *minor, 0)),
            [major, minor, patch] => Ok(DruidVersion::new(*major, *minor, *patch)),
            _ => Err(InvalidVersion),
        }
    }
}

impl fmt::Display for DruidVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn up_to_three_numbers() {
        for (text, expected) in [
            ("28.0.0", Some(DruidVersion::new(28, 0, 0))),
            ("0.23.1", Some(DruidVersion::new(0, 23, 1))),
            ("28.0", Some(DruidVersion::new(28, 0, 0))),
            ("28", Some(DruidVersion::new(28, 0, 0))),
            ("", None),
            ("28.", None),
            ("28.0.0.1", None),
            ("28.0.x", None),
            ("+28.0.0", None),
            ("99999.0.0", None),
        ] {
            assert_eq!(text.parse().ok(), expected, "{text}");
        }
        assert!(DruidVersion::new(28, 0, 1) < DruidVersion::new(33, 0, 0));
    }

    #[test]
    fn the_nearest_is_never_newer() {
        let known = [DruidVersion::new(33, 0, 0), DruidVersion::new(28, 0, 0)];
        for (version, expected) in [
            (DruidVersion::new(27, 0, 0), None),
            (DruidVersion::new(28, 0, 0), Some(known[1])),
            (DruidVersion::new(32, 9, 9), Some(known[1])),
            (DruidVersion::new(33, 0, 0), Some(known[0])),
            (DruidVersion::new(40, 1, 0), Some(known[0])),
        ] {
            assert_eq!(version.nearest(&known), expected, "{version}");
        }
    }
}
