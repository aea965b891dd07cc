package overgate.types;

import com.fasterxml.jackson.databind.JavaType;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;

import java.util.Collection;
import java.util.Map;

/** A class as a document meets it: the type it is declared as, and the type id that leads to it. */
record Subject(Inventory.Bean bean, JavaType declared, String idName, String id)
{
  static Subject of(Inventory inventory, String key)
  {
    Inventory.Bean bean = inventory.beans.get(key);
    for (Inventory.Family family : inventory.families.values()) {
      for (Map.Entry<String, String> entry : family.ids.entrySet()) {
        if (entry.getValue().equals(key) && family.type != null) {
          return new Subject(bean, family.type, family.property, entry.getKey());
        }
      }
    }
    return new Subject(bean, bean.type, null, null);
  }

  /** The object with these properties and nothing else. */
  ObjectNode with(Collection<String> names, Map<String, JsonNode> values)
  {
    ObjectNode object = Json.object();
    if (id != null) {
      object.put(idName, id);
    }
    names.stream().filter(values::containsKey).forEach(name -> object.set(name, values.get(name)));
    return object;
  }
}
