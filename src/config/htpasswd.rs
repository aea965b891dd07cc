//! An htpasswd file: `NAME:HASH`, line by line, and which hashes are strong enough.

use std::collections::BTreeMap;
use std::fmt;

use super::roles::{NAME, is_name};

/// A file may have this many users.
const MOST: usize = 100_000;

/// Problems told at most: the thousandth helps nobody.
const MOST_PROBLEMS: usize = 50;

/// A user of the file.
#[derive(PartialEq, Eq)]
pub(super) struct Line {
    /// From 1.
    pub(super) number: usize,
    pub(super) name: String,
    pub(super) hash: String,
}

/// Hashes are not for logs.
impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Line({}, {:?})", self.number, self.name)
    }
}

/// All users, and all that is wrong. Hashes are never repeated in a message.
pub(super) fn read(text: &str) -> (Vec<Line>, Vec<String>) {
    let mut lines = Vec::new();
    let mut problems = Vec::new();
    let mut known: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let told = match line.split_once(':') {
            None => Some("a line is `NAME:HASH`".to_owned()),
            Some((name, _)) if !is_name(name) => Some(NAME.to_owned()),
            Some((name, hash)) => match (known.insert(name, number), strength(hash)) {
                (Some(earlier), _) => Some(format!("line {earlier} has this user, too")),
                (None, Err(reason)) => Some(format!("user `{name}`: {reason}")),
                (None, Ok(())) => {
                    lines.push(Line {
                        number,
                        name: name.to_owned(),
                        hash: hash.to_owned(),
                    });
                    None
                }
            },
        };
        problems.extend(told.map(|told| format!("line {number}: {told}")));
        if lines.len() > MOST {
            problems.push(format!("the file has more than {MOST} users"));
        }
        if lines.len() > MOST || problems.len() >= MOST_PROBLEMS {
            break;
        }
    }
    (lines, problems)
}

/// Is this a hash of a kind that is not guessed too fast? Tells what it is if not. Whether it is
/// a whole one is found out where it is checked.
pub(super) fn strength(hash: &str) -> Result<(), &'static str> {
    const KINDS: &str = "this is no argon2id hash and no bcrypt hash (`$2y$` or `$2b$`)";
    if let Some(rest) = hash.strip_prefix("$argon2id$") {
        return argon2id(rest);
    }
    if let Some(rest) = ["$2b$", "$2y$"]
        .iter()
        .find_map(|start| hash.strip_prefix(start))
    {
        let cost = rest.split_once('$').and_then(|(cost, _)| cost.parse().ok());
        return match cost {
            None => Err("this bcrypt hash is broken"),
            Some(0..10) => Err("the cost of this bcrypt hash is below 10: it is guessed too fast"),
            Some(10..15) if hash.len() == 60 => Ok(()),
            Some(10..15) => Err("this bcrypt hash is broken: it has not 60 bytes"),
            Some(15_u32..) => {
                Err("the cost of this bcrypt hash is above 14: one login would take seconds")
            }
        };
    }
    Err(match hash.get(..4).unwrap_or_default() {
        "$2a$" | "$2x$" => {
            "this is bcrypt of a version with faults; `htpasswd -B` writes `$2y$`, which is good"
        }
        "$apr" | "$1$" => "this is MD5, which is guessed too fast",
        "{SHA" | "{SSH" => "this is SHA-1, which is guessed too fast",
        "$arg" => "of argon2 only argon2id is taken",
        start if start.starts_with("$1$") => "this is MD5, which is guessed too fast",
        start if start.starts_with("$5$") || start.starts_with("$6$") => {
            "this is crypt's SHA-2, which is guessed too fast"
        }
        _ if hash.len() == 13 => "this is crypt, which is guessed too fast, or no hash at all",
        _ => KINDS,
    })
}

/// Version and parameters of an argon2id hash, against the weakest that OWASP's cheat sheet for
/// storing passwords has: 7 MiB with five passes, or as much work with more memory.
fn argon2id(rest: &str) -> Result<(), &'static str> {
    const BROKEN: &str = "this argon2id hash is broken";
    let rest = rest
        .strip_prefix("v=19$")
        .ok_or("this argon2id hash is not of version 19 (`v=19`)")?;
    let (parameters, _) = rest.split_once('$').ok_or(BROKEN)?;
    let number = |key: &str| -> Result<u64, &'static str> {
        let mut values = parameters
            .split(',')
            .filter_map(|each| each.strip_prefix(key));
        values
            .next()
            .and_then(|text| text.parse().ok())
            .ok_or(BROKEN)
    };
    let (memory, passes) = (number("m=")?, number("t=")?);
    match memory >= 7_168 && memory.saturating_mul(passes) >= 5 * 7_168 {
        true => Ok(()),
        false => Err(
            "the parameters of this argon2id hash are below `m=19456,t=2` and its like: it is guessed too fast",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "$2y$10$L6Bc/AlTQHyd9liGgGEZyOFLPHNgyxeEPfgYfBCVxJ7JIlwxyVU3u";

    #[test]
    fn what_is_weak_is_told_with_its_line() {
        let argon2id = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaA";
        let with = |parameters: &str| argon2id.replace("v=19$m=19456,t=2,p=1", parameters);
        for good in [
            with("v=19$m=47104,t=1,p=1"),
            with("v=19$m=12288,t=3,p=1"),
            with("v=19$m=9216,t=4,p=1"),
            with("v=19$m=7168,t=5,p=1"),
            with("v=19$m=65536,t=3,p=4"),
            GOOD.to_owned(),
            GOOD.replacen("$2y$10", "$2b$14", 1),
            argon2id.to_owned(),
        ] {
            assert_eq!(strength(&good), Ok(()), "{good}");
        }
        for (hash, part) in [
            ("rqXexS6ZhobKA", "crypt"),
            ("$apr1$r31.....$HqJZimcKQFAMYayBlzkrA/", "MD5"),
            ("$1$abcdefgh$G/2ySuUhzJGfTSiATTjr50", "MD5"),
            ("{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=", "SHA-1"),
            ("{SSHA}5en6G6MezRroT3XKqkdPOmY/BfQ=", "SHA-1"),
            ("$6$saltsalt$qFmFH", "SHA-2"),
            ("$5$saltsalt$qFmFH", "SHA-2"),
            (&GOOD.replacen("$2y$", "$2a$", 1), "version with faults"),
            (&GOOD.replacen("$10$", "$09$", 1), "below 10"),
            (&GOOD.replacen("$10$", "$05$", 1), "below 10"),
            (&GOOD.replacen("$10$", "$15$", 1), "above 14"),
            (&GOOD.replacen("$10$", "$-1$", 1), "broken"),
            (&GOOD[..59], "60 bytes"),
            (&with("v=19$m=8,t=1,p=1"), "too fast"),
            (&with("v=19$m=19456,t=1,p=1"), "too fast"),
            (&with("v=19$m=7167,t=50,p=1"), "too fast"),
            (&with("v=16$m=19456,t=2,p=1"), "version 19"),
            (&with("m=19456,t=2,p=1"), "version 19"),
            (&with("v=19$t=2,p=1"), "broken"),
            (&with("v=19$m=x,t=2,p=1"), "broken"),
            ("$argon2id$v=19$m=19456,t=2,p=1", "broken"),
            (
                "$argon2i$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaA",
                "only argon2id",
            ),
            ("hunter2", "no argon2id"),
            ("日本語", "no argon2id"),
            ("", "no argon2id"),
        ] {
            let (lines, problems) = read(&format!("# users\n\netl:{hash}\nops:{GOOD}\n"));
            assert_eq!(lines.len(), 1, "{hash}");
            let [problem] = problems.as_slice() else {
                panic!("{hash}: {problems:?}")
            };
            assert!(problem.starts_with("line 3: user `etl`: "), "{problem}");
            assert!(problem.contains(part), "{hash}: {problem}");
            assert!(hash.is_empty() || !problem.contains(hash), "{problem}");
        }
    }

    #[test]
    fn lines_are_users_and_each_is_there_once() {
        let text = format!("etl:{GOOD}\r\n#ops:x\netl:{GOOD}\nnothing\n:{GOOD}\nlast:{GOOD}");
        let (lines, problems) = read(&text);
        let names: Vec<(usize, &str)> = lines
            .iter()
            .map(|line| (line.number, line.name.as_str()))
            .collect();
        assert_eq!(names, [(1, "etl"), (6, "last")]);
        assert!(!format!("{lines:?}").contains("$2y$"), "{lines:?}");
        assert_eq!(lines[0].hash, GOOD, "without the carriage return");
        assert_eq!(problems.len(), 3, "{problems:?}");
        assert!(problems[0].contains("line 1 has this user"), "{problems:?}");
        let (_, problems) = read(&"x\n".repeat(100_000));
        assert_eq!(problems.len(), MOST_PROBLEMS);
    }
}
