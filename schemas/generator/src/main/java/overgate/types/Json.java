package overgate.types;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;

/** JSON without Druid's customs, and the layout of the files that are checked in. */
public final class Json
{
  public static final ObjectMapper MAPPER = new ObjectMapper();
  private static final int WIDTH = 150;

  private Json() {}

  static String text(String value)
  {
    return JsonNodeFactory.instance.textNode(value).toString();
  }

  static JsonNode parse(String text)
  {
    try {
      return MAPPER.readTree(text);
    }
    catch (JsonProcessingException e) {
      throw new IllegalArgumentException(text, e);
    }
  }

  static List<String> texts(JsonNode array)
  {
    List<String> texts = new ArrayList<>();
    array.forEach(text -> texts.add(text.asText()));
    return texts;
  }

  static ObjectNode object()
  {
    return MAPPER.createObjectNode();
  }

  /** What fits stays on one line; lists of plain values fill their lines; everything else takes a line for each part. */
  static String layout(JsonNode node)
  {
    StringBuilder out = new StringBuilder();
    layout(out, node, 0, 0);
    return out.append('\n').toString();
  }

  private static void layout(StringBuilder out, JsonNode node, int indent, int column)
  {
    String line = node.toString();
    boolean whole = indent > 1 && column + line.length() <= WIDTH;
    if (whole || !node.isContainerNode() || node.isEmpty()) {
      out.append(line);
      return;
    }
    boolean fill = indent > 0 && allPlain(node);
    String margin = " ".repeat(indent + 1);
    out.append(node.isObject() ? '{' : '[').append('\n').append(margin);
    int at = margin.length();
    boolean first = true;
    Iterator<Map.Entry<String, JsonNode>> fields = node.fields();
    for (JsonNode child : node) {
      String name = node.isObject() ? text(fields.next().getKey()) + ": " : "";
      int length = name.length() + (fill ? child.toString().length() : 0);
      if (!first) {
        out.append(',');
        if (fill && at + length + 3 <= WIDTH) {
          out.append(' ');
          at += 2;
        } else {
          out.append('\n').append(margin);
          at = margin.length();
        }
      }
      first = false;
      out.append(name);
      if (fill) {
        out.append(child);
        at += length;
      } else {
        layout(out, child, indent + 1, margin.length() + name.length());
      }
    }
    out.append('\n').append(" ".repeat(indent)).append(node.isObject() ? '}' : ']');
  }

  private static boolean allPlain(JsonNode node)
  {
    for (JsonNode child : node) {
      if (child.isContainerNode()) {
        return false;
      }
    }
    return true;
  }
}
