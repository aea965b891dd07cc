package overgate.types;

import com.fasterxml.jackson.databind.JavaType;
import com.fasterxml.jackson.databind.JsonNode;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;

/** Everything that a body can hold: what the inspector found, what was measured and what was added by hand. */
final class Inventory
{
  final Map<String, Shape> roots = new TreeMap<>();
  final Map<String, Family> families = new TreeMap<>();
  final Map<String, Bean> beans = new TreeMap<>();
  final Map<String, Leaf> leaves = new TreeMap<>();

  /** A declared base with a table of type ids. Each base has a table of its own, however closely two are related. */
  static final class Family
  {
    /** Null where the base's class is not on the class path. */
    JavaType type;
    String java;
    String property;
    /** The class read where the id is missing or null. */
    String defaultBean;
    /** Whether an id that is not in the table is refused although there is a default. */
    boolean strict;
    Shape text;
    final Map<String, String> ids = new TreeMap<>();
    /** Registered ids that cannot be read, with the reason. */
    final Map<String, String> unreadable = new TreeMap<>();
  }

  static final class Bean
  {
    JavaType type;
    String java;
    String extension;
    boolean unproven;
    boolean deprecated;
    boolean open;
    /** Whether it can be made from a bare string, or a bare number. */
    boolean text;
    boolean integer;
    Shape delegate;
    /** The name under which a family finds the type id, inside the object. */
    String discriminator;
    final Map<String, Property> properties = new TreeMap<>();
    final TreeSet<String> echo = new TreeSet<>();
    final TreeSet<String> ignored = new TreeSet<>();
    final List<List<List<String>>> oneOf = new ArrayList<>();
    /** The smallest object that Druid reads as this class, and one that holds all it can; null where none was found. */
    JsonNode example;
    JsonNode full;
  }

  static final class Property
  {
    Shape shape;
    /** Druid's source allows a null, or demands the name. */
    boolean nullable;
    boolean annotatedRequired;
    boolean deprecated;
    boolean required;
    boolean notNull;
    JsonNode absent;
    String since;
    String until;
  }

  static final class Leaf
  {
    JavaType type;
    String java;
    /** The words of an enum, or of a text language that the overlay names. */
    List<String> words;
    boolean isEnum;
    Map<String, Boolean> reads = new TreeMap<>();
    boolean unproven;
  }
}
