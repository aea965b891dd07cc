package overgate.oracle;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonStreamContext;
import com.fasterxml.jackson.databind.BeanDescription;
import com.fasterxml.jackson.databind.DeserializationConfig;
import com.fasterxml.jackson.databind.DeserializationContext;
import com.fasterxml.jackson.databind.JsonDeserializer;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.deser.BeanDeserializerBuilder;
import com.fasterxml.jackson.databind.deser.BeanDeserializerModifier;
import com.fasterxml.jackson.databind.deser.DeserializationProblemHandler;
import com.fasterxml.jackson.databind.module.SimpleModule;
import overgate.types.Inspector;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * Listens to what Jackson drops. Druid lets unknown properties pass in silence, and names that a class marks as ignored are
 * passed over even before a listener is asked; those marks are lifted here, so that both kinds are heard of.
 */
final class Dropped extends DeserializationProblemHandler
{
  /** UNKNOWN to the class; ECHO: printed by it, never read; IGNORED: marked so by the class, or by hand. */
  enum Why { UNKNOWN, ECHO, IGNORED }

  /** {@code steps} is Jackson's path, which can hold too much: what is read out of order is buffered, and remembers where that began. */
  record Name(String name, List<String> steps, String in, Why why) {}

  private final Inspector inspector;
  private final Map<Class<?>, Set<String>> ignored = new HashMap<>();
  private final Map<Class<?>, Set<String>> printed = new HashMap<>();
  private final Map<String, Set<String>> tolerated;
  private final List<Name> names = new ArrayList<>();
  private List<String> prefix = List.of();

  /** {@code tolerated} are names that the overlay takes for ignored, by the short name of their class. */
  Dropped(ObjectMapper mapper, Map<String, Set<String>> tolerated) throws Exception
  {
    this.inspector = new Inspector(mapper);
    this.tolerated = tolerated;
    mapper.addHandler(this);
    mapper.registerModule(new SimpleModule("overgate").setDeserializerModifier(new BeanDeserializerModifier()
    {
      @Override
      public BeanDeserializerBuilder updateBuilder(DeserializationConfig config, BeanDescription bean, BeanDeserializerBuilder builder)
      {
        Collection<String> marked = Inspector.takeIgnored(builder);
        if (!marked.isEmpty()) {
          ignored.put(bean.getBeanClass(), new TreeSet<>(marked));
        }
        return builder;
      }
    }));
  }

  @Override
  public boolean handleUnknownProperty(DeserializationContext context, JsonParser parser, JsonDeserializer<?> reader, Object bean, String name)
      throws IOException
  {
    LinkedList<String> steps = new LinkedList<>();
    for (JsonStreamContext at = parser.getParsingContext(); at != null; at = at.getParent()) {
      if (at.inArray()) {
        steps.addFirst(String.valueOf(at.getCurrentIndex()));
      } else if (at.getCurrentName() != null) {
        steps.addFirst(at.getCurrentName());
      }
    }
    steps.addAll(0, prefix);
    steps.add(name);
    Class<?> in = bean instanceof Class<?> c ? c : bean != null ? bean.getClass() : reader == null ? null : reader.handledType();
    names.add(new Name(name, steps, in == null ? "" : in.getName(), in == null ? Why.UNKNOWN : why(in, name)));
    parser.skipChildren();
    return true;
  }

  private Why why(Class<?> in, String name)
  {
    if (ignored.getOrDefault(in, Set.of()).contains(name) || tolerated.getOrDefault(in.getSimpleName(), Set.of()).contains(name)) {
      return Why.IGNORED;
    }
    return printed.computeIfAbsent(in, inspector::printedNames).contains(name) ? Why.ECHO : Why.UNKNOWN;
  }

  /** What is read from now on stands below this place of the document. */
  void below(List<String> place)
  {
    prefix = place;
  }

  void reset()
  {
    names.clear();
    prefix = List.of();
  }

  List<Name> take()
  {
    List<Name> taken = List.copyOf(names);
    names.clear();
    return taken;
  }
}
