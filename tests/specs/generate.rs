//! Documents by the thousand, the same every time: objects that Druid reads, put together along
//! its types, and then spoilt the way people do it.

use std::collections::{BTreeMap, VecDeque};

use serde_json::{Map, Value, json};

/// Numbers that look random and are the same everywhere (splitmix64).
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Dice {
        Dice(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Below a bound.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % (bound.max(1) as u64)).expect("below a usize")
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

/// A release's tables, as they are checked in.
pub(crate) struct Tables {
    types: Value,
    examples: Map<String, Value>,
}

/// A class in a document: its name, and the keys and places that lead to it.
pub(crate) type Path = Vec<String>;

impl Tables {
    pub(crate) fn read(release: &str) -> Tables {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/druid-");
        let read = |name: &str| -> Value {
            let path = format!("{folder}{release}/{name}.json");
            let text = std::fs::read_to_string(&path).expect(&path);
            serde_json::from_str(&text).expect(&path)
        };
        let Value::Object(examples) = read("examples") else {
            panic!("examples are an object")
        };
        Tables {
            types: read("types"),
            examples,
        }
    }

    /// The classes that a shape leads to: with the id that makes one of the family's members.
    fn classes_of(&self, shape: &Value) -> Vec<(String, Option<(String, String)>)> {
        if let Some(class) = shape["class"].as_str() {
            return vec![(class.to_owned(), None)];
        }
        let Some(family) = shape["family"].as_str() else {
            return Vec::new();
        };
        let family = &self.types["families"][family];
        let property = family["property"].as_str().expect("a property").to_owned();
        let ids = family["ids"].as_object().expect("ids");
        ids.iter()
            .filter_map(|(id, member)| {
                let class = member["class"].as_str()?.to_owned();
                Some((class, Some((property.clone(), id.clone()))))
            })
            .collect()
    }

    fn example(&self, class: &str, id: Option<&(String, String)>) -> Option<Value> {
        let mut example = self.examples.get(class)?.clone();
        if let (Some((property, id)), Some(object)) = (id, example.as_object_mut()) {
            object.insert(property.clone(), json!(id));
        }
        Some(example)
    }

    /// For every type of a root the documents that have each class which can be reached from it once,
    /// in its place.
    pub(crate) fn seeds(&self, root: &str) -> Vec<Vec<Value>> {
        let classes = self.classes_of(&self.types["roots"][root]).into_iter();
        classes
            // The constructor of one asks a Broker for the plan of its query; the other is of 28 and no
            // release after it, and wants what only a process of its own has.
            .filter(|(class, _)| {
                !matches!(
                    &**class,
                    "ScheduledBatchSupervisorSpec" | "RealtimeIndexTask"
                )
            })
            .filter_map(|(class, id)| {
                let document = self.example(&class, id.as_ref())?;
                Some(self.seeds_of(class, document))
            })
            .collect()
    }

    fn seeds_of(&self, class: String, document: Value) -> Vec<Value> {
        let mut seeds = Vec::new();
        let mut seen: BTreeMap<String, ()> = BTreeMap::new();
        let mut open: VecDeque<(String, Value, Path)> = VecDeque::new();
        open.push_back((class, document, Vec::new()));
        while let Some((class, document, path)) = open.pop_front() {
            if seen
                .insert(format!("{class} {}", path.len().min(1)), ())
                .is_some()
            {
                continue;
            }
            seeds.push(document.clone());
            let Some(properties) = self.types["classes"][&class]["properties"].as_object() else {
                continue;
            };
            for (name, property) in properties {
                let (shape, in_list) = match &property["shape"]["array"] {
                    Value::Null => (&property["shape"], false),
                    items => (items, true),
                };
                for (inner, id) in self.classes_of(shape) {
                    let Some(example) = self.example(&inner, id.as_ref()) else {
                        continue;
                    };
                    let mut document = document.clone();
                    let Some(holder) = at_mut(&mut document, &path).and_then(Value::as_object_mut)
                    else {
                        continue;
                    };
                    let mut path = path.clone();
                    path.push(name.clone());
                    if in_list {
                        holder.insert(name.clone(), json!([example]));
                        path.push("0".to_owned());
                    } else {
                        holder.insert(name.clone(), example);
                    }
                    open.push_back((inner, document, path));
                }
            }
        }
        seeds
    }

    /// All places of a document whose class is known, with it.
    pub(crate) fn places_of(&self, root: &str, document: &Value) -> Vec<(Path, String)> {
        let mut places = Vec::new();
        let shape = &self.types["roots"][root];
        self.places(document, shape, &mut Vec::new(), &mut places);
        places
    }

    /// What a class reads.
    pub(crate) fn properties(&self, class: &str) -> &Map<String, Value> {
        let properties = self.types["classes"][class]["properties"].as_object();
        properties.expect("properties")
    }

    fn places(
        &self,
        node: &Value,
        shape: &Value,
        path: &mut Path,
        found: &mut Vec<(Path, String)>,
    ) {
        if let Some(items) = shape.get("array") {
            for (index, element) in node.as_array().into_iter().flatten().enumerate() {
                path.push(index.to_string());
                self.places(element, items, path, found);
                path.pop();
            }
            return;
        }
        if let Some(values) = shape.get("map") {
            for (key, value) in node.as_object().into_iter().flatten() {
                path.push(key.clone());
                self.places(value, values, path, found);
                path.pop();
            }
            return;
        }
        let Some(object) = node.as_object() else {
            return;
        };
        let class = if let Some(class) = shape["class"].as_str() {
            class.to_owned()
        } else if let Some(family) = shape["family"].as_str() {
            let family = &self.types["families"][family];
            let property = family["property"].as_str().expect("a property");
            let id = object.get(property).and_then(Value::as_str);
            let member = id.and_then(|id| family["ids"][id]["class"].as_str());
            match member.or(family["default"].as_str()) {
                Some(class) => class.to_owned(),
                None => return,
            }
        } else {
            return;
        };
        found.push((path.clone(), class.clone()));
        let properties = &self.types["classes"][&class]["properties"];
        for (name, value) in object {
            if let Some(property) = properties.get(name) {
                path.push(name.clone());
                self.places(value, &property["shape"], path, found);
                path.pop();
            }
        }
    }

    /// A value of a shape that Druid reads, or would read somewhere else.
    fn value(&self, shape: &Value, good: bool, dice: &mut Dice) -> Value {
        if let Some(items) = shape.get("array") {
            let count = dice.below(3);
            return (0..count).map(|_| self.value(items, good, dice)).collect();
        }
        if let Some(values) = shape.get("map") {
            let count = dice.below(3);
            let entries = (0..count).map(|n| (format!("k{n}"), self.value(values, good, dice)));
            return Value::Object(entries.collect());
        }
        if let Some(leaf) = shape["leaf"].as_str() {
            let leaf = &self.types["leaves"][leaf];
            let reads = leaf["reads"].as_object().expect("reads");
            let texts: Vec<&str> = reads
                .iter()
                .filter(|(text, reads)| **reads == json!(good) && *text != "null")
                .map(|(text, _)| text.as_str())
                .collect();
            if !texts.is_empty() {
                return serde_json::from_str(dice.pick::<&str>(&texts)).expect("JSON");
            }
            return json!("a");
        }
        let classes = self.classes_of(shape);
        let examples: Vec<Value> = classes
            .iter()
            .filter_map(|(class, id)| self.example(class, id.as_ref()))
            .collect();
        if examples.is_empty() {
            return dice
                .pick(&[json!("a"), json!(5), json!({}), json!([])])
                .clone();
        }
        dice.pick(&examples).clone()
    }

    /// A document with some changes, each of which a person could have made.
    pub(crate) fn changed(&self, root: &str, seed: &Value, dice: &mut Dice) -> Value {
        let mut document = seed.clone();
        // Half of them one more field, well filled: most of those are read.
        if dice.below(2) == 0 {
            self.change(root, &mut document, 0, dice);
            return document;
        }
        let changes = 1 + dice.below(2) + dice.below(2);
        for _ in 0..changes {
            let kind = dice.below(16);
            self.change(root, &mut document, kind, dice);
        }
        document
    }

    fn change(&self, root: &str, document: &mut Value, kind: usize, dice: &mut Dice) {
        let mut places = Vec::new();
        self.places(
            document,
            &self.types["roots"][root],
            &mut Vec::new(),
            &mut places,
        );
        if places.is_empty() {
            return;
        }
        let (path, class) = dice.pick(&places).clone();
        let class = &self.types["classes"][&class];
        let properties = class["properties"].as_object().expect("properties");
        let names: Vec<&String> = properties.keys().collect();
        let donor = dice.pick(&places).0.clone();
        let foreign = at(document, &donor)
            .and_then(Value::as_object)
            .and_then(|object| {
                let entries: Vec<_> = object.iter().collect();
                let (name, value) = (!entries.is_empty()).then(|| *dice.pick(&entries))?;
                Some((name.clone(), value.clone()))
            });
        let Some(object) = at_mut(document, &path).and_then(Value::as_object_mut) else {
            return;
        };
        let own: Vec<String> = object.keys().cloned().collect();
        let chosen = (!own.is_empty()).then(|| dice.pick(&own).clone());
        match (kind, chosen) {
            // Another field, well filled.
            (0..=4, _) if !names.is_empty() => {
                let name = *dice.pick(&names);
                object.insert(
                    name.clone(),
                    self.value(&properties[name]["shape"], true, dice),
                );
            }
            // Another field, badly filled.
            (5, _) if !names.is_empty() => {
                let name = *dice.pick(&names);
                object.insert(
                    name.clone(),
                    self.value(&properties[name]["shape"], false, dice),
                );
            }
            // A slip in a name.
            (6..=7, Some(name)) if name != "type" => {
                let value = object.remove(&name).expect("there");
                object.insert(slip(&name, dice), value);
            }
            // A field that another object has.
            (8, _) => {
                if let Some((name, value)) = foreign {
                    object.insert(name, value);
                }
            }
            // Gone.
            (9, Some(name)) => {
                object.remove(&name);
            }
            // From 37 on Druid says of a null type that it is passed over.
            (10, Some(name)) if name != "type" => {
                object.insert(name, Value::Null);
            }
            // Something else in its place.
            (11, Some(name)) => {
                let any = [
                    json!(5),
                    json!("5"),
                    json!(5.5),
                    json!(true),
                    json!("true"),
                    json!("a"),
                    json!(""),
                    json!([]),
                    json!({}),
                    json!([5]),
                    json!(["a"]),
                    json!({"a": 5}),
                    json!(-1),
                    json!(0),
                ];
                object.insert(name, dice.pick(&any).clone());
            }
            // One for a list, a list for one.
            (12, Some(name)) => {
                let value = object.remove(&name).expect("there");
                let turned = match value {
                    Value::Array(list) => list.into_iter().next().unwrap_or(json!("a")),
                    other => json!([other]),
                };
                object.insert(name, turned);
            }
            // Once more in its list.
            (13, Some(name)) => {
                if let Some(list) = object.get_mut(&name).and_then(Value::as_array_mut)
                    && let Some(last) = list.last().cloned()
                {
                    list.push(last);
                }
            }
            // Of a type that is not there.
            (14, _) if object.contains_key("type") => {
                let types = [
                    "index", "kafka", "string", "json", "local", "no_such", "long", "hashed",
                    "uniform", "all",
                ];
                object.insert("type".to_owned(), json!(dice.pick(&types)));
            }
            // A field that nobody knows.
            (15, _) => {
                object.insert("comment".to_owned(), json!("a"));
            }
            _ => {}
        }
    }
}

pub(crate) fn at<'v>(document: &'v Value, path: &[String]) -> Option<&'v Value> {
    path.iter().try_fold(document, |node, step| match node {
        Value::Array(list) => list.get(step.parse::<usize>().ok()?),
        other => other.get(step),
    })
}

pub(crate) fn at_mut<'v>(document: &'v mut Value, path: &[String]) -> Option<&'v mut Value> {
    path.iter().try_fold(document, |node, step| match node {
        Value::Array(list) => list.get_mut(step.parse::<usize>().ok()?),
        other => other.get_mut(step),
    })
}

/// JSON with the type first, as people write it: what stands before it Jackson has to keep apart,
/// and then it loses the path to what is passed over.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::Array(list) => format!("[{}]", list.iter().map(text).collect::<Vec<_>>().join(",")),
        Value::Object(entries) => {
            let rank = |name: &str| !matches!(name, "type" | "format" | "autoScalerStrategy");
            let mut sorted: Vec<_> = entries.iter().collect();
            sorted.sort_by_key(|(name, _)| rank(name));
            let parts = sorted
                .iter()
                .map(|(name, value)| format!("{}:{}", json!(name), text(value)));
            format!("{{{}}}", parts.collect::<Vec<_>>().join(","))
        }
        plain => plain.to_string(),
    }
}

/// A name as fingers write it.
pub(crate) fn slip(name: &str, dice: &mut Dice) -> String {
    let mut letters: Vec<char> = name.chars().collect();
    let at = dice.below(letters.len());
    match dice.below(6) {
        0 if letters.len() > 2 => {
            letters.remove(at);
        }
        1 => letters.insert(at, letters[at]),
        2 if at + 1 < letters.len() && letters[at] != letters[at + 1] => letters.swap(at, at + 1),
        3 => return name.to_lowercase() + if name.to_lowercase() == name { "s" } else { "" },
        4 => letters[at] = if letters[at] == 'e' { 'a' } else { 'e' },
        _ => return format!("{name}s"),
    }
    letters.into_iter().collect()
}
