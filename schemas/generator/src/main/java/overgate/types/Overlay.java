package overgate.types;

import com.fasterxml.jackson.databind.JsonNode;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/** What reflection and measuring cannot see, by hand, from overlay.json. Entries for classes that a version has not are passed over. */
public final class Overlay
{
  private final JsonNode entries;
  private final Names names;
  private final Inventory inventory;
  private final Map<String, JsonNode> byProperty = new TreeMap<>();
  private final Map<String, JsonNode> byClass = new TreeMap<>();

  Overlay(Path file, Inventory inventory) throws IOException
  {
    this.entries = Json.MAPPER.readTree(file.toFile());
    this.inventory = inventory;
    this.names = new Names(inventory);
    for (JsonNode entry : entries.path("examples")) {
      if (entry.has("property")) {
        byProperty.put(entry.path("class").asText("") + "." + entry.get("property").asText(), entry.get("value"));
      } else {
        byClass.put(entry.get("class").asText(), entry.get("value"));
      }
    }
  }

  /** The names that a class is said to ignore, by the class's short name. */
  public static Map<String, Set<String>> ignored(Path file) throws IOException
  {
    Map<String, Set<String>> ignored = new TreeMap<>();
    for (JsonNode entry : Json.MAPPER.readTree(file.toFile()).path("ignored")) {
      ignored.put(entry.get("class").asText(), Set.copyOf(Json.texts(entry.get("names"))));
    }
    return ignored;
  }

  /** A value for one class's property, or for every property of a name. */
  JsonNode exampleOfProperty(Inventory.Bean bean, String name)
  {
    JsonNode own = byProperty.get(names.of(Inspector.key(bean.type)) + "." + name);
    return own != null ? own : byProperty.get("." + name);
  }

  JsonNode exampleOfClass(String key)
  {
    return byClass.get(names.of(key));
  }

  /** Before anything is measured: the words of texts that are a small language. */
  void words()
  {
    for (JsonNode entry : entries.path("words")) {
      Inventory.Leaf leaf = find(inventory.leaves, entry.get("leaf").asText());
      if (leaf != null) {
        List<String> words = new ArrayList<>();
        entry.get("words").forEach(word -> words.add(word.asText()));
        leaf.words = words;
      }
    }
  }

  /** After everything is measured: corrections. */
  void apply()
  {
    for (JsonNode entry : entries.path("shapes")) {
      Inventory.Bean bean = find(inventory.beans, entry.get("class").asText());
      if (bean == null) {
        continue;
      }
      Shape shape = shape(entry.get("shape"));
      Inventory.Property property = bean.properties.get(entry.get("property").asText());
      if (shape != null && property != null) {
        property.shape = shape;
      }
    }
    for (JsonNode entry : entries.path("members")) {
      Inventory.Family family = find(inventory.families, entry.get("family").asText());
      String member = key(inventory.beans, entry.get("class").asText());
      if (family != null && member != null) {
        family.ids.putIfAbsent(entry.get("id").asText(), member);
      }
    }
    for (JsonNode entry : entries.path("objects")) {
      Inventory.Bean bean = find(inventory.beans, entry.get("class").asText());
      if (bean != null) {
        bean.delegate = null;
        bean.echo.clear();
        bean.text = entry.path("string").asBoolean();
        entry.get("properties").fields().forEachRemaining(e -> {
          Inventory.Property property = new Inventory.Property();
          property.shape = shape(e.getValue());
          bean.properties.put(e.getKey(), property);
        });
      }
    }
    for (JsonNode entry : entries.path("ignored")) {
      Inventory.Bean bean = find(inventory.beans, entry.get("class").asText());
      if (bean != null) {
        entry.get("names").forEach(name -> {
          if (!bean.properties.containsKey(name.asText())) {
            bean.ignored.add(name.asText());
            bean.echo.remove(name.asText());
          }
        });
      }
    }
    for (JsonNode entry : entries.path("needs")) {
      Inventory.Bean bean = find(inventory.beans, entry.get("class").asText());
      Inventory.Property property = bean == null ? null : bean.properties.get(entry.get("property").asText());
      if (property != null) {
        property.required = entry.get("required").asBoolean();
        property.notNull = entry.path("notNull").asBoolean(false);
      }
    }
    for (JsonNode entry : entries.path("noDefault")) {
      Inventory.Bean bean = find(inventory.beans, entry.get("class").asText());
      Inventory.Property property = bean == null ? null : bean.properties.get(entry.get("property").asText());
      if (property != null) {
        property.absent = null;
      }
    }
  }

  private Shape shape(JsonNode json)
  {
    Map.Entry<String, JsonNode> only = json.fields().next();
    String name = only.getValue().asText();
    return switch (only.getKey()) {
      case "family" -> key(inventory.families, name) == null ? null : new Shape.InFamily(key(inventory.families, name));
      case "class" -> key(inventory.beans, name) == null ? null : new Shape.OfClass(key(inventory.beans, name));
      case "leaf" -> key(inventory.leaves, name) == null ? null : new Shape.OfLeaf(key(inventory.leaves, name));
      case "array" -> new Shape.ArrayOf(shape(only.getValue()));
      case "map" -> new Shape.MapOf("java.lang.String", shape(only.getValue()));
      case "any" -> new Shape.Any();
      default -> throw new IllegalArgumentException("not a shape: " + json);
    };
  }

  private String key(Map<String, ?> things, String name)
  {
    return things.keySet().stream().filter(key -> names.of(key).equals(name)).findFirst().orElse(null);
  }

  private <T> T find(Map<String, T> things, String name)
  {
    String key = key(things, name);
    return key == null ? null : things.get(key);
  }
}
