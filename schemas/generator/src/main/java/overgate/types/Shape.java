package overgate.types;

/** How one value is read. Families, classes and leaves are named by their Java type; the writer gives them short names. */
sealed interface Shape
{
  record InFamily(String key) implements Shape {}

  record OfClass(String key) implements Shape {}

  record ArrayOf(Shape items) implements Shape {}

  /** {@code key} is the Java type of the names, which only the examples care about. */
  record MapOf(String key, Shape values) implements Shape {}

  record OfLeaf(String key) implements Shape {}

  record Any() implements Shape {}

  /** Jackson cannot build a reader for it: any document that holds one is refused. */
  record Unreadable(String why) implements Shape {}
}
