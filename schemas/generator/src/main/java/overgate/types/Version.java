package overgate.types;

/** A release of Druid. Only the first number matters to what is read. */
record Version(int major) implements Comparable<Version>
{
  static Version of(String text)
  {
    return new Version(Integer.parseInt(text.split("\\.")[0]));
  }

  boolean within(Version since, Version until)
  {
    return (since == null || since.major <= major) && (until == null || major < until.major);
  }

  @Override
  public int compareTo(Version other)
  {
    return Integer.compare(major, other.major);
  }

  @Override
  public String toString()
  {
    return major + ".0.0";
  }
}
