package overgate.types;

import com.fasterxml.jackson.databind.JsonNode;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * Extensions whose classes are not on the class path. Their types come from the types.json of the nearest version that has
 * the real classes, or else from extensions.json; either way cut to this version and marked as unproven. Whatever class they
 * refer to that is on the class path is inspected like any other.
 */
final class Extensions
{
  private final Inspector inspector;
  private final Inventory inventory;
  private final Version version;
  private final JsonNode byHand;
  private final List<JsonNode> donors;
  private final JsonNode history;
  /** Keys of what was borrowed, by short name. */
  private final Map<String, String> borrowed = new HashMap<>();
  final TreeSet<String> unproven = new TreeSet<>();

  /** {@code donors} are the types.json files of other versions, the nearest first. */
  Extensions(Inspector inspector, Version version, JsonNode byHand, JsonNode history, List<JsonNode> donors)
  {
    this.inspector = inspector;
    this.inventory = inspector.inventory;
    this.version = version;
    this.byHand = byHand;
    this.history = history.get("classes");
    this.donors = donors;
  }

  void add() throws Exception
  {
    TreeSet<String> proven = new TreeSet<>();
    inventory.beans.values().stream().filter(bean -> bean.extension != null).forEach(bean -> proven.add(bean.extension));
    for (var entries = byHand.get("extensions").fields(); entries.hasNext(); ) {
      Map.Entry<String, JsonNode> entry = entries.next();
      if (!proven.contains(entry.getKey())) {
        add(entry.getKey(), entry.getValue());
      }
    }
  }

  private void add(String extension, JsonNode hand) throws Exception
  {
    JsonNode donor = donors.stream().filter(file -> hasReal(file, extension)).findFirst().orElse(null);
    for (var families = hand.get("ids").fields(); families.hasNext(); ) {
      Map.Entry<String, JsonNode> entry = families.next();
      Inventory.Family family = family(entry.getKey(), extension, hand, donor);
      for (var ids = entry.getValue().fields(); family != null && ids.hasNext(); ) {
        Map.Entry<String, JsonNode> id = ids.next();
        String name = id.getValue().asText();
        Note whole = Note.of("- " + (hand.get("classes").path(name).has("since") ? "since " + hand.get("classes").get(name).get("since") : ""));
        if (whole.in(version) && !family.ids.containsKey(id.getKey()) && !family.unreadable.containsKey(id.getKey())) {
          String key = bean(name, extension, hand, donor);
          inventory.beans.get(key).discriminator = family.property;
          family.ids.put(id.getKey(), key);
          unproven.add(extension);
        }
      }
    }
  }

  private static boolean hasReal(JsonNode file, String extension)
  {
    for (JsonNode bean : file.get("classes")) {
      if (bean.path("extension").asText().equals(extension) && !bean.path("unproven").asBoolean()) {
        return true;
      }
    }
    return false;
  }

  /** A family by its short name: the real one, or a new one of the extension's own; null where this version has none. */
  private Inventory.Family family(String name, String extension, JsonNode hand, JsonNode donor) throws Exception
  {
    Shape known = known(name);
    if (known instanceof Shape.InFamily f) {
      return inventory.families.get(f.key());
    }
    JsonNode own = hand.path("families").path(name);
    if (own.isMissingNode()) {
      return null;
    }
    Inventory.Family family = new Inventory.Family();
    String key = "unproven." + name;
    family.java = donor == null ? null : donor.get("families").path(name).path("java").asText(null);
    family.property = own.get("property").asText();
    inventory.families.put(key, family);
    borrowed.put("family " + name, key);
    if (own.has("default")) {
      family.defaultBean = bean(own.get("default").asText(), extension, hand, donor);
    }
    return family;
  }

  private String bean(String name, String extension, JsonNode hand, JsonNode donor) throws Exception
  {
    String at = borrowed.get("class " + name);
    if (at != null) {
      return at;
    }
    String key = "unproven." + name.replace('.', '$');
    borrowed.put("class " + name, key);
    Inventory.Bean bean = new Inventory.Bean();
    bean.unproven = true;
    bean.extension = extension;
    inventory.beans.put(key, bean);
    JsonNode real = donor == null ? null : donor.get("classes").get(name);
    JsonNode written = hand.get("classes").path(name);
    if (real != null) {
      fromDonor(bean, name, real, extension, hand, donor);
    }
    for (var fields = written.path("properties").fields(); fields.hasNext(); ) {
      Map.Entry<String, JsonNode> field = fields.next();
      Note note = Note.of(field.getValue().asText());
      boolean donorKnows = real != null && note.in(Version.of(donor.get("druid").asText()));
      if (note.in(version) && !bean.properties.containsKey(field.getKey()) && !donorKnows) {
        Inventory.Property property = new Inventory.Property();
        property.shape = parse(note.java(), extension, hand, donor);
        property.deprecated = note.deprecated();
        property.required = note.required();
        property.since = note.since() == null ? null : note.since().toString();
        property.until = note.until() == null ? null : note.until().toString();
        bean.properties.put(field.getKey(), property);
      } else if (note.in(version) && bean.properties.containsKey(field.getKey())) {
        bean.properties.get(field.getKey()).since = note.since() == null ? null : note.since().toString();
      } else if (!note.in(version)) {
        bean.properties.remove(field.getKey());
      }
    }
    if (real == null) {
      bean.text = written.path("string").asBoolean();
      written.path("echo").forEach(echo -> bean.echo.add(echo.asText()));
      if (written.has("delegate")) {
        bean.delegate = parse(written.get("delegate").asText(), extension, hand, donor);
      }
    }
    bean.echo.removeAll(bean.properties.keySet());
    return key;
  }

  private void fromDonor(Inventory.Bean bean, String name, JsonNode real, String extension, JsonNode hand, JsonNode donor) throws Exception
  {
    bean.java = real.get("java").asText();
    bean.deprecated = real.path("deprecated").asBoolean();
    bean.text = real.path("string").asBoolean();
    bean.integer = real.path("integer").asBoolean();
    bean.open = real.path("open").asBoolean();
    if (real.has("delegate")) {
      bean.delegate = shape(real.get("delegate"), extension, hand, donor);
    }
    real.path("echo").forEach(echo -> bean.echo.add(echo.asText()));
    real.path("ignored").forEach(ignored -> bean.ignored.add(ignored.asText()));
    for (var fields = real.get("properties").fields(); fields.hasNext(); ) {
      Map.Entry<String, JsonNode> field = fields.next();
      Note note = Note.of("- " + history.path(name).path(field.getKey()).asText());
      if (!note.in(version)) {
        continue;
      }
      Inventory.Property property = new Inventory.Property();
      property.shape = shape(field.getValue().get("shape"), extension, hand, donor);
      property.required = field.getValue().path("required").asBoolean();
      property.notNull = field.getValue().path("notNull").asBoolean();
      property.deprecated = field.getValue().path("deprecated").asBoolean();
      // An object would hold names of the other version.
      JsonNode absent = field.getValue().get("default");
      property.absent = absent != null && absent.isValueNode() ? absent : null;
      bean.properties.put(field.getKey(), property);
    }
    for (JsonNode group : real.path("oneOf")) {
      List<List<String>> sets = new ArrayList<>();
      for (JsonNode set : group) {
        List<String> names = new ArrayList<>();
        set.forEach(n -> names.add(n.asText()));
        if (bean.properties.keySet().containsAll(names)) {
          sets.add(names);
        }
      }
      bean.oneOf.add(sets);
    }
  }

  /** A shape of another version's types.json, in this version's terms. */
  private Shape shape(JsonNode json, String extension, JsonNode hand, JsonNode donor) throws Exception
  {
    Map.Entry<String, JsonNode> only = json.fields().next();
    String name = only.getValue().asText();
    switch (only.getKey()) {
      case "array":
        return new Shape.ArrayOf(shape(only.getValue(), extension, hand, donor));
      case "map":
        return new Shape.MapOf("java.lang.String", shape(only.getValue(), extension, hand, donor));
      case "any":
        return new Shape.Any();
      case "leaf":
        JsonNode leaf = donor.get("leaves").get(name);
        Shape real = real(leaf.get("java").asText());
        return real != null ? real : leaf(name, leaf);
      default:
        JsonNode thing = donor.get(only.getKey().equals("family") ? "families" : "classes").get(name);
        Shape known = real(thing.path("java").asText());
        if (known != null) {
          return known;
        }
        if (only.getKey().equals("class")) {
          return new Shape.OfClass(bean(name, extension, hand, donor));
        }
        return new Shape.InFamily(borrowedFamily(name, thing, extension, hand, donor));
    }
  }

  private String borrowedFamily(String name, JsonNode thing, String extension, JsonNode hand, JsonNode donor) throws Exception
  {
    String at = borrowed.get("family " + name);
    if (at != null) {
      return at;
    }
    Inventory.Family family = new Inventory.Family();
    String key = "unproven." + name.replace('.', '$');
    borrowed.put("family " + name, key);
    inventory.families.put(key, family);
    family.java = thing.get("java").asText();
    family.property = thing.get("property").asText();
    for (var ids = thing.get("ids").fields(); ids.hasNext(); ) {
      Map.Entry<String, JsonNode> id = ids.next();
      family.ids.put(id.getKey(), bean(id.getValue().get("class").asText(), extension, hand, donor));
    }
    if (thing.has("default")) {
      family.defaultBean = bean(thing.get("default").asText(), extension, hand, donor);
    }
    if (thing.has("text")) {
      family.text = shape(thing.get("text"), extension, hand, donor);
    }
    return key;
  }

  private Shape leaf(String name, JsonNode from)
  {
    String key = "unproven." + name.replace('.', '$');
    inventory.leaves.computeIfAbsent(key, k -> {
      Inventory.Leaf leaf = new Inventory.Leaf();
      leaf.java = from.get("java").asText();
      leaf.unproven = true;
      if (from.has("enum")) {
        leaf.words = new ArrayList<>();
        from.get("enum").forEach(word -> leaf.words.add(word.asText()));
      }
      from.get("reads").fields().forEachRemaining(e -> leaf.reads.put(e.getKey(), e.getValue().asBoolean()));
      return leaf;
    });
    return new Shape.OfLeaf(key);
  }

  /** The Java type as written in extensions.json. */
  private Shape parse(String java, String extension, JsonNode hand, JsonNode donor) throws Exception
  {
    if (java.endsWith("[]")) {
      return new Shape.ArrayOf(parse(java.substring(0, java.length() - 2), extension, hand, donor));
    }
    if (java.matches("(List|Set)<.*>")) {
      return new Shape.ArrayOf(parse(java.substring(java.indexOf('<') + 1, java.length() - 1), extension, hand, donor));
    }
    if (java.startsWith("Map<")) {
      return new Shape.MapOf("java.lang.String", parse(java.substring(java.indexOf(',') + 1, java.length() - 1), extension, hand, donor));
    }
    String name = java.replaceAll("<.*", "");
    switch (name) {
      case "Object":
        return new Shape.Any();
      case "int", "long", "boolean", "double", "float":
        return inspector.add(inspector.mapper.constructType(primitive(name)));
      case "DateTime", "Interval", "Period", "Duration", "DateTimeZone":
        return real("org.joda.time." + name);
      case "String", "Integer", "Long", "Boolean", "Double", "Float":
        return real("java.lang." + name);
      case "URI":
        return real("java.net.URI");
      default:
        // What is declared as a type that has ids is read through its table, even where a class has the same name.
        if (hand.path("families").has(name)) {
          family(name, extension, hand, donor);
        }
        Shape known = known(name);
        if (known != null) {
          return known;
        }
        if (hand.get("classes").has(name)) {
          return new Shape.OfClass(bean(name, extension, hand, donor));
        }
        System.err.println(extension + ": " + name + " is taken for a text");
        return real("java.lang.String");
    }
  }

  private static Class<?> primitive(String name)
  {
    return switch (name) {
      case "int" -> int.class;
      case "long" -> long.class;
      case "boolean" -> boolean.class;
      case "double" -> double.class;
      default -> float.class;
    };
  }

  /** Something of the class path, or borrowed before, by short name. */
  private Shape known(String name) throws Exception
  {
    if (byHand.get("core").has(name)) {
      Shape shape = real(byHand.get("core").get(name).asText());
      if (shape != null) {
        return shape;
      }
    }
    Map<String, Shape> found = new TreeMap<>();
    inventory.leaves.forEach((key, leaf) -> put(found, name, key, new Shape.OfLeaf(key)));
    inventory.beans.forEach((key, bean) -> put(found, name, key, new Shape.OfClass(key)));
    inventory.families.forEach((key, family) -> put(found, name, key, new Shape.InFamily(key)));
    return found.isEmpty() ? null : found.values().iterator().next();
  }

  private static void put(Map<String, Shape> found, String name, String key, Shape shape)
  {
    if (Names.simple(key.replaceAll("<.*", "")).equals(name)) {
      found.put(name, shape);
    }
  }

  private Shape real(String java) throws Exception
  {
    try {
      return inspector.add(inspector.mapper.getTypeFactory().constructFromCanonical(java));
    }
    catch (IllegalArgumentException e) {
      // Perhaps only a type parameter is missing.
      return java.contains("<") ? real(java.substring(0, java.indexOf('<'))) : null;
    }
  }
}
