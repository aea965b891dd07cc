//! How near two names are, and which of many is nearest.
//!
//! A document may hold a hundred thousand names that come near something: what is spent on them is
//! counted, and once it is used up nothing is near any more.

use std::cell::Cell;

/// The longest name that is compared; no field of Druid's comes near.
const LONGEST: usize = 80;

/// A name as it is compared: without case and separators.
#[derive(Debug)]
pub(super) struct Spelling {
    letters: Box<str>,
    /// Characters.
    length: usize,
    /// How many there are of each letter: of `a` to `z` and `0` to `9`, and of some groups of others.
    letter_counts: [u8; GROUPS],
}

const GROUPS: usize = 48;

impl Spelling {
    pub(super) fn of(name: &str) -> Spelling {
        let letters = name.chars().filter(|c| c.is_alphanumeric());
        let letters: String = letters.flat_map(char::to_lowercase).collect();
        let mut letter_counts = [0_u8; GROUPS];
        for letter in letters.chars() {
            let count = &mut letter_counts[group(letter)];
            *count = count.saturating_add(1);
        }
        Spelling {
            length: letters.chars().count(),
            letter_counts,
            letters: letters.into(),
        }
    }

    /// No more than the slips between two names: what one has of a letter and the other has not.
    fn at_least(&self, other: &Spelling) -> usize {
        let surplus = |left: &[u8; GROUPS], right: &[u8; GROUPS]| -> usize {
            let each = left
                .iter()
                .zip(right)
                .map(|(left, right)| left.saturating_sub(*right));
            // No more than the letters of a name that is compared, which a byte counts.
            each.sum::<u8>().into()
        };
        let (mine, others) = (&self.letter_counts, &other.letter_counts);
        surplus(mine, others).max(surplus(others, mine))
    }

    /// How many slips lie between what was written and this name; `None`: too many for a slip.
    pub(super) fn slips(&self, written: &Spelling, effort: &Effort) -> Option<usize> {
        self.slips_up_to(usize::MAX, written, effort)
    }

    /// The same, if there are no more than `most`.
    pub(super) fn slips_up_to(
        &self,
        most: usize,
        written: &Spelling,
        effort: &Effort,
    ) -> Option<usize> {
        if self.length > LONGEST || written.length > LONGEST {
            return None;
        }
        let bearable = match self.length.max(written.length) {
            0..=2 => 0,
            3..=5 => 1,
            6..=8 => 2,
            9..=14 => 3,
            _ => 4,
        };
        let is_like = self.length.abs_diff(written.length) <= bearable.min(most)
            && self.at_least(written) <= bearable.min(most);
        if is_like && effort.spend((self.length + 1) * (written.length + 1)) {
            let slips = strsim::osa_distance(&written.letters, &self.letters);
            if slips <= bearable.min(most) {
                return Some(slips);
            }
        }
        if most < BY_SUFFIX {
            return None;
        }
        // `granularity` for `granularitySpec`, `partition` for `partitionsSpec`.
        let (short, long) = if written.length < self.length {
            (written, self)
        } else {
            (self, written)
        };
        let rest = long.letters.strip_prefix(&*short.letters)?;
        let suffix = matches!(
            rest,
            "spec" | "config" | "s" | "sspec" | "ms" | "millis" | "seconds" | "period" | "name"
        );
        (suffix && short.length >= 4).then_some(BY_SUFFIX)
    }
}

/// As how many slips a suffix that is missing or too much counts.
const BY_SUFFIX: usize = 3;

fn group(letter: char) -> usize {
    let number = match letter {
        'a'..='z' => letter as u32 - 'a' as u32,
        '0'..='9' => letter as u32 - '0' as u32 + 26,
        other => 36 + other as u32 % 12,
    };
    number as usize
}

/// What may still be spent on telling what was meant: in cells of a table of distances, some two
/// nanoseconds each.
#[derive(Debug)]
pub(super) struct Effort(Cell<usize>);

impl Effort {
    pub(super) fn new(cells: usize) -> Effort {
        Effort(Cell::new(cells))
    }

    /// Takes so much, if it is there; takes all that is left otherwise.
    pub(super) fn spend(&self, cells: usize) -> bool {
        let left = self.0.get().checked_sub(cells);
        self.0.set(left.unwrap_or(0));
        left.is_some()
    }
}

/// A name that is near, and how near: 0 differs in case and separators only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Near<'n> {
    pub(super) slips: usize,
    pub(super) name: &'n str,
}

/// The nearest of some names, if one is near enough to be meant.
pub(super) fn nearest<'n>(
    written: &str,
    names: impl Iterator<Item = &'n str>,
    effort: &Effort,
) -> Option<Near<'n>> {
    if written.len() > 4 * LONGEST {
        return None;
    }
    let written = Spelling::of(written);
    names
        .filter_map(|name| {
            let slips = Spelling::of(name).slips(&written, effort)?;
            Some(Near { slips, name })
        })
        .min()
}

/// Names that are compared with more than one.
#[derive(Debug)]
pub(super) struct Known<'n>(Vec<(Spelling, &'n str)>);

impl<'n> Known<'n> {
    pub(super) fn new(names: impl Iterator<Item = &'n str>) -> Known<'n> {
        Known(names.map(|name| (Spelling::of(name), name)).collect())
    }

    pub(super) fn nearest(&self, written: &str, effort: &Effort) -> Option<Near<'n>> {
        if written.len() > 4 * LONGEST {
            return None;
        }
        let written = Spelling::of(written);
        let near = |(spelling, name): &(Spelling, &'n str)| {
            let slips = spelling.slips(&written, effort)?;
            Some(Near { slips, name })
        };
        self.0.iter().filter_map(near).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 6] = [
        "maxRowsPerSegment",
        "maxRowsInMemory",
        "partitionsSpec",
        "metricsSpec",
        "type",
        "id",
    ];

    #[test]
    fn near_names() {
        let effort = Effort::new(100_000);
        for (written, expected) in [
            ("maxRowsPerSegmnet", Some("maxRowsPerSegment")),
            ("max_rows_per_segment", Some("maxRowsPerSegment")),
            ("MAXROWSINMEMORY", Some("maxRowsInMemory")),
            ("partitionSpec", Some("partitionsSpec")),
            ("partitions", Some("partitionsSpec")),
            ("metricSpec", Some("metricsSpec")),
            ("metrics", Some("metricsSpec")),
            ("tpye", Some("type")),
            ("ip", None),
            ("somethingElse", None),
        ] {
            let near = nearest(written, NAMES.into_iter(), &effort).map(|near| near.name);
            assert_eq!(near, expected, "{written}");
            let known = Known::new(NAMES.into_iter());
            let near = known.nearest(written, &effort).map(|near| near.name);
            assert_eq!(near, expected, "{written}");
        }
    }

    /// No name that is near is passed over because of its letters.
    #[test]
    fn letters_exclude_nothing_that_is_near() {
        let letters = ['a', 'b', 'z', '0', '9', 'ä', 'Ω', '語'];
        let of = |mut number: usize, length: usize| -> String {
            let next = |_| {
                let letter = letters[number % letters.len()];
                number /= letters.len();
                letter
            };
            (0..length).map(next).collect()
        };
        let effort = Effort::new(usize::MAX);
        for left in (0..512).step_by(7) {
            for right in 0..512 {
                for (one, other) in [(3, 3), (3, 4), (4, 3)] {
                    let (written, name) = (of(left, one), of(right, other));
                    let slips = strsim::osa_distance(
                        &Spelling::of(&written).letters,
                        &Spelling::of(&name).letters,
                    );
                    let found = Spelling::of(&name).slips(&Spelling::of(&written), &effort);
                    assert_eq!(found, (slips <= 1).then_some(slips), "{written} {name}");
                }
            }
        }
    }

    #[test]
    fn effort_ends() {
        let effort = Effort::new(18 * 18 + 17);
        let near = |written| nearest(written, NAMES.into_iter(), &effort);
        assert!(near("maxRowsPerSegmnet").is_some());
        assert!(near("maxRowsPerSegmnet").is_none());
    }
}
