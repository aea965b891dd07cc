package overgate.types;

import com.fasterxml.jackson.databind.JavaType;

import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/** The values that every leaf is tried with: each JSON type, and texts of which some leaf makes more than a text. */
final class Battery
{
  private static final String[] VALUES = {
      "null", "true", "false",
      "0", "1", "-1", "7", "128", "256", "40000", "3000000000", "10000000000000000000", "5.0", "5.7", "1e3", "1e30",
      "\"\"", "\" \"", "\"0\"", "\"5\"", "\" 5 \"", "\"-5\"", "\"+5\"", "\"5.7\"", "\"1e3\"", "\"3000000000\"", "\"0x10\"", "\"5f\"",
      "\"true\"", "\"True\"", "\"TRUE\"", "\"tRUE\"", "\"false\"", "\" true \"", "\"yes\"", "\"null\"", "\"NaN\"", "\"Infinity\"", "\"abc\"", "\"a/b\"",
      "\"1MiB\"", "\"1 kb\"", "\"day\"", "\"UTC\"", "\"Europe/Berlin\"", "\"+01:00\"", "\"http://a/b\"", "\"a b\"",
      "\"2020\"", "\"2020-01-01\"", "\"2020-01-01T00:00:00Z\"", "\"2020-13-01\"",
      "\"2020-01-01/2021-01-01\"", "\"2021-01-01/2020-01-01\"", "\"2020-01-01/P1D\"", "\"P1D\"", "\"PT1H\"", "\"pt1h\"", "\"P1Y\"", "\"1h\"",
      "[]", "[5]", "[\"5\"]", "[true]", "[null]", "{}", "{\"a\":1}"
  };

  private final Reading reading;

  Battery(Reading reading)
  {
    this.reading = reading;
  }

  Map<String, Boolean> of(JavaType type, List<String> words)
  {
    Map<String, Boolean> reads = new TreeMap<>();
    for (String value : VALUES) {
      reads.put(value, reading.passes(value, type));
    }
    for (String word : words == null ? List.<String>of() : words) {
      for (String form : List.of(word, word.toLowerCase(Locale.ROOT), word.toUpperCase(Locale.ROOT))) {
        String value = Json.text(form);
        reads.computeIfAbsent(value, v -> reading.passes(v, type));
      }
    }
    return reads;
  }
}
