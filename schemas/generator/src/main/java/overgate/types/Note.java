package overgate.types;

import java.util.List;

/** A line of extensions.json or history.json: a Java type (not in the latter), and what is known about the property. */
record Note(String java, Version since, Version until, boolean deprecated, boolean required)
{
  static Note of(String text)
  {
    List<String> words = List.of(text.split(" "));
    String java = "";
    Version since = null, until = null;
    for (int i = 0; i < words.size(); i++) {
      switch (words.get(i)) {
        case "since" -> since = Version.of(words.get(++i));
        case "until" -> until = Version.of(words.get(++i));
        case "deprecated", "required" -> { }
        default -> java = words.get(i);
      }
    }
    return new Note(java, since, until, words.contains("deprecated"), words.contains("required"));
  }

  boolean in(Version version)
  {
    return version.within(since, until);
  }
}
