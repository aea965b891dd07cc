//! A table as it is written, turned into numbers.

use std::collections::{BTreeMap, BTreeSet};

use super::raw::{RawClass, RawDates, RawFamily, RawShape, RawTable};
use super::{
    Class, Dates, FREE, Family, Field, Member, Named, Names, Role, Shape, TableError, Types,
};
use crate::druid::DruidVersion;
use crate::json::hash_key;
use crate::schema::kinds;
use crate::schema::leaf::Leaf;
use crate::schema::near::Spelling;
use crate::schema::rules;

/// From names to numbers.
pub(super) struct Compiler<'r> {
    version: DruidVersion,
    /// The table's own.
    release: DruidVersion,
    families: BTreeMap<&'r str, u16>,
    classes: BTreeMap<&'r str, u16>,
    leaves: BTreeMap<&'r str, u16>,
    shapes: Vec<Shape>,
}

impl<'r> Compiler<'r> {
    pub(super) fn new(
        raw: &'r RawTable,
        version: DruidVersion,
    ) -> Result<Compiler<'r>, TableError> {
        Ok(Compiler {
            version,
            release: raw
                .druid
                .parse()
                .map_err(|_| TableError(format!("version {}", raw.druid)))?,
            families: numbered(raw.families.keys())?,
            classes: numbered(raw.classes.keys())?,
            leaves: numbered(raw.leaves.keys())?,
            shapes: Vec::new(),
        })
    }

    pub(super) fn types(mut self, raw: &RawTable) -> Result<Types, TableError> {
        let mut root = |name: &str| match raw.roots.get(name) {
            Some(shape) => self.shape(shape),
            None => Err(TableError(format!("no root for a {name}"))),
        };
        let (task, supervisor, sampler) = (root("task")?, root("supervisor")?, root("sampler")?);
        let families = raw
            .families
            .iter()
            .map(|(name, family)| self.family(name, family, raw.removed.ids.get(name)))
            .collect::<Result<_, _>>()?;
        let classes: Vec<Class> = raw
            .classes
            .iter()
            .map(|(name, class)| self.class(name, class, raw.removed.classes.get(name)))
            .collect::<Result<_, _>>()?;
        let read = |field: &&Field| matches!(field.role, Role::Read(_));
        let fields = classes.iter().flat_map(|class| &class.fields).filter(read);
        let names: BTreeSet<&str> = fields.map(|field| &*field.name).collect();
        let named = |name: &str| Named {
            name: name.into(),
            spelling: Spelling::of(name),
        };
        let names: Vec<Named> = names.into_iter().map(named).collect();
        let leaves = raw
            .leaves
            .iter()
            .map(|(name, leaf)| Leaf::new(name, &leaf.java, &leaf.names, &leaf.reads))
            .collect();
        Ok(Types {
            version: self.version,
            by_name: Names::new(names.iter().map(|named| &*named.name)),
            names,
            families,
            classes,
            leaves,
            shapes: self.shapes,
            task,
            supervisor,
            sampler,
        })
    }

    fn shape(&mut self, raw: &RawShape) -> Result<Shape, TableError> {
        let known = |table: &BTreeMap<&str, u16>, name: &String| {
            let number = table.get(name.as_str()).copied();
            number.ok_or_else(|| TableError(format!("nothing is called {name}")))
        };
        Ok(match raw {
            RawShape::Any(_) => Shape::Any,
            RawShape::Family(name) => Shape::Family(known(&self.families, name)?),
            RawShape::Class(name) => Shape::Class(known(&self.classes, name)?),
            RawShape::Leaf(name) => Shape::Leaf(known(&self.leaves, name)?),
            RawShape::Array(of) => Shape::Array(self.inner(of)?),
            RawShape::Map(of) => Shape::Map(self.inner(of)?),
        })
    }

    fn inner(&mut self, raw: &RawShape) -> Result<u16, TableError> {
        let shape = self.shape(raw)?;
        let known = self.shapes.iter().position(|known| *known == shape);
        let index = known.unwrap_or_else(|| {
            self.shapes.push(shape);
            self.shapes.len() - 1
        });
        u16::try_from(index).map_err(|_| TableError("too many shapes".to_owned()))
    }

    fn family(
        &mut self,
        name: &str,
        raw: &RawFamily,
        removed: Option<&BTreeMap<String, RawDates>>,
    ) -> Result<Family, TableError> {
        let mut members: Vec<Member> = raw
            .ids
            .iter()
            .map(|(id, member)| {
                Ok(Member {
                    id: id.as_str().into(),
                    shape: self.shape(&member.shape)?,
                    extension: member.extension.as_deref().map(Into::into),
                    unproven: member.unproven,
                })
            })
            .collect::<Result<_, TableError>>()?;
        let mut elsewhere = BTreeMap::new();
        for (id, dates) in removed.into_iter().flatten() {
            let dates = self.removed(dates)?;
            if dates.include(self.version) {
                members.push(Member {
                    id: id.as_str().into(),
                    shape: Shape::Any,
                    extension: None,
                    unproven: true,
                });
            } else {
                elsewhere.insert(id.as_str().into(), dates);
            }
        }
        let default = match &raw.default {
            None => None,
            Some(class) => match self.shape(&RawShape::Class(class.clone()))? {
                Shape::Class(number) => Some(number),
                _ => None,
            },
        };
        Ok(Family {
            name: name.into(),
            noun: kinds::noun(name),
            property: raw.property.as_str().into(),
            hash: hash_key(&raw.property),
            default,
            strict: raw.strict,
            unreadable: raw.unreadable.iter().map(|id| id.as_str().into()).collect(),
            elsewhere,
            unloaded: BTreeMap::new(),
            text: raw
                .text
                .as_ref()
                .map(|shape| self.shape(shape))
                .transpose()?,
            ids: Names::new(members.iter().map(|member| &*member.id)),
            members,
        })
    }

    fn dates(&self, since: Option<&str>, until: Option<&str>) -> Result<Dates, TableError> {
        let version = |text: &str| {
            let version = text.parse();
            version.map_err(|_| TableError(format!("version {text}")))
        };
        Ok(Dates {
            since: since.map(version).transpose()?,
            until: until.map(version).transpose()?,
        })
    }

    /// The dates of what this table's own release lacks. When it came may be a guess, the next
    /// release that there is a table of: a release in between has it then, as far as anybody knows.
    fn removed(&self, raw: &RawDates) -> Result<Dates, TableError> {
        let since = match raw.guessed && self.version.major() != self.release.major() {
            true => None,
            false => raw.since.as_deref(),
        };
        self.dates(since, raw.until.as_deref())
    }

    fn class(
        &mut self,
        name: &str,
        raw: &RawClass,
        removed: Option<&BTreeMap<String, RawDates>>,
    ) -> Result<Class, TableError> {
        let mut bits: BTreeMap<&str, u64> = BTreeMap::new();
        let in_groups = raw.one_of.iter().flatten().flatten().map(String::as_str);
        let required = raw.properties.iter().filter(|(_, field)| field.required);
        for field in required.map(|(name, _)| name.as_str()).chain(in_groups) {
            let next = bits.len();
            let bit = u32::try_from(next)
                .ok()
                .and_then(|by| 1_u64.checked_shl(by));
            let bit = bit.ok_or_else(|| TableError(format!("{name} requires too much")))?;
            bits.entry(field).or_insert(bit);
        }
        let bit = |name: &str| bits.get(name).copied().unwrap_or(0);
        let mut fields = Vec::new();
        let mut elsewhere = BTreeMap::new();
        for (name, dates) in removed.into_iter().flatten() {
            let dates = self.removed(dates)?;
            if dates.include(self.version) {
                fields.push(Field::bare(name, Role::Read(Shape::Any)));
            } else {
                elsewhere.insert(name.as_str().into(), dates);
            }
        }
        for (name, field) in &raw.properties {
            let dates = self.dates(field.since.as_deref(), field.until.as_deref())?;
            if !dates.include(self.version) && !field.required {
                elsewhere.insert(name.as_str().into(), dates);
                continue;
            }
            fields.push(Field {
                name: name.as_str().into(),
                spelling: Spelling::of(name),
                role: Role::Read(self.shape(&field.shape)?),
                not_null: field.not_null,
                bit: bit(name),
                deprecated: field.deprecated,
                default: field.default.as_ref().map(|json| json.get().into()),
                dates,
            });
        }
        let unread = raw.echo.iter().map(|name| (name, Role::Echo));
        let unread = unread.chain(raw.ignored.iter().map(|name| match name.as_str() {
            "type" => (name, Role::Tolerated),
            _ => (name, Role::Ignored),
        }));
        for (name, role) in unread {
            if fields.iter().all(|known| *known.name != **name) {
                fields.push(Field::bare(name, role));
            }
        }
        let required = raw.properties.iter().filter(|(_, field)| field.required);
        Ok(Class {
            name: name.into(),
            names: Names::new(fields.iter().map(|field| &*field.name)),
            echoes: fields
                .iter()
                .filter(|field| field.role == Role::Echo)
                .count(),
            fields,
            elsewhere,
            rules: rules::of(name),
            delegate: raw
                .delegate
                .as_ref()
                .map(|shape| self.shape(shape))
                .transpose()?,
            string: raw.string,
            integer: raw.integer,
            open: raw.open,
            required: required.map(|(name, _)| bit(name)).sum(),
            groups: raw
                .one_of
                .iter()
                .map(|group| {
                    let set =
                        |names: &Vec<String>| names.iter().fold(0, |all, name| all | bit(name));
                    group.iter().map(set).collect()
                })
                .collect(),
        })
    }
}

fn numbered<'r>(
    names: impl Iterator<Item = &'r String>,
) -> Result<BTreeMap<&'r str, u16>, TableError> {
    let mut numbers = BTreeMap::new();
    for name in names {
        let number = u16::try_from(numbers.len())
            .ok()
            .filter(|number| *number != FREE)
            .ok_or_else(|| TableError("too many names".to_owned()))?;
        numbers.insert(name.as_str(), number);
    }
    Ok(numbers)
}
