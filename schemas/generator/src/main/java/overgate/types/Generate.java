package overgate.types;

import com.fasterxml.jackson.databind.JavaType;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import org.apache.druid.indexing.common.task.Task;
import org.apache.druid.indexing.overlord.supervisor.SupervisorSpec;
import org.joda.time.DateTimeZone;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TimeZone;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;

/** {@code Generate GENERATOR_FOLDER MODULES}: writes types.json of the Druid that is on the class path to standard output. */
public final class Generate
{
  private static final Map<String, String> ROOTS = new LinkedHashMap<>();

  static {
    ROOTS.put("task", Task.class.getName());
    ROOTS.put("supervisor", SupervisorSpec.class.getName());
    ROOTS.put("sampler", "org.apache.druid.client.indexing.SamplerSpec");
    // Read lazily out of a dataSchema, and gone in later versions.
    ROOTS.put("parser", "org.apache.druid.data.input.impl.InputRowParser");
  }

  private Generate() {}

  public static void main(String[] args) throws Exception
  {
    long start = System.nanoTime();
    Path folder = Path.of(args[0]);
    ObjectMapper mapper = Overlord.mapper();
    Inspector inspector = new Inspector(mapper);
    Inventory inventory = inspector.inventory;
    for (Map.Entry<String, String> root : ROOTS.entrySet()) {
      JavaType type = type(mapper, root.getValue());
      if (type != null) {
        inventory.roots.put(root.getKey(), inspector.add(type));
      }
    }
    Version version = Version.of(Overlord.version());
    JsonNode history = Json.MAPPER.readTree(folder.resolve("history.json").toFile());
    Extensions extensions = new Extensions(inspector, version, Json.MAPPER.readTree(folder.resolve("extensions.json").toFile()), history, donors(folder, version));
    extensions.add();
    Overlay overlay = new Overlay(folder.resolve("overlay.json"), inventory);
    overlay.words();
    Reading reading = new Reading(mapper);
    Battery battery = new Battery(reading);
    inventory.leaves.values().stream().filter(leaf -> leaf.type != null).forEach(leaf -> leaf.reads = battery.of(leaf.type, leaf.words));
    Examples examples = new Examples(inventory, reading, overlay);
    examples.find();
    new Measure(inventory, reading, examples).all();
    overlay.apply();
    inventory.beans.forEach((key, bean) -> {
      if (bean.type != null && bean.example == null) {
        System.err.println("no example found: " + key);
      }
    });
    date(inventory, version, history);
    zones(inventory);
    examples(folder, inventory);
    String text = Json.layout(new TypesFile(inventory).of(Overlord.version(), List.of(args).subList(1, args.length), extensions.unproven));
    Overlord.OUT.print(text);
    Overlord.OUT.flush();
    System.err.printf("%d families, %d classes, %d leaves; %d texts read; %.0f s%n", inventory.families.size(), inventory.beans.size(),
                      inventory.leaves.size(), reading.count, (System.nanoTime() - start) / 1e9);
    System.exit(0);
  }

  /** The types.json of other versions, the nearest first. */
  private static List<JsonNode> donors(Path folder, Version version) throws IOException
  {
    Map<Integer, JsonNode> nearest = new TreeMap<>();
    try (Stream<Path> folders = Files.list(folder.toAbsolutePath().normalize().getParent())) {
      for (Path file : folders.filter(path -> path.getFileName().toString().startsWith("druid-")).map(path -> path.resolve("types.json")).toList()) {
        if (Files.exists(file)) {
          JsonNode types = Json.MAPPER.readTree(file.toFile());
          int distance = Math.abs(Version.of(types.get("druid").asText()).major() - version.major());
          if (distance > 0) {
            nearest.put(distance, types);
          }
        }
      }
    }
    return List.copyOf(nearest.values());
  }

  /** The names of time zones; Druid asks Joda first and the JDK then. */
  private static void zones(Inventory inventory)
  {
    Inventory.Leaf zone = inventory.leaves.get(DateTimeZone.class.getName());
    if (zone != null) {
      TreeSet<String> names = new TreeSet<>(DateTimeZone.getAvailableIDs());
      names.addAll(List.of(TimeZone.getAvailableIDs()));
      zone.words = List.copyOf(names);
    }
  }

  /** A smallest object of each class that Druid reads, from which the tests make documents. */
  private static void examples(Path folder, Inventory inventory) throws IOException
  {
    Names names = new Names(inventory);
    TreeMap<String, JsonNode> examples = new TreeMap<>();
    inventory.beans.forEach((key, bean) -> {
      if (bean.example != null) {
        examples.put(names.of(key), bean.example);
      }
    });
    Path file = folder.resolveSibling("druid-" + Overlord.version()).resolve("examples.json");
    Files.writeString(file, Json.layout(Json.MAPPER.valueToTree(examples)));
  }

  /** When a property came and when it will go, where that is known and the class path does not say otherwise. */
  private static void date(Inventory inventory, Version version, JsonNode history)
  {
    Names names = new Names(inventory);
    inventory.beans.forEach((key, bean) -> bean.properties.forEach((name, property) -> {
      JsonNode line = history.get("classes").path(names.of(key)).path(name);
      if (line.isMissingNode()) {
        return;
      }
      Note note = Note.of(line.asText());
      if (!note.in(version)) {
        System.err.println("history.json is wrong about " + names.of(key) + "." + name);
        return;
      }
      property.since = note.since() == null ? null : note.since().toString();
      property.until = note.until() == null ? null : note.until().toString();
    }));
  }

  static JavaType type(ObjectMapper mapper, String name)
  {
    try {
      return mapper.constructType(Class.forName(name, false, Generate.class.getClassLoader()));
    }
    catch (ClassNotFoundException e) {
      return null;
    }
  }
}
