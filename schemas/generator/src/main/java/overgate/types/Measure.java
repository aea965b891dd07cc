package overgate.types;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/** Measures on a class's example what its constructor demands, which nulls it refuses, and what stands for what is absent. */
final class Measure
{
  private static final int NAMES_FOR_PAIRS = 20;
  private static final int DEFAULT_LENGTH = 2000;

  private final Inventory inventory;
  private final Reading reading;
  private final Examples examples;

  Measure(Inventory inventory, Reading reading, Examples examples)
  {
    this.inventory = inventory;
    this.reading = reading;
    this.examples = examples;
  }

  void all()
  {
    for (String key : inventory.beans.keySet()) {
      Inventory.Bean bean = inventory.beans.get(key);
      if (bean.example instanceof ObjectNode example) {
        Subject subject = Subject.of(inventory, key);
        needs(subject, example);
        nulls(subject, example);
        defaults(subject, example);
      }
    }
    inventory.families.values().forEach(this::fallback);
  }

  private void needs(Subject subject, ObjectNode example)
  {
    Inventory.Bean bean = subject.bean();
    Set<String> needed = new TreeSet<>();
    example.fieldNames().forEachRemaining(needed::add);
    needed.retainAll(bean.properties.keySet());
    Set<List<List<String>>> groups = new LinkedHashSet<>();
    for (String name : needed) {
      Inventory.Property property = bean.properties.get(name);
      if (property.annotatedRequired) {
        property.required = true;
        continue;
      }
      List<List<String>> instead = instead(subject, example, name, needed);
      if (instead.isEmpty() && dependsOnOthers(subject, example, name)) {
        continue;
      }
      if (instead.isEmpty()) {
        // A stand-in can need a special value that no example has: Druid's own word that it may be absent wins.
        property.required = !property.nullable;
      } else {
        List<List<String>> group = new ArrayList<>(instead);
        group.add(0, List.of(name));
        group.sort(Comparator.comparing(set -> String.join(" ", set)));
        groups.add(group);
      }
    }
    bean.oneOf.addAll(groups);
  }

  /** What can stand in for a property: one other, or failing that two others together. */
  private List<List<String>> instead(Subject subject, ObjectNode example, String name, Set<String> needed)
  {
    List<Map<String, JsonNode>> choices = List.of(examples.values(subject.bean(), false), examples.values(subject.bean(), true));
    ObjectNode without = example.deepCopy().without(name);
    ObjectNode bare = example.deepCopy().without(needed.stream().filter(n -> !subject.bean().properties.get(n).annotatedRequired).toList());
    List<List<String>> found = new ArrayList<>();
    List<String> others = subject.bean().properties.keySet().stream().filter(n -> !n.equals(name)).toList();
    for (String other : others) {
      if (needed.contains(other)) {
        continue;
      }
      List<JsonNode> values = new ArrayList<>();
      choices.forEach(choice -> values.add(choice.get(other)));
      values.addAll(examples.others(subject.bean().properties.get(other).shape));
      for (JsonNode value : values) {
        if (value != null && (makes(subject, without, Map.of(other, value)) || makes(subject, bare, Map.of(other, value)))) {
          found.add(List.of(other));
          break;
        }
      }
    }
    if (found.isEmpty() && others.size() < NAMES_FOR_PAIRS) {
      Map<String, JsonNode> values = choices.get(0);
      for (int i = 0; i < others.size(); i++) {
        for (int j = i + 1; j < others.size(); j++) {
          String a = others.get(i), b = others.get(j);
          if (values.containsKey(a) && values.containsKey(b) && makes(subject, without, Map.of(a, values.get(a), b, values.get(b)))) {
            found.add(List.of(a, b));
            return found;
          }
        }
      }
    }
    return found;
  }

  /** Whether it can be absent when another property has another value: another word of an enum, another type. */
  private boolean dependsOnOthers(Subject subject, ObjectNode example, String name)
  {
    ObjectNode without = example.deepCopy().without(name);
    for (Map.Entry<String, Inventory.Property> other : subject.bean().properties.entrySet()) {
      if (other.getKey().equals(name)) {
        continue;
      }
      for (JsonNode value : examples.others(other.getValue().shape)) {
        if (makes(subject, without, Map.of(other.getKey(), value))) {
          return true;
        }
      }
    }
    return false;
  }

  private boolean makes(Subject subject, ObjectNode base, Map<String, JsonNode> more)
  {
    ObjectNode object = base.deepCopy();
    more.forEach(object::set);
    return reading.makes(object, subject.declared());
  }

  private void nulls(Subject subject, ObjectNode example)
  {
    Set<String> inGroups = new TreeSet<>();
    subject.bean().oneOf.forEach(group -> group.forEach(inGroups::addAll));
    subject.bean().properties.forEach((name, property) -> {
      // What may be absent only beside another value of something else says nothing about a null.
      boolean conditional = example.has(name) && !property.required;
      if (!conditional && !inGroups.contains(name) && !property.nullable && !name.equals(subject.idName())) {
        ObjectNode object = example.deepCopy();
        object.putNull(name);
        property.notNull = !reading.makes(object, subject.declared());
      }
    });
  }

  /** What is printed for a property that was absent, if it is the same whatever else is there and however often it is asked. */
  private void defaults(Subject subject, ObjectNode example)
  {
    List<ObjectNode> variants = new ArrayList<>(List.of(example, example));
    Map<String, JsonNode> values = examples.values(subject.bean(), false);
    subject.bean().properties.forEach((name, property) -> {
      if (example.has(name)) {
        examples.others(property.shape).forEach(value -> variants.add(example.deepCopy().set(name, value)));
      } else if (values.containsKey(name)) {
        variants.add(example.deepCopy().set(name, values.get(name)));
      }
    });
    for (List<List<String>> group : subject.bean().oneOf) {
      for (List<String> set : group) {
        ObjectNode variant = example.deepCopy();
        group.forEach(variant::remove);
        set.stream().filter(values::containsKey).forEach(name -> variant.set(name, values.get(name)));
        variants.add(variant);
      }
    }
    Map<String, Set<JsonNode>> seen = new TreeMap<>();
    for (ObjectNode variant : variants) {
      JsonNode printed = reading.printed(variant, subject.declared());
      if (printed == null || !printed.isObject()) {
        continue;
      }
      for (String name : subject.bean().properties.keySet()) {
        if (!variant.has(name)) {
          seen.computeIfAbsent(name, n -> new LinkedHashSet<>()).add(printed.path(name));
        }
      }
    }
    // Of a group the one that is given is printed under the names of the others.
    subject.bean().oneOf.forEach(group -> group.forEach(seen.keySet()::removeAll));
    seen.forEach((name, answers) -> {
      JsonNode only = answers.iterator().next();
      if (answers.size() == 1 && !only.isMissingNode() && !only.isNull() && only.toString().length() <= DEFAULT_LENGTH && !name.equals(subject.idName())) {
        subject.bean().properties.get(name).absent = only;
      }
    });
  }

  /** A default that stands in for a missing id need not stand in for an unknown one. */
  private void fallback(Inventory.Family family)
  {
    Inventory.Bean bean = family.defaultBean == null ? null : inventory.beans.get(family.defaultBean);
    if (bean != null && bean.type != null && bean.example instanceof ObjectNode example) {
      ObjectNode object = example.deepCopy().without(family.property);
      boolean missing = reading.makes(object, family.type);
      boolean unknown = reading.makes(object.deepCopy().put(family.property, "no such type"), family.type);
      family.strict = missing && !unknown;
    }
  }
}
