package overgate.types;

import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/** Short names for Java types: the simple name; with type parameters, then with packages, where two would share it. */
final class Names
{
  private final Map<String, String> shortNames = new HashMap<>();

  Names(Inventory inventory)
  {
    Set<String> keys = new TreeSet<>(inventory.families.keySet());
    keys.addAll(inventory.beans.keySet());
    keys.addAll(inventory.leaves.keySet());
    Map<String, Set<String>> bySimple = new TreeMap<>();
    keys.forEach(key -> bySimple.computeIfAbsent(simple(raw(key)), k -> new TreeSet<>()).add(key));
    bySimple.forEach((simple, sharers) -> {
      for (String key : sharers) {
        boolean alone = sharers.size() == 1;
        boolean sameClass = sharers.stream().map(Names::raw).distinct().count() == 1;
        shortNames.put(key, alone ? simple : sameClass ? simple + parameters(key) : packageOf(raw(key)) + "." + simple + parameters(key));
      }
    });
  }

  String of(String key)
  {
    return shortNames.getOrDefault(key, simple(raw(key)));
  }

  private static String raw(String key)
  {
    int at = key.indexOf('<');
    return at < 0 ? key : key.substring(0, at);
  }

  private static String parameters(String key)
  {
    int at = key.indexOf('<');
    return at < 0 ? "" : key.substring(at).replaceAll("[a-z0-9_]+\\.", "");
  }

  private static String packageOf(String raw)
  {
    int dot = raw.lastIndexOf('.');
    return dot < 0 ? "" : raw.substring(raw.lastIndexOf('.', dot - 1) + 1, dot);
  }

  static String simple(String raw)
  {
    return raw.substring(raw.lastIndexOf('.') + 1).replace('$', '.');
  }
}
