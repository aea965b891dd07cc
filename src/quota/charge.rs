//! What became of a request under its limits.

use std::sync::Arc;
use std::time::Duration;

use super::live::LiveOver;
use super::rule::{Cost, Draw, Holds, RateLimit};
use super::{LiveHold, Numbers};

/// What one bucket did with one draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// It gave the tokens.
    Took {
        /// Whole tokens that are left in it.
        remaining: u32,
        /// What it has to know to take them back.
        receipt: Receipt,
    },
    /// It has them after this time.
    NotFor(Duration),
    /// It never holds so many.
    Never,
}

/// What a bucket tells of tokens that it gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// Which bucket it was: one that took its place since takes nothing back.
    pub born: u64,
    /// When the tokens would be back by themselves, and all that was given back before, as one sum.
    pub until: u64,
}

/// Whose buckets tokens were taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keeper {
    /// This process.
    Local,
    /// The store that gateways share.
    Store,
}

/// Tokens that were taken and can be given back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drawn {
    /// The bucket.
    pub key: String,
    /// Its numbers.
    pub numbers: Numbers,
    /// Tokens.
    pub cost: u32,
    /// What the bucket told of them.
    pub receipt: Receipt,
}

/// What a limit said to a request, for metrics and the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Said {
    /// Yes.
    Admitted,
    /// Yes, and less than a fifth of the bucket is left.
    Near,
    /// It would have said no, and is only audited.
    WouldRefuse,
    /// No.
    Refused,
}

impl Said {
    /// Its name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Said::Admitted => "admitted",
            Said::Near => "near",
            Said::WouldRefuse => "would-refuse",
            Said::Refused => "refused",
        }
    }
}

/// The state of a bucket, for the `RateLimit` fields of the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Level {
    /// The limit.
    pub rule: Arc<RateLimit>,
    /// Its numbers for this request.
    pub numbers: Numbers,
    /// Tokens left.
    pub remaining: u32,
}

/// A request that its limits let pass.
#[derive(Debug, Default)]
#[must_use]
pub struct Charge {
    /// The tokens taken.
    pub drawn: Vec<Drawn>,
    /// From whom.
    pub keeper: Option<Keeper>,
    /// The bucket with the smallest share left, of those that refuse.
    pub level: Option<Level>,
    /// What each limit said; taken by who tells it on.
    pub said: Vec<(Arc<str>, Said)>,
    /// Its place among the live tasks.
    pub live: Option<LiveHold>,
}

/// A request that its limits refuse.
#[derive(Debug, Clone, PartialEq)]
pub struct OverQuota {
    /// The name of the limit that refuses; of several the one that refuses longest.
    pub rule: Arc<str>,
    /// Why.
    pub why: Over,
    /// What each limit said.
    pub said: Vec<(Arc<str>, Said)>,
}

/// Why a limit refuses.
#[derive(Debug, Clone, PartialEq)]
pub enum Over {
    /// No token left.
    Rate {
        /// The limit.
        rule: Arc<RateLimit>,
        /// Its numbers for this request.
        numbers: Numbers,
        /// After this time the same request is admitted, if nobody else takes the tokens.
        retry_after: Duration,
    },
    /// It costs more than the limit ever allows at once.
    TooMuch {
        /// Tasks or slots?
        count: Cost,
        /// What it costs.
        cost: u32,
        /// What is allowed.
        most: u32,
    },
    /// Too many tasks live.
    Live(LiveOver),
    /// The live tasks cannot be counted now.
    Uncounted,
}

/// A fifth of a bucket.
fn is_near(remaining: u32, numbers: &Numbers) -> bool {
    u64::from(remaining) * 5 < u64::from(numbers.burst.get())
}

impl Charge {
    /// From what the buckets did. Those of limits that are audited refuse nothing.
    ///
    /// # Errors
    /// [`OverQuota`]: a limit refuses, and no bucket has given anything.
    pub fn of(draws: Vec<Draw>, replies: &[Reply], keeper: Keeper) -> Result<Charge, OverQuota> {
        let mut charge = Charge {
            keeper: Some(keeper),
            ..Charge::default()
        };
        let mut over: Option<(Arc<str>, Over, Duration)> = None;
        let mut smallest = u64::MAX;
        for (draw, reply) in draws.into_iter().zip(replies) {
            let Draw {
                rule,
                numbers,
                key,
                cost,
                holds,
            } = draw;
            let name = rule.name.clone();
            let (why, wait) = match *reply {
                Reply::Took { remaining, receipt } => {
                    let said = match is_near(remaining, &numbers) {
                        true => Said::Near,
                        false => Said::Admitted,
                    };
                    charge.said.push((name, said));
                    let share = u64::from(remaining) * 1_000_000 / u64::from(numbers.burst.get());
                    if holds == Holds::Enforced && share < smallest {
                        smallest = share;
                        charge.level = Some(Level {
                            rule,
                            numbers,
                            remaining,
                        });
                    }
                    charge.drawn.push(Drawn {
                        key,
                        numbers,
                        cost,
                        receipt,
                    });
                    continue;
                }
                Reply::NotFor(retry_after) => (
                    Over::Rate {
                        rule: rule.clone(),
                        numbers,
                        retry_after,
                    },
                    retry_after,
                ),
                Reply::Never => (
                    Over::TooMuch {
                        count: rule.cost,
                        cost,
                        most: numbers.burst.get(),
                    },
                    Duration::MAX,
                ),
            };
            match holds {
                Holds::Audited => charge.said.push((name, Said::WouldRefuse)),
                Holds::Enforced => {
                    charge.said.push((name.clone(), Said::Refused));
                    if over.as_ref().is_none_or(|(_, _, longest)| wait > *longest) {
                        over = Some((name, why, wait));
                    }
                }
            }
        }
        match over {
            None => Ok(charge),
            Some((rule, why, _)) => {
                // What the others gave was taken back: they have not been asked for it.
                let said = charge.said.into_iter();
                let said =
                    said.filter(|(_, said)| matches!(said, Said::Refused | Said::WouldRefuse));
                Err(OverQuota {
                    rule,
                    why,
                    said: said.collect(),
                })
            }
        }
    }
}
