package overgate.types;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;

import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** An inventory as types.json. */
final class TypesFile
{
  private final Inventory inventory;
  private final Names names;

  TypesFile(Inventory inventory)
  {
    this.inventory = inventory;
    this.names = new Names(inventory);
  }

  ObjectNode of(String version, Collection<String> modules, Collection<String> unproven)
  {
    ObjectNode file = Json.object();
    file.put("druid", version);
    ObjectNode generated = file.putObject("generated");
    generated.set("modules", Json.MAPPER.valueToTree(modules));
    generated.set("unproven", Json.MAPPER.valueToTree(unproven));
    ObjectNode roots = file.putObject("roots");
    inventory.roots.forEach((name, shape) -> roots.set(name, shape(shape)));
    ObjectNode families = file.putObject("families");
    byName(inventory.families).forEach((name, family) -> families.set(name, family(family)));
    ObjectNode classes = file.putObject("classes");
    byName(inventory.beans).forEach((name, bean) -> classes.set(name, bean(bean)));
    ObjectNode leaves = file.putObject("leaves");
    byName(inventory.leaves).forEach((name, leaf) -> leaves.set(name, leaf(leaf)));
    return file;
  }

  private <T> Map<String, T> byName(Map<String, T> things)
  {
    Map<String, T> sorted = new TreeMap<>();
    things.forEach((key, thing) -> {
      if (sorted.put(names.of(key), thing) != null) {
        throw new IllegalStateException("two things have the name " + names.of(key));
      }
    });
    return sorted;
  }

  private ObjectNode shape(Shape shape)
  {
    ObjectNode json = Json.object();
    if (shape instanceof Shape.InFamily s) {
      return json.put("family", names.of(s.key()));
    }
    if (shape instanceof Shape.OfClass s) {
      return json.put("class", names.of(s.key()));
    }
    if (shape instanceof Shape.ArrayOf s) {
      return json.set("array", shape(s.items()));
    }
    if (shape instanceof Shape.MapOf s) {
      return json.set("map", shape(s.values()));
    }
    if (shape instanceof Shape.OfLeaf s) {
      return json.put("leaf", names.of(s.key()));
    }
    return json.put("any", true);
  }

  private ObjectNode family(Inventory.Family family)
  {
    ObjectNode json = Json.object();
    if (family.java != null) {
      json.put("java", family.java);
    }
    json.put("property", family.property);
    if (family.defaultBean != null) {
      json.put("default", names.of(family.defaultBean));
      flag(json, "strict", family.strict);
    }
    if (family.text != null) {
      json.set("text", shape(family.text));
    }
    ObjectNode ids = json.putObject("ids");
    family.ids.forEach((id, key) -> {
      Inventory.Bean bean = inventory.beans.get(key);
      ObjectNode member = ids.putObject(id).put("class", names.of(key));
      if (bean.extension != null) {
        member.put("extension", bean.extension);
      }
      flag(member, "unproven", bean.unproven);
    });
    list(json, "unreadable", family.unreadable.keySet());
    return json;
  }

  private ObjectNode bean(Inventory.Bean bean)
  {
    ObjectNode json = Json.object();
    if (bean.java != null) {
      json.put("java", bean.java);
    }
    if (bean.extension != null) {
      json.put("extension", bean.extension);
    }
    flag(json, "unproven", bean.unproven);
    flag(json, "deprecated", bean.deprecated);
    flag(json, "string", bean.text);
    flag(json, "integer", bean.integer);
    flag(json, "open", bean.open);
    if (bean.delegate != null) {
      json.set("delegate", shape(bean.delegate));
    }
    ObjectNode properties = json.putObject("properties");
    bean.properties.forEach((name, property) -> properties.set(name, property(property)));
    list(json, "echo", bean.echo);
    list(json, "ignored", bean.ignored);
    if (!bean.oneOf.isEmpty()) {
      json.set("oneOf", Json.MAPPER.valueToTree(bean.oneOf));
    }
    return json;
  }

  private ObjectNode property(Inventory.Property property)
  {
    ObjectNode json = Json.object();
    json.set("shape", shape(property.shape));
    flag(json, "required", property.required);
    flag(json, "notNull", property.notNull);
    flag(json, "deprecated", property.deprecated);
    if (property.absent != null) {
      json.set("default", property.absent);
    }
    if (property.since != null) {
      json.put("since", property.since);
    }
    if (property.until != null) {
      json.put("until", property.until);
    }
    return json;
  }

  private ObjectNode leaf(Inventory.Leaf leaf)
  {
    ObjectNode json = Json.object().put("java", leaf.java);
    flag(json, "unproven", leaf.unproven);
    if (leaf.words != null) {
      list(json, "enum", leaf.words);
    }
    json.set("reads", Json.MAPPER.valueToTree(leaf.reads));
    return json;
  }

  private static void flag(ObjectNode json, String name, boolean value)
  {
    if (value) {
      json.put(name, true);
    }
  }

  private static void list(ObjectNode json, String name, Collection<String> values)
  {
    if (!values.isEmpty()) {
      ArrayNode array = json.putArray(name);
      List.copyOf(values).forEach(array::add);
    }
  }
}
