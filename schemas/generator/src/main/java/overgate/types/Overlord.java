package overgate.types;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.google.inject.Injector;
import com.google.inject.Key;
import org.apache.druid.cli.CliOverlord;
import org.apache.druid.discovery.NodeRole;
import org.apache.druid.guice.StartupInjectorBuilder;
import org.apache.druid.guice.annotations.Json;
import org.apache.druid.indexing.common.task.Task;

import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The mapper with which a real Overlord reads what is submitted to it: that of its own injector. The injector is built
 * and its life cycle never started, so nothing listens, connects or writes.
 */
public final class Overlord
{
  /** Standard output as the process got it. Druid's logging writes to System.out, which is therefore moved away. */
  public static final PrintStream OUT = new PrintStream(System.out, false, StandardCharsets.UTF_8);

  private static final Map<String, String> PROPERTIES = Map.of(
      "druid.host", "localhost",
      "druid.extensions.loadList", "[]",
      "druid.extensions.directory", "none",
      "druid.emitter", "noop",
      "druid.indexer.storage.type", "local",
      "druid.metadata.storage.type", "derby",
      "druid.metadata.storage.connector.createTables", "false"
  );

  private Overlord() {}

  /** Builds the injector; properties of the process that begin with {@code druid.} are handed on. */
  public static ObjectMapper mapper()
  {
    System.setOut(System.err);
    Properties properties = new Properties();
    properties.putAll(PROPERTIES);
    System.getProperties().stringPropertyNames().stream()
          .filter(name -> name.startsWith("druid."))
          .forEach(name -> properties.setProperty(name, System.getProperty(name)));
    CliOverlord overlord = new CliOverlord();
    // Extensions on the class path are found as Druid finds them, through the service loader.
    new StartupInjectorBuilder().withProperties(properties).withExtensions().build().injectMembers(overlord);
    Injector injector = overlord.makeInjector(Set.of(NodeRole.OVERLORD));
    return injector.getInstance(Key.get(ObjectMapper.class, Json.class));
  }

  /** Druid's version, from the name of the jar that holds its tasks. */
  public static String version()
  {
    Matcher jar = Pattern.compile("-(\\d+\\.\\d+\\.\\d+)\\.jar$").matcher(jarOf(Task.class));
    if (!jar.find()) {
      throw new IllegalStateException("no version in the name of " + jarOf(Task.class));
    }
    return jar.group(1);
  }

  /** The name of the jar that a class comes from; empty for the JDK's own. */
  static String jarOf(Class<?> c)
  {
    var source = c.getProtectionDomain().getCodeSource();
    if (source == null || source.getLocation() == null) {
      return "";
    }
    String path = source.getLocation().getPath();
    return path.substring(path.lastIndexOf('/') + 1);
  }
}
