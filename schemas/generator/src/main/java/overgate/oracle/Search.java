package overgate.oracle;

import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.util.ArrayDeque;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.Set;

/** Looks for an object of a class inside another one, nearest first, through fields of Druid's own classes. */
final class Search
{
  private static final int DEPTH = 4;

  private Search() {}

  /** Null where there is none. */
  static Object find(Object start, String className) throws IllegalAccessException
  {
    record Step(Object object, int depth) {}
    Set<Object> visited = Collections.newSetFromMap(new IdentityHashMap<>());
    ArrayDeque<Step> waiting = new ArrayDeque<>();
    waiting.add(new Step(start, 0));
    while (!waiting.isEmpty()) {
      Step step = waiting.poll();
      if (!visited.add(step.object())) {
        continue;
      }
      if (isA(step.object().getClass(), className)) {
        return step.object();
      }
      for (Class<?> c = step.object().getClass(); c != null && step.depth() < DEPTH; c = c.getSuperclass()) {
        for (Field field : c.getDeclaredFields()) {
          String type = field.getType().getName();
          // Specs only: what is injected leads into the whole Overlord.
          boolean spec = type.startsWith("org.apache.druid") && (type.contains("Spec") || type.contains("Schema"));
          if (Modifier.isStatic(field.getModifiers()) || !spec) {
            continue;
          }
          field.setAccessible(true);
          Object value = field.get(step.object());
          if (value != null) {
            waiting.add(new Step(value, step.depth() + 1));
          }
        }
      }
    }
    return null;
  }

  private static boolean isA(Class<?> type, String className)
  {
    for (Class<?> c = type; c != null; c = c.getSuperclass()) {
      if (c.getName().equals(className)) {
        return true;
      }
    }
    return false;
  }
}
