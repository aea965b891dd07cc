//! A rate limit as configured, and what became of a request under it.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use crate::route::Action;

/// A named rate limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateLimit {
    /// Its name: in the access log, in metrics, in the answer.
    pub name: Arc<str>,
    /// The actions it counts.
    pub actions: Vec<Action>,
    /// What gets a bucket of its own.
    pub key: Vec<KeyPart>,
    /// How fast tokens come back.
    pub rate: Rate,
    /// How many tokens a full bucket holds.
    pub burst: NonZeroU32,
}

impl RateLimit {
    /// Does it count requests of this action?
    pub fn counts(&self, action: Action) -> bool {
        self.actions.contains(&action)
    }
}

/// One part of a bucket's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyPart {
    /// The datasource that is written.
    DataSource,
    /// The user.
    Principal,
}

/// Tokens in a time: `30/min`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How many.
    pub tokens: NonZeroU32,
    /// In which time.
    pub per: Duration,
}

/// Text that is not a rate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a rate is a whole number, a slash and `s`, `min`, `h` or `d`: `30/min`")]
pub struct InvalidRate;

impl Rate {
    /// The time after which one token comes back; never zero.
    pub fn interval(&self) -> Duration {
        (self.per / self.tokens.get()).max(Duration::from_nanos(1))
    }
}

impl FromStr for Rate {
    type Err = InvalidRate;

    fn from_str(text: &str) -> Result<Rate, InvalidRate> {
        let (tokens, unit) = text.split_once('/').ok_or(InvalidRate)?;
        let per = match unit {
            "s" => 1,
            "min" => 60,
            "h" => 3_600,
            "d" => 86_400,
            _ => return Err(InvalidRate),
        };
        Ok(Rate {
            tokens: tokens.parse().map_err(|_| InvalidRate)?,
            per: Duration::from_secs(per),
        })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.per.as_secs() {
            1 => "s",
            60 => "min",
            3_600 => "h",
            _ => "d",
        };
        write!(f, "{}/{unit}", self.tokens)
    }
}

/// A token taken: what the `RateLimit` field of the answer tells.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Charge {
    /// The rule with the fewest tokens left.
    pub rule: Arc<RateLimit>,
    /// Tokens left in its bucket.
    pub remaining: u32,
}

/// No token left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverQuota {
    /// The rule that refused.
    pub rule: Arc<RateLimit>,
    /// After this time the same request is admitted, if nobody else takes the token.
    pub retry_after: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_number_a_slash_and_a_unit() {
        let cases: &[(&str, Option<Duration>)] = &[
            ("30/min", Some(Duration::from_secs(2))),
            ("1/s", Some(Duration::from_secs(1))),
            ("2/h", Some(Duration::from_secs(1_800))),
            ("1/d", Some(Duration::from_secs(86_400))),
            ("0/min", None),
            ("-1/min", None),
            ("1.5/min", None),
            ("30", None),
            ("30/minute", None),
            ("/min", None),
            ("99999999999/s", None),
        ];
        for (text, interval) in cases {
            let read = text.parse::<Rate>().ok();
            assert_eq!(read.map(|rate| rate.interval()), *interval, "{text}");
            if let Some(rate) = read {
                assert_eq!(&rate.to_string(), text);
            }
        }
    }
}
