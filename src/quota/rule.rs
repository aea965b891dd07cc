//! A rate limit as configured, and what a request draws from it.

use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use super::Numbers;
use crate::caller::{Principal, Source};
use crate::druid::{DataSource, Overrides};
use crate::route::{Action, Operation};

/// Does a limit refuse?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// Yes.
    Enforced,
    /// It counts what it would have refused.
    Audited,
}

/// What a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cost {
    /// Each request, or each live task, is one.
    Request,
    /// The worker slots that a submission will occupy.
    Slots,
}

/// A named rate limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateLimit {
    /// Its name: in the access log, in metrics, in the answer.
    pub name: Arc<str>,
    /// The actions it counts.
    pub actions: Vec<Action>,
    /// The roles whose holders it counts; empty: everybody.
    pub roles: Vec<Arc<str>>,
    /// What gets a bucket of its own.
    pub key: Vec<KeyPart>,
    /// What a request costs.
    pub cost: Cost,
    /// Its numbers.
    pub numbers: Numbers,
    /// Datasources with numbers of their own: the first that fits counts.
    pub overrides: Overrides<Numbers>,
    /// Does it refuse?
    pub holds: Holds,
}

/// One part of a bucket's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyPart {
    /// The user.
    Principal,
    /// The role whose grant allows it.
    Role,
    /// The datasource that is written.
    DataSource,
    /// The type of the task or supervisor.
    TaskType,
    /// The client's address; of IPv6 the network of 64 bits, which is one customer's.
    Source,
    /// The endpoint.
    Operation,
}

impl KeyPart {
    /// Its name in the configuration and in `/status`.
    pub fn name(self) -> &'static str {
        match self {
            KeyPart::Principal => "principal",
            KeyPart::Role => "role",
            KeyPart::DataSource => "datasource",
            KeyPart::TaskType => "task-type",
            KeyPart::Source => "source",
            KeyPart::Operation => "operation",
        }
    }
}

/// What is known of a request that may be counted.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// What it does.
    pub action: Action,
    /// Which endpoint.
    pub operation: Operation,
    /// Who asks.
    pub principal: &'a Principal,
    /// The role whose grant allows it.
    pub role: &'a Arc<str>,
    /// From where; nobody says it of a request that is only judged.
    pub source: Option<IpAddr>,
    /// What it writes, or is about.
    pub datasources: &'a [DataSource],
    /// The type of the spec.
    pub task_type: Option<&'a str>,
    /// Slots that it will occupy. `None`: they cannot be told, which costs all that a bucket holds.
    pub slots: Option<u32>,
}

/// Tokens that a request wants from one bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draw {
    /// The limit.
    pub rule: Arc<RateLimit>,
    /// Its numbers for this key.
    pub numbers: Numbers,
    /// The bucket: the limit's name and numbers, so that a limit which a reload changes begins anew,
    /// and the parts of the key, all parted by NUL, which no name has.
    pub key: String,
    /// Tokens.
    pub cost: u32,
    /// Does the limit refuse this request?
    pub holds: Holds,
}

impl Draw {
    /// A gateway's part of it, when `gateways` enforce the limit and cannot ask each other. A cost
    /// that the whole bucket would hold takes all of the part.
    pub fn share(self, gateways: NonZeroU32) -> Draw {
        let numbers = self.numbers.share(gateways);
        let mut key = start(&self.rule, &numbers);
        for part in self.key.split('\0').skip(3) {
            key.push('\0');
            key.push_str(part);
        }
        let cost = match self.cost <= self.numbers.burst.get() {
            true => self.cost.min(numbers.burst.get()),
            false => self.cost,
        };
        Draw {
            numbers,
            key,
            cost,
            ..self
        }
    }

    /// The parts of the key that are known, with their names.
    pub fn parts(&self) -> impl Iterator<Item = (KeyPart, &str)> {
        // Before them stand the limit's name, its rate and its burst.
        let names = self.key.split('\0').skip(3);
        let parts = self.rule.key.iter().copied().zip(names);
        parts.filter(|(_, name)| !name.is_empty())
    }
}

impl RateLimit {
    /// Does it count requests of this action, from a holder of these roles?
    pub fn covers(&self, action: Action, roles: &[Arc<str>]) -> bool {
        self.actions.contains(&action)
            && (self.roles.is_empty() || self.roles.iter().any(|role| roles.contains(role)))
    }

    /// Can it be asked before it is known which datasource a request is about, and with which spec?
    pub fn is_early(&self) -> bool {
        let late = |part: &KeyPart| matches!(part, KeyPart::DataSource | KeyPart::TaskType);
        self.overrides.is_empty() && self.cost == Cost::Request && !self.key.iter().any(late)
    }

    /// What a request draws from it: one bucket for each datasource where those are counted apart.
    pub fn draws(self: &Arc<Self>, facts: &Facts<'_>) -> Vec<Draw> {
        let mut draws = Vec::new();
        self.draw_into(&mut draws, facts);
        draws
    }

    /// Appends what a request draws from it.
    pub fn draw_into(self: &Arc<Self>, draws: &mut Vec<Draw>, facts: &Facts<'_>) {
        let apart = !self.overrides.is_empty() || self.key.contains(&KeyPart::DataSource);
        match facts.datasources {
            [] => draws.push(self.draw(facts, None)),
            many @ [_, _, ..] if apart => {
                let begin = draws.len();
                for datasource in many {
                    let draw = self.draw(facts, Some(datasource));
                    let own = draws.get(begin..).unwrap_or_default();
                    if !own.iter().any(|known| known.key == draw.key) {
                        draws.push(draw);
                    }
                }
            }
            [first, ..] => draws.push(self.draw(facts, Some(first))),
        }
    }

    /// The numbers for a datasource.
    pub fn numbers_for(&self, datasource: Option<&DataSource>) -> Numbers {
        let own = datasource.and_then(|datasource| self.overrides.get(datasource));
        own.copied().unwrap_or(self.numbers)
    }

    fn draw(self: &Arc<Self>, facts: &Facts<'_>, datasource: Option<&DataSource>) -> Draw {
        let numbers = self.numbers_for(datasource);
        let mut key = start(self, &numbers);
        for part in &self.key {
            key.push('\0');
            match part {
                KeyPart::Principal => key.push_str(facts.principal.name()),
                KeyPart::Role => key.push_str(facts.role),
                KeyPart::DataSource => {
                    key.push_str(datasource.map_or("", DataSource::as_str));
                }
                KeyPart::TaskType => key.push_str(bounded(facts.task_type.unwrap_or_default())),
                KeyPart::Source => {
                    if let Some(source) = facts.source {
                        key.push_str(&Source::from(source).to_string());
                    }
                }
                KeyPart::Operation => key.push_str(facts.operation.name()),
            }
        }
        let cost = match self.cost {
            Cost::Request => 1,
            Cost::Slots => facts.slots.unwrap_or(numbers.burst.get()).max(1),
        };
        Draw {
            rule: self.clone(),
            numbers,
            key,
            cost,
            holds: self.holds,
        }
    }
}

/// What the keys of a limit begin with.
fn start(rule: &RateLimit, numbers: &Numbers) -> String {
    let mut key = String::with_capacity(rule.name.len() + 64);
    key.push_str(&rule.name);
    key.push('\0');
    numbers.rate.write(&mut key);
    key.push('\0');
    key.push_str(itoa::Buffer::new().format(numbers.burst.get()));
    key
}

/// A type that clients write, as a part of a key: those that no Druid has are one.
fn bounded(task_type: &str) -> &str {
    const LONGEST: usize = 64;
    if task_type.len() > LONGEST || task_type.chars().any(char::is_control) {
        return "(other)";
    }
    task_type
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
pub enum InvalidRate {
    /// Its form.
    #[error("a rate is a whole number, a slash and `s`, `min`, `h` or `d`: `30/min`, `100/5min`")]
    Form,
    /// None at all.
    #[error("a rate of 0 would refuse everything: take the action away from the roles instead")]
    Zero,
    /// More than can be counted exactly.
    #[error("a rate is at most 1000000 a second")]
    TooFast,
}

/// The units of a rate, the longest first.
const UNITS: [(&str, u64); 4] = [("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)];

impl FromStr for Rate {
    type Err = InvalidRate;

    fn from_str(text: &str) -> Result<Rate, InvalidRate> {
        const FASTEST: u64 = 1_000_000;
        // A year: nobody counts longer.
        const LONGEST: u64 = 366 * 86_400;
        let (tokens, unit) = text.split_once('/').ok_or(InvalidRate::Form)?;
        let name = unit.trim_start_matches(|c: char| c.is_ascii_digit());
        let many: u64 = match unit.strip_suffix(name).unwrap_or_default() {
            "" => 1,
            many => many.parse().map_err(|_| InvalidRate::Form)?,
        };
        let (_, length) = UNITS
            .iter()
            .find(|(known, _)| *known == name)
            .ok_or(InvalidRate::Form)?;
        let seconds = length
            .checked_mul(many)
            .filter(|seconds| (1..=LONGEST).contains(seconds))
            .ok_or(InvalidRate::Form)?;
        let tokens: u32 = tokens.parse().map_err(|_| InvalidRate::Form)?;
        let tokens = NonZeroU32::new(tokens).ok_or(InvalidRate::Zero)?;
        if u64::from(tokens.get()) > FASTEST.saturating_mul(seconds) {
            return Err(InvalidRate::TooFast);
        }
        Ok(Rate {
            tokens,
            per: Duration::from_secs(seconds),
        })
    }
}

impl Rate {
    /// Appends it as a configuration has it. For each request's keys, so without a formatter.
    fn write(&self, text: &mut String) {
        let seconds = self.per.as_secs();
        let (unit, length) = UNITS
            .into_iter()
            .find(|(_, length)| seconds.is_multiple_of(*length))
            .unwrap_or(("s", 1));
        let mut digits = itoa::Buffer::new();
        text.push_str(digits.format(self.tokens.get()));
        text.push('/');
        if seconds != length {
            text.push_str(digits.format(seconds / length));
        }
        text.push_str(unit);
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        self.write(&mut text);
        f.write_str(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_number_a_slash_and_a_unit() {
        use InvalidRate::{Form, TooFast, Zero};
        let cases: &[(&str, Result<u64, InvalidRate>)] = &[
            ("30/min", Ok(2_000)),
            ("1/s", Ok(1_000)),
            ("2/h", Ok(1_800_000)),
            ("1/d", Ok(86_400_000)),
            ("10/5min", Ok(30_000)),
            ("7/90s", Ok(12_857)),
            ("1/0s", Err(Form)),
            ("1/400d", Err(Form)),
            ("0/min", Err(Zero)),
            ("-1/min", Err(Form)),
            ("1.5/min", Err(Form)),
            ("30", Err(Form)),
            ("30/minute", Err(Form)),
            ("/min", Err(Form)),
            ("99999999999/s", Err(Form)),
            ("1000001/s", Err(TooFast)),
        ];
        for (text, interval) in cases {
            let rate = text.parse::<Rate>();
            let burst = NonZeroU32::MIN;
            let found = rate.map(|rate| {
                assert_eq!(rate.to_string(), *text, "written as it is read");
                let interval = Numbers { rate, burst }.token_in();
                u64::try_from(interval.as_millis()).expect("short")
            });
            assert_eq!(found, *interval, "{text}");
        }
    }

    fn rule(key: &[KeyPart], cost: Cost) -> Arc<RateLimit> {
        let numbers = |rate: &str, burst| Numbers {
            rate: rate.parse().expect("a rate"),
            burst: NonZeroU32::new(burst).expect("not zero"),
        };
        let prod = vec!["prod*".parse().expect("a pattern")];
        Arc::new(RateLimit {
            name: "r".into(),
            actions: vec![Action::Submit],
            roles: vec!["writer".into()],
            key: key.to_vec(),
            cost,
            numbers: numbers("1/s", 10),
            overrides: [(prod, numbers("9/s", 90))].into_iter().collect(),
            holds: Holds::Enforced,
        })
    }

    #[test]
    fn a_bucket_is_named_by_its_key_and_its_numbers() {
        use KeyPart::{DataSource as Named, Operation as Endpoint, Role, Source, TaskType};
        let principal = Principal::new("etl", vec!["writer".into()]);
        let role = "writer".into();
        let names = ["wiki", "prod_a", "wiki"].map(|name| name.parse().expect("a name"));
        let facts = Facts {
            action: Action::Submit,
            operation: Operation::SubmitTask,
            principal: &principal,
            role: &role,
            source: Some("2001:db8:1:2:3::4".parse().expect("an address")),
            datasources: &names,
            task_type: Some("index"),
            slots: Some(5),
        };
        let all = rule(
            &[KeyPart::Principal, Role, Named, TaskType, Source, Endpoint],
            Cost::Slots,
        );
        let rest = "index\u{0}2001:db8:1:2::/64\u{0}submit-task";
        let keys: Vec<_> = all
            .draws(&facts)
            .into_iter()
            .map(|draw| (draw.key, draw.cost))
            .collect();
        assert_eq!(
            keys,
            [
                (
                    format!("r\0{}\0{}\0etl\0writer\0wiki\0{rest}", "1/s", 10),
                    5
                ),
                (
                    format!("r\0{}\0{}\0etl\0writer\0prod_a\0{rest}", "9/s", 90),
                    5
                ),
            ]
        );
        let unknown = Facts {
            slots: None,
            ..facts
        };
        let costs: Vec<_> = all.draws(&unknown).iter().map(|draw| draw.cost).collect();
        assert_eq!(costs, [10, 90], "never nothing: all that the bucket holds");
        let requests = rule(&[], Cost::Request).draws(&unknown);
        assert!(requests.iter().all(|draw| draw.cost == 1));
        assert!(!all.is_early());
    }

    #[test]
    fn it_covers_actions_of_holders_of_its_roles() {
        let rule = rule(&[], Cost::Request);
        let writer: Arc<str> = "writer".into();
        assert!(rule.covers(Action::Submit, &["x".into(), writer.clone()]));
        assert!(!rule.covers(Action::Submit, &["x".into()]));
        assert!(!rule.covers(Action::Read, &[writer]));
    }
}
