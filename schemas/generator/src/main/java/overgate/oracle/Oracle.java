package overgate.oracle;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import overgate.types.Json;
import overgate.types.Overlay;
import overgate.types.Overlord;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.List;
import java.util.stream.Stream;

/**
 * {@code Oracle OVERLAY}: asks Druid's own reader, one JSON request a line in, one JSON answer a line out. With
 * {@code --folder}: an answer for each *.json file of the folder, whose kind is guessed unless {@code --kind} names it.
 */
public final class Oracle
{
  private final Reader reader;

  private Oracle(ObjectMapper mapper, Path overlay) throws Exception
  {
    this.reader = new Reader(mapper, Overlay.ignored(overlay));
  }

  public static void main(String[] args) throws Exception
  {
    Oracle oracle = new Oracle(Overlord.mapper(), Path.of(args[0]));
    List<String> words = List.of(args);
    if (words.contains("--folder")) {
      oracle.folder(Path.of(words.get(words.indexOf("--folder") + 1)), words.contains("--kind") ? words.get(words.indexOf("--kind") + 1) : null);
    } else {
      oracle.lines();
    }
    // Druid's threads are not all daemons.
    System.exit(0);
  }

  private void lines() throws IOException
  {
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      if (!line.isBlank()) {
        print(answer(line));
      }
    }
  }

  private void folder(Path folder, String kind) throws IOException
  {
    List<Path> files;
    try (Stream<Path> all = Files.walk(folder)) {
      files = all.filter(file -> file.toString().endsWith(".json")).sorted().toList();
    }
    for (Path file : files) {
      byte[] body = Files.readAllBytes(file);
      String as = kind != null ? kind : reader.guess(body);
      ObjectNode answer = Json.MAPPER.createObjectNode().put("file", folder.relativize(file).toString()).put("kind", as);
      print(answer.setAll(reader.read(as, body, true)));
    }
  }

  private ObjectNode answer(String line)
  {
    ObjectNode answer = Json.MAPPER.createObjectNode();
    try {
      JsonNode request = Json.MAPPER.readTree(line);
      answer.set("id", request.get("id"));
      byte[] body = request.has("base64") ? Base64.getDecoder().decode(request.get("base64").asText())
                                          : request.path("text").asText().getBytes(StandardCharsets.UTF_8);
      return answer.setAll(reader.read(request.path("kind").asText("task"), body, request.path("canonical").asBoolean()));
    }
    catch (IOException | IllegalArgumentException e) {
      return answer.put("ok", false).put("request", String.valueOf(e.getMessage()));
    }
  }

  private static void print(ObjectNode answer)
  {
    Overlord.OUT.println(answer);
    Overlord.OUT.flush();
  }
}
