//! Lists of patterns, found by name: what a look-up costs does not grow with lists that are about
//! other names.

use std::cmp::Ordering;
use std::slice;

use super::{DataSource, DataSourcePattern};

/// Patterns in their order.
///
/// A pattern begins and ends with text of its own (`etl_*_raw`: `etl_` and `_raw`). Those with ends
/// of the same lengths stand together, sorted by their ends, so that the ends of a name find them
/// by halving. There are as many such groups as pairs of lengths: a few, whoever writes patterns by
/// a scheme. Patterns whose ends are the same (`*x*`, `*y*`) are looked at one after the other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DataSourcePatterns {
    all: Vec<DataSourcePattern>,
    groups: Vec<Group>,
    matches_all: bool,
}

/// Patterns with ends of the same lengths.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Group {
    /// Bytes before the first star.
    before: usize,
    /// Bytes after the last. `None`: there is no star, and all of it stands before.
    after: Option<usize>,
    /// Where they stand among all, sorted by their ends, then by place.
    places: Vec<usize>,
}

impl DataSourcePatterns {
    /// All of them.
    pub fn iter(&self) -> slice::Iter<'_, DataSourcePattern> {
        self.all.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Is there none?
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Does one match this name?
    pub fn matches(&self, datasource: &DataSource) -> bool {
        self.places(datasource).next().is_some()
    }

    /// Does one match every name there is?
    pub fn matches_all(&self) -> bool {
        self.matches_all
    }

    /// The place of the first that matches this name.
    pub fn first(&self, datasource: &DataSource) -> Option<usize> {
        self.places(datasource).min()
    }

    /// The places of those that match this name, in no order.
    pub fn places<'a>(&'a self, datasource: &'a DataSource) -> impl Iterator<Item = usize> + 'a {
        let name = datasource.as_str();
        let near = self
            .groups
            .iter()
            .flat_map(move |group| group.near(&self.all, name));
        near.filter(move |place| {
            let pattern = self.all.get(*place);
            pattern.is_some_and(|pattern| pattern.matches(datasource))
        })
    }
}

impl Group {
    /// Those whose ends this name has.
    fn near<'a>(
        &'a self,
        all: &'a [DataSourcePattern],
        name: &'a str,
    ) -> impl Iterator<Item = usize> + 'a {
        let wanted = self.ends_of(name);
        let compare = move |place: &usize| match (wanted, all.get(*place)) {
            (Some(wanted), Some(pattern)) => pattern.ends().cmp(&wanted),
            // A name too short to have such ends, before all.
            (None, _) | (_, None) => Ordering::Greater,
        };
        let from = self.places.partition_point(|place| compare(place).is_lt());
        let near = self.places.iter().skip(from).copied();
        near.take_while(move |place| compare(place).is_eq())
    }

    /// The ends that a name has.
    fn ends_of<'n>(&self, name: &'n str) -> Option<(&'n str, Option<&'n str>)> {
        let Some(after) = self.after else {
            return (name.len() == self.before).then_some((name, None));
        };
        let rest = name.len().checked_sub(self.before)?;
        let end = name.len().checked_sub(after).filter(|_| after <= rest)?;
        Some((name.get(..self.before)?, Some(name.get(end..)?)))
    }
}

impl FromIterator<DataSourcePattern> for DataSourcePatterns {
    fn from_iter<I: IntoIterator<Item = DataSourcePattern>>(patterns: I) -> DataSourcePatterns {
        let all: Vec<DataSourcePattern> = patterns.into_iter().collect();
        let mut places: Vec<usize> = (0..all.len()).collect();
        let ends = |place: &usize| all.get(*place).map(DataSourcePattern::ends);
        let lengths =
            |place: &usize| ends(place).map(|(before, after)| (before.len(), after.map(str::len)));
        // Stable: of those with the same ends the first stays the first.
        places.sort_by(|left, right| {
            let by_lengths = lengths(left).cmp(&lengths(right));
            by_lengths.then_with(|| ends(left).cmp(&ends(right)))
        });
        let groups = places.chunk_by(|left, right| lengths(left) == lengths(right));
        let groups = groups.filter_map(|places| {
            let (before, after) = lengths(places.first()?)?;
            Some(Group {
                before,
                after,
                places: places.to_vec(),
            })
        });
        let groups = groups.collect();
        DataSourcePatterns {
            groups,
            matches_all: all.iter().any(DataSourcePattern::matches_all),
            all,
        }
    }
}

impl From<Vec<DataSourcePattern>> for DataSourcePatterns {
    fn from(patterns: Vec<DataSourcePattern>) -> DataSourcePatterns {
        patterns.into_iter().collect()
    }
}

impl<'a> IntoIterator for &'a DataSourcePatterns {
    type Item = &'a DataSourcePattern;
    type IntoIter = slice::Iter<'a, DataSourcePattern>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// What single datasources have of their own: the first pattern that matches says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overrides<T> {
    patterns: DataSourcePatterns,
    /// Of each pattern.
    values: Vec<T>,
}

impl<T> Overrides<T> {
    /// What this one has.
    pub fn get(&self, datasource: &DataSource) -> Option<&T> {
        self.values.get(self.patterns.first(datasource)?)
    }

    /// Is there none?
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// How many patterns there are.
    pub fn len(&self) -> usize {
        self.values.len()
    }
}

impl<T> Default for Overrides<T> {
    fn default() -> Overrides<T> {
        Overrides {
            patterns: DataSourcePatterns::default(),
            values: Vec::new(),
        }
    }
}

impl<T: Copy> FromIterator<(Vec<DataSourcePattern>, T)> for Overrides<T> {
    fn from_iter<I>(overrides: I) -> Overrides<T>
    where
        I: IntoIterator<Item = (Vec<DataSourcePattern>, T)>,
    {
        let each = overrides.into_iter().flat_map(|(patterns, value)| {
            let patterns = patterns.into_iter();
            patterns.map(move |pattern| (pattern, value))
        });
        let (patterns, values): (Vec<_>, Vec<T>) = each.unzip();
        Overrides {
            patterns: patterns.into(),
            values,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pattern() -> impl Strategy<Value = DataSourcePattern> {
        "[abö*]{1,5}".prop_map(|text| text.parse().expect("a pattern"))
    }

    fn name() -> impl Strategy<Value = DataSource> {
        "[abö]{1,6}".prop_map(|text| text.parse().expect("a name"))
    }

    proptest! {
        /// What is found is what looking at each would find.
        #[test]
        fn those_that_match_are_found(
            patterns in prop::collection::vec(pattern(), 0..24),
            name in name(),
        ) {
            let list: DataSourcePatterns = patterns.clone().into();
            let each = patterns.iter().enumerate();
            let each = each.filter(|(_, pattern)| pattern.matches(&name));
            let each: Vec<usize> = each.map(|(place, _)| place).collect();
            let mut found: Vec<usize> = list.places(&name).collect();
            found.sort_unstable();
            prop_assert_eq!(list.matches(&name), !each.is_empty());
            prop_assert_eq!(list.first(&name), each.first().copied());
            prop_assert_eq!(found, each);
            let any = patterns.iter().any(DataSourcePattern::matches_all);
            prop_assert_eq!(list.matches_all(), any);
        }

        /// The first that fits counts, however many patterns it has.
        #[test]
        fn the_first_override_counts(
            overrides in prop::collection::vec(prop::collection::vec(pattern(), 1..4), 0..8),
            name in name(),
        ) {
            let numbered = overrides.iter().cloned().enumerate();
            let own: Overrides<usize> = numbered.map(|(number, of)| (of, number)).collect();
            let each = overrides.iter();
            let first = each.clone().position(|of| of.iter().any(|pattern| pattern.matches(&name)));
            prop_assert_eq!(own.get(&name).copied(), first);
            prop_assert_eq!(own.is_empty(), overrides.is_empty());
        }
    }

    /// Ten thousand teams' patterns are a few groups, and a name meets one or two of them.
    #[test]
    fn a_name_meets_few_of_many() {
        let teams = 0..10_000;
        let texts = teams.flat_map(|team| [format!("team_{team}_*"), format!("*_{team}.raw")]);
        let list: DataSourcePatterns = texts
            .map(|text| text.parse::<DataSourcePattern>().expect("a pattern"))
            .collect();
        assert_eq!(list.groups.len(), 8);
        let name = "team_77_of_9.raw".parse().expect("a name");
        assert_eq!(list.places(&name).count(), 2);
        let met = list.groups.iter();
        let met = met.flat_map(|group| group.near(&list.all, "team_77_of_9.raw"));
        assert_eq!(met.count(), 2);
    }
}
