package overgate.types;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * {@code Compare SCHEMAS_FOLDER}: writes into each types.json what other versions have and this one has not, so that a
 * message can say more than "unknown": {@code removed}, by class or by family.
 */
public final class Compare
{
  private final TreeMap<Version, ObjectNode> files = new TreeMap<>();

  private Compare() {}

  public static void main(String[] args) throws IOException
  {
    Compare compare = new Compare();
    TreeMap<Version, Path> paths = new TreeMap<>();
    try (Stream<Path> folders = Files.list(Path.of(args[0]))) {
      for (Path file : folders.map(folder -> folder.resolve("types.json")).filter(Files::exists).toList()) {
        ObjectNode types = (ObjectNode) Json.MAPPER.readTree(file.toFile());
        Version version = Version.of(types.get("druid").asText());
        compare.files.put(version, types);
        paths.put(version, file);
      }
    }
    for (Map.Entry<Version, Path> entry : paths.entrySet()) {
      ObjectNode types = compare.files.get(entry.getKey());
      types.set("removed", compare.removed(entry.getKey(), types));
      Files.writeString(entry.getValue(), Json.layout(types));
    }
  }

  private ObjectNode removed(Version version, ObjectNode types)
  {
    ObjectNode ids = Json.object(), classes = Json.object();
    types.get("families").fields().forEachRemaining(family -> {
      ObjectNode missing = Json.object();
      names(family.getKey(), "families", "ids").keySet().stream()
          .filter(id -> !family.getValue().get("ids").has(id) && !contains(family.getValue().path("unreadable"), id))
          .forEach(id -> missing.set(id, dates(version, names(family.getKey(), "families", "ids").get(id))));
      put(ids, family.getKey(), missing);
    });
    types.get("classes").fields().forEachRemaining(bean -> {
      ObjectNode missing = Json.object();
      Map<String, TreeMap<Version, JsonNode>> properties = names(bean.getKey(), "classes", "properties");
      properties.keySet().stream()
          .filter(name -> !bean.getValue().get("properties").has(name) && !contains(bean.getValue().path("echo"), name))
          .forEach(name -> missing.set(name, dates(version, properties.get(name))));
      put(classes, bean.getKey(), missing);
    });
    ObjectNode removed = Json.object();
    removed.set("ids", ids);
    removed.set("classes", classes);
    return removed;
  }

  /** The ids of a family, or the properties of a class, in all versions: where they are and what is said there. */
  private Map<String, TreeMap<Version, JsonNode>> names(String owner, String section, String part)
  {
    Map<String, TreeMap<Version, JsonNode>> names = new TreeMap<>();
    files.forEach((version, types) -> types.get(section).path(owner).path(part).fields()
        .forEachRemaining(entry -> names.computeIfAbsent(entry.getKey(), k -> new TreeMap<>()).put(version, entry.getValue())));
    return names;
  }

  /**
   * Where it is: as dated there, or else the versions at hand between which it came or went. When it came is a guess
   * then: a version in between may have it.
   */
  private ObjectNode dates(Version version, TreeMap<Version, JsonNode> places)
  {
    ObjectNode dates = Json.object();
    Version later = places.higherKey(version), earlier = places.lowerKey(version);
    if (later != null) {
      JsonNode since = places.get(later).path("since");
      dates.put("since", since.asText(later.toString()));
      if (since.isMissingNode()) {
        dates.put("guessed", true);
      }
    }
    if (earlier != null) {
      dates.put("until", places.get(earlier).path("until").asText(files.higherKey(earlier).toString()));
    }
    return dates;
  }

  private static boolean contains(JsonNode array, String text)
  {
    return Json.texts(array).contains(text);
  }

  private static void put(ObjectNode into, String name, ObjectNode what)
  {
    if (!what.isEmpty()) {
      into.set(name, what);
    }
  }
}
