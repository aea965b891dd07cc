package overgate.types;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * Finds for each class a smallest object that Druid reads. A class is tried again whenever an example for one of its parts
 * has been found, until nothing more is found; parts that hold all they can are tried where small ones are not enough.
 */
final class Examples
{
  private static final int ROUNDS = 3;
  private static final int PAIRS = 600;
  private static final int TRIPLES = 900;
  private static final int NAMES_FOR_TRIPLES = 16;
  private static final List<String> TEXTS = List.of(
      "true", "1", "\"2020-01-01/2021-01-01\"", "\"P1D\"", "\"2020-01-01\"", "\"UTC\"", "\"http://a/b\"", "\"day\"", "\"1MiB\"", "\"abc\"");

  private static final List<String> OTHERS = List.of("true", "false", "7", "\"yes\"", "\"2020-01-01T00:00:00Z\"", "\"2020-01-01/P1D\"", "\"PT1H\"", "\"a/b\"");

  private final Inventory inventory;
  private final Reading reading;
  private final Overlay overlay;
  private final Map<String, String> tried = new HashMap<>();

  Examples(Inventory inventory, Reading reading, Overlay overlay)
  {
    this.inventory = inventory;
    this.reading = reading;
    this.overlay = overlay;
  }

  void find()
  {
    boolean more = true;
    while (more) {
      more = false;
      for (String key : inventory.beans.keySet()) {
        more |= attempt(key);
      }
    }
    // What was filled early was filled with less than is known now.
    for (int round = 0; round < ROUNDS; round++) {
      inventory.beans.forEach((key, bean) -> {
        if (bean.example instanceof ObjectNode example) {
          Set<String> least = new LinkedHashSet<>();
          example.fieldNames().forEachRemaining(least::add);
          Map<String, JsonNode> values = new LinkedHashMap<>();
          least.forEach(name -> values.put(name, example.get(name)));
          bean.full = filled(Subject.of(inventory, key), least, values);
        }
      });
    }
  }

  private boolean attempt(String key)
  {
    Inventory.Bean bean = inventory.beans.get(key);
    if (bean.type == null || bean.example != null) {
      return false;
    }
    Subject subject = Subject.of(inventory, key);
    for (boolean full : new boolean[]{false, true}) {
      Map<String, JsonNode> values = values(bean, full);
      if (Objects.equals(tried.put(key + full, values.toString()), values.toString())) {
        continue;
      }
      Optional<Set<String>> found = candidates(bean, values.keySet()).filter(names -> reading.makes(subject.with(names, values), subject.declared())).findFirst();
      if (found.isPresent()) {
        Set<String> least = new LinkedHashSet<>(found.get());
        for (String name : found.get()) {
          Set<String> less = new LinkedHashSet<>(least);
          less.remove(name);
          if (reading.makes(subject.with(less, values), subject.declared())) {
            least = less;
          }
        }
        bean.example = subject.with(least, values);
        bean.full = filled(subject, least, values);
        return true;
      }
    }
    return fromText(bean);
  }

  /** Sets of properties worth trying, likely ones first. */
  private static Stream<Set<String>> candidates(Inventory.Bean bean, Collection<String> properties)
  {
    List<String> names = List.copyOf(properties);
    Set<String> must = new LinkedHashSet<>();
    bean.properties.forEach((name, p) -> {
      if (p.annotatedRequired) {
        must.add(name);
      }
    });
    int n = names.size();
    Stream<List<String>> few = Stream.of(List.<String>of(), names);
    Stream<List<String>> one = names.stream().map(List::of);
    Stream<List<String>> allButOne = names.stream().map(left -> names.stream().filter(name -> !name.equals(left)).toList());
    Stream<List<String>> two = IntStream.range(0, n).boxed().flatMap(i -> IntStream.range(i + 1, n).mapToObj(j -> List.of(names.get(i), names.get(j))));
    Stream<List<String>> three = n > NAMES_FOR_TRIPLES ? Stream.empty() : IntStream.range(0, n).boxed().flatMap(
        i -> IntStream.range(i + 1, n).boxed().flatMap(
            j -> IntStream.range(j + 1, n).mapToObj(k -> List.of(names.get(i), names.get(j), names.get(k)))));
    return Stream.of(few, one, allButOne, two.limit(PAIRS), three.limit(TRIPLES)).flatMap(s -> s).map(set -> {
      Set<String> all = new LinkedHashSet<>(must);
      all.addAll(set);
      return all;
    });
  }

  private JsonNode filled(Subject subject, Set<String> least, Map<String, JsonNode> values)
  {
    Map<String, JsonNode> best = new LinkedHashMap<>(values(subject.bean(), true));
    least.stream().filter(values::containsKey).forEach(name -> best.put(name, values.get(name)));
    Set<String> most = new LinkedHashSet<>(least);
    for (String name : best.keySet()) {
      Set<String> more = new LinkedHashSet<>(most);
      if (more.add(name) && reading.makes(subject.with(more, best), subject.declared())) {
        most = more;
      }
    }
    return subject.with(most, best);
  }

  /** A class that is only ever made from a text or a list. */
  private boolean fromText(Inventory.Bean bean)
  {
    if (!bean.text && bean.delegate == null) {
      return false;
    }
    List<JsonNode> forms = new ArrayList<>(List.of(JsonNodeFactory.instance.textNode("abc")));
    JsonNode delegated = bean.delegate == null ? null : value(bean.delegate, false);
    if (delegated != null) {
      forms.add(delegated);
    }
    for (JsonNode form : forms) {
      if (reading.makes(form, bean.type)) {
        bean.example = form;
        bean.full = form;
        return true;
      }
    }
    return false;
  }

  /** A value for each property for which one is known. */
  Map<String, JsonNode> values(Inventory.Bean bean, boolean full)
  {
    Map<String, JsonNode> values = new LinkedHashMap<>();
    bean.properties.forEach((name, property) -> {
      JsonNode byHand = overlay.exampleOfProperty(bean, name);
      JsonNode value = byHand != null ? byHand : value(property.shape, full);
      if (value != null) {
        values.put(name, value);
      }
    });
    return values;
  }

  private JsonNode value(Shape shape, boolean full)
  {
    if (shape instanceof Shape.InFamily s) {
      JsonNode member = overlay.exampleOfClass(s.key());
      return member != null ? member : ofFamily(inventory.families.get(s.key()), full);
    }
    if (shape instanceof Shape.OfClass s) {
      JsonNode own = overlay.exampleOfClass(s.key());
      Inventory.Bean bean = inventory.beans.get(s.key());
      return own != null ? own : full ? bean.full : bean.example;
    }
    if (shape instanceof Shape.ArrayOf s) {
      JsonNode item = value(s.items(), full);
      return item == null ? null : Json.MAPPER.createArrayNode().add(item);
    }
    if (shape instanceof Shape.MapOf s) {
      JsonNode item = value(s.values(), full);
      return item == null ? null : Json.object().set(nameFor(s.key()), item);
    }
    if (shape instanceof Shape.OfLeaf s) {
      return ofLeaf(s.key());
    }
    return shape instanceof Shape.Any ? JsonNodeFactory.instance.textNode("a") : null;
  }

  /** Other values than the usual one: every word, both truths, each member of a family, another text or number. */
  List<JsonNode> others(Shape shape)
  {
    List<JsonNode> others = new ArrayList<>();
    if (shape instanceof Shape.InFamily s) {
      for (String key : new TreeSet<>(inventory.families.get(s.key()).ids.values())) {
        Stream.of(inventory.beans.get(key).example, inventory.beans.get(key).full).filter(Objects::nonNull).forEach(others::add);
      }
    } else if (shape instanceof Shape.OfClass s) {
      Stream.of(inventory.beans.get(s.key()).example, inventory.beans.get(s.key()).full).filter(Objects::nonNull).forEach(others::add);
    } else if (shape instanceof Shape.ArrayOf s) {
      others(s.items()).forEach(item -> others.add(Json.MAPPER.createArrayNode().add(item)));
    } else if (shape instanceof Shape.OfLeaf s) {
      Inventory.Leaf leaf = inventory.leaves.get(s.key());
      List<String> words = leaf.words == null ? OTHERS : leaf.words.stream().map(Json::text).toList();
      words.stream().filter(word -> leaf.reads.getOrDefault(word, false)).map(Json::parse).forEach(others::add);
    } else if (shape instanceof Shape.Any) {
      others.add(JsonNodeFactory.instance.textNode("b"));
    }
    return others;
  }

  private static String nameFor(String key)
  {
    return key.endsWith("Interval") ? "2020-01-01/2021-01-01" : key.matches(".*\\.(Integer|Long)") ? "0" : key.endsWith("String") ? "a" : "0";
  }

  private JsonNode ofFamily(Inventory.Family family, boolean full)
  {
    return new TreeSet<>(family.ids.values()).stream()
        .map(inventory.beans::get)
        .map(bean -> full && bean.full instanceof ObjectNode ? bean.full : bean.example)
        .filter(Objects::nonNull)
        .min(Comparator.comparingInt((JsonNode example) -> example.toString().length()).thenComparing(JsonNode::toString))
        .orElse(family.text instanceof Shape.OfLeaf leaf ? ofLeaf(leaf.key()) : null);
  }

  private JsonNode ofLeaf(String key)
  {
    Inventory.Leaf leaf = inventory.leaves.get(key);
    List<String> order = new ArrayList<>(TEXTS);
    if (key.endsWith(".String")) {
      order.add(0, "\"abc\"");
    } else if (leaf.words != null) {
      leaf.words.forEach(word -> order.add(0, Json.text(word)));
    } else if (!key.toLowerCase(java.util.Locale.ROOT).endsWith("boolean")) {
      order.add(0, "1");
    }
    for (String text : order) {
      try {
        if (leaf.reads.getOrDefault(text, false) && reading.value(text, leaf.type) != null) {
          return Json.MAPPER.readTree(text);
        }
      }
      catch (Exception e) {
        throw new IllegalStateException(text + " was read as " + key + " before", e);
      }
    }
    return null;
  }
}
