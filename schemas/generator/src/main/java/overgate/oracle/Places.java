package overgate.oracle;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Function;

/** Finds where in a document a dropped name stands. */
final class Places
{
  private final JsonNode document;
  private final Function<JsonNode, List<Dropped.Name>> again;
  private final List<List<String>> all = new ArrayList<>();
  private final Set<List<String>> given = new HashSet<>();

  /** {@code again} reads a changed document and says what is dropped of it. */
  Places(JsonNode document, Function<JsonNode, List<Dropped.Name>> again)
  {
    this.document = document;
    this.again = again;
    walk(document, new ArrayList<>(), all);
  }

  /**
   * The true path ends in the name and its steps stand in Jackson's path, in that order. Where several do, one that can be
   * taken out of the document with nothing else changing for the reader; the longest first.
   */
  String pointer(Dropped.Name name, List<Dropped.Name> dropped)
  {
    List<List<String>> candidates = all.stream()
        .filter(path -> path.get(path.size() - 1).equals(name.name()) && !given.contains(path) && inOrder(path, name.steps()))
        .sorted(Comparator.comparingInt((List<String> path) -> path.size()).reversed())
        .toList();
    List<String> place = candidates.isEmpty() ? null : candidates.get(0);
    for (int i = 0; candidates.size() > 1 && i < candidates.size(); i++) {
      if (removable(candidates.get(i), name, dropped)) {
        place = candidates.get(i);
        break;
      }
    }
    if (place == null) {
      return "?" + join(name.steps());
    }
    given.add(place);
    return join(place);
  }

  private boolean removable(List<String> path, Dropped.Name name, List<Dropped.Name> dropped)
  {
    JsonNode copy = document.deepCopy();
    JsonNode parent = copy;
    for (String step : path.subList(0, path.size() - 1)) {
      parent = parent.isArray() ? parent.get(Integer.parseInt(step)) : parent.get(step);
    }
    if (!(parent instanceof ObjectNode object)) {
      return false;
    }
    object.remove(name.name());
    return again.apply(copy).size() == dropped.size() - 1;
  }

  /** Where the parser stands that will be read: that of the innermost dataSchema. */
  static List<String> parser(JsonNode document)
  {
    List<List<String>> all = new ArrayList<>();
    walk(document, new ArrayList<>(), all);
    List<String> best = null;
    for (List<String> path : all) {
      int n = path.size();
      boolean fits = path.get(n - 1).equals("parser") && (n == 1 || path.get(n - 2).equals("dataSchema"));
      if (fits && (best == null || n > best.size())) {
        best = path;
      }
    }
    return best;
  }

  private static boolean inOrder(List<String> path, List<String> steps)
  {
    int i = 0;
    for (String step : steps) {
      if (i < path.size() && path.get(i).equals(step)) {
        i++;
      }
    }
    return i == path.size();
  }

  private static void walk(JsonNode node, List<String> at, List<List<String>> all)
  {
    if (node.isObject()) {
      node.fields().forEachRemaining(field -> {
        List<String> path = new ArrayList<>(at);
        path.add(field.getKey());
        all.add(path);
        walk(field.getValue(), path, all);
      });
    } else {
      for (int i = 0; i < node.size(); i++) {
        List<String> path = new ArrayList<>(at);
        path.add(String.valueOf(i));
        walk(node.get(i), path, all);
      }
    }
  }

  private static String join(List<String> path)
  {
    StringBuilder pointer = new StringBuilder();
    path.forEach(step -> pointer.append('/').append(escape(step)));
    return pointer.toString();
  }

  static String escape(String step)
  {
    return step.replace("~", "~0").replace("/", "~1");
  }
}
