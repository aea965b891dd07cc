//! Titles and descriptions, in words that the types themselves give.

use super::super::table::{Dates, Family, Member};

/// How a family is called.
pub(super) fn noun(family: &Family) -> String {
    match family.noun {
        Some(noun) => noun.to_owned(),
        None => spaced(&family.name),
    }
}

/// `KafkaSupervisorIOConfig` as `Kafka supervisor IO config`.
pub(super) fn spaced(name: &str) -> String {
    let plain = name.split_once('<').map_or(name, |(plain, _)| plain);
    let letters: Vec<char> = plain.chars().collect();
    let mut words = String::new();
    for (at, letter) in letters.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| letters.get(at));
        let after = letters.get(at + 1);
        let is_lower = |letter: Option<&char>| letter.is_some_and(|letter| !letter.is_uppercase());
        let begins =
            letter.is_uppercase() && (is_lower(before) || before.is_some() && is_lower(after));
        if *letter == '.' || begins && before != Some(&'.') {
            words.push(' ');
        }
        let in_word = begins && is_lower(after) && !words.is_empty();
        match letter {
            '.' => {}
            letter if in_word => words.extend(letter.to_lowercase()),
            letter => words.push(*letter),
        }
    }
    words.trim().to_owned()
}

/// What a type needs.
pub(super) fn needs(member: &Member) -> Option<String> {
    let extension = member.extension.as_ref()?;
    let proof = if member.unproven {
        " Its fields are known from other releases."
    } else {
        ""
    };
    Some(format!("Needs the extension `{extension}`.{proof}"))
}

/// Since and until when.
pub(super) fn dates(dates: Dates) -> Option<String> {
    let Dates { since, until } = dates;
    Some(match (since, until) {
        (None, None) => return None,
        (Some(since), None) => format!("Since Druid {since}."),
        (None, Some(until)) => format!("No longer read by Druid {until}."),
        (Some(since), Some(until)) => format!("Since Druid {since}, no longer read by {until}."),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_words() {
        for (name, expected) in [
            ("DataSchema", "Data schema"),
            ("KafkaSupervisorIOConfig", "Kafka supervisor IO config"),
            (
                "IndexTask.IndexTuningConfig",
                "Index task index tuning config",
            ),
            ("SQLInputSource", "SQL input source"),
            ("Sequence<Kafka,Long>", "Sequence"),
            ("URI", "URI"),
            ("S3", "S3"),
        ] {
            assert_eq!(spaced(name), expected);
        }
    }
}
