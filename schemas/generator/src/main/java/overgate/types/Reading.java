package overgate.types;

import com.fasterxml.jackson.databind.JavaType;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** Druid reads one text. Some constructors ask other services: what takes longer than a few seconds counts as refused. */
final class Reading
{
  private static final long SECONDS = 2;

  private final ObjectMapper mapper;
  private ExecutorService worker = newWorker();
  /** How many texts were read in all. */
  int count;

  Reading(ObjectMapper mapper)
  {
    this.mapper = mapper;
  }

  Object value(String json, JavaType type) throws Exception
  {
    count++;
    Future<Object> result = worker.submit(() -> mapper.readValue(json, type));
    try {
      return result.get(SECONDS, TimeUnit.SECONDS);
    }
    catch (TimeoutException e) {
      result.cancel(true);
      worker = newWorker();
      throw e;
    }
    catch (ExecutionException e) {
      if (e.getCause() instanceof Exception cause) {
        throw cause;
      }
      throw e;
    }
  }

  /** Whether it is read without an exception; a null result is fine. */
  boolean passes(String json, JavaType type)
  {
    try {
      value(json, type);
      return true;
    }
    catch (Exception e) {
      return false;
    }
  }

  boolean makes(JsonNode json, JavaType type)
  {
    try {
      return value(json.toString(), type) != null;
    }
    catch (Exception e) {
      return false;
    }
  }

  /** What Druid prints of what it has read; null where it is refused, or cannot be printed. */
  JsonNode printed(JsonNode json, JavaType type)
  {
    try {
      return Json.MAPPER.readTree(mapper.writerFor(type).writeValueAsString(value(json.toString(), type)));
    }
    catch (Exception e) {
      return null;
    }
  }

  private static ExecutorService newWorker()
  {
    return Executors.newSingleThreadExecutor(task -> {
      Thread thread = new Thread(task, "reading");
      thread.setDaemon(true);
      return thread;
    });
  }
}
