package overgate.oracle;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JavaType;
import com.fasterxml.jackson.databind.JsonMappingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import org.apache.druid.indexing.common.task.Task;
import org.apache.druid.indexing.overlord.supervisor.SupervisorSpec;
import overgate.types.Json;

import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Druid's word on one body: read or refused, what it is, and which properties nobody looked at. */
final class Reader
{
  private static final Map<String, String> KINDS = Map.of(
      "task", Task.class.getName(),
      "supervisor", SupervisorSpec.class.getName(),
      "sampler", "org.apache.druid.client.indexing.SamplerSpec",
      "parser", "org.apache.druid.data.input.impl.InputRowParser"
  );
  private static final String DATA_SCHEMA = "org.apache.druid.segment.indexing.DataSchema";
  private static final Set<String> STREAMS = Set.of("kafka", "kinesis", "autocompact", "scheduled_batch", "NoopSupervisorSpec");

  private final ObjectMapper mapper;
  private final Dropped dropped;
  private final Set<Class<?>> seen = new HashSet<>();

  Reader(ObjectMapper mapper, Map<String, Set<String>> tolerated) throws Exception
  {
    this.mapper = mapper;
    this.dropped = new Dropped(mapper, tolerated);
  }

  /** {@code kind} is task, supervisor, sampler, parser, or the name of a Java class. */
  ObjectNode read(String kind, byte[] body, boolean canonical)
  {
    ObjectNode answer = Json.MAPPER.createObjectNode();
    JsonNode tree = tree(body);
    try {
      JavaType type = mapper.getTypeFactory().constructFromCanonical(KINDS.getOrDefault(kind, kind));
      Object value = recorded(body, type);
      answer.put("ok", true);
      describe(answer, value);
      lazily(answer, value, tree);
      report(answer, type, body, tree);
      if (canonical) {
        try {
          answer.put("canonical", mapper.writerFor(type).writeValueAsString(value));
        }
        catch (JsonProcessingException e) {
          answer.put("canonicalError", firstLine(e));
        }
      }
    }
    catch (Exception | LinkageError e) {
      answer.removeAll();
      refused(answer, e);
      dropped.reset();
    }
    return answer;
  }

  private Object recorded(byte[] body, JavaType type) throws IOException
  {
    dropped.reset();
    Object value = mapper.readValue(body, type);
    if (value == null) {
      throw new NullPointerException("the body is null");
    }
    if (seen.add(value.getClass())) {
      // The first of a class makes Guice build what is injected, and Guice reads Druid's configuration with the same mapper.
      dropped.reset();
      value = mapper.readValue(body, type);
    }
    return value;
  }

  private static void describe(ObjectNode answer, Object value)
  {
    answer.put("class", value.getClass().getSimpleName());
    if (value instanceof Task task) {
      answer.put("type", task.getType()).put("taskId", task.getId()).put("dataSource", task.getDataSource());
    } else if (value instanceof SupervisorSpec supervisor) {
      answer.put("type", supervisor.getType()).put("supervisorId", supervisor.getId());
      answer.set("dataSource", Json.MAPPER.valueToTree(supervisor.getDataSources()));
    }
  }

  private static void refused(ObjectNode answer, Throwable e)
  {
    answer.put("ok", false).put("error", firstLine(e));
    if (e instanceof JsonMappingException m) {
      StringBuilder at = new StringBuilder();
      m.getPath().forEach(step -> at.append('/').append(step.getFieldName() != null ? Places.escape(step.getFieldName()) : String.valueOf(step.getIndex())));
      answer.put("at", at.toString());
    }
    Throwable root = e;
    while (root.getCause() != null && root.getCause() != root) {
      root = root.getCause();
    }
    if (root != e) {
      answer.put("cause", firstLine(root));
    }
  }

  /** Druid keeps a dataSchema's parser as a map, and says yes before it has been looked at: the task looks at it. */
  private void lazily(ObjectNode answer, Object value, JsonNode tree) throws ReflectiveOperationException
  {
    Object schema = Search.find(value, DATA_SCHEMA);
    List<String> at = tree == null ? null : Places.parser(tree);
    if (schema == null || at == null) {
      return;
    }
    dropped.below(at);
    try {
      schema.getClass().getMethod("getParser").invoke(schema);
    }
    catch (NoSuchMethodException e) {
      // Later versions have no parsers.
    }
    catch (InvocationTargetException e) {
      answer.put("lazyError", firstLine(e.getCause()));
    }
    finally {
      dropped.below(List.of());
    }
  }

  private void report(ObjectNode answer, JavaType type, byte[] body, JsonNode tree)
  {
    ArrayNode unknown = answer.putArray("unknown"), echo = answer.putArray("echo"), ignored = answer.putArray("ignored");
    List<Dropped.Name> names = dropped.take();
    if (tree == null || names.isEmpty()) {
      return;
    }
    Places places = new Places(tree, candidate -> {
      dropped.reset();
      try {
        Object value = mapper.readValue(candidate.toString(), type);
        lazily(Json.MAPPER.createObjectNode(), value, candidate);
        return dropped.take();
      }
      catch (Exception | LinkageError e) {
        return List.of();
      }
    });
    for (Dropped.Name name : names) {
      ArrayNode list = name.why() == Dropped.Why.ECHO ? echo : name.why() == Dropped.Why.IGNORED ? ignored : unknown;
      list.add(places.pointer(name, names));
    }
  }

  /** What a file is, for people who have a folder of them. */
  String guess(byte[] body)
  {
    JsonNode tree = tree(body);
    if (tree == null) {
      return "task";
    }
    return tree.has("samplerConfig") ? "sampler" : STREAMS.contains(tree.path("type").asText()) ? "supervisor" : "task";
  }

  private static JsonNode tree(byte[] body)
  {
    try {
      return Json.MAPPER.readTree(body);
    }
    catch (IOException e) {
      return null;
    }
  }

  static String firstLine(Throwable e)
  {
    return e.getClass().getSimpleName() + ": " + String.valueOf(e.getMessage()).split("\n", 2)[0];
  }
}
