//! The generated table of one release, compiled for looking up.
//!
//! `schemas/druid-VERSION/types.json` says what Druid's own mapper reads: families (a discriminator
//! and its ids), classes (their properties), leaves (what a single value may be). Here every name is
//! a number, and a property is found by the hash that the document's keys carry already.

mod compile;
mod raw;

use std::collections::BTreeMap;

use super::leaf::Leaf;
use super::near::Spelling;
use super::rules::Rule;
use crate::druid::DruidVersion;
use crate::json::{hash_key, is_name};
use compile::Compiler;
use raw::RawTable;

/// A table that cannot be used: a mistake in this program.
#[derive(Debug, thiserror::Error)]
#[error("the table of Druid's types cannot be used: {0}")]
pub struct TableError(String);

/// How a value is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// Whatever it is.
    Any,
    /// An object whose discriminator says of which class.
    Family(u16),
    /// An object of this class.
    Class(u16),
    /// A single value.
    Leaf(u16),
    /// An array of this (an index into [`Types::shapes`]).
    Array(u16),
    /// An object with free keys, its values of this.
    Map(u16),
}

/// Everything that one release reads.
#[derive(Debug)]
pub(super) struct Types {
    pub(super) version: DruidVersion,
    pub(super) families: Vec<Family>,
    pub(super) classes: Vec<Class>,
    pub(super) leaves: Vec<Leaf>,
    pub(super) shapes: Vec<Shape>,
    /// Every name that any class reads, once.
    pub(super) names: Vec<Named>,
    by_name: Names,
    pub(super) task: Shape,
    pub(super) supervisor: Shape,
    pub(super) sampler: Shape,
}

/// The releases that have something, when the one that judges has it not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Dates {
    /// The first that has it.
    pub(super) since: Option<DruidVersion>,
    /// The first that has it no longer.
    pub(super) until: Option<DruidVersion>,
}

impl Dates {
    fn include(self, version: DruidVersion) -> bool {
        self.since.is_none_or(|since| since <= version)
            && self.until.is_none_or(|until| version < until)
    }
}

/// Classes that one discriminator tells apart.
#[derive(Debug)]
pub(super) struct Family {
    pub(super) name: Box<str>,
    /// How a sentence calls one of it.
    pub(super) noun: Option<&'static str>,
    /// The discriminator's name, and its hash.
    pub(super) property: Box<str>,
    pub(super) hash: u32,
    /// The class that is read when the id is missing, null or unknown.
    pub(super) default: Option<u16>,
    /// Is an unknown id refused, although a missing one has a default?
    pub(super) strict: bool,
    /// How a bare string is read.
    pub(super) text: Option<Shape>,
    pub(super) members: Vec<Member>,
    ids: Names,
    /// Ids that Druid registers and cannot read here.
    pub(super) unreadable: Vec<Box<str>>,
    /// Ids of other releases.
    pub(super) elsewhere: BTreeMap<Box<str>, Dates>,
    /// Ids of extensions that are said not to be loaded, with the extension.
    pub(super) unloaded: BTreeMap<Box<str>, Box<str>>,
}

/// A type id and what it stands for.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) id: Box<str>,
    pub(super) shape: Shape,
    /// The extension that must be loaded.
    pub(super) extension: Option<Box<str>>,
    /// Not from real classes of this release.
    pub(super) unproven: bool,
}

/// What an object may hold.
#[derive(Debug)]
pub(super) struct Class {
    pub(super) name: Box<str>,
    pub(super) fields: Vec<Field>,
    names: Names,
    /// Read from this instead of from an object with properties.
    pub(super) delegate: Option<Shape>,
    /// Can it be made of a bare string, of a number?
    pub(super) string: bool,
    pub(super) integer: bool,
    /// Does it take any property?
    pub(super) open: bool,
    /// The bits of what must be there.
    pub(super) required: u64,
    /// Of each group one set of bits must be there.
    pub(super) groups: Vec<Vec<u64>>,
    /// How many fields it prints and does not read.
    pub(super) echoes: usize,
    /// Fields of other releases.
    pub(super) elsewhere: BTreeMap<Box<str>, Dates>,
    /// What holds between its fields.
    pub(super) rules: Vec<&'static Rule>,
}

/// A name of a property.
#[derive(Debug)]
pub(super) struct Named {
    pub(super) name: Box<str>,
    pub(super) spelling: Spelling,
}

/// A property of a class.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: Box<str>,
    pub(super) spelling: Spelling,
    pub(super) role: Role,
    /// Is `null` refused?
    pub(super) not_null: bool,
    /// Its bit in [`Class::required`] and the groups; 0 without.
    pub(super) bit: u64,
    pub(super) deprecated: bool,
    /// What Druid takes when it is absent, as JSON.
    pub(super) default: Option<Box<str>>,
    /// The releases that read it.
    pub(super) dates: Dates,
}

impl Field {
    fn bare(name: &str, role: Role) -> Field {
        Field {
            name: name.into(),
            spelling: Spelling::of(name),
            role,
            not_null: false,
            bit: 0,
            deprecated: false,
            default: None,
            dates: Dates {
                since: None,
                until: None,
            },
        }
    }
}

/// What Druid does with a property.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Reads it.
    Read(Shape),
    /// Prints it and does not read it: it stands in what was copied from an answer.
    Echo,
    /// Neither prints nor reads it, and says nothing.
    Ignored,
    /// The same, but everybody writes it, and it says what is so anyway.
    Tolerated,
}

impl Types {
    /// Reads a table for a release: the table's own, or one between it and the next; some
    /// milliseconds.
    pub(super) fn read(text: &str, version: DruidVersion) -> Result<Types, TableError> {
        let raw: RawTable =
            serde_json::from_str(text).map_err(|error| TableError(error.to_string()))?;
        Compiler::new(&raw, version)?.types(&raw)
    }

    /// Lets these ids stand in these families, whatever the objects hold.
    pub(super) fn allow(&mut self, families: &[&str], id: &str) {
        let named = |family: &&mut Family| families.contains(&&*family.name);
        for family in self.families.iter_mut().filter(named) {
            if family.member(id).is_none() {
                family.members.push(Member {
                    id: id.into(),
                    shape: Shape::Any,
                    extension: None,
                    unproven: false,
                });
                family.ids = Names::new(family.members.iter().map(|member| &*member.id));
            }
        }
    }

    /// Takes away the ids of every extension that is not among these.
    pub(super) fn only(&mut self, extensions: &[String]) {
        for family in &mut self.families {
            let is_loaded = |member: &Member| {
                let extension = member.extension.as_deref();
                extension
                    .is_none_or(|extension| extensions.iter().any(|loaded| loaded == extension))
            };
            let (loaded, others) = family.members.drain(..).partition(is_loaded);
            family.members = loaded;
            let others: Vec<Member> = others;
            let extension = |member: Member| Some((member.id, member.extension?));
            family.unloaded = others.into_iter().filter_map(extension).collect();
            family.ids = Names::new(family.members.iter().map(|member| &*member.id));
        }
    }

    /// Does any class read a property of this name?
    pub(super) fn reads(&self, name: &str) -> bool {
        let is = |index: usize| &*self.names[index].name == name;
        self.by_name.find(hash_key(name), is).is_some()
    }

    pub(super) fn family(&self, id: u16) -> &Family {
        &self.families[usize::from(id)]
    }

    pub(super) fn class(&self, id: u16) -> &Class {
        &self.classes[usize::from(id)]
    }

    pub(super) fn leaf(&self, id: u16) -> &Leaf {
        &self.leaves[usize::from(id)]
    }

    pub(super) fn inner(&self, id: u16) -> Shape {
        self.shapes[usize::from(id)]
    }
}

impl Family {
    /// What an id stands for.
    pub(super) fn member(&self, id: &str) -> Option<&Member> {
        let index = self
            .ids
            .find(hash_key(id), |index| is_name(&self.members[index].id, id))?;
        self.members.get(index)
    }
}

impl Class {
    /// The property of this name, given the name's hash.
    pub(super) fn field(&self, hash: u32, is: impl Fn(&str) -> bool) -> Option<&Field> {
        let index = self
            .names
            .find(hash, |index| is(&self.fields[index].name))?;
        self.fields.get(index)
    }

    /// A property's place among the fields.
    pub(super) fn place(&self, field: &Field) -> usize {
        let same = |known: &Field| std::ptr::eq(known, field);
        self.fields.iter().position(same).unwrap_or(0)
    }

    /// The property of this name.
    pub(super) fn named(&self, name: &str) -> Option<&Field> {
        self.field(hash_key(name), |field| field == name)
    }
}

/// Names by their hash: open addressing, at most half full.
#[derive(Debug)]
struct Names {
    /// Hash and number.
    slots: Box<[(u32, u16)]>,
}

/// No name has this number.
const FREE: u16 = u16::MAX;

impl Names {
    fn new<'n>(names: impl ExactSizeIterator<Item = &'n str>) -> Names {
        let size = (names.len() * 2 + 1).next_power_of_two();
        let mut slots = vec![(0, FREE); size].into_boxed_slice();
        for (number, name) in (0..FREE).zip(names) {
            let hash = hash_key(name);
            let mut at = hash as usize & (size - 1);
            while slots[at].1 != FREE {
                at = (at + 1) & (size - 1);
            }
            slots[at] = (hash, number);
        }
        Names { slots }
    }

    #[inline]
    fn find(&self, hash: u32, is: impl Fn(usize) -> bool) -> Option<usize> {
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        loop {
            let (known, number) = *self.slots.get(at)?;
            if number == FREE {
                return None;
            }
            if known == hash && is(usize::from(number)) {
                return Some(usize::from(number));
            }
            at = (at + 1) & mask;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Release;

    fn reads(version: (u16, u16, u16), class: &str, name: &str) -> bool {
        let (major, minor, patch) = version;
        let version = DruidVersion::new(major, minor, patch);
        let types = Types::read(Release::judging(version).types, version).expect("a table");
        let class = types.classes.iter().find(|known| &*known.name == class);
        class.expect("known").named(name).is_some()
    }

    #[test]
    fn a_release_between_two_tables_has_what_may_have_come_with_it() {
        let tuning = "ParallelIndexTuningConfig";
        let stream = "KafkaSupervisorTuningConfig";
        // Dated in the history of the generator.
        for (version, is_read) in [((28, 0, 0), false), ((29, 0, 1), false), ((30, 0, 0), true)] {
            assert_eq!(
                reads(version, tuning, "numPersistThreads"),
                is_read,
                "{version:?}"
            );
        }
        // Not dated: 33 has it, and 28 has it not.
        for (version, is_read) in [((28, 0, 1), false), ((29, 0, 0), true), ((33, 0, 0), true)] {
            assert_eq!(
                reads(version, stream, "maxColumnsToMerge"),
                is_read,
                "{version:?}"
            );
        }
    }
}
